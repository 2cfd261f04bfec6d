"""Reads manifests: CSV files with the columns input, target and, if wanted, split."""

import csv
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from tfpix2pix.data.folders import FoundPairs, PairFiles
from tfpix2pix.data.splits import SPLIT_NAMES, SPLITS
from tfpix2pix.errors import UserError
from tfpix2pix.places import as_place, is_remote

COLUMNS = ("input", "target")
OPTIONAL = ("split",)


def read_manifest(path: Path) -> FoundPairs:
    """Reads a manifest; paths in it are relative to its own folder.

    Raises:
        UserError: it cannot be read, or a row makes no sense; the message names the line.
    """
    splits: dict[str | None, list[PairFiles]] = {}
    problems: list[tuple[str, str]] = []
    names: dict[str, str] = {}
    for line, row in _rows(path):
        split = _split(path, line, row)
        cells = [(row[column] or "").strip() for column in COLUMNS]
        if not all(cells):
            raise UserError(f"{path}, line {line}: expected an input and a target, found {cells}")
        a, b = (str(path.parent / cell) for cell in cells)
        missing = [file for file in (a, b) if not _is_file(file)]
        if missing:
            problems.append((missing[0], f"no such file ({path.name}, line {line})"))
        else:
            name = _unique(_name(cells[0], path.parent), str(as_place(a).absolute()), names)
            splits.setdefault(split, []).append(PairFiles(name, a, b))
    if not splits and not problems:
        raise _no_rows(path)
    return FoundPairs(splits, problems)


def check_manifest(path: Path) -> None:
    """Refuses a manifest without a sensible first line or without rows; no more is read.

    Raises:
        UserError: with what was expected.
    """
    if next(_rows(path), None) is None:
        raise _no_rows(path)


def _no_rows(path: Path) -> UserError:
    return UserError(f"{path} lists no pairs: expected a row for each below its first line")


def _is_file(name: str) -> bool:
    # pathlib's raises of names that no file can have.
    return as_place(name).is_file() if is_remote(name) else os.path.isfile(name)  # noqa: PTH113


def _split(path: Path, line: int, row: dict[str, str | None]) -> str | None:
    given = (row.get("split") or "").strip()
    if given and given not in SPLIT_NAMES:
        raise UserError(f"{path}, line {line}: split {given!r}: expected {', '.join(SPLITS)}")
    return SPLIT_NAMES[given] if given else None


def _name(cell: str, folder: Path) -> str:
    """A pair's name, on which its split depends: the same wherever the set lies.

    It never leads out of a folder that it is put into.
    """
    if os.path.isabs(cell) or ".." in PurePosixPath(cell).parts:  # noqa: PTH117
        cell = os.path.relpath(folder / cell, folder).replace(os.sep, "/")
        while cell.startswith("../"):
            cell = cell.removeprefix("../")
    return cell


def _unique(name: str, file: str, names: dict[str, str]) -> str:
    """The name, with a number where another file has it; `names` holds the file of each."""
    stem, dot, suffix = name.rpartition(".")
    number = 1
    while names.setdefault(name, file) != file:
        number += 1
        name = f"{stem}_{number}{dot}{suffix}"
    return name


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str | None]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            _check_header(path, list(reader.fieldnames or []))
            for row in reader:
                if None in row:
                    raise UserError(
                        f"{path}, line {reader.line_num}: more cells than the first line has "
                        "columns"
                    )
                yield reader.line_num, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is not a readable CSV file: {error}") from error


def _check_header(path: Path, header: list[str]) -> None:
    unknown = set(header) - {*COLUMNS, *OPTIONAL}
    if unknown or not set(COLUMNS) <= set(header) or len(set(header)) < len(header):
        raise UserError(
            f"{path}: its first line must name the columns input,target or input,target,split; "
            f"found {','.join(header) or 'nothing'}"
        )
