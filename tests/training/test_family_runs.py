"""Whole runs with other objectives, a pool and an average: what they keep, show and load."""

import csv

import keras
import numpy as np
import pytest

from tests.training.same_bits import assert_same_bits, checkpoint_tensors
from tfpix2pix.config import resolve
from tfpix2pix.errors import UserError
from tfpix2pix.losses import LOSS_NAMES
from tfpix2pix.training.checkpoints import load_generator
from tfpix2pix.training.run import resume, train
from tfpix2pix.training.run_folder import RunFolder
from tfpix2pix.training.state import TrainState, named_variables, named_weights

TINY = {
    "load_size": 18,
    "crop_size": 16,
    "base_filters": 2,
    "depth": 3,
    "n_layers": 1,
    "log_every": 2,
    "sample_every": 100,
    "sample_pairs": 1,
    "validate_every": 2,
    "checkpoint_every": 100,
}
EVERYTHING = {
    "gan_loss": "wgan_gp",
    "discriminator_norm": "instance",
    "spectral_norm": "both",
    "discriminator_scales": 2,
    "feature_matching_weight": 10.0,
    "l2_weight": 1.0,
    "charbonnier_weight": 1.0,
    "r1_weight": 1.0,
    "pool_size": 2,
    "diff_augment": ("color", "cutout"),
    "ema_decay": 0.9,
    "clip_norm": 1.0,
    "discriminator_learning_rate": 4e-4,
    "lr_schedule": "cosine",
    "update": "alternating",
}


def settings_of(folder, **flags):
    return resolve(flags=TINY | {"data": str(folder), "steps": 6} | flags)


def rows(run_dir):
    return list(csv.DictReader((run_dir / "metrics.csv").open()))


@pytest.fixture(scope="module")
def whole(module_pairs_folder, tmp_path_factory):
    """A run with everything on, and its result."""
    run_dir = tmp_path_factory.mktemp("family") / "run"
    return run_dir, train(settings_of(module_pairs_folder, **EVERYTHING), run_dir)


@pytest.mark.slow
def test_with_everything_on_a_resumed_run_ends_with_the_same_bits(
    whole, module_pairs_folder, tmp_path
):
    # As if stopped after three steps: the schedule goes by the length of the run.
    stopped = settings_of(module_pairs_folder, **EVERYTHING | {"checkpoint_every": 3})
    train(stopped, tmp_path / "run")
    checkpoints = tmp_path / "run" / "checkpoints"
    state = (checkpoints / "checkpoint").read_text()
    (checkpoints / "checkpoint").write_text(state.replace("step-6", "step-3"))
    resume(tmp_path / "run")
    assert_same_bits(tmp_path / "run", whole[0])


def test_the_checkpoint_holds_pool_average_and_spectral_vectors(whole):
    names = checkpoint_tensors(whole[0])
    for part in ("generator_ema/", "pool/inputs", "pool/generated", "pool/held"):
        assert any(name.startswith(part) for name in names), part
    held = next(value for name, value in names.items() if name.startswith("pool/held"))
    assert held == 2
    assert not any("seed" in name for name in names if name.startswith("generator_ema/"))


def test_metrics_hold_what_was_measured_under_fixed_columns(
    whole, module_pairs_folder, tmp_path, capsys
):
    last = rows(whole[0])[-1]
    filled = {name for name in LOSS_NAMES if last[name]}
    assert filled == set(LOSS_NAMES) - {"perceptual_loss", "cross_entropy_loss"}
    train(settings_of(module_pairs_folder, gan_weight=0.0, steps=2), tmp_path / "run")
    last = rows(tmp_path / "run")[-1]
    assert {name for name in LOSS_NAMES if last[name]} == {"generator_loss", "l1_loss"}
    assert tuple(last) == tuple(rows(whole[0])[-1])
    shown = capsys.readouterr().err
    assert "discriminator none" in shown
    (line,) = (line for line in shown.splitlines() if line.startswith("step 2/2"))
    assert " D " not in line
    assert "GAN" not in line


