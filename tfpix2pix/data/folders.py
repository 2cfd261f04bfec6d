"""Finds pairs in folders: side by side in one file, or in two folders with the same names.

Layouts, where SPLIT is train, val (validation, valid) or test, and the sides are called input and
target, or A and B:

    SPLIT/*                    two images side by side in each file
    SPLIT/input, SPLIT/target  the same names in both
    input/SPLIT, target/SPLIT
    trainA, trainB, testA, testB, ...
    input, target              without splits
    *                          side by side, without splits

Folders in other places or of other names are refused where they could be the two sides of pairs.
"""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tfpix2pix.data.reading import SUFFIXES
from tfpix2pix.data.scanning import (
    Files,
    aside_note,
    image_names,
    refuse_unreadable,
    scan,
    unread_note,
    without_suffix,
)
from tfpix2pix.data.side_by_side import SIDES, refuse_sides
from tfpix2pix.data.splits import SPLIT_NAMES, SPLITS
from tfpix2pix.errors import UserError

EXPECTED = (
    "expected train/ and val/ (or test/) with side-by-side images, or input/ and target/ (or A/ "
    "and B/, trainA/ and trainB/) with the same names in both"
)
Folders = Path | tuple[Path, Path]


class PairFiles(NamedTuple):
    """The files of one pair.

    Attributes:
        name: relative path of A, the same in any place.
        a: path of A, or of the file with both.
        b: path of B; None: both are in `a`.
    """

    name: str
    a: str
    b: str | None = None


@dataclasses.dataclass(frozen=True)
class FoundPairs:
    """What lies in a folder or a manifest.

    Attributes:
        splits: pairs by split; under None those that have none.
        problems: (name, reason) of files without a partner and the like.
        ignored: lines on what lies there and was not taken.
    """

    splits: Mapping[str | None, Sequence[PairFiles]]
    problems: Sequence[tuple[str, str]] = ()
    ignored: tuple[str, ...] = ()


def find_pairs(root: Path) -> FoundPairs:
    """Finds all pairs below a folder.

    Raises:
        UserError: it holds none, or files whose pairs cannot be told, or cannot be read.
    """
    splits: dict[str | None, Sequence[PairFiles]] = {}
    problems: list[tuple[str, str]] = []
    others: list[str] = []
    layout = _layout(root)
    for split, folders in layout.items():
        listed = [scan(folder) for folder in _each(folders)]
        others += [name for files in listed for name in files.others]
        if isinstance(folders, Path):
            splits[split] = _side_by_side(folders, listed[0].images, is_split=split is not None)
        else:
            splits[split], unmatched = _match(*folders, *listed)
            problems += unmatched
    used = [folder for folders in layout.values() for folder in _each(folders)]
    ignored = (aside_note(root, used) if used != [root] else ()) + unread_note(others)
    if not any(splits.values()):
        raise _nothing(root, ignored)
    return FoundPairs(splits, problems, ignored)


def check_layout(root: Path, split: str) -> None:
    """Refuses a folder without that split, or without any image, and lists no more than one.

    Raises:
        UserError: with what was expected.
    """
    layout = _layout(root)
    if split not in layout and None not in layout:
        found = ", ".join(f"{name}/" for name in layout)
        raise UserError(
            f"{root} has no {split}/ pairs: expected {', '.join(SPLITS)}; found {found}"
        )
    folders = (folder for found in layout.values() for folder in _each(found))
    if not any(next(image_names(folder), None) for folder in folders):
        raise _nothing(root)


def _nothing(root: Path, ignored: Sequence[str] = ()) -> UserError:
    more = "".join(f"; {note}" for note in ignored)
    return UserError(f"{root} holds no pairs: {EXPECTED}, as {', '.join(SUFFIXES)} files{more}")


def _each(folders: Folders) -> tuple[Path, ...]:
    return (folders,) if isinstance(folders, Path) else folders


def _layout(root: Path) -> dict[str | None, Folders]:
    """For each split, the folder of side-by-side files or the two folders of A and B."""
    try:
        return _split_folders(root)
    except OSError as error:
        refuse_unreadable(error)


def _split_folders(root: Path) -> dict[str | None, Folders]:
    found: dict[str | None, Folders] = {}
    for name, split in SPLIT_NAMES.items():
        sides = _both(root / f"{name}A", root / f"{name}B") or _sides(root / name)
        if sides or (root / name).is_dir():
            found.setdefault(split, sides or root / name)
    if found:
        return found
    sides = _sides(root)
    if sides is None:
        return {None: root}
    a, b = sides
    for name, split in SPLIT_NAMES.items():
        if inner := _both(a / name, b / name):
            found.setdefault(split, inner)
    return found or {None: sides}


def _sides(folder: Path) -> tuple[Path, Path] | None:
    for a, b in SIDES:
        if both := _both(folder / a, folder / b):
            return both
    return None


def _both(a: Path, b: Path) -> tuple[Path, Path] | None:
    """The two folders if they are there.

    Raises:
        UserError: only one of them is, so that it cannot be told what its files pair with.
    """
    if a.is_dir() != b.is_dir():
        there, missing = (a, b) if a.is_dir() else (b, a)
        raise UserError(f"{there} has no partner: there is no folder {missing}")
    return (a, b) if a.is_dir() else None


def _side_by_side(folder: Path, names: Sequence[str], *, is_split: bool) -> list[PairFiles]:
    refuse_sides(folder, names, is_split=is_split)
    return [PairFiles(name, os.path.join(folder, name)) for name in names]  # noqa: PTH118


def _match(
    a: Path, b: Path, in_a: Files, in_b: Files
) -> tuple[list[PairFiles], list[tuple[str, str]]]:
    """Pairs of the files with the same relative path but for the suffix, and those without one."""
    files_a, files_b = _bywithout_suffix(a, in_a.images), _bywithout_suffix(b, in_b.images)
    pairs = [
        PairFiles(files_a[key], str(a / files_a[key]), str(b / files_b[key]))
        for key in sorted(files_a.keys() & files_b.keys())
    ]
    problems = _unmatched(a, files_a, b, files_b, in_b) + _unmatched(b, files_b, a, files_a, in_a)
    if not pairs and problems:
        name, reason = problems[0]
        hint = f" ({reason})" if "suffix" in reason else ""
        raise UserError(
            f"no file in {a} has one of the same name in {b}, such as {name}{hint}: {EXPECTED}"
        )
    return pairs, problems


def _unmatched(
    folder: Path, files: Mapping[str, str], other: Path, partners: Mapping[str, str], there: Files
) -> list[tuple[str, str]]:
    """The files without a partner, with the reason."""
    unread = {without_suffix(name): name for name in there.others}
    return [
        (
            str(folder / files[key]),
            f"no file of that name in {other}"
            + (f" but {unread[key]}, of a suffix that is not read" if key in unread else ""),
        )
        for key in sorted(files.keys() - partners.keys())
    ]


def _bywithout_suffix(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """File names by what they are matched by.

    Raises:
        UserError: two files differ only in their suffix.
    """
    files: dict[str, str] = {}
    for name in names:
        other = files.setdefault(without_suffix(name), name)
        if other != name:
            raise UserError(
                f"{folder} holds {other} and {name}: they differ only in their suffix, and it "
                "cannot be told which of them makes the pair; take one of them out"
            )
    return files
