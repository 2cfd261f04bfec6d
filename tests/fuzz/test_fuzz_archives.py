"""Archives of strangers: nothing is written outside, nothing read beyond reason."""

import gzip
import io
import random
import tarfile

import numpy as np
import pytest
from PIL import Image

from tests.data.image_files import by_pillow
from tests.fuzz.many import seeds
from tfpix2pix.data.builders import loading, published
from tfpix2pix.data.builders.published import SPLITS, _Source
from tfpix2pix.errors import UserError
from tfpix2pix.evaluation.archives import read_arrays

JPEG = by_pillow(Image.fromarray(np.full((8, 16, 3), 99, np.uint8)), "JPEG")
NAMES = (
    *("facades/train/1.jpg", "train/2.jpg", "facades/val/3.jpg", "facades/test/4.png"),
    *("../../train/escaped.jpg", "/train/absolute.jpg", "/etc/train/5.jpg", "train/../../6.jpg"),
    *("train/..", "..", ".", "", "/", "train", "train/.jpg", "train/\udcff.jpg", "train/a\nb.jpg"),
    *(f"train/{'x' * 300}.jpg", "C:\\train\\7.jpg", "train/8.jpg/9.jpg", "val/a/train/10.jpg"),
)
KINDS = (
    *(tarfile.REGTYPE, tarfile.REGTYPE, tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE),
    *(tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE, b"Z"),
)
TARGETS = ("/etc/passwd", "../../../outside.txt", "facades/train/1.jpg", "..", "")


def pack(entries):
    """Entries: name, type, content, target of a link."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz", format=tarfile.GNU_FORMAT) as archive:
        for name, kind, content, target in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname, entry.mode = kind, target, 0o4777
            entry.size = len(content) if kind == tarfile.REGTYPE else 0
            archive.addfile(entry, io.BytesIO(content) if entry.size else None)
    return file.getvalue()


def drawn_archive(seed):
    draw = random.Random(seed)
    entries = [
        (draw.choice(NAMES), draw.choice(KINDS), draw.choice([JPEG, b"", b"text"]), target)
        for target in draw.choices(TARGETS, k=draw.randrange(1, 9))
    ]
    content = bytearray(pack(entries))
    if draw.random() < 0.5:
        return bytes(content)
    # Damaged within, not in gzip's own sums.
    content = bytearray(gzip.decompress(bytes(content)))
    for _ in range(draw.randrange(1, 6)):
        content[draw.randrange(min(len(content), 4096))] = draw.randrange(256)
    return gzip.compress(bytes(content), 1)


def tree(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_any_archive_is_read_where_it_lies_or_refused(tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    path = place / "facades.tar.gz"
    listed = refused = 0
    for seed in seeds(400):
        path.write_bytes(drawn_archive(seed))
        source = _Source(path, by_hand=True)
        try:
            names = source.names_by_split()
            listed += 1
            assert set(names) <= set(SPLITS)
            assert all("/" not in name for found in names.values() for name in found)
        except UserError as error:
            refused += 1
            assert f"cannot use {path}: " in str(error)  # noqa: PT017 - either may be
    assert min(listed, refused) > 20
    assert tree(tmp_path) == ["place", "place/facades.tar.gz"]


def test_a_set_is_prepared_of_its_images_alone(tmp_path):
    """Links, devices and paths that lead out are no images; a pair is a pair wherever it says."""
    odd = [
        ("facades/train/link.jpg", tarfile.SYMTYPE, b"", "/etc/passwd"),
        ("facades/train/hard.jpg", tarfile.LNKTYPE, b"", "../../outside.jpg"),
        ("facades/train/pipe.jpg", tarfile.FIFOTYPE, b"", ""),
        ("facades/train/disk.jpg", tarfile.BLKTYPE, b"", ""),
        ("../../../train/escaped.jpg", tarfile.REGTYPE, JPEG, ""),
        ("/val/absolute.jpg", tarfile.REGTYPE, JPEG, ""),
        ("val/\udcff\n.jpg", tarfile.REGTYPE, JPEG, ""),
    ]
    manual, place = tmp_path / "manual", tmp_path / "place"
    manual.mkdir()
    (manual / "facades.tar.gz").write_bytes(pack(odd))
    before = {path for path in tree(tmp_path.parent) if not path.startswith(tmp_path.name)}
    builder = loading.prepared_builder("pix2pix/facades", str(place), manual_dir=str(manual))
    counts = {split: info.num_examples for split, info in builder.info.splits.items()}
    assert counts == {"train": 1, "val": 2}
    assert tree(manual) == ["facades.tar.gz"]
    assert {path for path in tree(tmp_path.parent) if not path.startswith(tmp_path.name)} == before
    assert not [path for path in place.rglob("*") if path.name.endswith(".jpg")]


def test_names_that_are_there_twice_are_refused(tmp_path):
    path = tmp_path / "facades.tar.gz"
    path.write_bytes(pack([("a/train/1.jpg", tarfile.REGTYPE, JPEG, "")] * 2))
    with pytest.raises(UserError, match=r"it holds train/1\.jpg more than once"):
        _Source(path, by_hand=True).names_by_split()


def test_a_picture_of_packed_zeros_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(published, "MOST_BYTES", 2**22)
    manual = tmp_path / "manual"
    manual.mkdir()
    head = tarfile.TarInfo("facades/train/1.jpg")
    head.size = 2**23
    with gzip.open(manual / "facades.tar.gz", "wb", compresslevel=1) as file:
        file.write(head.tobuf())
        for _ in range(head.size >> 20):
            file.write(bytes(2**20))
        file.write(bytes(1024))
    with pytest.raises(UserError, match=r"train/1\.jpg in it is of more than 4 MiB"):
        loading.prepared_builder("pix2pix/facades", str(tmp_path / "p"), manual_dir=str(manual))


class Touches:
    """Pickled, an order to create a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def test_arrays_of_objects_are_not_unpickled(tmp_path):
    victim, path = tmp_path / "created", tmp_path / "reference.npz"
    objects = np.array([Touches(str(victim))], dtype=object)
    np.savez(path, mean=objects)
    with pytest.raises(UserError, match=r"expected an \.npz file of arrays by name"):
        read_arrays(path)
    assert not victim.exists()
    with np.load(path, allow_pickle=True) as loaded:
        loaded["mean"][0].close()
    assert victim.exists()  # it is dangerous indeed
