"""Workers that train each by itself, with parameter servers: what becomes of a run, and of them."""

import csv
import math
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from tests.cli.test_launch import TINY, wait_for_step, worker_processes
from tfpix2pix.cli import main as cli

# As the launcher starts them.
CHIEF, FIRST_WORKER, SECOND_WORKER, SERVER = range(4)
MOST_SECONDS = 150


@pytest.fixture
def launched(tmp_path, module_pairs_folder):
    """Starts a long run of two workers and a parameter server; its folder and the launcher."""
    run_dir = tmp_path / "run"
    command = [sys.executable, "-m", "tfpix2pix", "launch"]
    command += ["--workers", "2", "--parameter-servers", "1", "--", *TINY]
    command += ["--strategy", "parameter_server", "--steps", "100000", "--keep-checkpoints", "1000"]
    command += ["--data", str(module_pairs_folder), "--run-dir", str(run_dir)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    yield run_dir, process
    if process.poll() is None:
        process.terminate()
    process.communicate()


def weights(run_dir, step):
    reader = tf.train.load_checkpoint(str(run_dir / "checkpoints" / f"step-{step}"))
    names = reader.get_variable_to_shape_map()
    return {name: reader.get_tensor(name) for name in names if name.startswith("generator/")}


def last_step(run_dir):
    return int(tf.train.latest_checkpoint(run_dir / "checkpoints").rsplit("-", 1)[1])


@pytest.mark.slow
def test_without_a_worker_the_others_go_on_and_one_device_goes_on_with_the_run(launched, capfd):
    run_dir, process = launched
    wait_for_step(process, 10)
    os.kill(worker_processes(process)[SECOND_WORKER], signal.SIGKILL)
    wait_for_step(process, 30)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=MOST_SECONDS)[1]
    assert process.returncode == 128 + signal.SIGTERM
    assert "worker 1 was ended by SIGKILL" in said

    done = last_step(run_dir)
    assert done >= 30
    before, after = weights(run_dir, 5), weights(run_dir, done)
    assert all(np.isfinite(value).all() for value in after.values())
    assert all((before[name] != after[name]).any() for name in after if "kernel" in name)
    rows = list(csv.DictReader((run_dir / "metrics.csv").open()))
    assert all(math.isfinite(float(row["generator_loss"])) for row in rows if row["generator_loss"])

    config = run_dir / "config.yaml"
    text = config.read_text().replace("strategy: parameter_server", "strategy: one")
    config.write_text(text)
    words = ["train", "--run-dir", str(run_dir), "--resume", "--steps", str(done + 2)]
    assert cli.main(words) == 0
    assert f"resuming at step {done}" in capfd.readouterr().err
    photo = run_dir / "samples" / "inputs"
    assert cli.main(["predict", str(run_dir), str(photo), "--output", str(run_dir / "p")]) == 0


@pytest.mark.slow
def test_without_its_server_a_run_ends_with_a_line(launched):
    run_dir, process = launched
    wait_for_step(process, 10)  # the checkpoint of step 5 is complete
    os.kill(worker_processes(process)[SERVER], signal.SIGKILL)
    start = time.monotonic()
    said = process.communicate(timeout=MOST_SECONDS)[1]
    assert time.monotonic() - start < MOST_SECONDS
    assert process.returncode == 1
    assert "error: a parameter server has stopped or cannot be reached, so all stop" in said
    assert f"--run-dir {run_dir} --resume" in said
    assert "parameter server 0 was ended by SIGKILL" in said
    assert last_step(run_dir) >= 5
