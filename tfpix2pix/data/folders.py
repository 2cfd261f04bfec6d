"""Finds pairs in folders: side by side in one file, or in two folders with the same names.

Layouts, where SPLIT is train, val (validation, valid) or test, and the sides are called input and
target, or A and B:

    SPLIT/*                    two images side by side in each file
    SPLIT/input, SPLIT/target  the same names in both
    input/SPLIT, target/SPLIT
    trainA, trainB, testA, testB, ...
    input, target              without splits
    *                          side by side, without splits
"""

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple, NoReturn

from tfpix2pix.data.reading import SUFFIXES
from tfpix2pix.data.splits import SPLITS
from tfpix2pix.errors import UserError

SIDES = (("input", "target"), ("A", "B"))
# What splits may be called.
SPLIT_NAMES = {split: split for split in SPLITS} | {"validation": "val", "valid": "val"}
EXPECTED = (
    "expected train/ and val/ (or test/) with side-by-side images, or input/ and target/ (or A/ "
    "and B/, trainA/ and trainB/) with the same names in both"
)


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
    """

    splits: Mapping[str | None, Sequence[PairFiles]]
    problems: Sequence[tuple[str, str]] = ()


def find_pairs(root: Path) -> FoundPairs:
    """Finds all pairs below a folder.

    Raises:
        UserError: it holds none, or files whose pairs cannot be told, or cannot be read.
    """
    try:
        found = _split_folders(root)
    except OSError as error:
        _refuse(error)
    splits: dict[str | None, Sequence[PairFiles]] = {}
    problems: list[tuple[str, str]] = []
    for split, folders in found.items():
        if isinstance(folders, Path):
            splits[split] = _side_by_side(folders)
        else:
            splits[split], unmatched = _match(*folders)
            problems += unmatched
    if not any(splits.values()):
        raise UserError(f"{root} holds no pairs: {EXPECTED}, as {', '.join(SUFFIXES)} files")
    return FoundPairs(splits, problems)


def _split_folders(root: Path) -> dict[str | None, Path | tuple[Path, Path]]:
    """For each split, the folder of side-by-side files or the two folders of A and B."""
    found: dict[str | None, Path | tuple[Path, Path]] = {}
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


def _side_by_side(folder: Path) -> list[PairFiles]:
    names = sorted(image_names(folder))
    _refuse_unnamed_sides(folder, names)
    return [PairFiles(name, os.path.join(folder, name)) for name in names]  # noqa: PTH118


def _refuse_unnamed_sides(folder: Path, names: Sequence[str]) -> None:
    """Two folders of other names would go in as side-by-side pairs, and train on nonsense."""
    tops = {PurePosixPath(name).parts[0] for name in names if "/" in name}
    if len(tops) != 2 or any("/" not in name for name in names):
        return
    a, b = ({_key(name.split("/", 1)[1]) for name in names if _is_below(name, t)} for t in tops)
    if len(a & b) * 2 > min(len(a), len(b)):
        shown = " and ".join(f"{top}/" for top in sorted(tops))
        raise UserError(
            f"{folder} holds {shown} with the same names in both: call them input/ and target/, "
            "or write a manifest, so that it can be told which is which"
        )


def _is_below(name: str, top: str) -> bool:
    return name.startswith(f"{top}/")


def _match(a: Path, b: Path) -> tuple[list[PairFiles], list[tuple[str, str]]]:
    """Pairs of the files with the same relative path but for the suffix, and those without one."""
    files_a, files_b = _by_key(a), _by_key(b)
    pairs = [
        PairFiles(files_a[key], str(a / files_a[key]), str(b / files_b[key]))
        for key in sorted(files_a.keys() & files_b.keys())
    ]
    problems = [
        (str(folder / files[key]), f"no file of that name in {other}")
        for folder, files, other, others in ((a, files_a, b, files_b), (b, files_b, a, files_a))
        for key in sorted(files.keys() - others.keys())
    ]
    if not pairs and problems:
        raise UserError(
            f"no file in {a} has one of the same name in {b}, such as {problems[0][0]}: {EXPECTED}"
        )
    return pairs, problems


def _by_key(folder: Path) -> dict[str, str]:
    """File names by what they are matched by.

    Raises:
        UserError: two files differ only in their suffix.
    """
    files: dict[str, str] = {}
    for name in sorted(image_names(folder)):
        other = files.setdefault(_key(name), name)
        if other != name:
            raise UserError(
                f"{folder} holds {other} and {name}: they differ only in their suffix, and it "
                "cannot be told which of them makes the pair; take one of them out"
            )
    return files


def _key(name: str) -> str:
    return name.rpartition(".")[0]


def image_names(folder: Path) -> Iterator[str]:
    """Relative paths of the images in a folder and its subfolders; hidden ones do not count."""
    # The real folders above each one and itself: links to these would be followed in circles.
    above = {os.fspath(folder): {os.path.realpath(folder)}}
    for place, folders, files in os.walk(folder, onerror=_refuse, followlinks=True):
        real = {name: os.path.realpath(os.path.join(place, name)) for name in folders}  # noqa: PTH118
        folders[:] = [
            name for name in folders if not name.startswith(".") and real[name] not in above[place]
        ]
        for name in folders:
            above[os.path.join(place, name)] = {*above[place], real[name]}  # noqa: PTH118
        below = os.path.relpath(place, folder)
        prefix = "" if below == "." else below.replace(os.sep, "/") + "/"
        for name in files:
            if not name.startswith(".") and name.lower().endswith(SUFFIXES):
                yield prefix + name


def _refuse(error: OSError) -> NoReturn:
    raise UserError(f"cannot read {error.filename}: {error.strerror}") from error
