"""The published sets, from archives drawn here in their layout: values, order, every fault."""

import contextlib
import gzip
import io
import pathlib
import tarfile
import tempfile

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from tests.data.test_download import dead_address, serving
from tfpix2pix.data.builders import download as download_module
from tfpix2pix.data.builders import loading, published
from tfpix2pix.data.builders.published import Pix2pix
from tfpix2pix.errors import UserError

# Out of order, as in an archive; 10 comes before 2, as names do.
FILES = {
    "facades": {"train": ["2.jpg", "10.jpg", "1.jpg"], "val": ["4.jpg"], "test": ["5.jpg"]},
    "cityscapes": {"train": ["2.jpg", "1.jpg"], "val": ["3.jpg"]},
    "maps": {"train": ["1.jpg"], "val": ["3.jpg"]},
    "edges2shoes": {"train": ["1_AB.jpg"], "val": ["3_AB.jpg"]},
    "edges2handbags": {"train": ["1_AB.jpg"], "val": ["3_AB.jpg"]},
    "night2day": {"train": ["1_to_2.jpg"], "val": ["3_to_4.jpg"], "test": ["5_to_6.jpg"]},
}


def draw_jpeg(seed, height=20, width=48):
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "JPEG")
    return file.getvalue()


def draw_members(name):
    """What an archive holds, by path in it: the images, and what else may lie about."""
    members = {f"{name}/readme.txt": b"text", f"{name}/train/._1.jpg": b"\0\5\26\7"}
    for split, files in FILES[name].items():
        for file in files:
            members[f"{name}/{split}/{file}"] = draw_jpeg(len(members), 20 + 2 * len(members))
    return members


def pack(members):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for path, content in members.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def halves_of(content):
    return np.split(tf.io.decode_jpeg(content, channels=3).numpy(), 2, axis=1)


# TFDS' own test of a builder, for each set


class DrawnArchives:
    """Archives of all sets, in the folder that TFDS' test case takes for the manual one."""

    DATASET_CLASS = Pix2pix

    @classmethod
    def setUpClass(cls):
        cls.EXAMPLE_DIR = cls.enterClassContext(tempfile.TemporaryDirectory())
        for name in FILES:
            path = pathlib.Path(cls.EXAMPLE_DIR) / f"{name}.tar.gz"
            path.write_bytes(pack(draw_members(name)))
        super().setUpClass()


for _name, _files in FILES.items():
    _case = f"Test{_name.title()}"
    globals()[_case] = type(
        _case,
        (DrawnArchives, tfds.testing.DatasetBuilderTestCase),
        {
            "BUILDER_CONFIG_NAMES_TO_TEST": [_name],
            "SPLITS": {split: len(names) for split, names in _files.items()},
            "__module__": __name__,
        },
    )


# The whole way, from a server on loopback


@pytest.fixture
def members():
    return draw_members("facades")


@pytest.fixture
def server(monkeypatch, members):
    monkeypatch.setattr(download_module, "PAUSE", 0.0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(pack(members)) as server:
        monkeypatch.setattr(published, "MIRRORS", (server.url + "?{name}",))
        yield server


def prepare(place, **options):
    return loading.prepared_builder("pix2pix/facades", str(place), **options)


def assert_prepared(builder, members):
    """The splits hold what the archive holds, in the order of names, read by random access."""
    assert set(builder.info.splits) == set(FILES["facades"])
    for split, files in FILES["facades"].items():
        records = builder.as_data_source(split)
        assert [record["name"].decode() for record in records] == sorted(files)
        for index in reversed(range(len(files))):
            a, b = halves_of(members[f"facades/{split}/{sorted(files)[index]}"])
            np.testing.assert_array_equal(records[index]["A"], a)
            np.testing.assert_array_equal(records[index]["B"], b)
            assert (records[index]["height"], records[index]["width"]) == a.shape[:2]


def assert_not_prepared(place):
    left = [p.name for p in place.rglob("*") if "1.0.0" in p.name or "incomplete" in p.name]
    assert left == []


def refusal(place, **options):
    with pytest.raises(UserError) as caught:
        prepare(place, **options)
    assert "\n" not in str(caught.value)
    assert_not_prepared(place)
    return str(caught.value)


def test_set_is_downloaded_once_and_read_in_order(server, members, tmp_path, capsys):
    assert_prepared(prepare(tmp_path), members)
    told = capsys.readouterr()
    assert f"preparing pix2pix/facades in {tmp_path}" in told.err
    assert "downloading facades.tar.gz, about 30 MB" in told.err
    assert told.out == ""
    assert_prepared(prepare(tmp_path), members)
    assert len(server.requests) == 1
    assert capsys.readouterr().err == ""


def test_addresses_are_the_authors_hosts(monkeypatch, tmp_path):
    asked = []

    def refuse(urls, target, sha256=None):
        asked.extend(urls)
        raise UserError("no network")

    monkeypatch.setattr(published, "download", refuse)
    assert refusal(tmp_path) == "no network"
    assert asked == [
        "http://efrosgans.eecs.berkeley.edu/pix2pix/datasets/facades.tar.gz",
        "https://people.eecs.berkeley.edu/~tinghuiz/projects/pix2pix/datasets/facades.tar.gz",
    ]


def test_second_mirror_serves_where_the_first_is_dead(server, members, tmp_path, monkeypatch):
    monkeypatch.setattr(published, "MIRRORS", (dead_address(), server.url))
    assert_prepared(prepare(tmp_path), members)


def test_dead_links_leave_nothing(server, members, tmp_path):
    server.statuses = [404]
    message = refusal(tmp_path)
    assert "404 Not Found" in message
    assert "--manual-dir FOLDER" in message
    assert not list(tmp_path.rglob("*facades.tar.gz*"))
    assert_prepared(prepare(tmp_path), members)


def test_known_digest_is_asked_for(server, tmp_path, monkeypatch):
    monkeypatch.setattr(published, "SHA256", {"facades": "0" * 64})
    assert "wrong checksum" in refusal(tmp_path)


def spoilt(content, position=-500):
    return content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :]


