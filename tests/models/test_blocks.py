"""The blocks: BatchNorm with the statistics of each image, and the two halves of the networks."""

import keras
import numpy as np
import pytest
import reference

from tfpix2pix.models import BatchNorm, BlockOptions, downsample, upsample
from tfpix2pix.models.blocks import generated_image, layer_width
from tfpix2pix.models.norms import normalization

FEATURES = reference.random_image(3, 4, 6, 2) * 2 + 1


def model_of(block, *, shape=(4, 6, 2)):
    inputs = keras.Input(shape)
    return reference.randomize(keras.Model(inputs, block(inputs)))


def randomized(norm):
    norm.build((None, None, None, 2))
    return reference.randomize(norm)


def keras_batch_norm_like(norm):
    twin = keras.layers.BatchNormalization(epsilon=norm.epsilon, momentum=norm.momentum)
    twin.build((None, None, None, 2))
    twin.set_weights(norm.get_weights())
    return twin


def assert_close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


# --- BatchNorm ------------------------------------------------------------------------------------


def test_batch_norm_at_inference_takes_the_statistics_of_each_image():
    norm = randomized(BatchNorm(epsilon=1e-5))
    expected = reference.normalize(
        np.float64(FEATURES), *map(np.array, norm.get_weights()), axes=reference.PER_IMAGE
    )
    assert_close(norm(FEATURES, training=False), expected)
    assert_close(norm(FEATURES), expected)


def test_batch_norm_in_training_takes_the_statistics_of_the_batch():
    norm = randomized(BatchNorm(epsilon=1e-5))
    expected = reference.normalize(
        np.float64(FEATURES), *map(np.array, norm.get_weights()), axes=reference.PER_BATCH
    )
    assert_close(norm(FEATURES, training=True), expected)


def test_batch_norm_of_an_image_does_not_depend_on_the_rest_of_its_batch():
    norm = randomized(BatchNorm())
    others = FEATURES.copy()
    others[1:] = 100 * others[1:] - 7
    together = norm(FEATURES, training=False)
    np.testing.assert_array_equal(norm(others, training=False)[0], together[0])
    assert_close(norm(FEATURES[:1], training=False)[0], together[0])
    # In training it does.
    in_training = norm(FEATURES, training=True)[0], norm(others, training=True)[0]
    assert not np.allclose(*in_training, atol=0.1)


def test_batch_norm_at_inference_is_training_at_batch_size_1():
    norm = randomized(BatchNorm())
    image = FEATURES[:1]
    assert_close(norm(image, training=False), norm(image, training=True))


