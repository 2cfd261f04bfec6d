"""TF.js models, as tf_keras computes them and as they are read: the same answers."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tfjs_writer
from tf_keras import layers as keras2
from tfjs_reading import assert_same, changed, rebuilt

from tfpix2pix.models.exchange.tfjs import read_tfjs

DATA = Path(__file__).parent / "data"


@pytest.mark.parametrize("depth", [5, 8])
def test_the_tutorials_generator(depth, tmp_path):
    theirs = tfjs_writer.tutorial(depth)
    path = tfjs_writer.write(theirs, tmp_path, shard_size=500_000)
    found = read_tfjs(path)
    assert found.settings() == {
        "generator": "unet",
        "depth": depth,
        "base_filters": 8,
        "skip": "postactivation",
        "skip_order": "decoder_first",
        "norm": "batch",
        "innermost_norm": True,
        "norm_epsilon": 1e-3,
        "norm_momentum": 0.99,
        "leaky_slope": 0.3,
        "generator_bias": "output",
        "dropout": 0.5,
        "dropout_start": 1,
        "upsampling": "transposed",
        "spectral_norm": "none",
    }
    assert found.defaults() == {"norm_statistics": "moving", "dropout_at_prediction": False}
    assert_same(rebuilt(path, 2**depth), theirs, size=2**depth)


def test_statistics_of_the_image(tmp_path):
    theirs = tfjs_writer.tutorial(5, dropout=0.0)
    ours = rebuilt(tfjs_writer.write(theirs, tmp_path), 32, norm_statistics="image")
    assert_same(ours, theirs, training=True, size=32)


@pytest.mark.parametrize("joined_first", ["skip", "decoder"])
@pytest.mark.parametrize("innermost_norm", [False, True])
def test_a_flat_graph_with_one_relu_over_both_halves(joined_first, innermost_norm, tmp_path):
    theirs = tfjs_writer.flat(5, joined_first=joined_first, innermost_norm=innermost_norm)
    path = tfjs_writer.write(theirs, tmp_path)
    settings = read_tfjs(path).settings()
    assert settings["skip"] == "relu"
    order = {"skip": "encoder_first", "decoder": "decoder_first"}[joined_first]
    assert settings["skip_order"] == order
    assert settings["innermost_norm"] is innermost_norm
    assert settings["generator_bias"] == "all"
    assert (settings["leaky_slope"], settings["norm_epsilon"]) == (0.2, 1e-5)
    assert_same(rebuilt(path, 32), theirs, size=32, batch=2)


def test_a_flat_graph_in_training_always(tmp_path):
    theirs = tfjs_writer.flat(5, training=True, dropout=0.0)
    path = tfjs_writer.write(theirs, tmp_path)
    assert read_tfjs(path).defaults()["norm_statistics"] == "image"
    assert_same(rebuilt(path, 32), theirs, size=32)


def test_dropout_in_training_always(tmp_path):
    path = tfjs_writer.write(tfjs_writer.flat(5, training=True), tmp_path)
    assert read_tfjs(path).defaults()["dropout_at_prediction"] is True


def test_norms_folded_away_and_padding_by_layers(tmp_path):
    theirs = tfjs_writer.flat(4, norm=False, cropped=True)
    path = tfjs_writer.write(theirs, tmp_path)
    assert read_tfjs(path).settings()["norm"] == "none"
    assert_same(rebuilt(path, 32), theirs, size=32)


def test_preactivation_skips(tmp_path):
    theirs = tfjs_writer.preactivation()
    path = tfjs_writer.write(theirs, tmp_path)
    assert read_tfjs(path).settings()["skip"] == "preactivation"
    assert_same(rebuilt(path, 32), theirs, size=32)


def test_a_sequential_without_skips(tmp_path):
    theirs = encoder_decoder()
    path = tfjs_writer.write(theirs, tmp_path)
    found = read_tfjs(path)
    assert found.settings()["generator"] == "encoder_decoder"
    assert found.settings()["generator_bias"] == "unnormalized"
    assert found.image_size == (16, 16)
    assert_same(rebuilt(path, 16), theirs, size=16)


def encoder_decoder():
    model = tfjs_writer.tf_keras.Sequential(
        [
            keras2.Conv2D(8, 4, 2, "same", input_shape=(16, 16, 3)),
            keras2.LeakyReLU(),
            keras2.Conv2D(16, 4, 2, "same", use_bias=False),
            keras2.BatchNormalization(scale=False),
            keras2.LeakyReLU(),
            keras2.Conv2DTranspose(8, 4, 2, "same", use_bias=False),
            keras2.BatchNormalization(center=False),
            keras2.ReLU(),
            keras2.Conv2DTranspose(3, 4, 2, "same", activation="tanh"),
        ]
    )
    return tfjs_writer.randomize(model)


@pytest.mark.parametrize(
    ("quantization", "error"), [("uint8", 0.2), ("uint16", 1e-3), ("float16", 1e-2)]
)
def test_quantised_weights(quantization, error, tmp_path):
    theirs = tfjs_writer.flat(3)
    path = tfjs_writer.write(theirs, tmp_path, quantization=quantization)
    images = np.random.default_rng(1).uniform(-1, 1, (1, 16, 16, 3)).astype(np.float32)
    exact = theirs(images, training=False).numpy()
    # tf_keras with the weights that are stored.
    for weight in theirs.weights:
        weight.assign(stored(weight.numpy(), quantization))
    kept = theirs(images, training=False).numpy()
    ours = np.asarray(rebuilt(path, 16)(images, training=False))
    np.testing.assert_allclose(ours, kept, atol=1e-4)
    assert 1e-7 < np.abs(ours - exact).max() < error


def stored(values, quantization):
    """What is left of values, from the definition: steps of equal size from minimum to maximum."""
    if quantization == "float16":
        return values.astype(np.float16).astype(np.float32)
    steps = {"uint8": 255, "uint16": 65535}[quantization]
    scale = (float(values.max()) - float(values.min())) / steps
    return (np.round(values / scale) * scale).astype(np.float32)


@pytest.mark.parametrize("prefixed", [True, False])
@pytest.mark.parametrize("groups", [1, 3])
def test_names_and_groups_of_weights(prefixed, groups, tmp_path):
    theirs = tfjs_writer.tutorial(4)
    path = tfjs_writer.write(theirs, tmp_path, prefixed=prefixed, groups=groups)
    found = [array for arrays in read_tfjs(path.parent).weights.values() for array in arrays]
    for array, expected in zip(found, theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(array, expected)


def test_biases_where_no_norm_follows(tmp_path):
    theirs = tfjs_writer.tutorial(4, size=32, bias=(1,))
    path = tfjs_writer.write(theirs, tmp_path)
    assert read_tfjs(path).settings()["generator_bias"] == "unnormalized"
    assert_same(rebuilt(path, 32), theirs, size=32)


@pytest.mark.parametrize("start", [1, 2])
def test_layers_with_dropout(start, tmp_path):
    theirs = tfjs_writer.tutorial(7, 1, dropout_layers=range(start, 4), dropout=0.25)
    settings = read_tfjs(tfjs_writer.write(theirs, tmp_path)).settings()
    assert (settings["dropout"], settings["dropout_start"]) == (0.25, start)


def test_channels_and_size(tmp_path):
    theirs = tfjs_writer.flat(3, size=24, channels=(4, 1), dropout=0.0)
    path = tfjs_writer.write(theirs, tmp_path)
    found = read_tfjs(path)
    assert (found.input_channels, found.output_channels) == (4, 1)
    assert found.image_size == (24, 24)
    assert_same(rebuilt(path, 24), theirs, size=24, channels=4)


def test_weights_go_into_no_other_network():
    with pytest.raises(ValueError, match="down4_conv"):
        read_tfjs(DATA / "quantized").set_weights(rebuilt(DATA / "tutorial", 16))


def test_models_saved_by_older_programs(tmp_path):
    """No "format", the topology as model.to_json() says it, "Model" for "Functional"."""

    def age(content):
        del content["format"]
        content["modelTopology"] = content["modelTopology"]["model_config"]
        content["modelTopology"]["class_name"] = "Model"

    path = changed(DATA / "tutorial" / "model.json", tmp_path, age)
    assert read_tfjs(path).settings()["depth"] == 4


def test_keras_3_is_undisturbed():
    """tf_keras is in this process: what it is loaded beside must not change."""
    assert keras.__version__.startswith("3")
    assert keras.layers.LeakyReLU().negative_slope == pytest.approx(0.3)
    assert keras.backend.image_data_format() == "channels_last"
