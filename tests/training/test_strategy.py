"""The same step on one device and on two, and runs whose batches two devices share."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.training.same_bits import assert_same_bits, checkpoint_tensors
from tfpix2pix.errors import SettingsError
from tfpix2pix.training import strategies
from tfpix2pix.training.strategies import choose_strategy

TINY = {
    "batch-size": 4,
    "load-size": 36,
    "crop-size": 32,
    "base-filters": 4,
    "n-layers": 1,
    "sample-every": 20,
    "validate-every": 20,
    "checkpoint-every": 10,
}


def run_program(name, *arguments):
    program = Path(__file__).with_name(name)
    command = [sys.executable, str(program), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.slow
@pytest.mark.parametrize("words", [[], ["parts"]])
def test_two_replicas_of_half_a_batch_each_train_as_one_device_with_all_of_it(words):
    assert float(run_program("two_replicas.py", *words).stdout) < 1e-5


@pytest.fixture(scope="module")
def runs(tmp_path_factory, module_pairs_folder):
    """Trains, in a program that has two logical CPUs, or goes on with a run."""
    folder = tmp_path_factory.mktemp("runs")

    def run(name, **flags):
        data = [] if "resume" in flags else ["--data", module_pairs_folder]
        flags = flags if "resume" in flags else TINY | flags
        words = [
            word
            for flag, value in flags.items()
            for word in ([f"--{flag}"] if value is True else [f"--{flag}", value])
        ]
        done = run_program("mirrored_run.py", "--run-dir", folder / name, *data, *words)
        return folder / name, done.stderr

    return run


def furthest(one, other):
    """How far the weights of two runs' last checkpoints lie apart."""
    found, expected = checkpoint_tensors(one), checkpoint_tensors(other)
    assert found.keys() == expected.keys()
    weights = [n for n in expected if n.startswith(("generator/", "discriminator/"))]
    kinds = {n: np.asarray(expected[n]).dtype.kind for n in weights}
    return max(np.abs(found[n] - expected[n]).max() for n in weights if kinds[n] == "f")


@pytest.mark.slow
def test_a_run_of_two_devices_ends_as_that_of_one_and_each_goes_on_with_the_other_s(runs):
    """Batch 4 against twice 2: jitter too is that of the whole batch."""
    same = {"sync-norm": True, "dropout": 0, "steps": 20}
    one, _ = runs("one", strategy="one", **same)
    two, said = runs("two", strategy="mirrored", **same)
    assert "batches shared by 2 devices" in said
    assert furthest(two, one) < 1e-4
    rows = [np.genfromtxt(run / "metrics.csv", delimiter=",", names=True) for run in (one, two)]
    np.testing.assert_allclose(rows[0]["l1_loss"], rows[1]["l1_loss"], rtol=1e-3)
    for run, config in ((one, "mirrored"), (two, "one")):
        file = run / "config.yaml"
        old = "one" if config == "mirrored" else "mirrored"
        assert f"strategy: {old}" in file.read_text()
        file.write_text(file.read_text().replace(f"strategy: {old}", f"strategy: {config}"))
    runs("one", resume=True, steps=24)
    runs("two", resume=True, steps=24)
    assert furthest(two, one) < 1e-4


@pytest.mark.slow
def test_a_run_of_two_devices_with_dropout_goes_on_to_the_same_bits(runs):
    whole, _ = runs("whole", strategy="mirrored", steps=4)
    runs("halves", strategy="mirrored", steps=2)
    halves, said = runs("halves", resume=True, steps=4)
    assert "resuming at step 2" in said
    assert_same_bits(halves, whole)


@pytest.mark.slow
def test_replicas_draw_masks_of_their_own():
    first, second = run_program("replicas_noise.py").stdout.splitlines()
    assert first.split() != second.split()
    assert set(first.split()) | set(second.split()) == {"0.0", "2.0"}


class Device:
    def __init__(self, name):
        self.name = name


@pytest.mark.parametrize(
    ("name", "gpus", "batch_size", "message"),
    [
        ("mirrored", 0, 4, "TensorFlow sees none: use auto, or one"),
        ("mirrored", 1, 4, "TensorFlow sees one: use auto, or one"),
        ("mirrored", 2, 3, "batch_size 3 cannot be shared evenly by 2 devices: give a multiple of"),
    ],
)
def test_devices_that_cannot_share_batches_are_refused(
    name, gpus, batch_size, message, monkeypatch
):
    pretend(monkeypatch, gpus)
    with pytest.raises(SettingsError, match=message):
        choose_strategy(name, batch_size)


def test_devices_share_batches_that_each_can_cut_into_parts(monkeypatch):
    pretend(monkeypatch, gpus=2)
    message = r"batch_size 6 cannot be shared evenly by 2 devices in 2 parts each \(accumulate\)"
    with pytest.raises(SettingsError, match=message + ": give a multiple of 4"):
        choose_strategy("mirrored", 6, parts=2)
    assert isinstance(choose_strategy("auto", 6, parts=2), tf.distribute.OneDeviceStrategy)


def pretend(monkeypatch, gpus):
    found = {"GPU": [Device(f"/gpu:{n}") for n in range(gpus)], "CPU": [Device("/cpu:0")]}
    monkeypatch.setattr(tf.config, "list_logical_devices", found.get)


@pytest.mark.parametrize(("name", "batch_size"), [("one", 4), ("auto", 4), ("auto", 3)])
def test_without_several_devices_there_is_one(name, batch_size):
    strategy = choose_strategy(name, batch_size)
    assert isinstance(strategy, tf.distribute.OneDeviceStrategy)
    assert strategies.devices_shown(strategy) == ""


def test_auto_takes_one_gpu_where_several_could_not_share_evenly(monkeypatch):
    found = {"GPU": [Device("/gpu:0"), Device("/gpu:1")], "CPU": [Device("/cpu:0")]}
    monkeypatch.setattr(tf.config, "list_logical_devices", found.get)
    assert isinstance(choose_strategy("auto", 1), tf.distribute.OneDeviceStrategy)