def test_batch_norm_at_inference_leaves_the_moving_statistics_alone():
    norm = randomized(BatchNorm())
    before = norm.get_weights()
    norm(FEATURES, training=False)
    for now, then in zip(norm.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_batch_norm_in_training_updates_the_moving_statistics():
    norm = BatchNorm(momentum=0.9)
    norm(FEATURES, training=True)
    # They start from 0 and 1, and go a tenth of the way.
    assert_close(norm.moving_mean, 0.1 * FEATURES.mean((0, 1, 2)))
    assert_close(norm.moving_variance, 0.9 + 0.1 * FEATURES.var((0, 1, 2)))


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_with_moving_statistics_is_that_of_keras(training):
    norm = randomized(BatchNorm(epsilon=1e-5, momentum=0.9, inference_statistics="moving"))
    twin = keras_batch_norm_like(norm)
    np.testing.assert_array_equal(
        norm(FEATURES, training=training), twin(FEATURES, training=training)
    )
    for weight, expected in zip(norm.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_batch_norm_per_image_is_not_that_of_keras_at_inference():
    norm = randomized(BatchNorm())
    assert not np.allclose(norm(FEATURES), keras_batch_norm_like(norm)(FEATURES), atol=0.1)


def test_batch_norm_refuses_other_statistics():
    with pytest.raises(ValueError, match="'image' or 'moving', not 'batch'"):
        BatchNorm(inference_statistics="batch")


@pytest.mark.parametrize("statistics", ["image", "moving"])
def test_batch_norm_config_round_trip(statistics):
    norm = BatchNorm(epsilon=1e-4, momentum=0.8, inference_statistics=statistics, name="n")
    again = BatchNorm.from_config(norm.get_config())
    assert again.get_config() == norm.get_config()
    assert (again.inference_statistics, again.epsilon, again.momentum) == (statistics, 1e-4, 0.8)


@pytest.mark.parametrize("statistics", ["image", "moving"])
def test_batch_norm_saved_and_loaded(statistics, tmp_path):
    model = model_of(BatchNorm(inference_statistics=statistics))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.layers[-1].inference_statistics == statistics
    np.testing.assert_array_equal(loaded(FEATURES), model(FEATURES))


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_makes_a_1x1_map_constant_at_batch_size_1(training):
    """The authors' erratum: why there is none on the innermost layer."""
    norm = randomized(BatchNorm())
    for image in (FEATURES[:1, :1, :1], 5 * FEATURES[1:2, :1, :1]):
        np.testing.assert_allclose(norm(image, training=training)[0, 0, 0], norm.beta, atol=1e-4)


def test_batch_norm_as_the_authors_have_it():
    model = model_of(lambda x: normalization(x, BlockOptions(), name="down2"))
    norm = model.get_layer("down2_norm")
    # PyTorch's momentum of 0.1 is Keras' 0.9.
    assert (norm.epsilon, norm.momentum, norm.inference_statistics) == (1e-5, 0.9, "image")


def test_batch_norm_starts_with_a_scale_around_1():
    inputs = keras.Input((1, 1, 4096))
    model = keras.Model(inputs, normalization(inputs, BlockOptions(), name="x"))
    norm = model.get_layer("x_norm")
    gamma = norm.gamma.numpy()
    # Five standard errors: 5 * 0.02 / sqrt(4096) of the mean, that over sqrt(2) of the deviation.
    assert gamma.mean() == pytest.approx(1, abs=0.0016)
    assert gamma.std() == pytest.approx(0.02, abs=0.0011)
    np.testing.assert_array_equal(norm.beta, np.zeros(4096))


# --- Blocks ---------------------------------------------------------------------------------------


def test_layer_widths_double_up_to_eight_times_the_base():
    assert [layer_width(64, n) for n in range(1, 9)] == [64, 128, 256, 512, 512, 512, 512, 512]
    assert [layer_width(3, n) for n in range(1, 6)] == [3, 6, 12, 24, 24]


@pytest.mark.parametrize("norm", [True, False])
def test_downsample_values(norm):
    model = model_of(lambda x: downsample(x, 3, norm=norm, name="d"))
    weights = reference.weights_of(model)
    expected = reference.convolve(FEATURES, *weights["d_conv"])
    if norm:
        expected = reference.normalize(expected, *weights["d_norm"], axes=reference.PER_IMAGE)
    activated, preactivation = model(FEATURES)
    assert preactivation.shape == (3, 2, 3, 3)
    assert_close(preactivation, expected)
    assert_close(activated, reference.leaky_relu(expected))
    assert (expected < -0.1).any()  # else the slope went untested


@pytest.mark.parametrize("norm", [True, False])
def test_upsample_values(norm):
    model = model_of(lambda x: upsample(x, 3, norm=norm, name="u"))
    weights = reference.weights_of(model)
    expected = reference.convolve_transposed(FEATURES, *weights["u_conv"])
    if norm:
        expected = reference.normalize(expected, *weights["u_norm"], axes=reference.PER_IMAGE)
    assert model(FEATURES).shape == (3, 8, 12, 3)
    assert_close(model(FEATURES), reference.relu(expected))


@pytest.mark.parametrize("block", [downsample, upsample])
@pytest.mark.parametrize("norm", [True, False])
def test_blocks_have_a_bias_only_where_no_batch_norm_follows(block, norm):
    model = model_of(lambda x: block(x, 3, norm=norm, name="b"))
    assert model.get_layer("b_conv").use_bias is not norm
    assert ("b_norm" in {layer.name for layer in model.layers}) is norm


def test_upsample_drops_out_in_training_alone():
    model = model_of(lambda x: upsample(x, 64, dropout=0.5, name="u"))
    before = keras.Model(model.input, model.get_layer("u_norm").output)
    kept = keras.Model(model.input, [before.outputs[0], model.get_layer("u_dropout").output])

    np.testing.assert_array_equal(model(FEATURES), reference.relu(before(FEATURES).numpy()))

    features, dropped = (x.numpy() for x in kept(FEATURES, training=True))
    zeroed = dropped == 0
    assert zeroed.mean() == pytest.approx(0.5, abs=0.03)  # 18,432 values
    assert_close(dropped[~zeroed], 2 * features[~zeroed])


def test_upsample_without_dropout_has_no_such_layer():
    model = model_of(lambda x: upsample(x, 2, name="u"))
    assert [layer.name for layer in model.layers[1:]] == ["u_conv", "u_norm", "u_relu"]


def test_an_unknown_output_activation_is_refused():
    with pytest.raises(ValueError, match="output_activation must be tanh or softmax, not 'relu'"):
        generated_image(keras.Input((4, 4, 3)), "relu")
