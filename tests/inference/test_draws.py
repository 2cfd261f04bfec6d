"""Samples of hand-made generators with dropout: draws, mean and deviation, and their names."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tifffile

from tfpix2pix.data.encoding import encode_image
from tfpix2pix.data.formats import RGB_PAIRS, ImageFormat, PairFormat
from tfpix2pix.data.reading import read_image
from tfpix2pix.errors import UserError
from tfpix2pix.inference.files import FileTranslator
from tfpix2pix.inference.own_scale import OwnScale
from tfpix2pix.inference.own_size import OwnSize
from tfpix2pix.inference.predict import Job, find_jobs, predict_samples
from tfpix2pix.inference.samples import Spread, sample_paths, write_samples
from tfpix2pix.inference.streaming import StreamingAnswerer
from tfpix2pix.inference.tiling import Tiling
from tfpix2pix.inference.translator import Translator
from tfpix2pix.models import Dropout, set_prediction_seed

SIZE = 16
PALETTE = ((0, 0, 170), (0, 0, 255), (0, 85, 255))
WORDS, FLOATS = (0.0, 65535.0), (-1000.0, 3000.0)

FORMATS = {
    "rgb": RGB_PAIRS,
    "gray": PairFormat(ImageFormat(1), ImageFormat(1)),
    "16_bits": PairFormat(ImageFormat(), ImageFormat(1, "uint16", WORDS)),
    "floats": PairFormat(ImageFormat(5, "float32", FLOATS), ImageFormat(2, "float32", FLOATS)),
    "labels": PairFormat(ImageFormat(palette=PALETTE), ImageFormat()),
    "bgr": PairFormat(ImageFormat(1), ImageFormat(reversed_channels=True)),
}


def noisy_generator(formats, size=(SIZE, SIZE)):
    """Half of the pixels' channels are dropped, the others mixed."""
    inputs = keras.Input((*size, formats.input.network_channels))
    x = Dropout(0.5, at_prediction=True, name="dropout")(inputs)
    x = keras.layers.Conv2D(formats.target.network_channels, 1, activation="tanh")(x)
    model = keras.Model(inputs, x)
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.7, weight.shape) for weight in model.get_weights()])
    return model


def picture(image_format, size=(SIZE, SIZE), seed=0):
    """As stored; a label map in its colours."""
    rng = np.random.default_rng(seed)
    if image_format.palette:
        return np.array(image_format.palette, np.uint8)[rng.integers(0, 3, size)]
    values = rng.uniform(*image_format.value_range, (*size, image_format.channels))
    return values.astype(image_format.dtype)


def write_picture(folder, image_format, name="photo", **how):
    image = picture(image_format, **how)
    content, suffix = encode_image(image)
    path = folder / f"{name}{suffix}"
    path.write_bytes(content)
    return path, image


def expected_values(generator, image, formats, seed, count):
    """The draws, [count, H, W, C], in the targets' values: numpy, around the generator."""
    if formats.input.palette:
        x = (image[..., np.newaxis, :] == np.array(PALETTE)).all(-1).astype(np.float32)
    else:
        low, high = formats.input.value_range
        x = ((image.astype(np.float64) - low) / (high - low) * 2 - 1).astype(np.float32)
    low, high = formats.target.value_range
    draws = []
    for number in range(count):
        set_prediction_seed(generator, seed, number)
        y = generator(x[np.newaxis], training=False)[0].numpy().astype(np.float64)
        draws.append((y[..., ::-1] if formats.target.reversed_channels else y) / 2 + 0.5)
    return np.stack(draws) * (high - low) + low


def assert_stored(path, values, image_format):
    """As rounded; where a value lies half way between two, as either."""
    found = read_image(path).pixels
    assert found.dtype == image_format.dtype
    if image_format.dtype == "float32":
        np.testing.assert_allclose(found, values, atol=4000 * 1e-6)
        return
    difference = np.abs(found.astype(np.float64) - values)
    assert difference.max() <= 0.5 + 1e-6 * (image_format.value_range[1])


@pytest.mark.parametrize("name", FORMATS)
def test_draws_their_mean_and_deviation_are_numpys(name, tmp_path):
    formats = FORMATS[name]
    generator = noisy_generator(formats)
    source, image = write_picture(tmp_path, formats.input)
    translator = FileTranslator(Translator(generator, formats=formats))
    target = tmp_path / "out" / f"photo{translator.suffix}"
    mean = write_samples(translator, source, target, count=5, seed=3)
    values = expected_values(generator, image, formats, seed=3, count=5)
    *draws, mean_path, deviation_path = sample_paths(target, 5)
    assert mean == mean_path
    for path, drawn in zip(draws, values, strict=True):
        assert_stored(path, drawn, formats.target)
    assert_stored(mean_path, values.mean(axis=0), formats.target)
    assert_stored(deviation_path, values.std(axis=0), formats.target)
    span = formats.target.value_range[1] - formats.target.value_range[0]
    assert values.std(axis=0).mean() > 0.015 * span  # there was something to see


