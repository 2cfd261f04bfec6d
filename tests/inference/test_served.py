"""The graph of a model server: any size, the same bits in every batch, limits, seeds."""

import io
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.export.example_requests import inputs_of
from tfpix2pix.config import resolve
from tfpix2pix.data.encoding import encode_image
from tfpix2pix.data.formats import RGB_PAIRS, ImageFormat, PairFormat
from tfpix2pix.data.images import resize
from tfpix2pix.errors import SettingsError
from tfpix2pix.export.requests import example_bodies
from tfpix2pix.export.savedmodel import with_serving
from tfpix2pix.inference.fitting import Fitting, mirrored_on
from tfpix2pix.inference.prediction_seeds import seed_words
from tfpix2pix.inference.served import ServedModel, ServingOptions, fitting_of
from tfpix2pix.inference.translator import Translator
from tfpix2pix.models import unet_generator

SIZE = 32
SHAPES = ((32, 32), (40, 20), (7, 65), (1, 9))


def drawn_weights(model):
    """Weights far from their start, so that answers span the range."""
    rng = np.random.default_rng(0)
    model.set_weights([w + rng.normal(0, 0.2, w.shape) * (w.ndim > 1) for w in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def generator():
    return drawn_weights(unet_generator(SIZE, base_filters=4, depth=4))


@pytest.fixture(scope="module")
def models(generator):
    return {
        handling: ServedModel(generator, Fitting((SIZE, SIZE), handling, multiple=16))
        for handling in ("fixed", "resize", "pad")
    }


def picture(height, width, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def translated(model, *pngs, **inputs):
    answers = model.translate(tf.constant(list(pngs)), **inputs)["generated_image_bytes"]
    return [np.asarray(Image.open(io.BytesIO(png))) for png in answers.numpy()]


def stored(model, *images):
    return model.translate_stored(tf.constant(np.stack(images)))["generated_image"].numpy()


def generated(model, *images):
    return model.generate(tf.constant(np.stack(images)))["generated_image"].numpy()


# The same bits in every batch


@pytest.mark.parametrize("handling", ["fixed", "resize", "pad"])
@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_an_answer_has_the_same_bits_in_every_batch(handling, count, models):
    model = models[handling]
    image = picture(40, 24, seed=1)
    # Very unlike ones beside it: dark, bright, noise.
    others = [
        np.zeros_like(image),
        np.full_like(image, 255),
        *(picture(40, 24, seed=s) for s in range(5)),
    ]
    batch = [*others[: count - 1], image]
    alone = model.translate(tf.constant([encode_image(image)[0]]))["generated_image_bytes"]
    together = model.translate(tf.constant([encode_image(one)[0] for one in batch]))
    assert together["generated_image_bytes"].numpy()[-1] == alone.numpy()[0]
    np.testing.assert_array_equal(stored(model, *batch)[-1], stored(model, image)[0])
    seen = [one.astype(np.float32) / 127.5 - 1 for one in batch]
    np.testing.assert_array_equal(generated(model, *seen)[-1], generated(model, seen[-1])[0])


# Sizes


def test_fixed_answers_as_the_translator_does(models, generator):
    translator = Translator(generator)
    for shape in SHAPES:
        content = encode_image(picture(*shape))[0]
        expected = translator.translate(tf.constant([content]))["generated_image_bytes"]
        answer = models["fixed"].translate(tf.constant([content]))["generated_image_bytes"]
        assert answer.numpy()[0] == expected.numpy()[0]


def test_resize_gives_the_fixed_answer_at_the_images_size(models):
    for shape in SHAPES:
        image = picture(*shape)
        expected = resize(stored(models["fixed"], image)[0], shape, "bicubic").numpy()
        np.testing.assert_array_equal(stored(models["resize"], image)[0], expected)
        np.testing.assert_array_equal(
            translated(models["resize"], encode_image(image)[0])[0], expected
        )
        assert generated(models["resize"], image / np.float32(127.5) - 1).shape[1:3] == shape


def mirrored(image, size):
    """As `predict` does; numpy cannot mirror a single pixel, which is repeated."""
    for axis in (0, 1):
        side = image.shape[axis]
        places = np.pad(np.arange(side), (0, size[axis] - side), "reflect" if side > 1 else "edge")
        image = np.take(image, places, axis)
    return image


def test_pad_answers_to_the_mirrored_image_and_cuts_back(models, generator):
    for height, width in SHAPES:
        image = picture(height, width)
        padded = mirrored(image, (height + -height % 16, width + -width % 16))
        network = unet_generator(padded.shape[:2], base_filters=4, depth=4)
        network.set_weights(generator.get_weights())
        expected = Translator(network).translate_images(tf.constant(padded[np.newaxis]))
        expected = expected["generated_image"].numpy()[0, :height, :width]
        answer = stored(models["pad"], image)[0]
        assert np.abs(answer.astype(int) - expected).max() <= 1  # convolutions of another kind


@pytest.mark.parametrize("shape", [(5, 3), (2, 2), (1, 4), (4, 1), (1, 1), (16, 32)])
def test_images_are_mirrored_on_as_by_numpy(shape):
    image = picture(*shape)
    expected = mirrored(image, (16, 32))
    np.testing.assert_array_equal(mirrored_on(tf.constant(image), tf.constant([16, 32])), expected)


def test_images_are_scaled_to_the_width_of_training_first(generator):
    scaled = ServedModel(generator, Fitting((SIZE, SIZE), "pad", multiple=16, scaled_width=20))
    plain = ServedModel(generator, Fitting((SIZE, SIZE), "pad", multiple=16))
    image = picture(30, 40)
    expected = stored(plain, resize(image, (15, 20), "bicubic").numpy())
    np.testing.assert_array_equal(stored(scaled, image), expected)


# Formats


@pytest.mark.parametrize(
    ("formats", "name"),
    [
        (PairFormat(ImageFormat(1), ImageFormat(1, "uint16", (0, 65535))), "uint8"),
        (
            PairFormat(ImageFormat(5, "float32", (-1, 3)), ImageFormat(2, "float32", (0, 9))),
            "float32",
        ),
        (PairFormat(ImageFormat(4, "uint16", (0, 65535)), ImageFormat(4)), "uint16"),
        (
            PairFormat(
                ImageFormat(palette=((0, 0, 0), (255, 0, 0))),
                ImageFormat(palette=((9, 9, 9), (0, 255, 0), (0, 0, 255))),
            ),
            "uint8",
        ),
    ],
)
def test_every_format_has_a_signature_of_its_stored_type(formats, name):
    source, target = formats.input, formats.target
    network = drawn_weights(
        unet_generator(
            16,
            source.network_channels,
            target.network_channels,
            base_filters=2,
            output_activation="softmax" if target.palette else "tanh",
        )
    )
    model = ServedModel(network, Fitting((16, 16), "resize", formats))
    assert list(model.signatures()) == ["serving_default", name, "generate"]
    assert (model.translate is None) == (name == "float32")
    image = picture(20, 12, source.channels).astype(source.dtype)
    answer = stored(model, image)
    assert answer.dtype == target.dtype
    assert answer.shape == (1, 20, 12, target.channels)
    if target.palette:
        assert set(map(tuple, answer.reshape(-1, 3).tolist())) <= set(target.palette)
    if model.translate is not None:
        png = model.translate(tf.constant([encode_image(image)[0]]))["generated_image_bytes"]
        assert png.numpy()[0] == tf.io.encode_png(answer[0]).numpy()
    specs = with_serving(model, None).serving["signatures"]
    for signature, body in example_bodies(model).items():
        inputs = inputs_of(json.loads(body), specs[signature])
        (batch,) = inputs.values()
        (answers,) = model.signatures()[signature](tf.constant(batch)).values()
        assert len(answers) == 1


def test_what_a_camera_noted_of_the_orientation_is_not_followed(models):
    image = Image.fromarray(picture(24, 16))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    contents = []
    for options in ({}, {"exif": exif}):
        file = io.BytesIO()
        image.save(file, "JPEG", quality=95, **options)
        contents.append(file.getvalue())
    plain, noted = translated(models["pad"], *contents)
    assert contents[0] != contents[1]
    assert plain.shape == (24, 16, 3)
    np.testing.assert_array_equal(plain, noted)


# Limits


@pytest.mark.parametrize("handling", ["fixed", "pad"])
def test_images_above_the_limit_are_refused(handling, generator):
    model = ServedModel(generator, Fitting((SIZE, SIZE), handling, multiple=16, most_pixels=4000))
    stored(model, picture(48, 80))
    for image in (picture(64, 63), np.zeros((4001, 1, 3), np.uint8)):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"than the 0\.004 megapixels"):
            stored(model, image)
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"than the 0\.004 megapixels"):
            translated(model, tf.io.encode_png(image).numpy())


def test_the_limit_holds_for_what_padding_and_scaling_make_of_an_image(generator):
    padded = ServedModel(generator, Fitting((SIZE, SIZE), "pad", multiple=64, most_pixels=4096))
    stored(padded, picture(64, 3))
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"height and width are\] \[64\] \[128\]"
    ):
        stored(padded, picture(3, 65))
    scaled = Fitting((SIZE, SIZE), "pad", multiple=16, scaled_width=16_384)
    with pytest.raises(tf.errors.InvalidArgumentError, match="than the 64 megapixels"):
        scaled.fit(tf.zeros([1_000_000, 1, 3], tf.uint8))


