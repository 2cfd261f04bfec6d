"""TFDS builder of the data sets that the authors of pix2pix published, read from their archives.

An archive NAME.tar.gz holds NAME/SPLIT/FILE.jpg, two images of equal size side by side. Examples
hold the left half as `A` and the right one as `B`: uint8 RGB, [height, width, 3], as PNG, which
keeps them exactly as TensorFlow decodes the JPEG. They come in the order of the file names,
whatever the order in the archive, so that a set is the same however it was got.
"""

import collections
import dataclasses
import gzip
import pathlib
import tarfile
import zlib
from collections.abc import Iterator
from typing import IO, Any, ClassVar

import tensorflow as tf
import tensorflow_datasets as tfds

from tfpix2pix.data.builders.download import download
from tfpix2pix.errors import UserError, plain_reason
from tfpix2pix.progress import say

# In the order in which they are tried: the authors' present host, then the one before it.
MIRRORS = (
    "http://efrosgans.eecs.berkeley.edu/pix2pix/datasets/{name}.tar.gz",
    "https://people.eecs.berkeley.edu/~tinghuiz/projects/pix2pix/datasets/{name}.tar.gz",
)
# Digests of the archives by name. The authors state none: one is added here once it is known from
# a source to rely on. What makes an archive whole is checked in any case.
SHA256: dict[str, str] = {}
SPLITS = ("train", "val", "test")
EXTENSIONS = (".jpg", ".jpeg", ".png")
UNREADABLE = (OSError, EOFError, zlib.error, tarfile.TarError)
# More than any picture that TensorFlow decodes needs; packed zeros take next to nothing.
MOST_BYTES = 2**28
# TFDS sorts records by these keys in a thousand buckets, each in memory; see `_generate_examples`.
KEY_BITS = 128


@dataclasses.dataclass
class Pix2pixConfig(tfds.core.BuilderConfig):
    """One published set.

    Attributes:
        megabytes: about how much there is to download.
    """

    megabytes: int = 0


def _config(name: str, megabytes: int, sides: str, source: str) -> Pix2pixConfig:
    description = f"A: {sides.split('|')[0]}; B: {sides.split('|')[1]}. {source}"
    return Pix2pixConfig(name=name, description=description, megabytes=megabytes)


ZAPPOS = "UT Zappos50K, http://vision.cs.utexas.edu/projects/finegrained/utzap50k (Yu and Grauman)"
HANDBAGS = "Amazon handbags of the iGAN project, https://github.com/junyanz/iGAN (Zhu et al. 2016)"
NIGHTS = "Transient Attributes, http://transattr.cs.brown.edu (Laffont et al. 2014)"