@pytest.mark.parametrize("size", [(SIZE, SIZE), (SIZE, 9)])
def test_samples_of_a_geotiff_keep_its_place_where_they_have_its_size(size, tmp_path):
    formats = FORMATS["floats"]
    path, scale = tmp_path / "photo.tif", (0.5, 0.5, 0.0)
    path.write_bytes(encode_image(picture(formats.input, size), [(33550, 12, 3, scale, True)])[0])
    translator = FileTranslator(Translator(noisy_generator(formats), formats=formats))
    target = tmp_path / "out" / "photo.tif"
    write_samples(translator, path, target, 2)
    assert len(sample_paths(target, 2)) == 4
    for sample in sample_paths(target, 2):
        with tifffile.TiffFile(sample) as file:
            tags = file.pages.first.tags
            assert (33550 in tags) == (size == (SIZE, SIZE))
            assert 33550 not in tags or tags[33550].value == scale
    draw = next(translator.samples(path, 1))
    np.testing.assert_array_equal(read_image(sample_paths(target, 2)[0]).pixels, draw)


def test_spread_is_that_of_all_values_at_once():
    values = 1e4 + np.random.default_rng(0).normal(0, 1e-2, (50, 3, 4))
    spread = Spread()
    for number, one in enumerate(values, start=1):
        spread.add(one)
        np.testing.assert_allclose(spread.mean, values[:number].mean(axis=0), rtol=1e-12)
        deviation = values[:number].std(axis=0)
        np.testing.assert_allclose(spread.deviation, deviation, rtol=1e-6, atol=1e-12)


def test_one_draw_has_no_spread():
    spread = Spread()
    spread.add(np.full((2, 2), 7, np.float32))
    np.testing.assert_array_equal(spread.mean, 7)
    np.testing.assert_array_equal(spread.deviation, 0)


def test_names_sort_as_numbers(tmp_path):
    names = [path.name for path in sample_paths(tmp_path / "a.b.png", 12)]
    assert names[:2] == ["a.b_01.png", "a.b_02.png"]
    assert names[-4:] == ["a.b_11.png", "a.b_12.png", "a.b_mean.png", "a.b_std.png"]
    assert [path.name for path in sample_paths(tmp_path / "a.tif", 2)] == [
        "a_1.tif", "a_2.tif", "a_mean.tif", "a_std.tif"
    ]  # fmt: skip


def samples_of(translator, sources, output, **how):
    jobs, failures = find_jobs(sources, output, translator.suffix, how["samples"])
    assert not failures
    assert not [p.failure for p in predict_samples(translator, jobs, **how) if p.failure]
    return {path.name: path.read_bytes() for path in output.iterdir()}


def test_draws_depend_on_seed_and_number_alone(tmp_path):
    translator = FileTranslator(Translator(noisy_generator(RGB_PAIRS)))
    one, _ = write_picture(tmp_path, ImageFormat(), "one")
    two, _ = write_picture(tmp_path, ImageFormat(), "two", seed=1)
    both = samples_of(translator, [one, two], tmp_path / "both", samples=3, seed=5)
    turned = samples_of(translator, [two, one], tmp_path / "turned", samples=3, seed=5)
    alone = samples_of(translator, [two], tmp_path / "alone", samples=2, seed=5)
    other = samples_of(translator, [two], tmp_path / "other", samples=2, seed=6)
    assert both == turned
    assert alone["two_1.png"] == both["two_1.png"]
    assert alone["two_2.png"] == both["two_2.png"] != alone["two_1.png"]
    assert other["two_1.png"] not in (alone["two_1.png"], alone["two_2.png"])


@pytest.mark.parametrize("name", FORMATS)
def test_a_single_answer_is_the_first_draw(name, tmp_path):
    formats = FORMATS[name]
    source, _ = write_picture(tmp_path, formats.input)
    generator = noisy_generator(formats)
    translator = FileTranslator(Translator(generator, formats=formats))
    samples_of(translator, [source], tmp_path / "out", samples=2, seed=4)
    first = read_image(tmp_path / "out" / f"photo_1{translator.suffix}").pixels.astype(float)
    answers = []
    for seed in (4, 5):
        path = tmp_path / f"answer{translator.suffix}"
        seeded = FileTranslator(Translator(generator, formats=formats), seed=seed)
        (answer,) = StreamingAnswerer(seeded).answers([source])
        path.write_bytes(answer.content)
        answers.append(read_image(path).pixels.astype(float))
    # Where a value lies half way between two, compiled sums may round the other way.
    np.testing.assert_allclose(answers[0], first, atol=1)
    assert np.abs(answers[1] - first).max() > 20


