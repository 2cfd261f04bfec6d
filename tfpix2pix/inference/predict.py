"""Translates any number of image files; every one of them is accounted for. No TensorFlow here."""

import contextlib
from collections.abc import Generator, Iterable

from tfpix2pix.errors import UserError
from tfpix2pix.files import write_atomically
from tfpix2pix.inference.answering import Answer, Answerer
from tfpix2pix.inference.jobs import Job, Jobs, Prediction, find_jobs
from tfpix2pix.inference.samples import Drawing, write_samples
from tfpix2pix.inference.threads import BYTES_AHEAD, THREADS, in_order, thread_pool

__all__ = ["Job", "Jobs", "Prediction", "find_jobs", "predict_files", "predict_samples"]


def predict_files(answerer: Answerer, jobs: Iterable[Job]) -> Generator[Prediction, None, None]:
    """Has files answered, and writes the answers in threads, each whole or not at all.

    Args:
        answerer: of the files.
        jobs: from `find_jobs`; iterated twice, by the answerer and in step with it.

    Yields:
        One prediction for each job, in order, failed ones included.
    """
    answers = answerer.answers(job.source for job in jobs)
    # Closed here, as what is suspended in a traceback would go on: the answers first, which read
    # ahead.
    with thread_pool() as pool, contextlib.closing(answers):
        answered = zip(jobs, answers, strict=True)
        written = in_order(
            pool, _written, answered, 2 * THREADS, lambda sized: sized[0], BYTES_AHEAD
        )
        for _, prediction in written:
            yield prediction


def predict_samples(
    drawing: Drawing, jobs: Iterable[Job], samples: int, seed: int = 0
) -> Generator[Prediction, None, None]:
    """Draws many answers to each file, one file after the other; see `write_samples`.

    Args:
        drawing: with dropout on.
        jobs: from `find_jobs`, for as many samples.
        samples: how many draws of each answer are written, with their mean and deviation.
        seed: of dropout.

    Yields:
        One prediction for each job, failed ones included.
    """
    for job in jobs:
        try:
            output = write_samples(drawing, job.source, job.target, samples, seed)
        except OSError as error:
            yield Prediction(job.source, None, f"cannot be read: {error.strerror}")
        except UserError as error:
            yield Prediction(job.source, None, str(error))
        else:
            yield Prediction(job.source, output)


def _written(answered: tuple[Job, Answer]) -> tuple[int, Prediction]:
    """With the bytes that were written."""
    job, answer = answered
    return len(answer.content or b""), _write(job, answer)


def _write(job: Job, answer: Answer) -> Prediction:
    if answer.content is None:
        return Prediction(job.source, None, answer.failure)
    try:
        write_atomically(job.target, answer.content)
    except UserError as error:
        return Prediction(job.source, None, str(error))
    return Prediction(job.source, job.target)
