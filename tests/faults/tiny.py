"""Trainings small enough to be broken a hundred times."""

import os
import re

from tests.training.same_bits import assert_same_bits
from tfpix2pix.training.checksums import find_damage
from tfpix2pix.training.kept import named_steps

STEPS = 24
FLAGS = (
    "--load-size 18 --crop-size 16 --base-filters 2 --depth 3 --n-layers 1 --batch-size 2 "
    "--cache-gib 0 --update alternating --lr-schedule linear --sample-pairs 2 --log-every 1 "
    f"--steps {STEPS} --checkpoint-every 2 --sample-every 6 --validate-every 8"
).split()
EAGERLY = [["eagerly"], ["without_tensorboard"]]


def new_run(run_dir, pairs, *flags):
    config = ("--config", os.devnull)
    return ["train", "--run-dir", run_dir, *config, "--data", pairs, *FLAGS, *flags]


def resumed(run_dir):
    return ["train", "--run-dir", run_dir, "--resume"]


def logged_steps(run_dir):
    lines = (run_dir / "metrics.csv").read_text().splitlines()[1:]
    return [int(line.split(",")[0]) for line in lines]


def figures(run_dir):
    """The rows of metrics.csv without the speed."""
    lines = (run_dir / "metrics.csv").read_text().splitlines()
    speed = lines[0].split(",").index("images_per_second")
    rows = [line.split(",") for line in lines]
    return [row[:speed] + row[speed + 1 :] for row in rows]


def assert_same_run(one, other):
    """The same bits in the last checkpoint and in the best weights, and the same rows."""
    assert_same_bits(one, other)
    assert logged_steps(one) == list(range(STEPS + 1))
    assert figures(one) == figures(other)
    best = [
        sorted(p.name for p in (run / "checkpoints" / "best").iterdir()) for run in (one, other)
    ]
    assert best[0] == best[1]
    left = [str(p) for p in one.rglob(".partial-*") if p.parent.name == "best"]
    assert not left


def assert_named_are_whole(run_dir):
    """Returns the step of the last checkpoint, None if there is none yet."""
    steps = named_steps(run_dir / "checkpoints")
    for step in steps:
        assert find_damage(str(run_dir / "checkpoints" / f"step-{step}")) is None
    return steps[-1] if steps else None


def assert_one_error(said, pattern):
    """One line that says what is wrong, and no traceback."""
    assert "Traceback" not in said, said
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, said
    assert re.search(pattern, errors[0]), errors[0]
