"""What several workers do in turn or together: the chief alone writes the run folder.

The others do the same as the chief, step by step and validation by validation, in a folder of
their own that is thrown away: so all come to the same decisions, and none has to wait for more than
the slowest.
"""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import tensorflow as tf

from tfpix2pix.errors import UserError
from tfpix2pix.files import reading
from tfpix2pix.places.trees import copy_tree
from tfpix2pix.training.cluster import cluster_of
from tfpix2pix.training.parameter_servers import is_asynchronous
from tfpix2pix.training.run_folder import RunFolder
from tfpix2pix.training.strategies import agreed, has_workers

T = TypeVar("T")
# What TensorFlow raises where another worker has gone.
GONE = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
)


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process writes the run folder."""
    cluster = cluster_of() if has_workers(strategy) else None
    return cluster is None or cluster.is_chief


def in_turn(strategy: tf.distribute.Strategy, action: Callable[[], T]) -> T:
    """Does it in the chief, and then in all others: what the first prepares, they find."""
    if is_chief(strategy):
        result = action()
        agreed(strategy, 0)
        return result
    agreed(strategy, 0)
    return action()


@contextlib.contextmanager
def folder_to_write(
    strategy: tf.distribute.Strategy, folder: RunFolder, *, resumes: bool
) -> Iterator[RunFolder]:
    """The run folder, locked, in the chief; a copy of what a run goes on from in the others.

    Raises:
        UserError: another run is under way there, or it holds what it should not.
    """
    if is_chief(strategy):
        with folder.locked():
            if not resumes:
                folder.check_free()
            agreed(strategy, 0)
            agreed(strategy, 0)  # the others have copied
            yield folder
        return
    with tempfile.TemporaryDirectory(prefix="tfpix2pix-worker-") as place, _silent():
        own = RunFolder(Path(place) / folder.path.name)
        agreed(strategy, 0)
        if resumes:
            with reading(folder.path):
                copy_tree(folder.path, own.path, skip="tensorboard")
        agreed(strategy, 0)
        yield own


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """What the chief says is enough."""
    with (
        Path(os.devnull).open("w") as nothing,
        contextlib.redirect_stdout(nothing),
        contextlib.redirect_stderr(nothing),
    ):
        yield


@contextlib.contextmanager
def naming_lost_workers(strategy: tf.distribute.Strategy, run_dir: Path) -> Iterator[None]:
    """Says that a worker is gone, where TensorFlow says that a connection is.

    Raises:
        UserError: it is.
    """
    asynchronous = is_asynchronous(strategy)
    try:
        yield
    except GONE as error:
        if not (has_workers(strategy) or asynchronous):
            raise
        raise _lost("a parameter server" if asynchronous else "another worker", run_dir) from error
    except UserError as error:
        # To write a checkpoint, its weights are fetched: what then fails is not the writing.
        if not (asynchronous and "/job:ps/" in str(error.__cause__)):
            raise
        raise _lost("a parameter server", run_dir) from error


def _lost(what: str, run_dir: Path) -> UserError:
    return UserError(
        f"{what} has stopped or cannot be reached, so all stop: start all again with "
        f"--run-dir {run_dir} --resume, and they go on from the last checkpoint"
    )
