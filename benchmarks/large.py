"""How sets of many pairs behave: time to start, and memory while they stream."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.pipeline import write_source
from benchmarks.worker import peak_gib, resident_gib

SIZE = 64
# Files of their own; the others are links to them, so that the disk holds 100,000 pairs.
DIFFERENT = 500
FEW, MANY = 1_000, 100_000
# The large set whole, once; of the small one enough for its memory to settle.
STREAMED = {FEW: 20_000, MANY: MANY}
# Of a stream, in percent, where its memory is looked at.
LOOKS = (10, 25, 50, 100)
STREAM = "import sys; from benchmarks.large import stream; stream(*sys.argv[1:])"


def measure_large() -> dict[str, float]:
    """Seconds and GiB by what they are of."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for count in (FEW, MANY):
            place = Path(folder) / str(count)
            start = time.perf_counter()
            store = write_source(place, SIZE, "array_record", count, DIFFERENT)
            found[f"{count} pairs: writing files and store, s"] = time.perf_counter() - start
            for name, data in (("folder", place / "files"), ("store", store)):
                seconds = _seconds_to_first_step(data, Path(folder) / f"run-{name}-{count}")
                found[f"{count} pairs: {name}, command to first step, s"] = seconds
                for what, gib in _streamed(data, STREAMED[count]).items():
                    found[f"{count} pairs: {name}, {what}, GiB"] = gib
    return found


def stream(data: str, count: str) -> None:
    """Streams so many pairs as training would, one by one, and prints its memory as JSON."""
    from tfpix2pix.data.pairs import open_pairs
    from tfpix2pix.data.pipeline import Resizing, fetcher, training_batches

    steps = int(count)
    looks = {steps * percent // 100: percent for percent in LOOKS}
    pairs = open_pairs(data, "train")
    fetch = fetcher(pairs, Resizing((SIZE, SIZE)), cache_gib=0)
    batches = training_batches(fetch, len(pairs), batch_size=1, seed=0, first_step=0, steps=steps)
    found = {}
    for done, _ in enumerate(batches, start=1):
        if done in looks:
            found[f"memory at {looks[done]} % of {count} streamed"] = resident_gib()
    print(json.dumps(found | {f"peak memory of {count} streamed": peak_gib()}))


def _streamed(data: Path, count: int) -> dict[str, float]:
    """GiB by what they are of."""
    command = [sys.executable, "-c", STREAM, str(data), str(count)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _seconds_to_first_step(data: Path, run_dir: Path) -> float:
    flags = ["--data", data, "--run-dir", run_dir, "--steps", 1, "--log-every", 1]
    shape = ["--load-size", SIZE, "--crop-size", SIZE, "--base-filters", 8, "--cache-gib", 0]
    start = time.perf_counter()
    command = [sys.executable, "-m", "tfpix2pix", "train", *map(str, [*flags, *shape])]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start