def test_images_too_small_or_empty_are_refused(generator):
    fitting = Fitting((SIZE, SIZE), "pad", multiple=16, smallest_side=5)
    fitting.fit(tf.zeros([5, 6, 3]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="takes 5 pixels a side"):
        fitting.fit(tf.zeros([4, 6, 3]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="without a pixel"):
        Fitting((SIZE, SIZE)).fit(tf.zeros([0, 6, 3]))


# Dropout


@pytest.mark.parametrize("value", [np.nan, np.inf, 1.01, 255])
def test_values_that_the_network_cannot_see_are_refused(value, models):
    seen = np.zeros((40, 24, 3), np.float32)
    seen[3, 4, 1] = value
    with pytest.raises(tf.errors.InvalidArgumentError, match="not from -1 to 1"):
        generated(models["resize"], seen)
    # Scaled by the caller, with its own rounding.
    np.testing.assert_allclose(
        generated(models["resize"], np.full_like(seen, 1.0005)),
        generated(models["resize"], np.ones_like(seen)),
        atol=1e-4,
    )


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_stored_floats_that_are_no_numbers_are_refused(value):
    floats = ImageFormat(5, "float32", (0.0, 9.0))
    model = ServedModel(
        unet_generator(SIZE, base_filters=2, depth=2, input_channels=5),
        Fitting((SIZE, SIZE), formats=PairFormat(floats, RGB_PAIRS.target)),
    )
    image = np.zeros((SIZE, SIZE, 5), np.float32)
    image[3, 4, 1] = value
    with pytest.raises(tf.errors.InvalidArgumentError, match="NaN or infinite"):
        stored(model, image)


@pytest.mark.parametrize("entropy", [(0, 0, 5), (7, 1, 123_456_789), (2**32 - 1, 3, 2**31)])
def test_seeds_are_numpys(entropy):
    seed, draw, number = entropy
    expected = np.random.SeedSequence(entropy).generate_state(2)
    found = seed_words(tf.constant(seed, tf.int64), draw, number)
    np.testing.assert_array_equal(found, expected)


def test_a_seed_for_each_image_gives_what_predict_gives_with_it():
    noisy = drawn_weights(unet_generator(SIZE, base_filters=2, dropout_at_prediction=True))
    translator = Translator(noisy)
    model = ServedModel(noisy)
    content = encode_image(picture(SIZE, SIZE))[0]
    expected = []
    for seed in (3, 0, 4_000_000_000):
        translator.choose_draw(seed, 0)
        answer = translator.translate(tf.constant([content]))["generated_image_bytes"]
        expected.append(answer.numpy()[0])
    assert len(set(expected)) == 3
    seeds = tf.constant([3, 0, 4_000_000_000], tf.int64)
    found = model.translate(tf.constant([content] * 3), seeds)["generated_image_bytes"]
    assert found.numpy().tolist() == expected
    for seeds, message in (([1], "one seed for each image"), ([-1, 0, 0], "seeds from 0")):
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            model.translate(tf.constant([content] * 3), tf.constant(seeds, tf.int64))


# Options of a run


def test_runs_on_crops_pad_and_others_answer_at_their_size():
    whole = resolve(flags={"crop_size": 64, "load_size": 72})
    assert fitting_of(whole, RGB_PAIRS, ServingOptions()) == Fitting((64, 64))
    pad = fitting_of(whole, RGB_PAIRS, ServingOptions("pad", 0.5))
    assert (pad.multiple, pad.smallest_side, pad.most_pixels) == (64, 1, 500_000)
    flags = {"resize": "scale_width_and_crop", "load_size": 200, "crop_size": 128}
    crops = resolve(flags=flags | {"generator": "resnet_6", "depth": 6})
    fitting = fitting_of(crops, RGB_PAIRS, ServingOptions())
    assert (fitting.handling, fitting.scaled_width) == ("pad", 200)
    assert (fitting.multiple, fitting.smallest_side) == (64, 65)
    with pytest.raises(
        SettingsError, match="--size-handling resize: this run was trained on crops"
    ):
        fitting_of(crops, RGB_PAIRS, ServingOptions("resize"))


def test_a_limit_below_the_networks_own_size_is_refused():
    settings = resolve(flags={"crop_size": 256})
    options = ServingOptions(max_megapixels=0.05)
    with pytest.raises(SettingsError, match=r"own size, 256x256, have 0.0655"):
        fitting_of(settings, RGB_PAIRS, options)
