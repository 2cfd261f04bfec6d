"""Reads manifests: CSV files with the columns input, target and, if wanted, split."""

import csv
import os
from pathlib import Path

from tfpix2pix.data.folders import FoundPairs, PairFiles
from tfpix2pix.data.splits import SPLITS
from tfpix2pix.errors import UserError

COLUMNS = ("input", "target")
OPTIONAL = ("split",)


def read_manifest(path: Path) -> FoundPairs:
    """Reads a manifest; paths in it are relative to its own folder.

    Raises:
        UserError: it cannot be read, or a row makes no sense; the message names the line.
    """
    splits: dict[str | None, list[PairFiles]] = {}
    problems: list[tuple[str, str]] = []
    for line, row in _rows(path):
        split = (row.get("split") or "").strip() or None
        if split not in (*SPLITS, None):
            raise UserError(f"{path}, line {line}: split {split!r}: expected {', '.join(SPLITS)}")
        names = [(row[column] or "").strip() for column in COLUMNS]
        if not all(names):
            raise UserError(f"{path}, line {line}: expected an input and a target, found {names}")
        a, b = (path.parent / name for name in names)
        missing = [str(file) for file in (a, b) if not os.path.isfile(file)]  # noqa: PTH113
        if missing:
            problems.append((missing[0], f"no such file ({path.name}, line {line})"))
        else:
            splits.setdefault(split, []).append(PairFiles(names[0], str(a), str(b)))
    if not splits and not problems:
        raise UserError(f"{path} lists no pairs: expected a row for each below its first line")
    return FoundPairs(splits, problems)


def _rows(path: Path) -> list[tuple[int, dict[str, str | None]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            _check_header(path, list(reader.fieldnames or []))
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is not a readable CSV file: {error}") from error
    for line, row in rows:
        if None in row:
            raise UserError(f"{path}, line {line}: more cells than the first line has columns")
    return rows


def _check_header(path: Path, header: list[str]) -> None:
    unknown = set(header) - {*COLUMNS, *OPTIONAL}
    if unknown or not set(COLUMNS) <= set(header) or len(set(header)) < len(header):
        raise UserError(
            f"{path}: its first line must name the columns input,target or input,target,split; "
            f"found {','.join(header) or 'nothing'}"
        )
