"""Options compose: random settings build, step, checkpoint, resume to the same bits, and export.

COMPOSITIONS=100 in the environment tries so many.
"""

import csv
import dataclasses
import math
import os
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from tfpix2pix.config import resolve
from tfpix2pix.data.formats import RGB_PAIRS
from tfpix2pix.errors import SettingsError
from tfpix2pix.export.savedmodel import export_savedmodel
from tfpix2pix.inference.translator import load_translator
from tfpix2pix.losses import LOSS_NAMES
from tfpix2pix.training import run as run_module
from tfpix2pix.training.checkpoints import load_generator
from tfpix2pix.training.datasets import open_run_data
from tfpix2pix.training.device import one_device_strategy
from tfpix2pix.training.run import resume, train
from tfpix2pix.training.run_folder import RunFolder
from tfpix2pix.training.state import TrainState

COUNT = int(os.environ.get("COMPOSITIONS", "5"))
STEPS = 3

# By generator: sizes that it takes, and depths.
GENERATORS = {
    "unet": ([32, 64, (32, 64)], [None, 2, 4]),
    "unet_128": ([128], [None]),
    "encoder_decoder": ([32, 64], [None, 3]),
    "resnet_6": ([32, 64, (32, 48)], [None, 1]),
    "resnet_9": ([32], [None, 3]),
    "global": ([32, 64], [None, 2]),
    "local_enhancer": ([64], [None, 2]),
}
OPTIONS = {
    "base_filters": [2, 3],
    "upsampling": ["transposed", "resize", "subpixel"],
    "skip": ["preactivation", "relu", "postactivation"],
    "skip_order": ["decoder_first", "encoder_first"],
    "norm": ["batch", "instance", "group", "none"],
    "discriminator_norm": ["same", "batch", "instance", "group", "none"],
    "innermost_norm": [False, True],
    "norm_scale_stddev": [0.02, 0],
    "norm_statistics": ["image", "moving"],
    "sync_norm": [False, True],
    "spectral_norm": ["none", "discriminator", "both"],
    "leaky_slope": [0.2, 0.3],
    "generator_bias": ["unnormalized", "output", "all"],
    "discriminator_bias": ["unnormalized", "output", "all"],
    "dropout": [0.5, 0],
    "dropout_start": [1, 2],
    "dropout_at_prediction": [False, True],
    "discriminator": ["patchgan", "pixelgan"],
    "n_layers": [1, 2],
    "discriminator_scales": [1, 2],
    "conditional": [True, False],
    "channel_order": ["rgb", "bgr"],
    "batch_size": [1, 2],
    "discriminator_learning_rate": ["none", 1e-3],
    "epsilon_hat": [False, True],
    "clip_norm": ["none", 1],
    "lr_schedule": ["constant", "linear", "cosine"],
    "gan_loss": ["vanilla", "lsgan", "hinge", "wgan_gp"],
    "gan_weight": [1, 0],
    "l1_weight": [100, 0],
    "l2_weight": [0, 10],
    "charbonnier_weight": [0, 10],
    "feature_matching_weight": [0, 10],
    "r1_weight": [0, 1],
    "label_smoothing": [0, 0.1],
    "pool_size": [0, 2],
    "diff_augment": ["none", "color,translation,cutout"],
    "update": ["simultaneous", "alternating"],
    "ema_decay": [0, 0.9],
    "precision": ["float32", "float32", "mixed_bfloat16"],
}


@st.composite
def compositions(draw):
    """Flags that are accepted: what is refused is drawn again, without what it was refused for."""
    generator = draw(st.sampled_from(list(GENERATORS)))
    sizes, depths = GENERATORS[generator]
    size = draw(st.sampled_from(sizes))
    size = f"{size[0]}x{size[1]}" if isinstance(size, tuple) else str(size)
    flags = {name: draw(st.sampled_from(values)) for name, values in OPTIONS.items()}
    flags |= {"generator": generator, "load_size": size, "crop_size": size}
    flags["depth"] = draw(st.sampled_from(depths)) or "none"
    for _ in OPTIONS:
        try:
            resolve(flags=flags)
        except SettingsError as error:
            named = [name for name in OPTIONS if str(error).startswith(name)]
            flags[named[0]] = OPTIONS[named[0]][0]
        else:
            return flags
    raise AssertionError(f"refused in spite of all: {flags}")


