"""Metrics against scikit-image, scipy and numpy; means are over images, not over batches."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from tfpix2pix.data.formats import ImageFormat, PairFormat
from tfpix2pix.evaluation import metrics
from tfpix2pix.evaluation.baseline import mean_image_figures


def random_images(count, seed=0, size=(24, 32), channels=3):
    """Smooth blobs with noise, uint8 [count, *size, channels]."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 216, (count, size[0] // 8, size[1] // 8, channels))
    blocks = coarse.repeat(8, axis=1).repeat(8, axis=2)
    return (blocks + rng.integers(-40, 40, blocks.shape)).astype(np.uint8)


def unit(images):
    return tf.constant(images / 255, tf.float32)


def expected_l1(target, answer):
    return [np.abs(t - a).mean() for t, a in zip(target, answer, strict=True)]


def expected_psnr(target, answer):
    pairs = zip(target, answer, strict=True)
    return [peak_signal_noise_ratio(t, a, data_range=1) for t, a in pairs]


def expected_ssim(target, answer):
    """The mean of the map where the 11x11 window lies inside the image."""
    maps = [
        structural_similarity(
            t, a, data_range=1, channel_axis=-1, full=True,
            gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        )[1]
        for t, a in zip(target, answer, strict=True)
    ]  # fmt: skip
    return [similarity[5:-5, 5:-5].mean() for similarity in maps]


def expected_l2(target, answer):
    return [np.square(t - a).mean() for t, a in zip(target, answer, strict=True)]


def blur(image):
    """Gaussian, sigma 1.5, where its 11x11 window lies inside of [H, W, C]."""
    return ndimage.gaussian_filter(image, (1.5, 1.5, 0), truncate=5 / 1.5)[5:-5, 5:-5]


def halve(image):
    height, width, channels = image.shape
    return image.reshape(height // 2, 2, width // 2, 2, channels).mean(axis=(1, 3))


def expected_ms_ssim(target, answer):
    """Equations 1 to 3 and 7 of Wang et al. 2003."""
    weights, results = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333), []
    for x, y in zip(target, answer, strict=True):
        product = 1.0
        for scale, weight in enumerate(weights):
            mean_x, mean_y = blur(x), blur(y)
            covariance = blur(x * y) - mean_x * mean_y
            variances = blur(x * x) - mean_x**2 + blur(y * y) - mean_y**2
            similarity = (2 * covariance + 0.03**2) / (variances + 0.03**2)
            if scale == 4:
                luminance = 2 * mean_x * mean_y + 0.01**2
                similarity *= luminance / (mean_x**2 + mean_y**2 + 0.01**2)
            product *= np.maximum(similarity.mean(axis=(0, 1)), 0) ** weight
            if scale < 4:
                x, y = halve(x), halve(y)
        results.append(product.mean())
    return results


EXPECTED = {
    "l1": expected_l1,
    "l2": expected_l2,
    "psnr": expected_psnr,
    "ssim": expected_ssim,
    "ms_ssim": expected_ms_ssim,
}


def expected_means(target, answer):
    """Of images in [0, 1], over all of them."""
    return {name: np.mean(EXPECTED[name](target, answer)) for name in ("l1", "psnr", "ssim")}


def assert_figures(figures, expected):
    close = {name: pytest.approx(value, rel=1e-4, abs=1e-5) for name, value in expected.items()}
    assert figures == close


@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("name", EXPECTED)
def test_metric_is_the_reference(name, channels):
    assert set(metrics.METRICS) == set(EXPECTED)
    size = (176, 192) if name == "ms_ssim" else (24, 32)
    target, answer = (random_images(4, size=size, channels=channels) / 255 for _ in range(2))
    answer[1:3] += np.random.default_rng(1).uniform(-0.1, 0.1, answer[1:3].shape)
    answer[0] = target[0] * 0.5 + 0.25
    answer[3] = random_images(1, seed=9, size=size, channels=channels)[0] / 255
    figures = metrics.METRICS[name].function(
        tf.constant(target, tf.float32), tf.constant(answer, tf.float32)
    )
    assert figures.shape == (4,)
    np.testing.assert_allclose(figures, EXPECTED[name](target, answer), rtol=2e-4)


@pytest.mark.parametrize("name", metrics.METRICS)
def test_the_smallest_image_that_is_measurable_is_measured(name):
    metric = metrics.METRICS[name]
    side = metric.smallest_side
    assert name in metrics.measurable((side, 999, 5))
    image = unit(random_images(1, size=(200, 200)))[:, :side, :side]
    assert np.isfinite(metric.function(image, image * 0.9)[0])
    if side > 1:
        assert name not in metrics.measurable((999, side - 1, 5))
        with pytest.raises((tf.errors.InvalidArgumentError, ValueError)):
            metric.function(image[:, 1:], image[:, 1:])


