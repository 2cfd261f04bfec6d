"""Lab histograms against scikit-image's conversion and numpy's histograms."""

import numpy as np
import pytest
import tensorflow as tf
from skimage import color

from tfpix2pix.errors import UserError
from tfpix2pix.evaluation.color import LabHistograms, srgb_to_lab

EDGES = (np.arange(101), np.arange(-128, 129), np.arange(-128, 129))


def images(count, seed=0, low=0.0, high=1.0):
    rng = np.random.default_rng(seed)
    return rng.uniform(low, high, (count, 16, 24, 3)).astype(np.float32)


def histograms(pixels, batch_size=2):
    found = LabHistograms()
    for start in range(0, len(pixels), batch_size):
        found.add(pixels[start : start + batch_size])
    return found


def expected_shares(pixels):
    lab = color.rgb2lab(pixels.astype(float)).reshape(-1, 3)
    return [np.histogram(lab[:, i], EDGES[i])[0] / len(lab) for i in range(3)]


def test_lab_is_scikit_images():
    every_corner = np.stack(np.meshgrid(*[[0, 1e-3, 0.04, 0.0405, 0.3, 1]] * 3), axis=-1)
    for pixels in (images(3), every_corner.astype(np.float32)):
        np.testing.assert_allclose(srgb_to_lab(pixels), color.rgb2lab(pixels), atol=2e-3)


def test_lab_of_known_colours():
    """White, middle gray, and sRGB's red, as published tables have them."""
    pixels = tf.constant([[1.0, 1, 1], [0.5, 0.5, 0.5], [1, 0, 0]])
    expected = [[100, 0, 0], [53.39, 0, 0], [53.24, 80.09, 67.20]]
    np.testing.assert_allclose(srgb_to_lab(pixels), expected, atol=0.02)


def test_counts_are_those_of_numpys_histogram():
    pixels = images(5)
    counts = histograms(pixels).counts
    assert counts.sum(axis=1).tolist() == [pixels[..., 0].size] * 3
    for found, expected in zip(counts, expected_shares(pixels), strict=True):
        share = found[: len(expected)] / pixels[..., 0].size
        # Pixels at the very edge of a bin may fall on either side of it.
        assert np.abs(share - expected).sum() < 0.005


def test_intersections_are_the_smaller_shares():
    one, other = images(5), images(3, seed=1, low=0.3)
    found = histograms(one).intersections(histograms(other))
    pairs = zip(expected_shares(one), expected_shares(other), strict=True)
    expected = [np.minimum(p, q).sum() for p, q in pairs]
    assert list(found) == ["lab_l", "lab_a", "lab_b"]
    np.testing.assert_allclose(list(found.values()), expected, atol=0.005)
    assert all(0.1 < value < 0.9 for value in found.values())


def test_a_set_and_itself_have_all_in_common_and_black_and_white_nothing():
    one = histograms(images(2))
    assert one.intersections(one) == pytest.approx({"lab_l": 1, "lab_a": 1, "lab_b": 1})
    black, white = (histograms(np.full((1, 8, 8, 3), v, np.float32)) for v in (0, 1))
    assert black.intersections(white)["lab_l"] == 0
    assert white.counts[0].nonzero()[0].tolist() == [99]


def test_batches_do_not_matter():
    pixels = images(5)
    whole = histograms(pixels, 5)
    np.testing.assert_array_equal(histograms(pixels, 1).counts, whole.counts)


def test_gray_has_no_colour():
    gray = images(2)[..., :1]
    counts = histograms(gray).counts
    np.testing.assert_array_equal(counts, histograms(np.repeat(gray, 3, -1)).counts)
    assert counts[1:, 127:129].sum(axis=1).tolist() == [gray.size] * 2


def test_what_has_no_colours_is_refused():
    with pytest.raises(UserError, match=r"takes RGB or gray, and the images have 5 channels"):
        LabHistograms().add(np.zeros((1, 4, 4, 5), np.float32))
    with pytest.raises(UserError, match="NaN"):
        LabHistograms().add(np.full((1, 4, 4, 3), np.nan, np.float32))
    with pytest.raises(UserError, match="one image or more"):
        LabHistograms().intersections(histograms(images(1)))
