"""Translates any number of image files; every one of them is accounted for."""

import collections
import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path

import tensorflow as tf

from tfpix2pix.data.pairs import plain_reason
from tfpix2pix.data.reading import SUFFIXES
from tfpix2pix.errors import UserError
from tfpix2pix.files import write_atomically
from tfpix2pix.inference.files import FileTranslator


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What became of one input.

    Attributes:
        source: the input file, or the path that was given for it.
        output: the file that was written, or None.
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


def find_jobs(
    paths: Iterable[str | Path], output: str | Path, suffix: str = ".png"
) -> tuple[list[Job], list[Prediction]]:
    """Lists the files to translate: those named, and the images in folders and their subfolders.

    Names are kept: `photo.jpg` becomes `OUTPUT/photo.png`, a folder's `a/b.png` becomes
    `OUTPUT/a/b.png`. Where two inputs would get one name, the suffix is kept too
    (`photo.jpg.png`). No input is overwritten, and no answer by another. `suffix` is that of the
    answers.

    Returns:
        The jobs, and the failures: what is not there, and what has no name to be written to.
    """
    files, failures = _list_files(paths, Path(output))
    sources = {source.resolve() for source, _ in files}
    stems = collections.Counter(relative.with_suffix("") for _, relative in files)
    jobs: dict[Path, Job] = {}
    for source, relative in files:
        name = relative.name if stems[relative.with_suffix("")] > 1 else relative.stem
        target = Path(output) / relative.with_name(f"{name}{suffix}")
        if target in jobs:
            reason = f"{target} is the answer to {jobs[target].source} already"
        elif target.resolve() in sources:
            reason = f"{target} is an input itself: choose another --output"
        else:
            jobs[target] = Job(source, target)
            continue
        failures.append(Prediction(source, None, reason))
    return list(jobs.values()), failures


def predict_files(translator: FileTranslator, jobs: Iterable[Job]) -> Iterator[Prediction]:
    """Translates files one after the other, to files that appear whole or not at all.

    Yields:
        One prediction for each job, failed ones included.
    """
    for job in jobs:
        try:
            answer = translator(job.source)
        except OSError as error:
            yield Prediction(job.source, None, f"cannot be read: {error.strerror}")
        except UserError as error:
            yield Prediction(job.source, None, str(error))
        except tf.errors.InvalidArgumentError as error:
            reason = f"not an image, or damaged: {plain_reason(error)}"
            yield Prediction(job.source, None, reason)
        except tf.errors.OpError as error:
            yield Prediction(job.source, None, plain_reason(error))
        else:
            yield _write(job, answer)


def _write(job: Job, content: bytes) -> Prediction:
    try:
        write_atomically(job.target, content)
    except UserError as error:
        return Prediction(job.source, None, str(error))
    return Prediction(job.source, job.target)


def _list_files(
    paths: Iterable[str | Path], output: Path
) -> tuple[list[tuple[Path, Path]], list[Prediction]]:
    """Files with their paths relative to what was given, and what could not be found."""
    files: list[tuple[Path, Path]] = []
    failures: list[Prediction] = []
    for path in map(Path, paths):
        if path.is_dir():
            found = sorted(
                file
                for file in path.rglob("*")
                if file.suffix.lower() in SUFFIXES
                and file.is_file()
                and not _lies_below(file, output)  # an earlier answer, not an input
            )
            files += [(file, file.relative_to(path)) for file in found]
            if not found:
                kinds = ", ".join(SUFFIXES)
                reason = f"the folder holds no {kinds} files (what is in --output does not count)"
                failures.append(Prediction(path, None, reason))
        elif path.exists():
            files.append((path, Path(path.name)))
        else:
            failures.append(Prediction(path, None, "there is no such file or folder"))
    return files, failures


def _lies_below(file: Path, output: Path) -> bool:
    folder = output.resolve()
    return folder in file.resolve().parents
