"""What the pipeline delivers alone: a task like the contenders'."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.images import write_jpeg_pairs
from tfpix2pix.data.pairs import open_pairs
from tfpix2pix.data.pipeline import Resizing, fetcher, training_batches

PAIRS = 100


def deliver_pairs(size: int, *, cached: bool) -> Callable[[], None]:
    """As many pairs as the set has, one by one, from a folder of JPEG files or from memory."""
    folder = tempfile.TemporaryDirectory()
    write_jpeg_pairs(Path(folder.name), size, PAIRS)
    pairs = open_pairs(folder.name, "train")
    load_size = round(size * 286 / 256)
    fetch = fetcher(pairs, Resizing((load_size, load_size)), cache_gib=4.0 if cached else 0.0)
    batches = iter(training_batches(fetch, PAIRS, batch_size=1, seed=0, first_step=0, steps=10**9))

    def once() -> None:
        for _ in range(PAIRS):
            next(batches)

    once.folder = folder  # type: ignore[attr-defined]  # its files are there as long as this is
    return once
