"""Where pairs come from: a folder of side-by-side images, or a prepared set.

Every source is a `Pairs`: names, and a function that loads the i-th pair, which runs inside
tf.data. Images are uint8 [H, W, 3], of the size they are stored in.
"""

import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import tensorflow as tf

from tfpix2pix.data import images
from tfpix2pix.data.sources import PREPARED_SETS, check_source, list_images
from tfpix2pix.errors import UserError

ImagePair = tuple[tf.Tensor, tf.Tensor]


@dataclasses.dataclass(frozen=True)
class Pairs:
    """One split of a paired data set.

    Attributes:
        names: of the pairs, in the order of their indices.
        load: int64 scalar index -> (input_image, target_image), uint8 [H, W, 3].
        origin: where they come from, for messages.
    """

    names: tuple[str, ...]
    load: Callable[[tf.Tensor], ImagePair]
    origin: str

    def __len__(self) -> int:
        return len(self.names)

    def fingerprint(self) -> str:
        """Changes when a pair is added, removed or renamed."""
        return hashlib.sha256(os.fsencode("\n".join(self.names))).hexdigest()[:16]

    def find_broken(self, indices: Iterable[int]) -> UserError | None:
        """The first of these pairs that cannot be loaded, as an error that names it."""
        for index in indices:
            try:
                self.load(tf.constant(index, tf.int64))
            except tf.errors.OpError as error:
                reason = plain_reason(error)
                return UserError(
                    f"cannot use {self.origin}/{self.names[index]}: {reason}. Expected a JPEG, PNG "
                    "or BMP with two images of equal size side by side: mend it or take it out"
                )
        return None


def open_pairs(
    data: str, split: str, *, direction: str = "AtoB", data_dir: str | None = None
) -> Pairs:
    """Opens one split of a data set.

    Args:
        data: a folder that holds train/, val/ or test/, or the name of a prepared set.
        split: `"train"`, `"val"` or `"test"`.
        direction: `"AtoB"`: the left image is the input, the right one the target; or `"BtoA"`.
        data_dir: where prepared sets are kept; default: TFDS' own place.

    Raises:
        UserError: there is no such set, folder or split, or it is empty.
    """
    check_source(data, split)
    if data in PREPARED_SETS:
        return _prepared_pairs(data, split, direction, data_dir)
    return _folder_pairs(Path(data).expanduser(), split, direction)


def _folder_pairs(root: Path, split: str, direction: str) -> Pairs:
    files = list_images(root / split)
    paths = tf.constant([os.fsencode(file) for file in files])

    def load(index: tf.Tensor) -> ImagePair:
        pair = images.decode_image(tf.io.read_file(paths[index]))
        return _directed(*images.split_side_by_side(pair), direction)

    return Pairs(tuple(file.name for file in files), load, str(root / split))


def _prepared_pairs(name: str, split: str, direction: str, data_dir: str | None) -> Pairs:
    # Imported here: TFDS takes a second to import, and folders do without it.
    from tfpix2pix.data.builders.loading import read_examples

    names, encoded_a, encoded_b = read_examples(name, split, data_dir)
    bytes_a, bytes_b = tf.constant(encoded_a), tf.constant(encoded_b)

    def load(index: tf.Tensor) -> ImagePair:
        a, b = images.decode_image(bytes_a[index]), images.decode_image(bytes_b[index])
        return _directed(a, b, direction)

    return Pairs(tuple(names), load, f"{name}/{split}")


def _directed(a: tf.Tensor, b: tf.Tensor, direction: str) -> ImagePair:
    return (a, b) if direction == "AtoB" else (b, a)


def plain_reason(error: tf.errors.OpError) -> str:
    """The first sentence of TensorFlow's message, without its graph's node names."""
    message = error.message.split("[Op:")[0].split("\n")[0]
    if "}}" in message:
        message = message.rsplit("}}", 1)[1]
    return message.strip(" .") or type(error).__name__
