"""Contact sheets: pairs of a set on one picture, to look at before training. No TensorFlow here.

Each cell shows the input left and the target right, uint8 RGB, and below them the pair's name and
sizes; pairs that cannot be used come first, framed in red, with the reason.
"""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tfpix2pix.config import DataSettings
from tfpix2pix.data.detect import read_pair
from tfpix2pix.data.encoding import to_display
from tfpix2pix.data.folders import PairFiles
from tfpix2pix.data.formats import ImageFormat, PairFormat
from tfpix2pix.data.pair_checks import root_of, shown_name
from tfpix2pix.data.reading import StoredImage, conform
from tfpix2pix.data.sheet_drawing import Cell, contact_sheet, shrunk
from tfpix2pix.data.sources import Listing, Problem
from tfpix2pix.errors import UserError
from tfpix2pix.files import write_atomically


def write_contact_sheet(
    path: Path,
    settings: DataSettings,
    listing: Listing,
    pair_format: PairFormat,
    *,
    count: int = 24,
    problems: Sequence[Problem] = (),
) -> None:
    """Writes a PNG of pairs spread evenly over each split, after those with problems.

    Args:
        path: the PNG file.
        settings: of the data.
        listing: the pairs.
        pair_format: what the images are expected to be.
        count: how many pairs are shown, and how many with problems at the most.
        problems: as `check_pairs` finds them.

    Raises:
        UserError: the file cannot be written.
    """
    from PIL import Image

    root = root_of(listing)
    reasons = {problem.name: problem.reason for problem in reversed(problems)}
    cells = []
    for split, pair, reason in _chosen(listing, reasons, count, root):
        cells.append(_cell(pair, split, settings, pair_format, root, reason))
    title = f"{listing.origin}: input left, target right"
    file = io.BytesIO()
    Image.fromarray(contact_sheet(cells, title=title)).save(file, "PNG")
    write_atomically(path, file.getvalue())


def _chosen(
    listing: Listing, reasons: dict[str, str], count: int, root: str
) -> Iterator[tuple[str, PairFiles, str]]:
    """Split, pair and problem of those to show; pairs with problems first."""
    good: dict[str, list[PairFiles]] = {}
    shown = 0
    for split, pairs in listing.splits.items():
        good[split] = []
        for pair in pairs:
            reason = _reason(pair, reasons, root) if reasons else ""
            if not reason:
                good[split].append(pair)
            elif shown < count:
                shown += 1
                yield split, pair, reason
    for split, share in _shares({split: len(pairs) for split, pairs in good.items()}, count):
        for index in np.linspace(0, len(good[split]) - 1, share).astype(int):
            yield split, good[split][index], ""


def _reason(pair: PairFiles, reasons: dict[str, str], root: str) -> str:
    paths = [path for path in (pair.a, pair.b) if path is not None]
    return next((r for path in paths if (r := reasons.get(shown_name(path, root)))), "")


def _shares(sizes: dict[str, int], count: int) -> Iterator[tuple[str, int]]:
    """An equal share of `count` for each split; what small ones leave goes to the larger."""
    left = count
    splits = sorted((split for split in sizes if sizes[split]), key=lambda split: sizes[split])
    shares = {}
    for place, split in enumerate(splits):
        shares[split] = min(sizes[split], max(1, left // (len(splits) - place)))
        left -= shares[split]
    return ((split, shares[split]) for split in sizes if split in shares)


def _cell(
    pair: PairFiles,
    split: str,
    settings: DataSettings,
    pair_format: PairFormat,
    root: str,
    reason: str,
) -> Cell:
    section = "problems" if reason else split
    name = shown_name(pair.a, root)
    try:
        images = read_pair(pair, settings.layout)
    except UserError as error:
        return Cell(name, None, None, section, f"{split}, not readable", reason or str(error))
    a, b = images if settings.direction == "AtoB" else images[::-1]
    sizes = [f"{image.pixels.shape[0]}x{image.pixels.shape[1]}" for image in (a, b)]
    size = f"{split}, {' and '.join(dict.fromkeys(sizes))}"
    # Shrunk at once, so that the full size of but one pair is in memory.
    left, right = (
        shrunk(_displayed(a, pair_format.input)),
        shrunk(_displayed(b, pair_format.target)),
    )
    return Cell(name, left, right, section, size, reason)


def _displayed(image: StoredImage, image_format: ImageFormat) -> np.ndarray:
    """As the networks get it or, where it does not fit the set, as it is stored."""
    try:
        pixels = conform(image, image_format.channels, image_format.dtype, reduce=True)
    except UserError:
        return to_display(image.pixels)
    return to_display(pixels, None if pixels.dtype == np.uint8 else image_format.value_range)
