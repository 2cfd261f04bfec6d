"""Refuses folders of side-by-side files in which the two sides of pairs may lie.

Taken as side-by-side files, they would be cut in halves that have nothing to do with each other.
"""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

from tfpix2pix.data.scanning import without_suffix
from tfpix2pix.data.splits import SPLIT_NAMES
from tfpix2pix.errors import UserError

SIDES = (("input", "target"), ("A", "B"))
# What only folders of splits and sides are called.
KNOWN_FOLDERS = {
    *itertools.chain(*SIDES),
    *SPLIT_NAMES,
    *(f"{split}{side}" for split in SPLIT_NAMES for side in SIDES[1]),
}
# With more subfolders than these they are classes or scenes, not the two sides.
COMPARED_FOLDERS = 16
NAME_SIDES = (
    "call them input/ and target/, or write a manifest, so that it can be told which is which"
)


def refuse_sides(folder: Path, names: Sequence[str], *, is_split: bool) -> None:
    """Refuses what may not be side-by-side files.

    Args:
        folder: where they lie.
        names: relative paths of its images.
        is_split: whether the folder is called train/ or the like. Its subfolders may be classes.

    Raises:
        UserError: with what was found and what to do.
    """
    _refuse_known_names(folder, {name.rpartition("/")[0] for name in names})
    below: dict[str, set[str]] = {}
    for name in names:
        top, slash, rest = name.partition("/")
        if slash:
            below.setdefault(top, set()).add(without_suffix(rest))
    _refuse_same_names(folder, below)
    if below and not is_split and all("/" in name for name in names):
        _refuse_subfolders_alone(folder, sorted(below))


def _refuse_known_names(folder: Path, parents: set[str]) -> None:
    """Sides and splits in a place where they are not looked for: PATH/mydata/input, say."""
    found: dict[str, str] = {}
    for parent in sorted(parents):
        parts = parent.split("/")
        for depth, part in enumerate(parts):
            if part in KNOWN_FOLDERS:
                found.setdefault("/".join(parts[:depth]), "/".join(parts[: depth + 1]))
                break
    if len(found) == 1:
        [(wrapper, shown)] = found.items()
        raise UserError(f"{folder} holds {shown}/: did you mean {folder / wrapper}?")
    if found:
        shown = " and ".join(f"{place}/" for place in list(found.values())[:2])
        raise UserError(f"{folder} holds {shown}: {NAME_SIDES}")


def _refuse_same_names(folder: Path, below: Mapping[str, set[str]]) -> None:
    """Two folders of other names would go in as side-by-side pairs, and train on nonsense."""
    largest = sorted(below, key=lambda top: (-len(below[top]), top))[:COMPARED_FOLDERS]
    for two in itertools.combinations(largest, 2):
        a, b = (below[top] for top in two)
        if len(a & b) * 2 > min(len(a), len(b)):
            shown = " and ".join(f"{top}/" for top in sorted(two))
            raise UserError(f"{folder} holds {shown} with the same names in both: {NAME_SIDES}")


def _refuse_subfolders_alone(folder: Path, tops: Sequence[str]) -> None:
    """Of leftImg8bit/ and gtFine/ nobody but the user knows that they are the two sides."""
    if len(tops) == 1:
        inner = folder / tops[0]
        raise UserError(f"{folder} holds nothing but {tops[0]}/: did you mean {inner}?")
    shown = ", ".join(f"{top}/" for top in tops[:3]) + (", ..." if len(tops) > 3 else "")
    raise UserError(
        f"{folder} holds images in {shown} only, and it cannot be told what these are: if they are "
        f"the two sides, {NAME_SIDES}; if their files hold both images, move them into train/"
    )
