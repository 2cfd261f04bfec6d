"""Work in threads, in order, with a limit on what is under way."""

import collections
import contextlib
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

# Decoders and encoders let other threads run; more than a few only hold more images.
THREADS = min(8, max(2, os.cpu_count() or 1))
# Of what waits at each stage, images read, answers to be encoded and files to be written; a single
# one may be larger.
BYTES_AHEAD = 256 * 2**20


@contextlib.contextmanager
def thread_pool(count: int = THREADS) -> Iterator[Executor]:
    """A pool of threads that begin nothing more once the block is left, by Ctrl-C for one.

    What they are at is waited for.
    """
    pool = ThreadPoolExecutor(count)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def in_order(
    pool: Executor,
    function: Callable[[T], R],
    items: Iterable[T],
    ahead: int,
    size: Callable[[R], int] | None = None,
    budget: int = 1,
) -> Generator[R, None, None]:
    """As `map`, in the pool's threads, but with at most `ahead` items under way.

    Args:
        pool: whose threads call the function.
        function: of one item. What it raises is raised here, in its turn.
        items: iterated in the caller's thread, no further than needed.
        ahead: how many may be under way, or done and not yet asked for.
        size: of a result, in bytes, where it matters: then the first item goes alone, and after it
            no more are under way than would fill `budget` if all were as large as the largest so
            far, but at least one.
        budget: in bytes.
    """
    waiting: collections.deque[Future[R]] = collections.deque()
    largest = 0 if size is None else None
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if size is not None and largest is not None:
                # Also of what is done and not asked for yet: large ones may follow many small ones.
                done = (f for f in waiting if f.done() and f.exception() is None)
                largest = max([largest, *(size(future.result()) for future in done)])
            while waiting and len(waiting) >= _allowed(ahead, largest, budget):
                result = waiting.popleft().result()
                if size is not None:
                    largest = max(largest or 0, size(result))
                yield result
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _allowed(ahead: int, largest: int | None, budget: int) -> int:
    if largest is None:
        return 1
    return ahead if largest == 0 else max(1, min(ahead, budget // largest))
