"""The U-Net and the encoder-decoder: the paper's layers, an independent numpy twin, the skips."""

import re

import keras
import numpy as np
import pytest
import reference

from tfpix2pix.config.sizes import checked_depth, default_depth
from tfpix2pix.models import BatchNorm, encoder_decoder_generator, unet_generator

SKIPS = ["preactivation", "relu", "postactivation"]
ENCODER = [64, 128, 256, 512, 512, 512, 512, 512]
DECODER = [512, 512, 512, 512, 256, 128, 64]
# Channels that go into the U-Net's decoder layers: CD512-CD1024-CD1024-C1024-C1024-C512-C256-C128.
UNET_DECODER_INPUTS = [512, 1024, 1024, 1024, 1024, 512, 256, 128]


@pytest.fixture(scope="module")
def paper_unet():
    keras.utils.set_random_seed(0)
    return unet_generator(256)


@pytest.fixture(scope="module")
def paper_encoder_decoder():
    return encoder_decoder_generator(256)


def build(skip, *args, **kwargs):
    """The U-Net of that skip, or the encoder-decoder for None."""
    if skip is None:
        return encoder_decoder_generator(*args, **kwargs)
    return unet_generator(*args, skip=skip, **kwargs)


def layers_of(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


def names_of(model, kind):
    return [layer.name for layer in layers_of(model, kind)]


def values(model, layer_names, image):
    outputs = [model.get_layer(name).output for name in layer_names]
    return [x.numpy() for x in keras.Model(model.input, outputs)(image)]


def assert_close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


# --- Values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("skip", [*SKIPS, None])
@pytest.mark.parametrize("size", [(32, 32), (16, 48)])
def test_values_at_inference(skip, size):
    model = reference.randomize(build(skip, size, 4, 2, base_filters=2))
    image = reference.random_image(2, *size, 4)
    expected = reference.unet(
        reference.weights_of(model),
        image,
        depth=5 if size == (32, 32) else 4,
        skip=skip,
        norm_axes=reference.PER_IMAGE,
    )
    assert expected.std() > 0.1
    assert_close(model(image, training=False), expected)


@pytest.mark.parametrize("skip", [*SKIPS, None])
def test_values_in_training(skip):
    model = reference.randomize(build(skip, 32, base_filters=2, dropout=0))
    image = reference.random_image(2, 32, 32, 3)
    expected = reference.unet(
        reference.weights_of(model), image, depth=5, skip=skip, norm_axes=reference.PER_BATCH
    )
    assert_close(model(image, training=True), expected)
    assert not np.allclose(model(image, training=False), expected, atol=0.01)


def test_modes_of_skip_differ():
    image = reference.random_image(1, 16, 16, 3)
    outputs = [reference.randomize(build(skip, 16, base_filters=2))(image) for skip in SKIPS]
    assert not np.allclose(outputs[0], outputs[1], atol=0.01)
    assert not np.allclose(outputs[0], outputs[2], atol=0.01)
    assert not np.allclose(outputs[1], outputs[2], atol=0.01)


def test_default_skip_is_preactivation():
    image = reference.random_image(1, 16, 16, 3)
    default = reference.randomize(unet_generator(16, base_filters=2))
    named = reference.randomize(unet_generator(16, base_filters=2, skip="preactivation"))
    np.testing.assert_array_equal(default(image), named(image))


def test_output_of_an_image_does_not_depend_on_the_rest_of_its_batch():
    model = reference.randomize(unet_generator(32, base_filters=2))
    images = reference.random_image(3, 32, 32, 3)
    others = np.concatenate([images[:1], -images[1:] * 0.3])
    np.testing.assert_array_equal(model(images)[0], model(others)[0])
    assert_close(model(images[:1])[0], model(images)[0])


def test_inference_is_training_at_batch_size_1_but_for_dropout():
    model = reference.randomize(unet_generator(32, base_filters=2, dropout=0))
    image = reference.random_image(1, 32, 32, 3)
    assert_close(model(image, training=False), model(image, training=True))


def test_dropout_varies_the_output_in_training_alone():
    model = reference.randomize(unet_generator(32, base_filters=2))
    image = reference.random_image(1, 32, 32, 3)
    in_training = model(image, training=True), model(image, training=True)
    assert not np.allclose(*in_training, atol=0.01)
    np.testing.assert_array_equal(model(image, training=False), model(image, training=False))


@pytest.mark.parametrize("skip", ["relu", None])
def test_saved_and_loaded(skip, tmp_path):
    model = reference.randomize(build(skip, 16, base_filters=2))
    model.save(tmp_path / "generator.keras")
    loaded = keras.saving.load_model(tmp_path / "generator.keras")
    image = reference.random_image(2, 16, 16, 3)
    np.testing.assert_array_equal(loaded(image), model(image))


# --- The paper's layers ---------------------------------------------------------------------------


def parameters(encoder, decoder_inputs, *, image_channels=3):
    """Trainable parameters of a generator of 4x4 convolutions, from its table of widths."""
    total, inputs = 0, image_channels
    for layer, filters in enumerate(encoder, start=1):
        total += 16 * inputs * filters
        # A bias where no BatchNorm follows; otherwise BatchNorm's gamma and beta.
        total += filters if layer in (1, len(encoder)) else 2 * filters
        inputs = filters
    decoder = [*encoder[-2::-1], image_channels]
    for inputs, filters in zip(decoder_inputs, decoder, strict=True):
        total += 16 * inputs * filters + 2 * filters
    return total - image_channels  # the last layer has a bias and no BatchNorm


def test_unet_parameters(paper_unet):
    # The PyTorch reference has 54,413,955 (54.414 M). It gives no bias to the first and innermost
    # encoder layers, although no BatchNorm follows them: 64 + 512 = 576 parameters fewer.
    trainable = sum(np.prod(weight.shape) for weight in paper_unet.trainable_weights)
    assert trainable == parameters(ENCODER, UNET_DECODER_INPUTS) == 54_413_955 + 64 + 512


def test_encoder_decoder_parameters(paper_encoder_decoder):
    trainable = sum(np.prod(weight.shape) for weight in paper_encoder_decoder.trainable_weights)
    assert trainable == parameters(ENCODER, [512, *DECODER]) == 39_076_035


def test_encoder_halves_to_1x1_with_the_papers_widths(paper_unet):
    shapes = [paper_unet.get_layer(f"down{n}_conv").output.shape[1:] for n in range(1, 9)]
    sides = [128, 64, 32, 16, 8, 4, 2, 1]
    assert shapes == [(side, side, k) for side, k in zip(sides, ENCODER, strict=True)]


def test_decoder_mirrors_the_encoder(paper_unet):
    for n in range(1, 8):
        decoded = paper_unet.get_layer(f"up{n}_relu").output.shape
        assert decoded == paper_unet.get_layer(f"down{8 - n}_conv").output.shape
    assert paper_unet.get_layer("up8_conv").output.shape == paper_unet.input_shape


def test_decoders_input_channels(paper_unet, paper_encoder_decoder):
    def decoder_inputs(model):
        return [model.get_layer(f"up{n}_conv").kernel.shape[-1] for n in range(1, 9)]

    assert decoder_inputs(paper_unet) == UNET_DECODER_INPUTS
    assert decoder_inputs(paper_encoder_decoder) == [512, *DECODER]


def test_encoder_decoder_has_no_skips(paper_encoder_decoder):
    assert names_of(paper_encoder_decoder, keras.layers.Concatenate) == []


def test_convolutions_are_4x4_of_stride_2(paper_unet):
    kinds = (keras.layers.Conv2D, keras.layers.Conv2DTranspose)
    convolutions = layers_of(paper_unet, kinds)
    assert len(convolutions) == 16
    assert {(*layer.kernel_size, *layer.strides) for layer in convolutions} == {(4, 4, 2, 2)}


def test_nothing_pools_or_resizes(paper_unet):
    assert {type(layer).__name__ for layer in paper_unet.layers} == {
        "InputLayer",
        "Conv2D",
        "Conv2DTranspose",
        "BatchNorm",
        "LeakyReLU",
        "ReLU",
        "Dropout",
        "Concatenate",
        "Activation",
    }


def test_batch_norm_but_on_the_first_the_innermost_and_the_last_layer(paper_unet):
    down = {f"down{n}_norm" for n in range(2, 8)}
    up = {f"up{n}_norm" for n in range(1, 8)}
    assert set(names_of(paper_unet, keras.layers.BatchNormalization)) == down | up
    for layer in layers_of(paper_unet, keras.layers.BatchNormalization):
        assert isinstance(layer, BatchNorm)
        assert (layer.epsilon, layer.momentum) == (1e-5, 0.9)


def test_biases_only_where_no_batch_norm_follows(paper_unet):
    convolutions = layers_of(paper_unet, (keras.layers.Conv2D, keras.layers.Conv2DTranspose))
    with_bias = {layer.name for layer in convolutions if layer.use_bias}
    assert with_bias == {"down1_conv", "down8_conv", "up8_conv"}


def test_leaky_slope(paper_unet):
    leaky = layers_of(paper_unet, keras.layers.LeakyReLU)
    assert [layer.name for layer in leaky] == [f"down{n}_leaky_relu" for n in range(1, 9)]
    assert {float(layer.negative_slope) for layer in leaky} == {0.2}


@pytest.mark.parametrize("name", ["paper_unet", "paper_encoder_decoder"])
def test_dropout_in_the_first_three_decoder_layers(name, request):
    dropouts = layers_of(request.getfixturevalue(name), keras.layers.Dropout)
    assert [layer.name for layer in dropouts] == ["up1_dropout", "up2_dropout", "up3_dropout"]
    assert {layer.rate for layer in dropouts} == {0.5}


def test_dropout_of_0_leaves_no_layer():
    assert names_of(unet_generator(256, base_filters=1, dropout=0), keras.layers.Dropout) == []


@pytest.mark.parametrize(("size", "expected"), [(128, ["up1", "up2", "up3"]), (32, ["up1"])])
def test_dropout_of_smaller_generators_is_on_layers_of_full_width(size, expected):
    dropouts = names_of(unet_generator(size, base_filters=1), keras.layers.Dropout)
    assert dropouts == [f"{name}_dropout" for name in expected]


def test_initial_weights(paper_unet):
    kernels, gammas = {}, {}
    for weight in paper_unet.trainable_weights:
        value = weight.numpy()
        if weight.name in ("bias", "beta"):
            assert not value.any(), weight.path
        else:
            centre = {"kernel": 0.0, "gamma": 1.0}[weight.name]
            (kernels if weight.name == "kernel" else gammas)[weight.path] = value
            error = 0.02 / np.sqrt(value.size)
            assert value.mean() == pytest.approx(centre, abs=5 * error), weight.path
            assert value.std() == pytest.approx(0.02, abs=5 * error), weight.path
    assert (len(kernels), len(gammas)) == (16, 13)


def test_initial_weights_differ_between_layers_of_one_shape(paper_unet):
    kernels = [paper_unet.get_layer(f"down{n}_conv").kernel.numpy() for n in (5, 6)]
    assert abs(np.corrcoef(kernels[0].ravel(), kernels[1].ravel())[0, 1]) < 0.01


# --- Sizes ----------------------------------------------------------------------------------------


def test_256_to_256_with_a_1x1_bottleneck():
    model = unet_generator(256, base_filters=2)
    image = reference.random_image(1, 256, 256, 3)
    bottleneck, generated = values(model, ["down8_conv", "generated_image"], image)
    assert bottleneck.shape == (1, 1, 1, 16)
    assert generated.shape == (1, 256, 256, 3)
    assert np.abs(generated).max() <= 1


@pytest.mark.parametrize("make", [unet_generator, encoder_decoder_generator])
@pytest.mark.parametrize(("input_channels", "output_channels"), [(1, 3), (4, 7), (7, 1)])
def test_channels_and_non_square_sizes(make, input_channels, output_channels):
    model = make((16, 32), input_channels, output_channels, base_filters=2)
    image = reference.random_image(2, 16, 32, input_channels)
    generated = model(image)
    assert generated.shape == (2, 16, 32, output_channels)
    assert generated.dtype == "float32"


def test_values_fill_the_range_of_tanh():
    model = reference.randomize(unet_generator(16, base_filters=2))
    logits, generated = values(
        model, ["up4_conv", "generated_image"], reference.random_image(1, 16, 16, 3)
    )
    assert_close(generated, np.tanh(logits))
    assert generated.min() < -0.5
    assert generated.max() > 0.5


@pytest.mark.parametrize(
    ("height", "width", "depth"),
    [(256, 256, 8), (512, 512, 8), (1024, 512, 8), (128, 128, 7), (64, 256, 6), (16, 48, 4)],
)
def test_default_depth_reaches_1x1_but_is_8_at_most(height, width, depth):
    assert default_depth(height, width) == depth


def test_depth_can_be_chosen():
    model = unet_generator(48, base_filters=2, depth=3)
    assert model.get_layer("down3_conv").output.shape == (None, 6, 6, 8)
    assert model.output_shape == (None, 48, 48, 3)


# --- Where the skip is taken ----------------------------------------------------------------------


@pytest.mark.parametrize("skip", SKIPS)
@pytest.mark.parametrize("layer", [1, 2, 3])
def test_skip(skip, layer):
    model = reference.randomize(unet_generator(16, base_filters=2, skip=skip))
    mirror = 4 - layer
    before_activation = "down1_conv" if mirror == 1 else f"down{mirror}_norm"
    joined, decoded, encoded = values(
        model,
        [f"up{layer}_skip", f"up{layer}_relu", before_activation],
        reference.random_image(2, 16, 16, 3),
    )
    decoder_half, encoder_half = np.split(joined, [decoded.shape[-1]], axis=-1)

    np.testing.assert_array_equal(decoder_half, decoded)
    assert decoder_half.min() == 0  # after its ReLU, in every mode
    assert decoder_half.max() > 0
    assert encoded.min() < -0.5
    if skip == "preactivation":
        np.testing.assert_array_equal(encoder_half, encoded)
    elif skip == "relu":
        np.testing.assert_array_equal(encoder_half, reference.relu(encoded))
    else:
        assert_close(encoder_half, reference.leaky_relu(encoded))
        assert encoder_half.min() == pytest.approx(0.2 * encoded.min())


@pytest.mark.parametrize("skip", SKIPS)
def test_every_skip_reaches_the_output(skip):
    """With the innermost features cut off, only what the skips carry tells two images apart."""
    model = reference.randomize(unet_generator(16, base_filters=2, skip=skip, dropout=0))
    up1 = model.get_layer("up1_conv")
    up1.kernel.assign(np.zeros(up1.kernel.shape))
    images = reference.random_image(2, 16, 16, 3)
    outputs = model(images).numpy()
    assert not np.allclose(outputs[0], outputs[1], atol=0.1)


# --- The innermost layer --------------------------------------------------------------------------


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("skip", [*SKIPS, None])
def test_innermost_layer_is_not_constant_at_batch_size_1(skip, training):
    """The authors' erratum: BatchNorm on a 1x1 map at batch size 1 would leave beta alone."""
    model = reference.randomize(build(skip, 16, base_filters=2))
    innermost = keras.Model(model.input, model.get_layer("up1_conv").input)
    first, second = (
        innermost(reference.random_image(1, 16, 16, 3, seed=seed), training=training).numpy()
        for seed in (1, 2)
    )
    assert first.shape == (1, 1, 1, 16)
    assert np.abs(first - second).max() > 0.1


def test_innermost_layer_reaches_the_output():
    model = reference.randomize(encoder_decoder_generator(16, base_filters=2))
    first, second = (model(reference.random_image(1, 16, 16, 3, seed=seed)) for seed in (1, 2))
    assert not np.allclose(first, second, atol=0.01)


# --- Refusals -------------------------------------------------------------------------------------


def suggested_size(error):
    height, width = re.search(r"such as (\d+)x(\d+)", str(error.value)).groups()
    return int(height), int(width)


@pytest.mark.parametrize(
    ("size", "named"),
    [(100, "128x128"), (286, "256x256"), (384, "512x512"), ((256, 100), "256x128")],
)
@pytest.mark.parametrize("make", [unet_generator, encoder_decoder_generator])
def test_size_that_does_not_fit(make, size, named):
    with pytest.raises(ValueError, match=f"multiples of .* such as {named}") as error:
        make(size, base_filters=1)
    suggested = suggested_size(error)
    assert make(suggested, base_filters=1).output_shape == (None, *suggested, 3)


@pytest.mark.parametrize(("size", "depth"), [(100, 2), (384, 7), ((256, 100), 2), (96, 5)])
def test_depth_that_would_fit_is_named_and_fits(size, depth):
    with pytest.raises(ValueError, match=rf"works with depth={depth}\)"):
        unet_generator(size, base_filters=1)
    model = unet_generator(size, base_filters=1, depth=depth)
    assert model.output_shape[1:3] == (size if isinstance(size, tuple) else (size, size))


def test_depth_given_by_hand_is_checked():
    with pytest.raises(ValueError, match="64x64 does not fit a generator of depth 7"):
        unet_generator(64, base_filters=1, depth=7)


def test_every_suggested_size_fits_the_default_depth():
    refused = []
    for height in range(2, 520, 2):
        for width in range(2, 520, 2):
            try:
                checked_depth(height, width, None)
            except ValueError as error:
                fitting = map(int, re.search(r"such as (\d+)x(\d+)", str(error)).groups())
                refused.append(tuple(fitting))
    assert refused
    for height, width in set(refused):
        assert checked_depth(height, width, None) > 0


@pytest.mark.parametrize("depth", [0, -1])
def test_depth_below_1(depth):
    with pytest.raises(ValueError, match="depth"):
        unet_generator(16, base_filters=1, depth=depth)


@pytest.mark.parametrize("skip", ["none", "post", "", None])
def test_unknown_skip(skip):
    with pytest.raises(ValueError, match="preactivation, relu or postactivation, not"):
        unet_generator(16, base_filters=1, skip=skip)
