"""Times the training step and the pipeline that feeds it: `python -m benchmarks --help`.

Medians over the steps of one run; seconds depend on the machine, so quote ratios.
"""

import argparse
import resource
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfpix2pix.config import Settings, resolve
from tfpix2pix.data.pairs import open_pairs
from tfpix2pix.data.pipeline import Resizing, fetcher, training_batches
from tfpix2pix.training.state import TrainState
from tfpix2pix.training.step import make_train_step

PIPELINE_SECONDS = 5.0


def write_pairs(folder: Path, size: int, count: int) -> None:
    """JPEGs of smooth noise, which compress about as photos do."""
    (folder / "train").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(count):
        coarse = rng.integers(0, 256, (size // 8, size // 4, 3)).astype(np.float32)
        image = tf.cast(tf.image.resize(coarse, (size, 2 * size), "bicubic"), tf.uint8)
        (folder / "train" / f"{number:04d}.jpg").write_bytes(tf.io.encode_jpeg(image).numpy())


def time_step(settings: Settings, steps: int) -> list[float]:
    """Seconds of each step after the first two, which trace and warm up."""
    state = TrainState(settings, total_steps=steps)
    train_step = make_train_step(
        state.networks,
        crop_size=settings.data.crop_size,
        update=settings.train.update,
        jit=settings.train.jit,
    )
    shape = (settings.train.batch_size, *settings.data.load_size, 3)
    rng = np.random.default_rng(0)
    batch = tuple(tf.constant(rng.integers(0, 256, shape, np.uint8)) for _ in range(2))
    seconds = []
    for step in range(steps + 2):
        start = time.perf_counter()
        float(train_step(batch, step)["l1_loss"])
        seconds.append(time.perf_counter() - start)
    return seconds[2:]


def pipeline_rate(settings: Settings, cache_gib: float) -> float:
    """Images per second that the pipeline delivers alone."""
    with tempfile.TemporaryDirectory() as folder:
        write_pairs(Path(folder), settings.data.crop_size[0], count=100)
        pairs = open_pairs(folder, "train")
        fetch = fetcher(pairs, Resizing(settings.data.load_size), cache_gib)
        batches = training_batches(
            fetch,
            len(pairs),
            batch_size=settings.train.batch_size,
            seed=0,
            first_step=0,
            steps=10**6,
        )
        iterator = iter(batches)
        for _ in range(20):
            next(iterator)
        start, seen = time.perf_counter(), 0
        while time.perf_counter() - start < PIPELINE_SECONDS:
            next(iterator)
            seen += settings.train.batch_size
        return seen / (time.perf_counter() - start)


def main() -> None:
    """Prints one line per figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20, help="steps to time")
    parser.add_argument("--setting", action="append", default=[], metavar="NAME=VALUE")
    arguments = parser.parse_args()
    settings = resolve(flags=dict(pair.split("=", 1) for pair in arguments.setting))
    seconds = time_step(settings, arguments.steps)
    step = statistics.median(seconds)
    rate = settings.train.batch_size / step
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"step: {step:.3f} s median of {len(seconds)} ({min(seconds):.3f} to {max(seconds):.3f})")
    print(f"step: {rate:.2f} images/s; peak memory {peak:.2f} GiB")
    for name, cache_gib in (("cached", 4.0), ("from JPEG files", 0.0)):
        images = pipeline_rate(settings, cache_gib)
        print(f"pipeline, {name}: {images:.0f} images/s, {images / rate:.0f} times the step")


if __name__ == "__main__":
    main()