class Pix2pix(tfds.core.GeneratorBasedBuilder):
    """Paired images of the pix2pix paper.

    Isola, Zhu, Zhou, Efros: Image-to-Image Translation with Conditional Adversarial Networks,
    CVPR 2017, https://arxiv.org/abs/1611.07004.

    The authors publish no checksums, and their present host, the first that is asked, speaks plain
    http: what it sends is not authenticated. The sha256 of a download is told, to be compared by
    hand.
    """

    name = "pix2pix"
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "First version."}
    # Left to itself, TFDS looks this up with importlib_resources, which it does not depend on.
    code_path = pathlib.Path(__file__)
    # TFDS gives no manual_dir to a builder that has no such text.
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Only if it cannot be downloaded: put NAME.tar.gz, or the folder NAME unpacked from it, "
        "into the folder."
    )
    BUILDER_CONFIGS: ClassVar[list[Pix2pixConfig]] = [
        _config("facades", 30, "photo of a facade|its label map",
                "CMP Facades, http://cmp.felk.cvut.cz/~tylecr1/facade (Tylecek and Sara 2013)."),
        _config("cityscapes", 103, "photo of a street|its label map",
                "Cityscapes, https://www.cityscapes-dataset.com (Cordts et al. 2016); its licence "
                "applies."),
        _config("maps", 250, "aerial photo|map", "Google Maps, collected by Isola et al. 2017."),
        _config("edges2shoes", 2000, "edges by HED|photo of a shoe", f"{ZAPPOS}."),
        _config("edges2handbags", 8000, "edges by HED|photo of a handbag", f"{HANDBAGS}."),
        _config("night2day", 1900, "photo at night|photo by day", f"{NIGHTS}."),
    ]  # fmt: skip

    def _info(self) -> tfds.core.DatasetInfo:
        def image(side: str) -> tfds.features.Image:
            return tfds.features.Image(shape=(None, None, 3), encoding_format="png", doc=side)

        features = {
            "A": image("left half"),
            "B": image("right half"),
            "name": tfds.features.Text(doc="file name in the archive, such as 1.jpg"),
            "height": tfds.features.Scalar(tf.int32, doc="of each half, in pixels"),
            "width": tfds.features.Scalar(tf.int32, doc="of each half, in pixels"),
        }
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.__doc__,
            features=tfds.features.FeaturesDict(features),
            homepage="https://phillipi.github.io/pix2pix/",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict:
        source = self._find_source(dl_manager)
        names = source.names_by_split()
        return {
            split: self._generate_examples(source, split, names[split])
            for split in SPLITS
            if split in names
        }

    def _find_source(self, dl_manager: tfds.download.DownloadManager) -> "_Source":
        name = self.builder_config.name
        try:
            by_hand = [pathlib.Path(dl_manager.manual_dir) / n for n in (f"{name}.tar.gz", name)]
        except AssertionError:  # TFDS' way to say that the folder is empty or not there
            by_hand = []
        for path in by_hand:
            if path.exists():
                return _Source(path, by_hand=True)
        target = pathlib.Path(dl_manager.download_dir) / self.name / f"{name}.tar.gz"
        if not target.exists():
            say(f"downloading {target.name}, about {self.builder_config.megabytes} MB, once")
        download([m.format(name=name) for m in MIRRORS], target, sha256=SHA256.get(name))
        return _Source(target, by_hand=False)

    def _generate_examples(
        self, source: "_Source", split: str, names: list[str]
    ) -> Iterator[tuple[int, dict]]:
        # Spread over all keys that TFDS knows, they fill its buckets evenly; counted from 0, all
        # would go into the first bucket, which is sorted in memory: 20 GB for the handbags.
        keys = {name: (rank << KEY_BITS) // len(names) for rank, name in enumerate(sorted(names))}
        for found, name, file in source.images():
            if found == split:
                yield keys[name], _example(source, f"{split}/{name}", file)


def _example(source: "_Source", member: str, file: IO[bytes]) -> dict[str, Any]:
    try:
        content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise source.broken(f"{member} in it is of more than {MOST_BYTES >> 20} MiB")
        pair = tf.io.decode_image(content, channels=3, expand_animations=False).numpy()
    except UNREADABLE as error:
        raise source.broken(f"{member} in it cannot be read ({error})") from error
    except tf.errors.InvalidArgumentError as error:
        raise source.broken(f"{member} in it cannot be decoded ({plain_reason(error)})") from error
    height, width = pair.shape[0], pair.shape[1] // 2
    if pair.shape[1] % 2:
        raise source.broken(
            f"{member} in it is {pair.shape[1]} pixels wide: expected two images of equal width"
        )
    name = member.partition("/")[2]
    halves = {"A": pair[:, :width], "B": pair[:, width:]}
    # Names need not be UTF-8.
    return {
        **halves,
        "name": name.encode("utf-8", "surrogateescape"),
        "height": height,
        "width": width,
    }


@dataclasses.dataclass(frozen=True)
class _Source:
    """Where a set's images are: an archive, which is never unpacked, or a folder."""

    path: pathlib.Path
    by_hand: bool  # put there by the user, so theirs to delete

    def images(self) -> Iterator[tuple[str, str, Any]]:
        """Gives split, file name and the open file of each image, in the source's own order."""
        for member, file in self._folder() if self.path.is_dir() else self._archive():
            parts = pathlib.PurePosixPath(member).parts
            split, name = parts[-2:] if len(parts) > 1 else ("", "")
            if split in SPLITS and name.lower().endswith(EXTENSIONS) and name[0] != ".":
                yield split, name, file

    def names_by_split(self) -> dict[str, list[str]]:
        """The file names of each split; an archive is read to its end, which shows it whole.

        Raises:
            UserError: it is damaged, holds no images, or one name twice.
        """
        names: dict[str, list[str]] = {}
        for split, name, _ in self.images():
            names.setdefault(split, []).append(name)
        for split, found in names.items():
            [(name, count)] = collections.Counter(found).most_common(1)
            if count > 1:
                raise self.broken(f"it holds {split}/{name} more than once")
        if not names:
            raise self.broken("no images in it: expected train/, val/ or test/ with .jpg files")
        return names

    def _folder(self) -> Iterator[tuple[str, Any]]:
        for path in sorted(self.path.glob("*/*")):
            if path.is_file():
                with path.open("rb") as file:
                    yield path.relative_to(self.path).as_posix(), file

    def _archive(self) -> Iterator[tuple[str, Any]]:
        try:
            with gzip.open(self.path) as unpacked:
                with tarfile.open(fileobj=unpacked, mode="r|") as archive:
                    for member in archive:
                        if member.isfile():
                            yield member.name, archive.extractfile(member)
                        archive.members = []  # type: ignore[attr-defined]  # else all are kept
                while unpacked.read(2**20):  # to the checksum at the end
                    pass
        except UNREADABLE as error:
            raise self.broken(f"it cannot be read as a .tar.gz archive ({error})") from error

    def broken(self, reason: str) -> UserError:
        """The error to raise; what was downloaded is deleted, what the user fetched is not."""
        if self.by_hand:
            return UserError(f"cannot use {self.path}: {reason}. Fetch it anew, or repair it")
        self.path.unlink(missing_ok=True)
        return UserError(
            f"cannot use {self.path}: {reason}. It is deleted: try again, or fetch it by hand "
            "and pass --manual-dir FOLDER"
        )
