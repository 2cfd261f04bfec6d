"""Local workers: started, ended together, and what they train."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.training.same_bits import assert_same_bits
from tests.training.test_strategy import furthest
from tfpix2pix.cli import launch
from tfpix2pix.cli import main as cli

TINY = [
    "--batch-size",
    "4",
    "--load-size",
    "36",
    "--crop-size",
    "32",
    "--base-filters",
    "4",
    "--n-layers",
    "1",
    "--sample-every",
    "1000",
    "--validate-every",
    "1000",
    "--checkpoint-every",
    "5",
    "--log-every",
    "5",
]
# Of a worker that is killed, until all have stopped: the other notices within TensorFlow's
# interval, and is told after a minute.
MOST_SECONDS = 100


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--workers", "2"], "launch needs --run-dir behind --"),
        (["--workers", "0", "--", "--run-dir", "RUN"], "--workers"),
        (["--", "--run-dir", "RUN"], "--workers"),
    ],
)
def test_what_cannot_be_launched_is_refused(words, message, capsys):
    assert cli.main(["launch", *words]) == 2
    assert message in capsys.readouterr().err


def test_wrong_settings_are_told_once_and_end_all(tmp_path, capfd):
    run_dir = tmp_path / "run"
    words = ["launch", "--workers", "2", "--", "--run-dir", str(run_dir), "--stepps", "3"]
    start = time.monotonic()
    assert cli.main(words) == 2
    assert time.monotonic() - start < launch.TO_NOTICE
    said = capfd.readouterr().err
    assert "unknown argument --stepps: did you mean --steps?" in said
    assert not run_dir.exists()


@pytest.fixture(scope="module")
def launched(tmp_path_factory, module_pairs_folder):
    """Starts two workers, in a program of their own; a function of the run's name and flags."""
    folder = tmp_path_factory.mktemp("runs")
    started = []

    def start(name, *flags):
        data = [] if "--resume" in flags else ["--data", str(module_pairs_folder), *TINY]
        train = [*data, "--run-dir", str(folder / name), *map(str, flags)]
        command = [sys.executable, "-m", "tfpix2pix"]
        command += (
            ["train", *train] if name == "one" else ["launch", "--workers", "2", "--", *train]
        )
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return folder / name, process

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.wait()
        process.stderr.close()


def finished(start):
    run_dir, process = start
    said = process.communicate()[1]
    assert process.returncode == 0, said
    return run_dir


@pytest.mark.slow
def test_two_workers_end_as_one_device(launched):
    flags = ("--sync-norm", "--dropout", 0, "--steps", 20)
    two = finished(launched("two", *flags))
    one = finished(launched("one", *flags))
    assert furthest(two, one) < 1e-4
    assert {path.name for path in two.iterdir()} == {path.name for path in one.iterdir()}


def worker_processes(launcher):
    """Their numbers, the chief's first."""
    children = f"/proc/{launcher.pid}/task/{launcher.pid}/children"
    with open(children) as file:  # noqa: PTH123
        return sorted(map(int, file.read().split()))


def wait_for_step(process, step):
    for line in process.stderr:
        if line.startswith(f"step {step}/"):
            return
    raise AssertionError(f"ended before step {step}")


@pytest.fixture(scope="module")
def whole(launched):
    """A run that nobody disturbed."""
    return finished(launched("whole", "--steps", 60))


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_worker_that_is_killed_ends_all_and_all_go_on_to_the_same_bits(victim, whole, launched):
    name = f"killed{victim}"
    run_dir, process = launched(name, "--steps", 60)
    wait_for_step(process, 10)
    os.kill(worker_processes(process)[victim], signal.SIGKILL)
    start = time.monotonic()
    said = process.communicate(timeout=MOST_SECONDS)[1]
    assert time.monotonic() - start < MOST_SECONDS
    assert process.returncode == 128 + signal.SIGKILL
    assert f"worker {victim} was ended by SIGKILL" in said
    assert "another worker has stopped or cannot be reached" in said
    assert f"--run-dir {run_dir} --resume" in said
    finished(launched(name, "--resume"))
    assert_same_bits(run_dir, whole)


@pytest.mark.slow
def test_sigterm_has_all_write_a_checkpoint_and_stop(whole, launched):
    run_dir, process = launched("told", "--steps", 60)
    wait_for_step(process, 5)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 128 + signal.SIGTERM
    finished(launched("told", "--resume"))
    assert_same_bits(run_dir, whole)
