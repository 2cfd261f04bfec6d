"""Shards written by some processes at once, one shard each at a time."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from multiprocessing import process
from pathlib import Path
from typing import Any, NamedTuple

from tfpix2pix.data.store.plan import Shard
from tfpix2pix.data.store.recipe import Recipe
from tfpix2pix.data.store.shards import ShardResult, write_shard
from tfpix2pix.errors import UserError

# Seconds between two looks at what the processes have done.
POLL = 0.2
# A process takes seconds to start; fewer pairs than this are sooner done in this one.
INLINE_PAIRS = 200

Importing = Callable[[], AbstractContextManager[Any]]


class Work(NamedTuple):
    """What every process is told once.

    Attributes:
        recipe: of the pairs.
        folder: where shards go.
        importing: gives a context in which TensorFlow is imported, where it is needed.
    """

    recipe: Recipe
    folder: Path
    importing: Importing


def choose_workers(wanted: int | None, shards: Sequence[Shard]) -> int:
    """How many processes: as many as wanted or as there are cores, but none without a shard."""
    if wanted is None:
        small = sum(len(shard.pairs) for shard in shards) < INLINE_PAIRS
        wanted = 1 if small else _usable_cores()
    return max(1, min(wanted, len(shards)))


def _usable_cores() -> int:
    # Not every system tells how many of its cores this process may use.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def write_shards(
    shards: Sequence[Shard], work: Work, workers: int, conclude: Callable[[ShardResult], None]
) -> Generator[None, None, None]:
    """Writes shards; yields once for each pair looked at.

    Args:
        shards: to write.
        work: what all of them share.
        workers: processes; 1: all is done in this one.
        conclude: called here with what came of each shard.

    Raises:
        UserError: the folder cannot be written, or a process died.
    """
    if workers > 1:
        yield from _write_in_processes(shards, work, workers, conclude)
        return
    _import_tensorflow(shards, work)
    for shard in shards:
        conclude((yield from write_shard(shard, work.recipe, work.folder)))


def _write_in_processes(
    shards: Sequence[Shard], work: Work, workers: int, conclude: Callable[[ShardResult], None]
) -> Generator[None, None, None]:
    # Not by fork, which TensorFlow does not survive.
    context = multiprocessing.get_context("spawn")
    # How many pairs of each shard are done; the last says that all shall stop. Each place has one
    # writer, so that no lock can be left held by a process that died.
    counts = context.RawArray("q", len(shards) + 1)
    pool = ProcessPoolExecutor(
        workers, context, _start_worker, (counts, work, _imports(shards, work))
    )
    try:
        with _interrupts_ignored():
            waiting: set[Future[ShardResult]] = {
                pool.submit(_write_one, place, shard) for place, shard in enumerate(shards)
            }
        shown = 0
        while waiting:
            done, waiting = wait(waiting, POLL, FIRST_COMPLETED)
            counted = sum(counts[:-1])
            yield from _times(counted - shown)
            shown = counted
            for future in done:
                conclude(future.result())
    except BrokenProcessPool as error:
        raise UserError(
            "a worker process died, perhaps for want of memory: run the same command again, with "
            "fewer --workers; finished shards are kept"
        ) from error
    finally:
        counts[-1] = 1
        pool.shutdown(cancel_futures=True)


def _times(count: int) -> Iterable[None]:
    return (None for _ in range(count))


@contextlib.contextmanager
def _interrupts_ignored() -> Generator[None, None, None]:
    """Processes started in the block ignore Ctrl-C, of which this one tells them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _Worker:
    """What a worker process knows."""

    counts: Any
    work: Work


def _start_worker(counts: Any, work: Work, imports: bool) -> None:
    threading.Thread(target=_die_with_parent, daemon=True).start()
    _Worker.counts, _Worker.work = counts, work
    if imports:
        with work.importing():
            import tensorflow as tf
        # Images are decoded on the CPU, and each process would take a share of the device.
        tf.config.set_visible_devices([], "GPU")


def _die_with_parent() -> None:
    parent = process.parent_process()
    assert parent is not None, "only worker processes come here"
    parent.join()
    os._exit(1)


def _write_one(place: int, shard: Shard) -> ShardResult:
    counts, work = _Worker.counts, _Worker.work
    steps = write_shard(shard, work.recipe, work.folder)
    with contextlib.closing(steps):
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return end.value
            counts[place] += 1
            if counts[len(counts) - 1]:
                return ShardResult(shard.name, None, ())


def _import_tensorflow(shards: Sequence[Shard], work: Work) -> None:
    if _imports(shards, work):
        with work.importing():
            import tensorflow  # noqa: F401


def _imports(shards: Sequence[Shard], work: Work) -> bool:
    """Whether TensorFlow will be needed: for its files, or to decode JPEG."""
    options = work.recipe.options
    if options.file_format == "tfrecord" and not options.combine:
        return True
    paths = (path for shard in shards for pair in shard.pairs for path in pair[1:] if path)
    return any(path.lower().endswith((".jpg", ".jpeg")) for path in paths)
