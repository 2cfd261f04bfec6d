"""A long run of a tiny network: whether memory, handles and the time of steps stay where they are.

`python -m benchmarks.long_run` trains as the command does, in a process of its own that is watched
from outside, and writes long_run.csv and long_run.png. 50,000 steps take half an hour to an hour.
"""

import argparse
import csv
import io
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfpix2pix.files import write_atomically

STEPS = 50_000
SIZE, PAIRS = 16, 24
# All that a run does on its way, so often that what leaks is seen.
EVERY = {"log": 50, "sample": 500, "validate": 500, "checkpoint": 500}
SHAPE = {
    "load-size": SIZE + 2,
    "crop-size": SIZE,
    "base-filters": 2,
    "depth": 3,
    "n-layers": 1,
    "sample-pairs": 2,
    "steps-per-execution": 10,
}
# Of a run's steps, so many are between two looks.
LOOKS = 100
SECONDS_BETWEEN_LOOKS = 0.2

TIME = "ms a step, all that a run does included"

Look = dict[str, float]


def watched(run_dir: Path, data: Path, steps: int, **flags: Any) -> Iterator[Look]:
    """Trains in another process, and looks at it each hundredth of the way (Linux).

    Args:
        run_dir: the run folder.
        data: pairs.
        steps: to train.
        **flags: besides those of this module, with underscores for hyphens.

    Yields:
        `step`, `seconds` since the start and of processors, `memory_mib`, `handles` (open files),
        `threads`, `folder_mib` and `files` (of the run folder).

    Raises:
        subprocess.CalledProcessError: the run failed.
    """
    command = [sys.executable, "-m", "tfpix2pix", "train", *_flags(run_dir, data, steps, flags)]
    start = time.perf_counter()
    # Into a file: a pipe that nobody reads fills, and then the run waits.
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said) as child,
    ):
        due = steps // LOOKS
        while child.poll() is None:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            step = _last_step(run_dir / "metrics.csv")
            if step < due:
                continue
            try:
                look = {"step": step, "seconds": time.perf_counter() - start} | _of(child.pid)
            except OSError:
                break  # it has just ended
            yield look | _of_folder(run_dir)
            due = (step * LOOKS // steps + 1) * steps // LOOKS
        if child.wait():
            said.seek(0)
            raise subprocess.CalledProcessError(child.returncode, command, stderr=said.read())


def _flags(run_dir: Path, data: Path, steps: int, flags: dict[str, Any]) -> list[str]:
    every = {f"{name}-every": max(1, min(number, steps)) for name, number in EVERY.items()}
    own = {name.replace("_", "-"): value for name, value in flags.items()}
    named = {"run-dir": run_dir, "data": data, "steps": steps} | SHAPE | every | own
    return [word for name, value in named.items() for word in (f"--{name}", str(value))]


def _last_step(metrics: Path) -> int:
    if not metrics.exists():
        return 0
    with metrics.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 1000))
        complete = file.read().rpartition(b"\n")[0]
    first = complete.rpartition(b"\n")[2].partition(b",")[0]
    return int(first) if first.isdigit() else 0


def _of(process: int) -> Look:
    place = Path(f"/proc/{process}")
    lines = (place / "status").read_text().splitlines()
    ticks = (place / "stat").read_text().rpartition(")")[2].split()[11:13]
    named = dict(line.split(":", 1) for line in lines)
    return {
        "memory_mib": int(named["VmRSS"].split()[0]) / 1024,
        "handles": len(list((place / "fd").iterdir())),
        "threads": int(named["Threads"]),
        # Of all threads: what else the machine does shows less in it.
        "processor_seconds": sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"),
    }


def _of_folder(folder: Path) -> Look:
    sizes = []
    for path in folder.rglob("*"):
        try:
            sizes.append(path.stat().st_size)
        except FileNotFoundError:
            continue  # an old checkpoint, just dropped
    return {"folder_mib": sum(sizes) / 2**20, "files": len(sizes)}


def write_looks(looks: list[Look], folder: Path) -> None:
    """Writes long_run.csv and long_run.png."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(looks[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: f"{value:.6g}" for name, value in look.items()} for look in looks)
    write_atomically(folder / "long_run.csv", text.getvalue())
    write_atomically(folder / "long_run.png", _drawn(looks))


def _drawn(looks: list[Look]) -> bytes:
    from matplotlib.figure import Figure

    steps = [look["step"] for look in looks]
    lines = {
        "memory, MiB": [look["memory_mib"] for look in looks],
        "open files and threads": [look["handles"] for look in looks],
        TIME: [float("nan"), *_milliseconds(looks, "seconds")],
        "run folder, MiB": [look["folder_mib"] for look in looks],
    }
    figure = Figure(figsize=(10, 6), layout="constrained")
    for axes, (title, values) in zip(figure.subplots(2, 2).flat, lines.items(), strict=True):
        axes.plot(steps, values, label="elapsed" if title == TIME else "open files")
        if title == TIME:
            of_processors = [float("nan"), *_milliseconds(looks, "processor_seconds")]
            axes.plot(steps, of_processors, label="of processors")
            axes.legend()
        if "threads" in title:
            axes.plot(steps, [look["threads"] for look in looks], label="threads")
            axes.legend()
        axes.set(title=title, xlabel="step", ylim=(0, None))
        axes.grid(alpha=0.3)
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=100)
    return png.getvalue()


def _milliseconds(looks: list[Look], name: str) -> list[float]:
    return [
        1e3 * (b[name] - a[name]) / (b["step"] - a["step"]) for a, b in itertools.pairwise(looks)
    ]


def main() -> int:
    """Trains, watches and writes."""
    parser = argparse.ArgumentParser("python -m benchmarks.long_run", description=__doc__)
    parser.add_argument("--steps", type=int, default=STEPS, help=f"[{STEPS}]")
    parser.add_argument(
        "--output", type=Path, default=Path("build/long_run"), metavar="DIR",
        help="for the pairs, the run and what was seen [build/long_run]",
    )  # fmt: skip
    arguments = parser.parse_args()
    # Only now: asking for --help costs no TensorFlow import.
    from benchmarks.images import write_jpeg_pairs

    pairs = arguments.output / "pairs"
    if not pairs.exists():
        write_jpeg_pairs(pairs, SIZE, PAIRS, splits=("train", "val"))
    looks = []
    for look in watched(arguments.output / "run", pairs, arguments.steps):
        looks.append(look)
        print("  ".join(f"{name} {value:.5g}" for name, value in look.items()), flush=True)
        if len(looks) > 1:
            write_looks(looks, arguments.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
