"""PatchGAN and PixelGAN: the paper's layers, receptive fields, an independent numpy twin."""

import re

import keras
import numpy as np
import pytest
import reference
import tensorflow as tf

from tfpix2pix.models import BatchNorm, patchgan_discriminator, pixelgan_discriminator


@pytest.fixture(scope="module")
def paper_patchgan():
    keras.utils.set_random_seed(0)
    return patchgan_discriminator(256)


def layers_of(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


def trainable_parameters(model):
    return sum(np.prod(weight.shape) for weight in model.trainable_weights)


def image_pair(batch, height, width, channels=(3, 3)):
    return [
        reference.random_image(batch, height, width, count, seed=seed)
        for seed, count in enumerate(channels)
    ]


def assert_close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


# --- Values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_layers", [1, 2, 3])
@pytest.mark.parametrize(
    ("training", "norm_axes"), [(False, reference.PER_IMAGE), (True, reference.PER_BATCH)]
)
def test_patchgan_values(n_layers, training, norm_axes):
    model = patchgan_discriminator((48, 32), 4, 2, base_filters=2, n_layers=n_layers)
    reference.randomize(model)
    pair = image_pair(2, 48, 32, (4, 2))
    expected = reference.patchgan(
        reference.weights_of(model), *pair, n_layers=n_layers, norm_axes=norm_axes
    )
    assert expected.std() > 0.1
    assert_close(model(pair, training=training), expected)


@pytest.mark.parametrize(
    ("training", "norm_axes"), [(False, reference.PER_IMAGE), (True, reference.PER_BATCH)]
)
def test_pixelgan_values(training, norm_axes):
    model = reference.randomize(pixelgan_discriminator((6, 9), 4, 2, base_filters=2))
    pair = image_pair(2, 6, 9, (4, 2))
    expected = reference.pixelgan(reference.weights_of(model), *pair, norm_axes=norm_axes)
    assert expected.std() > 0.1
    assert_close(model(pair, training=training), expected)


@pytest.mark.parametrize("make", [patchgan_discriminator, pixelgan_discriminator])
def test_logits_of_a_pair_do_not_depend_on_the_rest_of_its_batch(make):
    model = reference.randomize(make(32, base_filters=2))
    pair = image_pair(3, 32, 32)
    others = [np.concatenate([image[:1], -0.3 * image[1:]]) for image in pair]
    np.testing.assert_array_equal(model(pair)[0], model(others)[0])
    assert_close(model([image[:1] for image in pair])[0], model(pair)[0])


@pytest.mark.parametrize("make", [patchgan_discriminator, pixelgan_discriminator])
def test_logits_are_not_squashed(make):
    model = reference.randomize(make(32, base_filters=2))
    model.get_layer("logits_conv").bias.assign([-50.0])
    logits = model(image_pair(1, 32, 32)).numpy()
    assert logits.max() < -10
    assert logits.std() > 0.1


@pytest.mark.parametrize("make", [patchgan_discriminator, pixelgan_discriminator])
def test_saved_and_loaded(make, tmp_path):
    model = reference.randomize(make(32, base_filters=2))
    model.save(tmp_path / "discriminator.keras")
    loaded = keras.saving.load_model(tmp_path / "discriminator.keras")
    pair = image_pair(2, 32, 32)
    np.testing.assert_array_equal(loaded(pair), model(pair))


# --- The paper's layers ---------------------------------------------------------------------------


def patchgan_parameters(widths, *, pair_channels=6):
    """Trainable parameters of 4x4 convolutions of those widths and one to the logits."""
    total, inputs = 0, pair_channels
    for layer, filters in enumerate(widths, start=1):
        # A bias on the first layer; BatchNorm's gamma and beta on all others.
        total += 16 * inputs * filters + (filters if layer == 1 else 2 * filters)
        inputs = filters
    return total + 16 * inputs + 1


@pytest.mark.parametrize(
    ("n_layers", "widths"),
    [
        (1, [64, 128]),
        (2, [64, 128, 256]),
        (3, [64, 128, 256, 512]),
        (5, [64, 128, 256, 512, 512, 512]),
    ],
)
def test_patchgan_parameters(n_layers, widths):
    model = patchgan_discriminator(256, n_layers=n_layers)
    assert trainable_parameters(model) == patchgan_parameters(widths)


def test_70x70_patchgan_has_as_many_parameters_as_the_pytorch_reference(paper_patchgan):
    assert trainable_parameters(paper_patchgan) == 2_768_705


def test_pixelgan_parameters():
    # C64 and C128 of 1x1 convolutions: bias on the first, gamma and beta on the second; logits.
    expected = (6 * 64 + 64) + (64 * 128 + 2 * 128) + (128 + 1)
    assert trainable_parameters(pixelgan_discriminator()) == expected == 9_025


def test_patchgan_layers(paper_patchgan):
    convolutions = layers_of(paper_patchgan, keras.layers.Conv2D)
    assert [(c.name, c.filters, c.strides[0], c.use_bias) for c in convolutions] == [
        ("layer1_conv", 64, 2, True),
        ("layer2_conv", 128, 2, False),
        ("layer3_conv", 256, 2, False),
        ("layer4_conv", 512, 1, False),
        ("logits_conv", 1, 1, True),
    ]
    assert {c.kernel_size for c in convolutions} == {(4, 4)}


def test_pixelgan_layers():
    convolutions = layers_of(pixelgan_discriminator(), keras.layers.Conv2D)
    assert [(c.name, c.filters, c.use_bias) for c in convolutions] == [
        ("layer1_conv", 64, True),
        ("layer2_conv", 128, False),
        ("logits_conv", 1, True),
    ]
    assert {(*c.kernel_size, *c.strides) for c in convolutions} == {(1, 1, 1, 1)}


@pytest.mark.parametrize("n_layers", [1, 3, 6])
def test_patchgan_has_batch_norm_but_on_the_first_layer(n_layers):
    model = patchgan_discriminator(256, base_filters=1, n_layers=n_layers)
    norms = layers_of(model, keras.layers.BatchNormalization)
    assert [n.name for n in norms] == [f"layer{n}_norm" for n in range(2, n_layers + 2)]


def test_pixelgan_has_batch_norm_on_the_second_layer_alone():
    norms = layers_of(pixelgan_discriminator(), keras.layers.BatchNormalization)
    assert [n.name for n in norms] == ["layer2_norm"]


@pytest.mark.parametrize("make", [patchgan_discriminator, pixelgan_discriminator])
def test_settings_of_batch_norm_and_leaky_relu(make):
    model = make(64, base_filters=1)
    for norm in layers_of(model, keras.layers.BatchNormalization):
        assert isinstance(norm, BatchNorm)
        assert (norm.epsilon, norm.momentum) == (1e-5, 0.9)
    slopes = {float(layer.negative_slope) for layer in layers_of(model, keras.layers.LeakyReLU)}
    assert slopes == {0.2}


@pytest.mark.parametrize("make", [patchgan_discriminator, pixelgan_discriminator])
def test_nothing_pools_or_drops_out(make):
    kinds = {type(layer).__name__ for layer in make(64, base_filters=1).layers}
    padding = {"ZeroPadding2D"} if make is patchgan_discriminator else set()
    assert kinds == {"InputLayer", "Concatenate", "Conv2D", "BatchNorm", "LeakyReLU"} | padding


def test_initial_weights(paper_patchgan):
    for weight in paper_patchgan.trainable_weights:
        value = weight.numpy()
        if weight.name in ("bias", "beta"):
            assert not value.any(), weight.path
        else:
            centre = {"kernel": 0.0, "gamma": 1.0}[weight.name]
            error = 0.02 / np.sqrt(value.size)
            assert value.mean() == pytest.approx(centre, abs=5 * error), weight.path
            assert value.std() == pytest.approx(0.02, abs=5 * error), weight.path


# --- Sizes and receptive fields -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_layers", "side"), [(1, 126), (2, 62), (3, 30), (4, 14), (5, 6), (6, 2)]
)
def test_patchgan_logits_at_256(n_layers, side):
    model = patchgan_discriminator(256, base_filters=1, n_layers=n_layers)
    assert model.output_shape == (None, side, side, 1)
    assert model(image_pair(1, 256, 256)).shape == (1, side, side, 1)


