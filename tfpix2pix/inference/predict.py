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
from tfpix2pix.inference.samples import sample_paths, write_samples


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


def find_jobs(
    paths: Iterable[str | Path],
    output: str | Path,
    suffix: str = ".png",
    samples: int | None = None,
) -> tuple[list[Job], list[Prediction]]:
    """Lists the files to translate: those named, and the images in folders and their subfolders.

    Names are kept: `photo.jpg` becomes `OUTPUT/photo.png`, a folder's `a/b.png` becomes
    `OUTPUT/a/b.png`. Where two inputs would get one name, the suffix is kept too
    (`photo.jpg.png`). No input is overwritten, and no answer by another. `suffix` is that of the
    answers, `samples` how many draws of each there will be (see `sample_paths`).

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
        written = [target] if samples is None else sample_paths(target, samples)
        inputs = [path for path in written if path.resolve() in sources]
        if target in jobs:
            reason = f"{target} is the answer to {jobs[target].source} already"
        elif inputs:
            reason = f"{inputs[0]} is an input itself: choose another --output"
        else:
            jobs[target] = Job(source, target)
            continue
        failures.append(Prediction(source, None, reason))
    return list(jobs.values()), failures


def predict_files(
    translator: FileTranslator,
    jobs: Iterable[Job],
    samples: int | None = None,
    seed: int = 0,
) -> Iterator[Prediction]:
    """Translates files one after the other; those of one job appear whole or not at all.

    Args:
        translator: of the run; for samples, with dropout on.
        jobs: from `find_jobs`, for as many samples.
        samples: how many draws of each answer are written, with their mean and deviation; None:
            one answer.
        seed: of dropout, where it is on.

    Yields:
        One prediction for each job, failed ones included.
    """
    for job in jobs:
        try:
            output = _write(translator, job, samples, seed)
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
            yield Prediction(job.source, output)


def _write(translator: FileTranslator, job: Job, samples: int | None, seed: int) -> Path:
    if samples is not None:
        return write_samples(translator, job.source, job.target, samples, seed)
    write_atomically(job.target, translator(job.source, seed))
    return job.target


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