def test_the_average_predicts_and_is_loaded(whole):
    run = RunFolder(whole[0])
    loaded = load_generator(run.settings(), run.checkpoints, run.formats())
    tensors = checkpoint_tensors(whole[0])

    def kept(part, name):
        return tensors[f"{part}/{name.replace('.', '..')}/.ATTRIBUTES/VARIABLE_VALUE"]

    weights = named_weights(loaded)
    for name, value in weights.items():
        np.testing.assert_array_equal(value, kept("generator_ema", name))
    assert any(not np.array_equal(value, kept("generator", n)) for n, value in weights.items())


def test_a_generator_with_dropout_at_prediction_has_the_same_weights(whole):
    run = RunFolder(whole[0])
    plain, dropping = (
        load_generator(run.settings(), run.checkpoints, run.formats(), dropout_at_prediction=choice)
        for choice in (None, True)
    )
    for one, other in zip(plain.weights, dropping.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_validation_and_samples_are_the_averages(module_pairs_folder, tmp_path):
    fixed = settings_of(module_pairs_folder, ema_decay=1 - 1e-9, steps=2, norm="instance")
    train(fixed, tmp_path / "run")
    first, last = rows(tmp_path / "run")[0], rows(tmp_path / "run")[-1]
    assert first["val_l1"] == last["val_l1"]


def test_a_nan_in_the_average_is_noticed():
    settings = resolve(flags=TINY | {"ema_decay": 0.9})
    state = TrainState(settings, 10)
    assert state.predictor is state.networks.average
    assert state.is_finite()
    state.predictor.trainable_variables[0].assign(state.predictor.trainable_variables[0] * np.nan)
    assert not state.is_finite()


@pytest.mark.parametrize(
    "flags", [{}, {"discriminator_scales": 3, "crop_size": 64}, {"spectral_norm": "both"}], ids=str
)
def test_every_variable_has_a_name_of_its_own_in_a_checkpoint(flags):
    state = TrainState(resolve(flags=TINY | {"load_size": 64} | flags), 10)
    for model in (state.networks.generator, state.networks.discriminator):
        everything = {id(v.value) for layer in model.layers for v in layer.variables}
        assert {id(v) for v in named_variables(model).values()} == everything


def test_a_perceptual_loss_without_its_weights_leaves_no_run_behind(module_pairs_folder, tmp_path):
    wanted = {"crop_size": 32, "load_size": 32, "perceptual_weight": 1.0}
    settings = settings_of(module_pairs_folder, **wanted, vgg_weights="nowhere.h5")
    with pytest.raises(UserError, match="Give vgg_weights FILE"):
        train(settings, tmp_path / "run")
    assert not (tmp_path / "run" / "config.yaml").exists()


@pytest.mark.slow
def test_a_run_with_a_perceptual_loss_reports_it_and_keeps_no_vgg19(
    module_pairs_folder, tmp_path, monkeypatch
):
    inputs = keras.Input((None, None, 3))
    outputs = [keras.layers.Conv2D(2, 3)(inputs) for _ in range(5)]
    small = keras.Model(inputs, outputs)
    small.trainable = False
    monkeypatch.setattr("tfpix2pix.training.objectives.vgg19_features", lambda _: small)
    wanted = {"crop_size": 32, "load_size": 32, "perceptual_weight": 1.0}
    train(settings_of(module_pairs_folder, **wanted, steps=2), tmp_path / "run")
    assert float(rows(tmp_path / "run")[-1]["perceptual_loss"]) > 0
    parts = {name.split("/")[0] for name in checkpoint_tensors(tmp_path / "run")}
    assert parts == {
        "step", "generator", "discriminator", "generator_optimizer", "discriminator_optimizer"
    }  # fmt: skip