def test_pixelgan_logits_at_256():
    assert pixelgan_discriminator(256, base_filters=1).output_shape == (None, 256, 256, 1)


@pytest.mark.parametrize("channels", [(1, 3), (4, 7), (7, 1)])
@pytest.mark.parametrize(
    ("make", "expected"), [(patchgan_discriminator, (4, 6)), (pixelgan_discriminator, (48, 64))]
)
def test_channels_and_non_square_sizes(make, expected, channels):
    model = make((48, 64), *channels, base_filters=2)
    assert model(image_pair(2, 48, 64, channels)).shape == (2, *expected, 1)


@pytest.mark.parametrize("make", [patchgan_discriminator, pixelgan_discriminator])
def test_size_none_takes_any_size(make):
    anything = reference.randomize(make(None, base_filters=2))
    for height, width in [(48, 64), (32, 24)]:
        fixed = reference.randomize(make((height, width), base_filters=2))
        pair = image_pair(1, height, width)
        np.testing.assert_array_equal(anything(pair), fixed(pair))


def receptive_field(model, size):
    """The window of both images, as (rows, columns), that the middle logit depends on.

    Measured by gradient. With the statistics of each image every pixel counts a little, so
    BatchNorm takes its moving ones; with kernels of ones no path cancels another.
    """
    for layer in layers_of(model, BatchNorm):
        layer.inference_statistics = "moving"
    for layer in layers_of(model, keras.layers.Conv2D):
        layer.kernel.assign(tf.ones_like(layer.kernel))
    pair = [tf.constant(image) for image in image_pair(1, size, size)]
    with tf.GradientTape() as tape:
        tape.watch(pair)
        logits = model(pair, training=False)
        middle = logits[0, logits.shape[1] // 2, logits.shape[2] // 2, 0]
    gradients = [gradient.numpy()[0] for gradient in tape.gradient(middle, pair)]
    windows = []
    for gradient in gradients:
        rows, columns, _ = gradient.nonzero()
        top, left, bottom, right = rows.min(), columns.min(), rows.max() + 1, columns.max() + 1
        assert gradient[top:bottom, left:right].all()  # a full window, and nothing around it
        assert top > 0  # not cut off by the border
        assert bottom < size
        windows.append((bottom - top, right - left))
    assert windows[0] == windows[1]
    return windows[0]


@pytest.mark.parametrize(
    ("n_layers", "field"), [(1, 16), (2, 34), (3, 70), (4, 142), (5, 286), (6, 574)]
)
def test_patchgan_receptive_field(n_layers, field):
    size = 16 * 2**n_layers
    model = patchgan_discriminator(size, base_filters=1, n_layers=n_layers)
    assert receptive_field(model, size) == (field, field)


def test_pixelgan_receptive_field():
    assert receptive_field(pixelgan_discriminator(16, base_filters=2), 16) == (1, 1)


# --- Refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_layers", [-1, 0, 7])
def test_n_layers_out_of_range(n_layers):
    with pytest.raises(ValueError, match=f"n_layers must be 1 to 6, not {n_layers} "):
        patchgan_discriminator(256, base_filters=1, n_layers=n_layers)


@pytest.mark.parametrize(
    ("size", "n_layers", "fitting_layers"), [(16, 3, 2), (64, 5, 4), (128, 6, 5), ((256, 16), 4, 2)]
)
def test_images_too_small(size, n_layers, fitting_layers):
    with pytest.raises(ValueError, match=f"too small for n_layers={n_layers}") as error:
        patchgan_discriminator(size, base_filters=1, n_layers=n_layers)
    smallest = tuple(map(int, re.search(r"at least (\d+)x(\d+)", str(error.value)).groups()))
    assert f"n_layers up to {fitting_layers} for" in str(error.value)

    # What the message proposes works, and not one layer more.
    assert min(patchgan_discriminator(smallest, n_layers=n_layers, base_filters=1).output_shape[1:])
    assert patchgan_discriminator(size, n_layers=fitting_layers, base_filters=1).output_shape[1] > 0
    with pytest.raises(ValueError, match="too small"):
        patchgan_discriminator(size, n_layers=fitting_layers + 1, base_filters=1)


def test_images_too_small_for_any_patchgan():
    with pytest.raises(ValueError, match=r"use at least 5x5$"):
        patchgan_discriminator(4, base_filters=1, n_layers=1)


@pytest.mark.parametrize("n_layers", [1, 2, 3])
def test_smallest_images_give_one_logit(n_layers):
    size = 2 * 2**n_layers + 1
    model = patchgan_discriminator(size, base_filters=1, n_layers=n_layers)
    assert model(image_pair(1, size, size)).shape == (1, 1, 1, 1)
    with pytest.raises(ValueError, match="too small"):
        patchgan_discriminator(size - 1, base_filters=1, n_layers=n_layers)
