"""What the pipeline delivers alone: tasks like the contenders'."""

import tempfile
from pathlib import Path

from benchmarks.images import forget, write_jpeg_pairs, write_two_folders
from tfpix2pix.config import resolve
from tfpix2pix.data.pairs import open_pairs
from tfpix2pix.data.pipeline import Resizing, fetcher, training_batches
from tfpix2pix.data.store.options import StoreOptions
from tfpix2pix.data.store.writer import write_store

PAIRS = 100


class Delivery:
    """As many pairs as the set has, one by one.

    Args:
        size: of the images; they are resized to 286 where this is 256.
        source: one of `suites.SOURCES`; JPEG in all of them.
        cached: from this process' own memory, decoded once.
        cold: of files that the system has to read from the disk again each time.
    """

    def __init__(
        self, size: int, source: str = "side by side", *, cached: bool = False, cold: bool = False
    ):
        self._folder = tempfile.TemporaryDirectory()  # there as long as this object is
        self._place = write_source(Path(self._folder.name), size, source, PAIRS)
        self._cold = cold
        pairs = open_pairs(str(self._place), "train")
        load_size = round(size * 286 / 256)
        gib = 4.0 if cached else 0.0
        fetch = fetcher(pairs, Resizing((load_size, load_size)), cache_gib=gib)
        # They end with the set, so that nothing is fetched in advance for the next time.
        self._batches = training_batches(
            fetch, PAIRS, batch_size=1, seed=0, first_step=0, steps=PAIRS
        )

    def before(self) -> None:
        """What is not a part of the task: nothing is read until the first pair is asked for."""
        if self._cold:
            forget(self._place)
        self._iterator = iter(self._batches)

    def __call__(self) -> None:
        """Delivers all of them."""
        for _ in range(PAIRS):
            next(self._iterator)


def write_source(
    folder: Path, size: int, source: str, count: int, different: int | None = None
) -> Path:
    """Writes a set of JPEG pairs and says where."""
    if source == "side by side":
        write_jpeg_pairs(folder / "files", size, count)
        return folder / "files"
    write_two_folders(folder / "files", size, count, different)
    if source == "two folders":
        return folder / "files"
    settings = resolve(flags={"data": str(folder / "files")}).data
    write_store(settings, StoreOptions(file_format=source), folder / "store")
    return folder / "store"