def without_its_end(members):
    """Sound as gzip, cut within the last member."""
    unpacked = gzip.decompress(pack(members))
    return gzip.compress(unpacked[: unpacked.index(list(members.values())[-1]) + 100])


UNREADABLE = "cannot be read as a .tar.gz archive"
DAMAGED_ARCHIVES = {
    "truncated": (lambda m: pack(m)[:-1000], UNREADABLE),
    "without its checksum": (lambda m: pack(m)[:-8], UNREADABLE),
    "a wrong bit": (lambda m: spoilt(pack(m)), UNREADABLE),
    "cut inside": (without_its_end, UNREADABLE),
    "something else": (lambda m: b"<html>", UNREADABLE),
    "nothing": (lambda m: b"", UNREADABLE),
    "without images": (lambda m: pack({"facades/readme.txt": b"text"}), "no images in it"),
    "without members": (lambda m: pack({}), "no images in it"),
    "no image": (lambda m: pack(m | {"facades/val/4.jpg": b"text"}), "val/4.jpg in it cannot"),
    "half an image": (
        lambda m: pack(m | {"facades/val/4.jpg": m["facades/val/4.jpg"][:-300]}),
        "val/4.jpg in it cannot be decoded (jpeg",
    ),
    "odd width": (
        lambda m: pack(m | {"facades/test/5.jpg": draw_jpeg(9, 20, 47)}),
        "test/5.jpg in it is 47 pixels wide",
    ),
    "a name twice": (
        lambda m: pack(m | {"other/facades/val/4.jpg": draw_jpeg(9)}),
        "it holds val/4.jpg more than once",
    ),
}


@pytest.mark.parametrize("damage", DAMAGED_ARCHIVES)
def test_damaged_download_is_deleted_and_fetched_anew(server, members, tmp_path, damage):
    make, expected = DAMAGED_ARCHIVES[damage]
    server.content = make(members)
    message = refusal(tmp_path)
    archive = tmp_path / "downloads" / "pix2pix" / "facades.tar.gz"
    assert message.startswith(f"cannot use {archive}: ")
    assert expected in message
    assert "It is deleted" in message
    assert not list(tmp_path.rglob("*facades.tar.gz*"))
    server.content = pack(members)
    assert_prepared(prepare(tmp_path), members)


@pytest.mark.parametrize("damage", DAMAGED_ARCHIVES)
def test_damaged_archive_of_the_user_is_kept(members, tmp_path, damage):
    make, expected = DAMAGED_ARCHIVES[damage]
    archive = tmp_path / "by hand" / "facades.tar.gz"
    archive.parent.mkdir()
    content = make(members)  # once: gzip writes the time into it
    archive.write_bytes(content)
    message = refusal(tmp_path / "sets", manual_dir=str(archive.parent))
    assert message.startswith(f"cannot use {archive}: ")
    assert expected in message
    assert archive.read_bytes() == content
    archive.write_bytes(pack(members))
    builder = prepare(tmp_path / "sets", manual_dir=str(archive.parent))
    assert_prepared(builder, members)