def resolved(flags, data):
    every = {"log_every": 1, "checkpoint_every": 2, "sample_pairs": 1, "steps": STEPS, "jit": "off"}
    return resolve(flags=flags | every | {"data": str(data)})


def one_step(settings, data, *, jit):
    """The losses of the first step, and whether it left all weights finite."""
    settings = dataclasses.replace(
        settings, train=dataclasses.replace(settings.train, jit="on" if jit else "off")
    )
    strategy = one_device_strategy()
    with strategy.scope():
        state = TrainState(settings, STEPS, data.formats)
    step = run_module._train_step(settings, state, data, strategy)
    batch = next(iter(data.training_batches(settings.train, 0, STEPS)))
    measured = step(batch, 0)
    losses = {name: float(measured[name]) for name in LOSS_NAMES if name in measured}
    assert state.is_finite()
    return losses


def losses_of(run_dir):
    rows = list(csv.DictReader((run_dir / "metrics.csv").open()))
    names = [name for name in rows[1] if name.endswith(("_loss", "_penalty"))]
    return [{name: float(row[name]) for name in names if row[name]} for row in rows[1:]]


def stopped_before_its_end(run_dir, copy):
    """A copy of a run as it was when its last checkpoint but one had been written."""
    shutil.copytree(run_dir, copy)
    checkpoints = copy / "checkpoints"
    for path in checkpoints.glob(f"step-{STEPS}.*"):
        path.unlink()
    (checkpoints / "checkpoint").write_text('model_checkpoint_path: "step-2"\n')


def checkpoint_tensors(run_dir):
    reader = tf.train.load_checkpoint(str(run_dir / "checkpoints" / f"step-{STEPS}"))
    own = ("_CHECKPOINTABLE_OBJECT_GRAPH", "save_counter/.ATTRIBUTES/VARIABLE_VALUE")
    names = [name for name in reader.get_variable_to_shape_map() if name not in own]
    return {name: reader.get_tensor(name) for name in names}


def check_export(run_dir):
    run = RunFolder(run_dir)
    translator = load_translator(run_dir)
    version = export_savedmodel(translator, run_dir / "export")
    generator = load_generator(
        run.settings(), run.checkpoints, RGB_PAIRS, dropout_at_prediction=False
    )
    image = np.random.default_rng(0).uniform(-1, 1, (1, *translator.size, 3)).astype(np.float32)
    served = tf.saved_model.load(str(version)).signatures["generate"](input_image=image)
    np.testing.assert_allclose(
        served["generated_image"], generator(image, training=False), atol=1e-4
    )


@pytest.mark.slow
# Not made smaller: an example takes half a minute.
@settings(max_examples=COUNT, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(flags=compositions())
def test_random_settings_compose(flags, module_pairs_folder, tmp_path_factory):
    note(f"{flags}")
    run_settings = resolved(flags, module_pairs_folder)
    run_dir = Path(tmp_path_factory.mktemp("composed")) / "run"
    try:
        check_composition(run_settings, run_dir)
    finally:
        keras.utils.clear_session()
        shutil.rmtree(run_dir.parent)


def check_composition(run_settings, run_dir):
    train(run_settings, run_dir)
    rows = losses_of(run_dir)
    assert len(rows) == STEPS
    assert all(math.isfinite(value) for row in rows for value in row.values())

    data = open_run_data(run_settings.data)
    # Dropout draws in other ways in XLA.
    model = dataclasses.replace(run_settings.model, dropout=0.0, dropout_at_prediction=False)
    still = dataclasses.replace(run_settings, model=model)
    graph, compiled = (one_step(still, data, jit=jit) for jit in (False, True))
    tf.config.run_functions_eagerly(True)
    try:
        eager = one_step(still, data, jit=False)
    finally:
        tf.config.run_functions_eagerly(False)
    # Half precision rounds, and compilers round in other places.
    tolerance = {"float32": 1e-3}.get(run_settings.train.precision, 5e-2)
    for losses in (compiled, eager):
        assert losses.keys() == graph.keys() == rows[0].keys()
        for name, value in graph.items():
            assert losses[name] == pytest.approx(value, rel=tolerance, abs=tolerance), name

    copy = run_dir.with_name("resumed")
    stopped_before_its_end(run_dir, copy)
    resume(copy)
    whole, resumed = checkpoint_tensors(run_dir), checkpoint_tensors(copy)
    assert whole.keys() == resumed.keys()
    assert [name for name in whole if not np.array_equal(whole[name], resumed[name])] == []
    check_export(run_dir)
