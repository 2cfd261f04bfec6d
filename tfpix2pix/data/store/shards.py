"""Writes one shard: a file of records, or the image files of some pairs."""

import contextlib
import os
from collections.abc import Generator, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Protocol

from tfpix2pix.data import operations
from tfpix2pix.data.folders import PairFiles
from tfpix2pix.data.sources import Problem
from tfpix2pix.data.store.plan import Finished, Shard
from tfpix2pix.data.store.recipe import Recipe, Side, encode, make_pair
from tfpix2pix.errors import UserError
from tfpix2pix.files import writing

PARTIAL = ".partial-"
# Image files are gathered here, and their folders moved out when all are there.
UNFINISHED = ".unfinished"


class ShardResult(NamedTuple):
    """What came of a shard.

    Attributes:
        shard: its name.
        finished: None where pairs failed that may not be left out: nothing is written then.
        problems: pairs that cannot be used.
    """

    shard: str
    finished: Finished | None
    problems: tuple[Problem, ...]


class Sink(Protocol):
    """Where pairs go."""

    def write(self, files: PairFiles, a: Side, b: Side) -> None:
        """Adds a pair."""

    def finish(self) -> int:
        """Puts all in its place; returns how many bytes it is."""


def write_shard(shard: Shard, recipe: Recipe, folder: Path) -> Generator[None, None, ShardResult]:
    """Writes the pairs of a shard, holding one at a time; yields after each.

    Raises:
        UserError: the folder cannot be written.
    """
    problems: list[Problem] = []
    with _open_sink(shard, recipe, folder) as sink:
        for files in shard.pairs:
            try:
                a, b = make_pair(files, recipe)
            except UserError as error:
                problems.append(Problem(files.name, str(error)))
            else:
                sink.write(files, a, b)
            yield
        if problems and recipe.settings.on_bad == "fail":
            return ShardResult(shard.name, None, tuple(problems))
        size = sink.finish()
    done = Finished(shard.fingerprint, len(shard.pairs) - len(problems), size, tuple(problems))
    return ShardResult(shard.name, done, done.left_out)


@contextlib.contextmanager
def _open_sink(shard: Shard, recipe: Recipe, folder: Path) -> Iterator[Sink]:
    if recipe.options.combine:
        yield _ImageFiles(folder / UNFINISHED / shard.split, recipe)
        return
    partial = folder / f"{PARTIAL}{shard.name}"
    try:
        yield _RecordSink(folder / shard.name, partial, recipe)
    finally:
        partial.unlink(missing_ok=True)


class _RecordSink:
    """A file of records, written beside its place."""

    def __init__(self, path: Path, partial: Path, recipe: Recipe):
        # TFDS takes a third of a second to import, and image files do without it.
        from tfpix2pix.data.store import records

        self._make_record = records.make_record
        self._file = records.RecordFile(partial, recipe.options.file_format)
        self._path, self._partial, self._recipe = path, partial, recipe

    def write(self, files: PairFiles, a: Side, b: Side) -> None:
        self._file.write(self._make_record(os.fsencode(files.name), a, b, self._recipe))

    def finish(self) -> int:
        self._file.close()
        with writing(self._path):
            self._partial.replace(self._path)
            return self._path.stat().st_size


class _ImageFiles:
    """Side-by-side image files."""

    def __init__(self, folder: Path, recipe: Recipe):
        self._folder, self._recipe = folder, recipe
        self._size = 0

    def write(self, files: PairFiles, a: Side, b: Side) -> None:
        both = operations.combine(a.pixels, b.pixels, self._recipe.settings.layout)
        content, suffix = encode(Side(both), self._recipe.options)
        path = self._folder / combined_name(files.name, suffix)
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        self._size += len(content)

    def finish(self) -> int:
        return self._size


def combined_name(name: str, suffix: str) -> str:
    """The image file of a pair: below its folder, whatever a manifest calls it."""
    parts = [part for part in PurePosixPath(name).parts if part not in ("/", "..")]
    return str(PurePosixPath(*parts).with_suffix(suffix))
