"""Runs in processes of their own that are killed or asked to stop, and resumed."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tensorflow as tf

from tests.training.same_bits import assert_same_bits

STEPS = 40
TINY_FLAGS = (
    "--load-size 18 --crop-size 16 --base-filters 2 --depth 3 --n-layers 1 --batch-size 2 "
    "--cache-gib 0 --update alternating --lr-schedule linear "
    f"--steps {STEPS} --log-every 1 --checkpoint-every 2 --sample-every 20 --validate-every 20"
).split()
TIME_LIMIT = 120  # seconds for any wait


def start(run_dir, *flags):
    command = [sys.executable, "-m", "tfpix2pix", "train", "--run-dir", str(run_dir), *flags]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )


def start_new(run_dir, pairs_folder):
    return start(run_dir, "--config", os.devnull, "--data", str(pairs_folder), *TINY_FLAGS)


def finish(process):
    output, _ = process.communicate(timeout=TIME_LIMIT)
    assert process.returncode == 0, output
    return output


def wait_for(condition, process):
    end = time.monotonic() + TIME_LIMIT
    while time.monotonic() < end and process.poll() is None:
        if condition():
            return
        time.sleep(0.001)
    process.kill()
    pytest.fail(f"did not happen: {condition}; the process said {process.communicate()[0]}")


def has_step(run_dir: Path, step: int):
    """Whether the run has logged this step."""
    metrics = run_dir / "metrics.csv"
    return lambda: metrics.exists() and re.search(rf"^{step},", metrics.read_text(), re.MULTILINE)


def writes_checkpoint(run_dir: Path, after: int):
    """Whether a checkpoint later than `after` is being written, and not complete."""

    def condition():
        folder = run_dir / "checkpoints"
        started = {
            int(m[1]) for f in folder.glob("step-*") if (m := re.match(r"step-(\d+)", f.name))
        }
        latest = tf.train.latest_checkpoint(str(folder))
        done = int(latest.rsplit("-", 1)[1]) if latest else 0
        return any(step > max(after, done) for step in started)

    return condition


@pytest.mark.slow
def test_killed_at_any_moment_and_resumed_it_ends_with_the_same_bits(pairs_folder, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    finish(start_new(whole, pairs_folder))

    moments = [
        (killed / "config.yaml").exists,
        has_step(killed, 1),
        has_step(killed, 7),
        writes_checkpoint(killed, after=12),
        has_step(killed, 29),
    ]
    process = start_new(killed, pairs_folder)
    for moment in moments:
        wait_for(moment, process)
        process.send_signal(signal.SIGKILL)
        assert process.wait(TIME_LIMIT) == -signal.SIGKILL
        process.stdout.close()
        process = start(killed, "--resume")
    assert f"done: {STEPS} steps" in finish(process)

    assert_same_bits(killed, whole)
    steps = [line.split(",")[0] for line in (killed / "metrics.csv").read_text().splitlines()[1:]]
    assert steps == [str(step) for step in range(STEPS + 1)]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_asked_to_stop_it_writes_a_checkpoint_and_says_how_to_resume(
    number, code, pairs_folder, tmp_path
):
    run_dir = tmp_path / "run"
    process = start_new(run_dir, pairs_folder)
    wait_for(has_step(run_dir, 3), process)
    process.send_signal(number)
    output, _ = process.communicate(timeout=TIME_LIMIT)
    assert process.returncode == code, output
    assert f"resume with: tfpix2pix-train --run-dir {run_dir} --resume" in output
    assert "Traceback" not in output
    step = int(re.search(r"stopped at step (\d+)", output)[1])
    assert tf.train.latest_checkpoint(str(run_dir / "checkpoints")).endswith(f"step-{step}")
    assert f"done: {STEPS} steps" in finish(start(run_dir, "--resume"))
