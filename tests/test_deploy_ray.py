"""Workers that Ray starts, and starts again: they train as those of `tfpix2pix launch` do."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

pytest.importorskip("ray", reason="needs pip install 'tfpix2pix[ray]'")
PROGRAM = Path(__file__).parents[1] / "deploy" / "ray" / "train.py"
SMALL = {
    "batch_size": 4,
    "load_size": 36,
    "crop_size": 32,
    "base_filters": 4,
    "n_layers": 1,
    "steps": 200,
    "checkpoint_every": 10,
    "sample_every": 1000,
    "validate_every": 1000,
}
MOST_SECONDS = 400


def children_of(number):
    return [
        int(child)
        for file in Path(f"/proc/{number}/task").glob("*/children")
        for child in file.read_text().split()
    ]


def ray_workers(number):
    """Processes below this one in which Ray trains."""
    found = []
    for child in children_of(number):
        found += ray_workers(child)
        if b"RayTrainWorker" in Path(f"/proc/{child}/cmdline").read_bytes():
            found.append(child)
    return found


@pytest.mark.slow
def test_workers_by_ray_train_one_run_and_go_on_after_a_loss(tmp_path, module_pairs_folder):
    run_dir = tmp_path / "run"
    words = [f"{name}={value}" for name, value in SMALL.items()]
    command = [sys.executable, PROGRAM, "--workers", "2", "--preset", "demo", "--set", *words]
    command += ["--data", module_pairs_folder, "--run-dir", run_dir]
    with (tmp_path / "said").open("w+") as said:
        process = subprocess.Popen(list(map(str, command)), stdout=said, stderr=subprocess.STDOUT)
        until = time.monotonic() + MOST_SECONDS
        while not list(run_dir.glob("checkpoints/step-20.index")):
            assert process.poll() is None, (tmp_path / "said").read_text()
            assert time.monotonic() < until
            time.sleep(0.2)
        os.kill(ray_workers(process.pid)[0], signal.SIGKILL)
        assert process.wait(timeout=MOST_SECONDS) == 0
        said.seek(0)
        text = said.read()
    assert "batches shared by 2 devices" in text
    assert "resuming at step" in text
    assert (run_dir / "checkpoints" / "step-200.index").exists()
    config = yaml.safe_load((run_dir / "config.yaml").read_text())
    assert config["train"]["strategy"] == "multiworker"
