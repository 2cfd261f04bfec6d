"""The faster convolutions: Keras' own results, gradients, weights and names."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.models import unet_generator
from tfpix2pix.models.convolutions import Conv2D, Conv2DTranspose, layers
from tfpix2pix.models.convolutions.windows import crop, overlap_add, windows

KINDS = {
    "matmul": (Conv2D, keras.layers.Conv2D, {"strides": 2, "padding": "same"}),
    "matmul transposed": (
        Conv2DTranspose,
        keras.layers.Conv2DTranspose,
        {"strides": 2, "padding": "same"},
    ),
    "winograd": (Conv2D, keras.layers.Conv2D, {}),
}
SHAPES = [(1, 4, 4, 8), (2, 6, 10, 3), (3, 14, 8, 5), (1, 10, 10, 32)]


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch):
    monkeypatch.setattr(keras.distribution, "list_devices", lambda kind: [])


def uniform(*shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def both(kind, channels, filters, **options):
    """The faster layer and Keras' own, with the same weights."""
    ours, plain, arguments = KINDS[kind]
    layers = [
        ours(filters, 4, **arguments, implementation=kind.split()[0], **options),
        plain(filters, 4, **arguments, **options),
    ]
    for layer in layers:
        layer.build((None, None, None, channels))
    layers[0].set_weights([uniform(*w.shape, seed=1) for w in layers[0].weights])
    layers[1].set_weights(layers[0].get_weights())
    return layers


def relative_difference(actual, expected):
    return np.abs(actual - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("filters", [1, 7, 16])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_outputs_and_gradients_are_those_of_the_plain_layer(kind, shape, filters):
    answers = []
    for layer in both(kind, shape[-1], filters):
        image = tf.constant(uniform(*shape))
        with tf.GradientTape() as tape:
            tape.watch(image)
            output = layer(image)
            loss = tf.reduce_sum(output * uniform(*output.shape, seed=2))
        answers.append([output, *tape.gradient(loss, [image, *(v.value for v in layer.weights)])])
    for actual, expected in zip(*answers, strict=True):
        assert actual.shape == expected.shape
        assert relative_difference(actual, expected) < 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_second_gradients_are_those_of_the_plain_layer(kind):
    """A gradient penalty needs the gradient of a gradient."""
    answers = []
    for layer in both(kind, 3, 5):
        image = tf.constant(uniform(2, 8, 8, 3))
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                inner.watch(image)
                loss = tf.reduce_sum(layer(image) ** 2)
            penalty = tf.reduce_sum(inner.gradient(loss, image) ** 2)
        answers.append(outer.gradient(penalty, layer.kernel.value))
    assert relative_difference(*answers) < 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_bias_activation_and_xla(kind):
    fast, plain = both(kind, 3, 5, activation="tanh", bias_initializer="ones")
    image = uniform(2, 8, 8, 3)
    assert relative_difference(fast(image), plain(image)) < 1e-4
    assert relative_difference(tf.function(fast, jit_compile=True)(image), plain(image)) < 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_weights_have_the_shapes_and_names_of_the_plain_layer(kind):
    fast, plain = both(kind, 3, 5)
    assert type(fast).__name__ == type(plain).__name__
    assert [(w.name, w.shape) for w in fast.weights] == [(w.name, w.shape) for w in plain.weights]


@pytest.mark.parametrize("layer_class", [Conv2D, Conv2DTranspose])
def test_the_configuration_survives_a_round_trip(layer_class):
    layer = layer_class(3, 4, 2, "same", implementation="matmul")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(copy) is layer_class
    assert copy.get_config() == layer.get_config()


# --- the choice -----------------------------------------------------------------------------------


def chosen(layer, *shape):
    layer.build((None, *shape))
    return layers.choose_implementation(layer, (None, *shape))


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (Conv2D(512, 4, 2, "same"), (8, 8, 512), "matmul"),
        (Conv2D(512, 4, 2, "same"), (128, 128, 64), "plain"),
        (Conv2D(512, 4, 2, "same"), (7, 8, 512), "plain"),
        (Conv2D(512, 4, 2, "same"), (None, None, 512), "plain"),
        (Conv2D(512, 4, 2, "same", groups=2), (8, 8, 512), "plain"),
        (Conv2D(512, 3, 2, "same"), (8, 8, 512), "plain"),
        (Conv2DTranspose(512, 4, 2, "same"), (8, 8, 1024), "matmul"),
        (Conv2DTranspose(64, 4, 2, "same"), (64, 64, 256), "plain"),
        (Conv2DTranspose(512, 4, 2, "same", output_padding=1), (8, 8, 1024), "plain"),
        (Conv2D(512, 4), (34, 34, 256), "winograd"),
        (Conv2D(1, 4), (33, 33, 512), "plain"),
        (Conv2D(512, 4), (10, 10, 256), "plain"),
        (Conv2D(512, 4, dtype="mixed_bfloat16"), (34, 34, 256), "plain"),
        (Conv2D(512, 4, 2, "same", dtype="mixed_bfloat16"), (8, 8, 512), "plain"),
        (Conv2D(512, 4, 2, "same", implementation="plain"), (8, 8, 512), "plain"),
    ],
)
def test_the_choice_goes_by_kernel_stride_and_size(layer, shape, expected):
    assert chosen(layer, *shape) == expected


