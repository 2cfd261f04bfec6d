"""The U-Net's and the encoder-decoder's options, against the numpy twin and PyTorch's layers."""

import keras
import numpy as np
import pytest
import reference
import tensorflow as tf

from tfpix2pix.models import (
    BatchNorm,
    encoder_decoder_generator,
    patchgan_discriminator,
    unet_generator,
)

MAKERS = [unet_generator, encoder_decoder_generator]


def dropouts(model):
    return [
        layer.name.removesuffix("_dropout")
        for layer in model.layers
        if isinstance(layer, keras.layers.Dropout)
    ]


@pytest.mark.parametrize("skip", ["preactivation", "relu", "postactivation"])
def test_skip_order_swaps_the_halves_alone(skip):
    """The same function, once the next convolution's input channels are swapped too."""
    options = {"base_filters": 2, "skip": skip}
    usual = reference.randomize(unet_generator(16, **options))
    swapped = unet_generator(16, skip_order="encoder_first", **options)
    widths = {2: 8, 3: 4, 4: 2}  # of the decoder's half, by the layer that takes it in
    for layer in usual.layers:
        weights = layer.get_weights()
        number = layer.name.removeprefix("up").removesuffix("_conv")
        if number.isdigit() and int(number) in widths:
            decoder, encoder = np.split(weights[0], [widths[int(number)]], axis=-1)
            weights[0] = np.concatenate([encoder, decoder], axis=-1)
        swapped.get_layer(layer.name).set_weights(weights)
    image = reference.random_image(2, 16, 16, 3)
    np.testing.assert_allclose(swapped(image), usual(image), atol=1e-5)


@pytest.mark.parametrize(
    ("size", "expected"), [(256, ["up2", "up3", "up4"]), (128, ["up2", "up3"])]
)
def test_dropout_of_the_pytorch_reference_starts_at_2(size, expected):
    assert dropouts(unet_generator(size, base_filters=1, dropout_start=2)) == expected


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(("start", "expected"), [(3, ["up3", "up4"]), (5, [])])
def test_dropout_starts_where_it_is_told(make, start, expected):
    assert dropouts(make(256, base_filters=1, dropout_start=start)) == expected


@pytest.mark.parametrize("make", MAKERS)
def test_slope_and_norm_options_reach_every_layer(make):
    model = make(
        32,
        base_filters=1,
        leaky_slope=0.01,
        norm_epsilon=1e-3,
        norm_momentum=0.99,
        norm_statistics="moving",
        sync_norm=True,
    )
    norms = [layer for layer in model.layers if isinstance(layer, BatchNorm)]
    assert len(norms) == 7
    values = {(n.epsilon, n.momentum, n.inference_statistics, n.synchronized) for n in norms}
    assert values == {(1e-3, 0.99, "moving", True)}
    slopes = [
        float(layer.negative_slope)
        for layer in model.layers
        if isinstance(layer, keras.layers.LeakyReLU)
    ]
    assert slopes == 5 * [0.01]


def test_leaky_slope_of_a_discriminator_shows():
    pair = [reference.random_image(1, 32, 32, 3, seed=seed) for seed in (1, 2)]
    steep = reference.randomize(patchgan_discriminator(32, base_filters=2, leaky_slope=0.0))
    activated = keras.Model(steep.inputs, steep.get_layer("layer1_leaky_relu").output)(pair)
    before = keras.Model(steep.inputs, steep.get_layer("layer1_conv").output)(pair)
    np.testing.assert_array_equal(activated, reference.relu(before.numpy()))


@pytest.mark.parametrize("make", MAKERS)
def test_innermost_norm_values(make):
    model = reference.randomize(make((16, 32), base_filters=2, depth=4, innermost_norm=True))
    image = reference.random_image(2, 16, 32, 3)
    taps = [model.get_layer(name).output for name in ("down4_conv", "down4_leaky_relu")]
    before, after = keras.Model(model.input, taps)(image)
    norm = reference.weights_of(model)["down4_norm"]
    expected = reference.normalize(np.float64(before), *norm, axes=reference.PER_IMAGE)
    np.testing.assert_allclose(after, reference.leaky_relu(expected), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("make", [*MAKERS, patchgan_discriminator])
def test_unknown_keyword(make):
    with pytest.raises(TypeError, match="normalisation"):
        make(32, base_filters=1, normalisation="batch")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("skip_order", "input_first"),
        ("norm", "layer"),
        ("bias", "none"),
        ("norm_statistics", "batch"),
    ],
)
def test_unknown_word(option, value):
    with pytest.raises(ValueError, match=f"{option} must be .* or .*, not '{value}'"):
        unet_generator(16, base_filters=1, **{option: value})


@pytest.mark.parametrize(
    ("make", "norm"),
    [
        (unet_generator, "batch"),
        (unet_generator, "instance"),
        (unet_generator, "group"),
        (encoder_decoder_generator, "none"),
    ],
)
def test_networks_under_xla_have_the_same_values_and_gradients(make, norm):
    model = reference.randomize(make(8, base_filters=2, dropout=0, norm=norm))
    model.set_weights([0.5 * weight for weight in model.get_weights()])
    image = tf.constant(reference.random_image(2, 8, 8, 3))

    def values(image):
        with tf.GradientTape() as tape:
            answer = model(image, training=True)
            loss = tf.reduce_sum(answer**3)
        return answer, *tape.gradient(loss, [w.value for w in model.trainable_weights])

    compiled = tf.function(values, jit_compile=True)(image)
    for actual, expected in zip(compiled, values(image), strict=True):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(actual, expected, atol=1e-3 * scale)
