"""Pairs that vanish or break under a run, a clock that goes back, and two runs in one folder."""

import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.conftest import write_pairs
from tests.faults.tiny import (
    EAGERLY,
    assert_named_are_whole,
    assert_one_error,
    assert_same_run,
    new_run,
    resumed,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("place")


@pytest.fixture
def pairs(place):
    """The pairs, always in the same place, and whole before each test."""
    shutil.rmtree(place / "pairs", ignore_errors=True)
    return write_pairs(place / "pairs")


@pytest.fixture(scope="module")
def whole(zygote, place):
    pairs = write_pairs(place / "pairs")
    status, said = zygote.run(place / "log", new_run(place / "whole", pairs), EAGERLY)
    assert status == 0, said
    return place / "whole"


def lose(zygote, place, command, run_dir, pairs, preparation):
    """Runs a training that loses pairs, which it says in one line; nothing else is lost."""
    before = assert_named_are_whole(run_dir)
    status, said = zygote.run(place / "log", command, [*EAGERLY, preparation])
    assert status == 1, said
    assert_one_error(said, str(pairs))
    assert (assert_named_are_whole(run_dir) or 0) >= (before or 0)


def test_lost_and_broken_pairs_are_named_and_put_back_it_ends_in_the_same_bits(
    zygote, place, pairs, whole, tally
):
    first, train = place / "lost", pairs / "train"
    lose(zygote, place, new_run(first, pairs), first, pairs, ["removing_at", "step", 2, str(pairs)])
    status, said = zygote.run(place / "log", resumed(first), EAGERLY)
    assert status == 1, said
    assert_one_error(said, f"there is no folder {pairs}")
    tally.add("data folder vanished while training", times=2)

    write_pairs(pairs)
    files = sorted(str(file) for file in train.iterdir())
    faults = {
        "file truncated while training": ["truncating_at", "step", 1, *files],
        "held-out file truncated while training": [
            "truncating_at", "step", 1, str(pairs / "val" / "7.png")
        ],
        "file deleted while training": ["removing_at", "step", 1, files[1]],
    }  # fmt: skip
    for number, (fault, preparation) in enumerate(faults.items()):
        run_dir = shutil.copytree(first, place / f"lost-{number}")
        lose(zygote, place, resumed(run_dir), run_dir, pairs, preparation)
        shutil.rmtree(pairs)
        write_pairs(pairs)
        tally.add(fault)
    status, said = zygote.run(place / "log", resumed(run_dir), EAGERLY)
    assert status == 0, said
    assert_same_run(run_dir, whole)


def test_a_clock_that_goes_back_changes_nothing(zygote, place, pairs, whole, tally):
    run_dir = place / "clock"
    command = new_run(run_dir, pairs)
    status, said = zygote.run(place / "log", command, [*EAGERLY, ["clock_set_back"]])
    assert status == 0, said
    assert_same_run(run_dir, whole)
    lines = (run_dir / "metrics.csv").read_text().splitlines()
    column = lines[0].split(",").index("images_per_second")
    speeds = [float(line.split(",")[column]) for line in lines[2:]]
    assert min(speeds) > 0
    tally.add("clock set back")


def wait_until_stopped(pid):
    end = time.monotonic() + 300
    while time.monotonic() < end:
        with Path(f"/proc/{pid}/stat").open() as file:
            if file.read().rsplit(")", 1)[1].split()[0] == "T":
                return
        time.sleep(0.05)
    pytest.fail("it did not come to the step")


def test_two_trainings_in_one_folder(zygote, place, pairs, whole, tally):
    run_dir = place / "two"
    preparation = [*EAGERLY, ["stopping_at", "step", 6]]
    first = zygote.start(place / "first.log", new_run(run_dir, pairs), preparation)
    wait_until_stopped(first)
    try:
        status, said = zygote.run(place / "log", resumed(run_dir), EAGERLY)
        assert status == 1
        assert_one_error(said, f"^error: {run_dir} is in use by another process: wait for it")
        status, said = zygote.run(place / "log", new_run(run_dir, pairs), EAGERLY)
        assert status == 1
        assert_one_error(said, f"^error: {run_dir} already holds a run")
    finally:
        os.kill(first, signal.SIGKILL)
        assert zygote.wait(first) == -signal.SIGKILL
    assert (run_dir / ".lock").exists()  # the file is left, the lock is not
    status, said = zygote.run(place / "log", resumed(run_dir), EAGERLY)
    assert status == 0, said
    assert_same_run(run_dir, whole)
    tally.add("two trainings in one run folder", times=2)
    tally.add("lock of a killed run")