def test_own_scale_has_samples_too(tmp_path):
    """Mirrored on to a multiple of 8, and cut back; each size has its own network."""
    generators = {}

    def load(size):
        return generators.setdefault(size, noisy_generator(RGB_PAIRS, size))

    network = OwnSize(load, RGB_PAIRS, 8, Tiling(10**6, SIZE, 0))
    translator = FileTranslator(
        Translator(load((SIZE, SIZE))), own_scale=OwnScale(network, None, 1)
    )
    source, image = write_picture(tmp_path, ImageFormat(), size=(13, 20))
    samples = list(translator.samples(source, 3, seed=2))
    padded = np.pad(image, [(0, 3), (0, 4), (0, 0)], mode="reflect")
    expected = expected_values(generators[16, 24], padded, RGB_PAIRS, seed=2, count=3)
    np.testing.assert_allclose(samples, expected[:, :13, :20], atol=1e-3)


def test_memory_does_not_grow_with_the_number_of_draws(tmp_path):
    source, _ = write_picture(tmp_path, ImageFormat())
    translator = FileTranslator(Translator(noisy_generator(RGB_PAIRS)))
    draws = translator.samples(source, 10**9)
    assert next(draws).shape == (SIZE, SIZE, 3)  # computed one by one


def test_no_input_is_overwritten_by_a_sample(tmp_path):
    """`photo_2.png` may stand where a draw of `photo.png` would be written."""
    for name in ("photo", "photo_2"):
        write_picture(tmp_path, ImageFormat(), name)
    sources = [tmp_path / "photo.png", tmp_path / "photo_2.png"]
    jobs, failures = find_jobs(sources, tmp_path, samples=3)
    assert [job.source.name for job in jobs] == ["photo_2.png"]
    assert "photo_2.png is an input itself: choose another --output" in failures[0].failure
    jobs, failures = find_jobs(sources, tmp_path / "out", samples=3)
    assert not failures
    written = [path for job in jobs for path in sample_paths(job.target, 3)]
    assert len(set(written)) == len(written) == 10


def test_twins_keep_their_suffixes(tmp_path):
    for name in ("photo.jpg", "photo.png"):
        (tmp_path / name).write_bytes(b"")
    jobs, _ = find_jobs([tmp_path / "photo.jpg", tmp_path / "photo.png"], "out", samples=1)
    names = [path.name for job in jobs for path in sample_paths(job.target, 1)]
    assert names[::3] == ["photo.jpg_1.png", "photo.png_1.png"]


def test_samples_of_one_image_appear_together_or_not_at_all(tmp_path):
    good, _ = write_picture(tmp_path, ImageFormat(), "good")
    bad, _ = write_picture(tmp_path, ImageFormat(), "bad")
    translator = FileTranslator(Translator(noisy_generator(RGB_PAIRS)))
    output = tmp_path / "out"
    (output / "bad_std.png").mkdir(parents=True)
    jobs = [Job(source, output / source.name) for source in (bad, good)]
    failed, done = predict_samples(translator, jobs, samples=2)
    assert "cannot write" in failed.failure
    assert done.output == output / "good_mean.png"
    names = sorted(path.name for path in output.iterdir())
    assert names == ["bad_std.png", "good_1.png", "good_2.png", "good_mean.png", "good_std.png"]


def test_what_cannot_be_read_leaves_nothing(tmp_path):
    empty, damaged = tmp_path / "empty.png", tmp_path / "damaged.png"
    empty.write_bytes(b"")
    damaged.write_bytes(b"no image")
    translator = FileTranslator(Translator(noisy_generator(RGB_PAIRS)))
    sources = [empty, damaged, tmp_path / "none.png"]
    jobs = [Job(source, tmp_path / "out" / source.name) for source in sources]
    failures = [prediction.failure for prediction in predict_samples(translator, jobs, samples=2)]
    for failure, words in zip(failures, ("empty", "not an image", "cannot be read"), strict=True):
        assert words in failure
    assert not (tmp_path / "out").exists()
    with pytest.raises(UserError, match="the file is empty"):
        translator.samples(empty, 2)


def test_a_translator_with_dropout_on_can_be_saved(tmp_path):
    """Its seeds are among its variables; the masks are those of the draw that was chosen last."""
    translator = Translator(noisy_generator(RGB_PAIRS))
    assert translator.draws
    image = tf.constant(picture(ImageFormat())[np.newaxis])
    translator.choose_draw(7, 2)
    expected = translator.translate_images(image)["generated_image"].numpy()
    tf.saved_model.save(translator, str(tmp_path / "model"))
    loaded = tf.saved_model.load(str(tmp_path / "model"))
    answer = loaded.translate_images(image)["generated_image"]
    np.testing.assert_array_equal(answer, expected)
