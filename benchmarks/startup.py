"""Seconds from `tfpix2pix-train` to its first step, as a user of the demo meets them."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path


def seconds_to_first_step() -> float:
    """Of the demo's run, its pictures drawn before; validation and samples of step 0 included.

    Raises:
        RuntimeError: the command failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        run_dir = str(Path(folder) / "run")
        arguments = ["train", "--run-dir", run_dir, "--steps", "1", "--log-every", "1"]
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "tfpix2pix", *arguments],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if line.startswith("step 1/1"):
                seconds = time.perf_counter() - start
                process.communicate()
                return seconds
        raise RuntimeError(f"training failed: {''.join(lines[-5:])}")
