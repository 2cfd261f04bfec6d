"""Inputs to begin with, and their targets where they are known."""

import dataclasses
from collections.abc import Container, Iterable, Iterator
from pathlib import Path

import tensorflow as tf

from tfpix2pix.config import DataSettings, resolve
from tfpix2pix.data.encoding import encode_image
from tfpix2pix.data.formats import PairFormat
from tfpix2pix.data.pairs import Pairs, open_splits
from tfpix2pix.data.sources import DRAWN_FACADES, TFDS_PREFIX, kind_of, list_pairs
from tfpix2pix.demo.subject import Example
from tfpix2pix.errors import UserError
from tfpix2pix.progress import say

# The first that the set has; the best comes first, as pairs that were trained on flatter.
SPLITS = ("test", "val", "train")
MOST = 8


def find_examples(
    settings: DataSettings | None,
    formats: PairFormat,
    folder: Path,
    inputs: Path | None = None,
    *,
    named: str | None = None,
) -> tuple[list[Example], str]:
    """Examples of the pairs or, where those are gone, of the inputs that a run kept.

    Args:
        settings: of the data, or None where they are not known.
        formats: of the images that are expected.
        folder: where the inputs are written, without loss.
        inputs: the folder of the inputs that the run kept.
        named: where the pairs are, in place of what the settings say.

    Returns:
        The examples, and where they are from, for people.

    Raises:
        UserError: what was named is no such set, or holds other images.
    """
    if named is not None:
        known = resolve(networks=False).data if settings is None else settings
        return examples_of_pairs(dataclasses.replace(known, data=named), formats, folder)
    try:
        if settings is not None:
            return examples_of_pairs(settings, formats, folder)
    except UserError as error:
        say(f"no examples of the pairs that it was trained on: {error}")
    return ([] if inputs is None else examples_of_files(inputs)), "inputs that the run kept"


def examples_of_pairs(
    settings: DataSettings, formats: PairFormat, folder: Path, most: int = MOST
) -> tuple[list[Example], str]:
    """Examples spread evenly over the test split, or else val, or else train.

    Nothing is downloaded or prepared for them, but the drawn facades.

    Args:
        settings: of the data.
        formats: of the images that are expected.
        folder: where the inputs are written, without loss.
        most: how many.

    Returns:
        The examples, without pairs that cannot be read, and the name of the split.

    Raises:
        UserError: there is no such set, or it holds other images.
    """
    split, pairs = _open(settings, formats)
    if pairs.format != formats:
        raise UserError(
            f"{pairs.origin} holds {pairs.format.input.describe()} to "
            f"{pairs.format.target.describe()}, and the network takes {formats.input.describe()} "
            f"to {formats.target.describe()}"
        )
    count = min(most, len(pairs))
    chosen = (number * (len(pairs) - 1) // max(1, count - 1) for number in range(count))
    examples = list(_written(pairs, chosen, folder))
    if not examples:
        raise UserError(
            f"none of the pairs looked at in {pairs.origin} can be read as "
            f"{formats.input.describe()} to {formats.target.describe()}"
        )
    return examples, f"{split} split"


def examples_of_files(folder: Path, most: int = MOST) -> list[Example]:
    """Examples of the inputs alone that a run keeps in a folder; none where there is none."""
    return [Example(path.stem, path) for path in sorted(folder.glob("*.*"))[:most]]


def _open(settings: DataSettings, formats: PairFormat) -> tuple[str, Pairs]:
    kind = kind_of(settings.data)
    if kind in ("folder", "manifest"):
        listing = dataclasses.replace(list_pairs(settings), format=formats)
        split = _first(settings, listing.splits)
        return split, open_splits(settings, listing, [split])[split]
    if kind == "tfds":
        _check_prepared(settings)
    opened = open_splits(settings, None)
    split = _first(settings, opened)
    return split, opened[split]


def _first(settings: DataSettings, found: Container[str]) -> str:
    for split in SPLITS:
        if split in found:
            return split
    raise UserError(f"{settings.data} holds no pairs")


def _check_prepared(settings: DataSettings) -> None:
    """Refuses a set that would be downloaded first."""
    import tensorflow_datasets as tfds

    name = settings.data.removeprefix(TFDS_PREFIX).partition(":")[0]
    place = Path(settings.data_dir or tfds.core.constants.DATA_DIR).expanduser()
    if settings.data != DRAWN_FACADES and not (place / name).is_dir():
        raise UserError(f"{settings.data} is not in {place}, and is not downloaded for a page")


def _written(pairs: Pairs, chosen: Iterable[int], folder: Path) -> Iterator[Example]:
    for index in chosen:
        try:
            source, target = (image.numpy() for image in pairs.load(tf.constant(index, tf.int64)))
        except (tf.errors.OpError, UserError):
            continue
        content, suffix = encode_image(source)
        file = folder / f"{index}{suffix}"
        file.write_bytes(content)
        yield Example(Path(pairs.names[index]).stem, file, target)