def test_on_a_gpu_the_plain_layer_is_used(monkeypatch):
    monkeypatch.setattr(keras.distribution, "list_devices", lambda kind: [f"{kind}:0"])
    assert chosen(Conv2D(512, 4), 34, 34, 256) == "plain"
    assert chosen(Conv2D(512, 4, 2, "same"), 8, 8, 512) == "plain"


def test_a_way_that_does_not_serve_is_refused_with_the_layer_and_what_it_got():
    layer = Conv2D(8, 4, 1, "same", implementation="winograd", name="wrong")
    with pytest.raises(ValueError, match=r"wrong: implementation='winograd' .* padding 'same'"):
        chosen(layer, 8, 8, 3)


def test_the_full_generator_uses_them_and_answers_as_with_plain_layers(monkeypatch):
    def answer():
        keras.utils.set_random_seed(0)
        return np.asarray(unet_generator(64, base_filters=32)(uniform(1, 64, 64, 3)))

    ways = []
    choose = layers.choose_implementation

    def noting(layer, shape):
        ways.append(choose(layer, shape))
        return ways[-1]

    monkeypatch.setattr(layers, "choose_implementation", noting)
    fast = answer()
    assert "matmul" in ways
    monkeypatch.setattr(layers, "choose_implementation", lambda *_: "plain")
    np.testing.assert_allclose(fast, answer(), atol=1e-4)


# --- windows --------------------------------------------------------------------------------------


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_windows_are_cut_from_the_image(stride):
    image = uniform(2, 3 * stride, 4 * stride, 2)
    taps = np.asarray(windows(image, stride))
    assert taps.shape == (2, 2, 2 * stride, 3, 2 * stride, 2)
    expected = image[:, stride : 3 * stride, 2 * stride : 4 * stride]
    np.testing.assert_array_equal(taps[:, 1, :, 2], expected)


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_overlap_add_and_crop_are_the_adjoints_of_windows_and_pad(stride):
    """<windows(x), y> == <x, overlap_add(y)>."""
    image = uniform(2, 3 * stride, 4 * stride, 2)
    taps = uniform(2, 2, 2 * stride, 3, 2 * stride, 2, seed=1)
    left = np.sum(np.asarray(windows(image, stride)) * taps)
    right = np.sum(image * np.asarray(overlap_add(taps, stride)))
    np.testing.assert_allclose(left, right, rtol=1e-4)
    padding = ((0, 0), (1, 2), (0, 1), (0, 0))
    padded = uniform(2, 3 * stride + 3, 4 * stride + 1, 2, seed=2)
    np.testing.assert_allclose(
        np.sum(np.pad(image, padding) * padded), np.sum(image * crop(padded, padding)), rtol=1e-4
    )
