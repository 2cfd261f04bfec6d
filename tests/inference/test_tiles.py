"""Cutting and blending: hand-computed places, weights that sum to one, nothing but bands held."""

import numpy as np
import pytest

from tfpix2pix.inference.tiles import blended, cut, spread

CUTS = [(64, 64, 0), (64, 64, 63), (100, 32, 0), (100, 32, 8), (100, 32, 16), (65, 64, 1),
        (97, 32, 31), (40, 8, 7), (1, 1, 0)]  # fmt: skip


def test_tiles_lie_where_they_should():
    assert cut(100, 32, 8).starts == (0, 24, 48, 68)
    assert cut(64, 32, 0).starts == (0, 32)
    assert cut(65, 32, 0).starts == (0, 32, 33)
    assert cut(32, 32, 16).starts == (0,)
    assert spread(100, 20, 1) == [0]
    assert spread(100, 20, 3) == [0, 40, 80]


@pytest.mark.parametrize(("length", "window", "overlap"), CUTS)
def test_weights_sum_to_one(length, window, overlap):
    side = cut(length, window, overlap)
    total = np.zeros(length)
    for start, weights in zip(side.starts, side.weights, strict=True):
        assert weights.shape == (window,)
        assert (weights > 0).all()
        total[start : start + window] += weights
    np.testing.assert_allclose(total, 1, rtol=1e-12)


def test_between_two_tiles_weights_follow_a_raised_cosine():
    side = cut(48, 32, 16)
    place = (np.arange(16) + 0.5) / 16
    np.testing.assert_allclose(side.weights[0][16:], 0.5 + 0.5 * np.cos(np.pi * place))
    np.testing.assert_allclose(side.weights[1][:16], 0.5 - 0.5 * np.cos(np.pi * place))
    np.testing.assert_array_equal(side.weights[0][:16], 1)


@pytest.mark.parametrize(("length", "window", "overlap"), [(10, 11, 0), (10, 5, 5), (10, 5, -1)])
def test_impossible_cuts_are_refused(length, window, overlap):
    with pytest.raises(ValueError, match="expected 0 <= overlap"):
        cut(length, window, overlap)


@pytest.mark.parametrize(("length", "window", "overlap"), CUTS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_tiles_of_an_image_give_it_back_to_the_bit(length, window, overlap, dtype):
    rows, columns = cut(length, window, overlap), cut(70, 32, 9)
    values = np.random.default_rng(0).uniform(0, 60000, (length, 70, 2)) % 2 ** (
        8 * np.dtype(dtype).itemsize
    )
    image = values.astype(dtype)

    def tile(row, column):
        return image[row : row + window, column : column + 32]

    bands = list(blended(rows, columns, tile))
    assert [start for start, _ in bands] == list(rows.starts)
    found = np.concatenate([band for _, band in bands])
    rounded = found.astype(np.float32) if dtype == np.float32 else np.rint(found)
    np.testing.assert_array_equal(rounded, image)


def test_bands_are_the_weighted_sum_of_all_tiles():
    rows, columns = cut(50, 20, 13), cut(40, 20, 5)
    rng = np.random.default_rng(0)
    tiles = {
        (row, column): rng.normal(size=(20, 20, 3))
        for row in rows.starts
        for column in columns.starts
    }
    expected = np.zeros((50, 40, 3))
    for (row, column), tile in tiles.items():
        weights = np.outer(
            rows.weights[rows.starts.index(row)], columns.weights[columns.starts.index(column)]
        )
        expected[row : row + 20, column : column + 20] += tile * weights[..., None]
    found = np.concatenate([b for _, b in blended(rows, columns, lambda r, c: tiles[r, c])])
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_band_is_given_before_the_next_tiles_are_asked_for():
    asked = []

    def tile(row, column):
        asked.append(row)
        return np.zeros((10, 10, 1))

    bands = blended(cut(100, 10, 2), cut(10, 10, 0), tile)
    start, band = next(bands)
    assert (start, len(band), asked) == (0, 8, [0])