def test_figures_worked_out_by_hand():
    target, answer = tf.zeros([1, 16, 16, 3]), tf.fill([1, 16, 16, 3], 0.1)
    assert float(metrics.l1(target, answer)[0]) == pytest.approx(0.1)
    assert float(metrics.l2(target, answer)[0]) == pytest.approx(0.01)
    assert float(metrics.psnr(target, answer)[0]) == pytest.approx(20, abs=1e-4)
    # No variance on either side: c1 / (0.1^2 + c1), c1 = 0.01^2.
    assert float(metrics.ssim(target, answer)[0]) == pytest.approx(1e-4 / 1.01e-2, rel=1e-4)


def test_equal_images_are_perfect():
    images = unit(random_images(2))
    np.testing.assert_array_equal(metrics.l1(images, images), [0, 0])
    np.testing.assert_array_equal(metrics.psnr(images, images), [np.inf, np.inf])
    np.testing.assert_allclose(metrics.ssim(images, images), [1, 1], atol=1e-6)


def test_an_image_that_is_perfect_does_not_hide_the_others_psnr():
    """And those above 100 dB do not count for more than a perfect one."""
    measured = [{"psnr": tf.constant([20.0, np.inf])}, {"psnr": tf.constant([120.0])}]
    assert metrics.mean_figures(measured) == {"psnr": pytest.approx((20 + 100 + 100) / 3)}


def test_a_figure_that_is_no_number_is_not_hidden():
    assert np.isnan(metrics.mean_figures([{"psnr": tf.constant([20.0, np.nan])}])["psnr"])


def test_means_of_many_images_are_of_double_precision():
    measured = [{"l1": tf.fill([1000], 0.1)}] * 1000
    assert metrics.mean_figures(measured)["l1"] == pytest.approx(np.float32(0.1), rel=1e-12)


def test_figures_for_people():
    figures = {"l1": 0.07123, "psnr": 19.204, "ssim": 0.6118}
    assert metrics.describe_figures(figures) == "L1 0.0712, PSNR 19.20 dB, SSIM 0.612"
    figures = {"fid": 119.123, "kid": 0.012345}
    assert metrics.describe_figures(figures, metrics.SET_METRICS) == "FID 119.12, KID 0.01235"


@pytest.fixture(scope="module")
def halving():
    """A generator that halves what it is given, unless in training: then it drops everything."""
    inputs = keras.Input([None, None, 3])
    dropped = keras.layers.Dropout(0.999)(inputs)
    return keras.Model(inputs, keras.layers.Rescaling(0.5)(dropped))


@pytest.mark.parametrize("batch_size", [1, 2, 3, 5])
def test_validator_averages_over_images(halving, batch_size):
    """Two in a batch leave one for the last, which must not count double."""
    inputs, targets = random_images(5, seed=1), random_images(5, seed=2)
    targets[4] = inputs[4] // 2 + 64  # a much better answer than the other ones
    answers = (inputs / 127.5 - 1) * 0.5 * 0.5 + 0.5
    batches = tf.data.Dataset.from_tensor_slices((inputs, targets)).batch(batch_size)
    expected = expected_means(targets / 255, answers)
    assert_figures(metrics.make_validator(halving)(batches), expected)


def test_validator_takes_the_networks_weights_as_they_are():
    inputs = keras.Input([None, None, 3])
    generator = keras.Model(inputs, keras.layers.Conv2D(3, 1, use_bias=False)(inputs))
    images = random_images(2)
    batches = tf.data.Dataset.from_tensor_slices((images, images)).batch(2)
    validate = metrics.make_validator(generator)
    generator.set_weights([np.eye(3)[None, None]])
    assert validate(batches)["l1"] == pytest.approx(0, abs=1e-6)
    generator.set_weights([np.zeros((1, 1, 3, 3))])
    expected = np.abs(images / 255 - 0.5).mean()
    assert validate(batches)["l1"] == pytest.approx(expected, rel=1e-5)


def test_figures_are_of_colours_in_the_files_order():
    """The network answers BGR; only its blue, and so the file's, is wrong."""
    inputs = keras.Input([None, None, 3])
    generator = keras.Model(inputs, keras.layers.Conv2D(3, 1, use_bias=False)(inputs))
    generator.set_weights([np.diag([0.5, 1, 1])[None, None]])
    images = random_images(2)
    batches = tf.data.Dataset.from_tensor_slices((images, images)).batch(2)
    bgr = ImageFormat(reversed_channels=True)
    answers = images / 255
    answers[..., 2] = answers[..., 2] * 0.5 + 0.25
    figures = metrics.make_validator(generator, PairFormat(bgr, bgr))(batches)
    assert_figures(figures, expected_means(images / 255, answers))


@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_mean_image_is_scored_as_every_answer(batch_size):
    training, validation = random_images(5, seed=3), random_images(3, seed=4)
    answers = np.broadcast_to((training / 255).mean(axis=0), validation.shape)
    batched = [
        tf.data.Dataset.from_tensor_slices((255 - targets, targets)).batch(batch_size)
        for targets in (training, validation)
    ]
    expected = expected_means(validation / 255, answers)
    assert_figures(mean_image_figures(*batched), expected)
