"""Which files are translated, and where their answers go. Holds some 0.3 KB for each file."""

import collections
import dataclasses
import functools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import overload

from tfpix2pix.data.reading import SUFFIXES
from tfpix2pix.data.scanning import image_names
from tfpix2pix.errors import UserError
from tfpix2pix.inference.samples import sample_paths
from tfpix2pix.places import RemotePath, as_place, is_remote

NOTHING = "there is no such file or folder"
NO_IMAGES = f"the folder holds no {', '.join(SUFFIXES)} files (what is in --output does not count)"


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What became of one input.

    Attributes:
        source: the input file, or the path that was given for it.
        output: the file that was written, with samples that of their mean, or None.
        failure: why there is none, or None.
    """

    source: Path
    output: Path | None
    failure: str | None = None


@dataclasses.dataclass(frozen=True)
class Job:
    """An input file, and where its answer goes."""

    source: Path
    target: Path


class Jobs(Sequence[Job]):
    """Jobs held as plain strings, a fraction of what paths take."""

    def __init__(self, names: list[tuple[str, str]]):
        self._names = names

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, index: int) -> Job: ...
    @overload
    def __getitem__(self, index: slice) -> "Jobs": ...
    def __getitem__(self, index: int | slice) -> "Job | Jobs":
        if isinstance(index, slice):
            return Jobs(self._names[index])
        source, target = self._names[index]
        return Job(as_place(source), as_place(target))

    def where(self, wanted: Iterable[bool]) -> "Jobs":
        """Those for which `wanted`, of the same length, says so."""
        return Jobs([n for n, is_wanted in zip(self._names, wanted, strict=True) if is_wanted])


def find_jobs(
    paths: Iterable[str | Path],
    output: str | Path,
    suffix: str = ".png",
    samples: int | None = None,
) -> tuple[Jobs, list[Prediction]]:
    """Lists the files to translate: those named, and the images in folders and their subfolders.

    Names are kept: `photo.jpg` becomes `OUTPUT/photo.png`, a folder's `a/b.png` becomes
    `OUTPUT/a/b.png`. Where two inputs would get one name, the suffix is kept too
    (`photo.jpg.png`). No input is overwritten, and no answer by another. `suffix` is that of the
    answers, `samples` how many draws of each there will be (see `sample_paths`).

    Returns:
        The jobs, and the failures: what is not there, and what has no name to be written to.
    """
    files, failures = _list_files(paths, as_place(output))
    place = _place_finder()
    inputs = {place(source) for source, _ in files}
    inputs |= {os.path.realpath(source) for source, _ in files if as_place(source).is_symlink()}
    stems = collections.Counter(_stem(relative) for _, relative in files)
    sources: dict[str, str] = {}  # by target
    for source, relative in files:
        stem = _stem(relative)
        name = relative if stems[stem] > 1 else stem
        target = str(as_place(output) / f"{name}{suffix}")
        overwritten = [path for path in _written(target, samples) if place(path) in inputs]
        if target in sources:
            reason = f"{target} is the answer to {sources[target]} already"
        elif overwritten:
            reason = f"{overwritten[0]} is an input itself: choose another --output"
        else:
            sources[target] = source
            continue
        failures.append(Prediction(as_place(source), None, reason))
    return Jobs([(source, target) for target, source in sources.items()]), failures


def some_images(place: Path, most: int, option: str) -> list[Path]:
    """An image file, or up to `most` of those in a folder, spread evenly over them.

    Args:
        place: the file or folder.
        most: how many, 2 or more.
        option: that named it, for the message.

    Raises:
        UserError: there are none.
    """
    # Nothing lies below the null device, so that all images of the folder count.
    files, failures = _list_files([place], Path(os.devnull))
    if failures:
        raise UserError(f"{option} {place}: {failures[0].failure}")
    chosen = min(most, len(files))
    return [
        as_place(files[number * (len(files) - 1) // max(1, chosen - 1)][0])
        for number in range(chosen)
    ]


def written_paths(target: Path, samples: int | None) -> list[Path]:
    """The files of one job: its target, or those of so many samples."""
    return [target] if samples is None else sample_paths(target, samples)


def _written(target: str, samples: int | None) -> list[str]:
    return [target] if samples is None else list(map(str, sample_paths(as_place(target), samples)))


def _place_finder() -> Callable[[str], str]:
    """A function that resolves the folder of a path, not a link at its end, which is replaced."""
    real_folder = functools.lru_cache(None)(os.path.realpath)

    def place(path: str) -> str:
        folder, name = os.path.split(path)
        return f"{real_folder(folder)}{os.sep}{name}"

    return place


def _stem(relative: str) -> str:
    return str(Path(relative).with_suffix(""))


def _list_files(
    paths: Iterable[str | Path], output: Path
) -> tuple[list[tuple[str, str]], list[Prediction]]:
    """Files with their paths relative to what was given, and what could not be found."""
    files: list[tuple[str, str]] = []
    failures: list[Prediction] = []
    answers = str(output) if is_remote(output) else os.path.realpath(output)
    for path in map(as_place, paths):
        if isinstance(path, RemotePath):
            _list_remote(path, answers, files, failures)
        elif os.path.isdir(path):  # noqa: PTH112  (pathlib's raises of paths that are too long)
            count, troubles = len(files), len(failures)
            files += [
                (file, str(Path(file).relative_to(path)))
                for file in _images(str(path), answers, failures)
            ]
            if len(files) == count and len(failures) == troubles:
                failures.append(Prediction(path, None, NO_IMAGES))
        elif os.path.exists(path):  # noqa: PTH110
            files.append((str(path), path.name))
        else:
            failures.append(Prediction(path, None, NOTHING))
    return files, failures


def _list_remote(
    path: RemotePath, answers: str, files: list[tuple[str, str]], failures: list[Prediction]
) -> None:
    """As `_list_files` does, of an address; hidden files do not count."""
    reason = NO_IMAGES
    found: list[tuple[str, str]] = []
    try:
        if path.is_dir():
            found = [(str(path / name), name) for name in sorted(image_names(path))]
            found = [file for file in found if not _lies_below(file[0], answers)]
        elif path.exists():
            found = [(str(path), path.name)]
        else:
            reason = NOTHING
    except (OSError, UserError) as error:
        reason = f"it cannot be read: {getattr(error, 'strerror', error)}"
    files += found
    failures += [] if found else [Prediction(path, None, reason)]


def _images(folder: str, answers: str, failures: list[Prediction]) -> Iterator[str]:
    """The images in a folder and its subfolders, without earlier answers, which are no inputs.

    Args:
        folder: where to look. Links to folders are not followed.
        answers: the resolved folder of answers.
        failures: where folders are noted that cannot be read.
    """
    if _lies_below(os.path.realpath(folder), answers):
        return
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        reason = f"the folder cannot be read: {error.strerror}"
        failures.append(Prediction(Path(folder), None, reason))
        return
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            yield from _images(entry.path, answers, failures)
        elif Path(entry.name).suffix.lower() not in SUFFIXES:
            continue
        elif entry.is_symlink() and not os.path.exists(entry.path):  # noqa: PTH110
            failures.append(Prediction(Path(entry.path), None, "a link to nothing"))
        elif entry.is_symlink() and _lies_below(os.path.realpath(entry.path), answers):
            continue
        elif os.path.isfile(entry.path):  # noqa: PTH113
            yield entry.path


def _lies_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}{os.sep}")
