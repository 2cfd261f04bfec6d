"""Bits flipped at random in any file of a run's checkpoints: found, or of no effect."""

import random
import shutil

import numpy as np
import pytest
import tensorflow as tf

from tests.tiny_runs import write_settings
from tfpix2pix.errors import UserError
from tfpix2pix.training.best_weights import BestWeights
from tfpix2pix.training.checkpoints import Checkpoints, restore_exactly
from tfpix2pix.training.kept import check_whole, find_checkpoint
from tfpix2pix.training.state import TrainState, named_weights

pytestmark = pytest.mark.slow

TRIES = 400
STEPS = (8, 10)


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    return TrainState(write_settings(tmp_path_factory.mktemp("settings")).settings(), 10)


def weights(state):
    return {name: v.numpy() for name, v in named_weights(state.networks.generator).items()}


def unlike(state, step):
    """Gives every weight of the generator a value of its step."""
    for number, variable in enumerate(named_weights(state.networks.generator).values()):
        variable.assign(tf.fill(variable.shape, float(step + number / 1000)))
    state.step.assign(step)


@pytest.fixture(scope="module")
def sound(state, tmp_path_factory):
    """A folder of two checkpoints and the best weights, and what each step's weights are."""
    folder = tmp_path_factory.mktemp("sound") / "checkpoints"
    expected = {}
    settings = write_settings(tmp_path_factory.mktemp("settings")).settings()
    for step in STEPS:
        unlike(state, step)
        Checkpoints(state, folder, 3).save()
        expected[step] = weights(state)
    BestWeights(state, settings.train, folder).save()
    return folder, expected


def same(one, other):
    return all(np.array_equal(one[name], values) for name, values in other.items())


def flipped(folder, rng):
    """Flips one to three bits in one file."""
    file = rng.choice(sorted(path for path in folder.rglob("*") if path.is_file()))
    content = bytearray(file.read_bytes())
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(8 * len(content))
        content[at // 8] ^= 1 << at % 8
    file.write_bytes(content)
    return file


def answers_as_asked(state, folder, which, expected):
    """Whether the weights that a prediction takes are those that were asked for, or none."""
    try:
        path, _ = find_checkpoint(folder, which)
        check_whole(path)
        parts = tf.train.Checkpoint(generator=named_weights(state.networks.generator))
        restore_exactly(parts, path)
    except UserError:
        return True
    return same(weights(state), expected)


def test_flipped_bits_never_give_other_weights_unsaid(state, sound, tmp_path, tally, capsys):
    folder, expected = sound
    rng, resumed_at = random.Random(0), []
    for number in range(TRIES):
        damaged = tmp_path / str(number)
        shutil.copytree(folder, damaged)
        file = flipped(damaged, rng)
        shown = (number, str(file.relative_to(damaged)))
        for which in ("latest", "best"):
            unlike(state, 99)
            assert answers_as_asked(state, damaged, which, expected[STEPS[-1]]), (which, shown)
        unlike(state, 99)
        assert Checkpoints(state, damaged, 3).restore_latest(), shown
        said = capsys.readouterr().err
        step = state.steps_done
        resumed_at.append(step)
        assert same(weights(state), expected[step]), shown
        assert step == STEPS[-1] or "going on from the checkpoint before it" in said, shown
        shutil.rmtree(damaged)
    tally.add("bits flipped in a checkpoint's files", times=TRIES)
    assert set(resumed_at) == set(STEPS)
