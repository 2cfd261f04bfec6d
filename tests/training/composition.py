"""What a composition of settings must do: see `check_composition`."""

import csv
import dataclasses
import math
import shutil

import keras
import numpy as np
import tensorflow as tf

from tests.training.same_bits import assert_same_bits
from tfpix2pix.ablation.forgetting import networks_forgotten
from tfpix2pix.config import resolve
from tfpix2pix.config.network_sizes import generator_depth
from tfpix2pix.config.sizes import checked_depth
from tfpix2pix.export.savedmodel import export_savedmodel
from tfpix2pix.inference.tiling import own_multiple
from tfpix2pix.losses import LOSS_NAMES
from tfpix2pix.training import run as run_module
from tfpix2pix.training.checkpoints import load_generator, restore_exactly
from tfpix2pix.training.datasets import open_run_data
from tfpix2pix.training.run import resume, train
from tfpix2pix.training.run_folder import RunFolder
from tfpix2pix.training.state import TrainState
from tfpix2pix.training.strategies import choose_strategy

STEPS = 3
EVERY = {
    "steps": STEPS,
    "log_every": 1,
    "checkpoint_every": 1,
    "keep_checkpoints": STEPS,
    "sample_pairs": 1,
}


def check_composition(flags, run_dir):
    """Trains, takes the first step in other ways, resumes and exports.

    Args:
        flags: settings, the data among them.
        run_dir: a new folder; others are made beside it.
    """
    with networks_forgotten():
        train(resolve(flags=flags | EVERY), run_dir)
        rows = losses_of(run_dir)
        assert len(rows) == STEPS
        assert all(math.isfinite(value) for row in rows for value in row.values())
        check_modes(run_dir, rows[0])
        check_resuming(run_dir)
        check_export(run_dir)


def losses_of(run_dir):
    rows = list(csv.DictReader((run_dir / "metrics.csv").open()))
    names = [name for name in rows[1] if name.endswith(("_loss", "_penalty"))]
    return [{name: float(row[name]) for name in names if row[name]} for row in rows[1:]]


def checkpoint(run_dir, step):
    return str(run_dir / "checkpoints" / f"step-{step}")


# --- Eager, as a graph, compiled ------------------------------------------------------------------


def check_modes(run_dir, first_row):
    """The first step comes to the same eagerly, as a graph and compiled by XLA."""
    settings = RunFolder(run_dir).settings()
    precision, is_compiled = settings.train.precision, settings.train.jit == "on"
    steps = FirstSteps(settings, run_dir.with_name("start"))
    layers = steps.dropout_layers()
    eager = steps.take(eager=True)
    if not (is_compiled and layers):
        compare((first_row, steps.gradients_of(checkpoint(run_dir, 1))), eager, precision)
    if layers:
        # Dropout draws in other ways in XLA.
        for layer in layers:
            layer.rate = 0
        eager = steps.take(eager=True)
    compare(steps.take(jit=not is_compiled), eager, precision)


class FirstSteps:
    """The first step of a run, done anew, and anew, in various ways."""

    def __init__(self, settings, start):
        self.settings = settings
        self.data = open_run_data(settings.data)
        self.strategy = choose_strategy("one", 1)
        with self.strategy.scope():
            self.state = TrainState(settings, STEPS, self.data.formats)
        self.checkpoint = self.state.checkpoint()
        self.start = self.checkpoint.write(str(start))

    def dropout_layers(self):
        layers = self.state.networks.generator.layers
        return [x for x in layers if isinstance(x, keras.layers.Dropout) and x.rate > 0]

    def take(self, *, eager=False, jit=False):
        """The losses, and the gradients of all weights."""
        restore_exactly(self.checkpoint, self.start)
        choice = dataclasses.replace(self.settings.train, jit="on" if jit else "off")
        settings = dataclasses.replace(self.settings, train=choice)
        batch = next(iter(self.data.training_batches(settings.train, 0, STEPS)))
        tf.config.run_functions_eagerly(eager)
        try:
            step = run_module._train_step(settings, self.state, self.data, self.strategy)
            measured = step(batch, 0)
            losses = {name: float(measured[name]) for name in LOSS_NAMES if name in measured}
        finally:
            tf.config.run_functions_eagerly(False)
        assert self.state.is_finite()
        return losses, self.gradients()

    def gradients_of(self, path):
        restore_exactly(self.checkpoint, path)
        return self.gradients()

    def gradients(self):
        """Of each network, in Adam's first moments; after one step they are nothing else."""
        networks = self.state.networks
        adams = [
            getattr(optimizer, "inner_optimizer", optimizer)
            for optimizer in (networks.generator_optimizer, networks.discriminator_optimizer)
        ]
        return [
            np.concatenate([moment.numpy().ravel() for moment in adam._momentums]) for adam in adams
        ]


def compare(found, expected, precision):
    """Of losses and gradients: compilers round in other places, and half precision rounds much."""
    (losses, gradients), (expected_losses, expected_gradients) = found, expected
    assert losses.keys() == expected_losses.keys()
    tolerance = 1e-3 if precision == "float32" else 5e-2
    for name, value in expected_losses.items():
        np.testing.assert_allclose(losses[name], value, tolerance, tolerance, err_msg=name)
    # Rounded to half, gradients may be anything where they overflow or norms have little to go by.
    if precision == "float32":
        for gradient, of_all in zip(gradients, expected_gradients, strict=True):
            error, size = np.linalg.norm(gradient - of_all), np.linalg.norm(of_all)
            assert error <= 1e-2 * size, f"gradients differ by {error}, they are {size}"


# --- Afterwards -----------------------------------------------------------------------------------


def check_resuming(run_dir):
    copy = run_dir.with_name("resumed")
    stopped_before_its_end(run_dir, copy)
    resume(copy)
    assert_same_bits(copy, run_dir)


def stopped_before_its_end(run_dir, copy):
    """A copy of a run as it was when its last checkpoint but one had been written."""
    shutil.copytree(run_dir, copy)
    checkpoints = copy / "checkpoints"
    for path in checkpoints.glob(f"step-{STEPS}.*"):
        path.unlink()
    (checkpoints / "checkpoint").write_text(f'model_checkpoint_path: "step-{STEPS - 1}"\n')


def check_export(run_dir):
    run = RunFolder(run_dir)
    settings, formats = run.settings(), run.formats()
    version = export_savedmodel(run_dir, run_dir / "export").path
    size = settings.data.crop_size
    if settings.data.crops_each_pair:
        # Of any size; smaller ones would be padded.
        multiple = own_multiple(settings)
        size = tuple(side + -side % multiple for side in size)
    # The size in training decides the depth.
    depth = generator_depth(settings.model)
    if depth is None:
        depth = checked_depth(*settings.data.crop_size, None)
    deep = dataclasses.replace(settings, model=dataclasses.replace(settings.model, depth=depth))
    generator = load_generator(deep, run.checkpoints, formats, size, dropout_at_prediction=False)
    shape = (1, *size, formats.input.network_channels)
    image = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    served = tf.saved_model.load(str(version)).signatures["generate"](input_image=image)
    np.testing.assert_allclose(
        served["generated_image"], generator(image, training=False), atol=1e-4
    )
