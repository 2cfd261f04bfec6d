"""kill -9 at a hundred random moments of trainings, and of exports."""

import contextlib
import os
import random
import signal
import sys
import threading
import time
from collections import defaultdict

import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import write_pairs
from tests.faults.tiny import (
    EAGERLY,
    STEPS,
    assert_named_are_whole,
    assert_same_run,
    logged_steps,
    new_run,
    resumed,
)

pytestmark = pytest.mark.slow

KILLS = 100
EXPORT_KILLS = 8
# In which phase, and how often: a grid and best weights come seldom.
PHASES = {"step": 3, "checkpoint": 4, "log row": 1, "sample grid": 2, "best weights": 1}


class Killer(threading.Thread):
    """Reads the phases of a process, and kills it some time after one has begun."""

    def __init__(self, pipe, phase=None, number=1, delay=0.0):
        super().__init__(daemon=True)
        self._pipe, self._aim, self._delay = pipe, (phase, number), delay
        self.pid = threading.Event()
        self.number = 0
        self.durations = defaultdict(list)
        self.killed_in = None

    def run(self):
        counts, began, under_way = defaultdict(int), {}, []
        with self._pipe.open() as lines:
            for line in lines:
                name, at = line[1:].rsplit(" ", 1)
                if line[0] == "-":
                    self.durations[name].append(float(at) - began[name])
                    under_way.remove(name)
                    continue
                counts[name] += 1
                began[name] = float(at)
                under_way.append(name)
                if (name, counts[name]) == self._aim:
                    self._kill(name)

    def _kill(self, name):
        time.sleep(self._delay)
        self.pid.wait()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.number, signal.SIGKILL)
        self.killed_in = name


def live(zygote, folder, command, prepare, **aim):
    """Runs a command that is killed, or not; returns its status and the killer."""
    pipe = folder / "pipe"
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    killer = Killer(pipe, **aim)
    killer.start()
    log = folder / "log"
    killer.number = zygote.start(log, command, [*prepare, ["telling_phases", str(pipe)]])
    killer.pid.set()
    status = zygote.wait(killer.number)
    with contextlib.suppress(OSError):  # where it was killed before it opened the pipe
        os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
    killer.join()
    return status, killer, log.read_text()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("killed")


@pytest.fixture(scope="module")
def pairs(place):
    return write_pairs(place / "pairs")


@pytest.fixture(scope="module")
def whole(place, pairs, zygote):
    """An uninterrupted run, and how long each phase of it took."""
    status, killer, said = live(zygote, place, new_run(place / "whole", pairs), EAGERLY)
    assert status == 0, said
    means = {name: float(np.mean(seconds)) for name, seconds in killer.durations.items()}
    return place / "whole", means


def kill_once(zygote, place, run_dir, pairs, durations, rng):
    """Starts or resumes a run and kills it; returns in what, or None if it came to its end."""
    began = (run_dir / "config.yaml").exists()
    before = assert_named_are_whole(run_dir)
    command = resumed(run_dir) if began else new_run(run_dir, pairs)
    phase = rng.choices(list(PHASES), list(PHASES.values()))[0]
    number = rng.choice((1, 1, 2)) if phase in ("step", "checkpoint", "log row") else 1
    delay = rng.uniform(0, durations[phase])
    status, killer, said = live(
        zygote, place, command, EAGERLY, phase=phase, number=number, delay=delay
    )
    if before is not None:
        assert f"resuming at step {before}\n" in said, said
    assert status in (0, -signal.SIGKILL), said
    after = assert_named_are_whole(run_dir)
    assert (after or 0) >= (before or 0)
    return killer.killed_in if status else None


def test_killed_a_hundred_times_it_ends_with_the_same_bits(zygote, place, pairs, whole, tally):
    rng = random.Random(0)
    kills, chain = 0, 0
    while kills < KILLS:
        chain += 1
        run_dir = place / f"chain-{chain}"
        phases = []
        while kills + len(phases) < KILLS:
            phase = kill_once(zygote, place, run_dir, pairs, whole[1], rng)
            if phase is None:
                break
            phases.append(phase)
        kills += len(phases)
        if logged_steps(run_dir)[-1] < STEPS:
            status, _, said = live(zygote, place, resumed(run_dir), EAGERLY)
            assert status == 0, said
        assert_same_run(run_dir, whole[0])
        for phase in phases:
            tally.add(f"kill -9 in a {phase}".replace("a best", "best"))
    sys.stdout.write(f"\n{kills} kills in {chain} runs of {STEPS} steps\n")


def exported(version):
    """The weights of an export."""
    reader = tf.train.load_checkpoint(str(version / "variables" / "variables"))
    names = [n for n in reader.get_variable_to_shape_map() if n.endswith("VARIABLE_VALUE")]
    return {name: reader.get_tensor(name) for name in names}


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_no_half_export_ever_looks_whole(zygote, place, whole, tally):
    run_dir, rng = whole[0], random.Random(1)
    command = ["export", run_dir, "--output"]
    status, killer, said = live(zygote, place, [*command, place / "export"], [])
    assert status == 0, said
    expected = place / "export" / "1"
    (writing,) = killer.durations["writing of an export"]
    for number in range(EXPORT_KILLS):
        output = place / f"export-{number}"
        # The files are there at the end of it, and after it they are checked.
        delay = writing * rng.uniform(0.4, 1.4)
        aim = {"phase": "writing of an export", "delay": delay}
        status, _, said = live(zygote, place, [*command, output], [], **aim)
        assert status in (0, -signal.SIGKILL), said
        versions = [p for p in output.iterdir() if not p.name.startswith(".partial-")]
        assert all(files(version) == files(expected) for version in versions)
        if number % 4 == 0:
            status, _, said = live(zygote, place, [*command, output], [])
            assert status == 0, said
            latest = output / str(len(versions) + 1)
            assert files(latest) == files(expected)
            for name, values in exported(expected).items():
                np.testing.assert_array_equal(exported(latest)[name], values, err_msg=name)
        if status:  # else it came to its end before
            tally.add("kill -9 in an export")