def write_members(members, folder):
    for path, content in members.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def test_unpacked_folder_gives_the_same_set(members, tmp_path):
    write_members(members, tmp_path / "by hand")
    builder = prepare(tmp_path / "sets", manual_dir=str(tmp_path / "by hand"))
    assert_prepared(builder, members)


def test_image_that_cannot_be_read_is_named(members, tmp_path, monkeypatch):
    write_members(members, tmp_path / "by hand")
    image = tmp_path / "by hand/facades/val/4.jpg"
    real_open = pathlib.Path.open

    def opened(path, *args, **options):
        if path == image:
            raise PermissionError(13, "Permission denied", str(path))
        return real_open(path, *args, **options)

    monkeypatch.setattr(pathlib.Path, "open", opened)
    message = refusal(tmp_path / "sets", manual_dir=str(tmp_path / "by hand"))
    assert message == f"cannot read {image}: Permission denied"


def test_image_on_a_damaged_disk_is_named(members, tmp_path, monkeypatch):
    write_members(members, tmp_path / "by hand")
    real_open = pathlib.Path.open

    def opened(path, *args, **options):
        return DamagedDisk(real_open(path, *args, **options), path.name == "4.jpg")

    with monkeypatch.context() as patches:
        patches.setattr(pathlib.Path, "open", opened)
        message = refusal(tmp_path / "sets", manual_dir=str(tmp_path / "by hand"))
    folder = tmp_path / "by hand/facades"
    assert message.startswith(f"cannot use {folder}: val/4.jpg in it cannot be read ([Errno 5]")


class DamagedDisk(contextlib.closing):
    """A file whose content the system perhaps cannot read: it says why, but of no name."""

    def __init__(self, file, damaged):
        super().__init__(file)
        self.damaged = damaged

    def __enter__(self):
        return self if self.damaged else self.thing

    def __getattr__(self, name):
        return getattr(self.thing, name)

    def read(self, size=-1):
        raise OSError(5, "Input/output error")


def test_manual_folder_without_the_set_is_no_hindrance(server, members, tmp_path):
    (tmp_path / "by hand").mkdir()
    manual_dir = str(tmp_path / "by hand")
    assert_prepared(prepare(tmp_path / "sets", manual_dir=manual_dir), members)


@pytest.mark.parametrize("available", ["array_record", "tfrecord"])
def test_both_formats_hold_the_records_in_order(server, members, tmp_path, monkeypatch, available):
    monkeypatch.setattr(loading, "best_file_format", lambda: available)
    builder = prepare(tmp_path)
    assert builder.info.file_format.value == available
    if available == "tfrecord":
        examples = tfds.as_numpy(builder.as_dataset(split="train"))
        assert [example["name"] for example in examples] == [b"1.jpg", b"10.jpg", b"2.jpg"]
    else:
        assert_prepared(builder, members)


def test_order_outlives_the_sorting_on_disk_in_many_buckets(server, members, tmp_path, monkeypatch):
    """What TFDS does beyond 1 GB; a bucket is sorted in memory, so that none may hold all."""
    from tensorflow_datasets.core import shuffle

    fill = []
    real = shuffle._Bucket.add
    monkeypatch.setattr(shuffle, "MAX_MEM_BUFFER_SIZE", 0)
    monkeypatch.setattr(
        shuffle._Bucket,
        "add",
        lambda bucket, *data: fill.append(bucket._path) or real(bucket, *data),
    )
    assert_prepared(prepare(tmp_path), members)
    assert len(set(fill)) == len(fill) == 5


def test_full_disk_while_writing_records_is_named(server, members, tmp_path, monkeypatch):
    from array_record.python import array_record_module

    def full(*args):
        raise RuntimeError("write() failed: No space left on device")

    with monkeypatch.context() as patches:
        patches.setattr(array_record_module, "ArrayRecordWriter", full)
        message = refusal(tmp_path)
    assert message.startswith(f"cannot write {tmp_path}: write() failed: No space left")
    assert_prepared(prepare(tmp_path), members)


def test_every_set_says_what_it_is():
    for config in Pix2pix.BUILDER_CONFIGS:
        assert config.name in FILES
        assert config.description.startswith("A: ")
        assert "; B: " in config.description
        assert config.megabytes >= 30
    assert "CVPR 2017" in Pix2pix.__doc__
    assert "not authenticated" in Pix2pix.__doc__


def test_interrupted_preparation_leaves_nothing(server, tmp_path, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(published, "_example", interrupt)
    with contextlib.suppress(KeyboardInterrupt):
        prepare(tmp_path)
    assert_not_prepared(tmp_path)
