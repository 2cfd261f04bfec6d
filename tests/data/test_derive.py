"""Inputs derived from targets, against NumPy, scikit-image, Pillow and models built here."""

import os
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from skimage import feature

from tfpix2pix.data.derive import Derivation, parse_derivation
from tfpix2pix.errors import SettingsError, UserError

DTYPES = [np.uint8, np.uint16, np.float32]
# White of each type, for images that are drawn in [0, 1].
WHITE = {np.uint8: 255, np.uint16: 65535, np.float32: 3.5}


@pytest.fixture(params=DTYPES, ids=lambda dtype: dtype.__name__)
def dtype(request):
    return request.param


def draw(height, width, channels, dtype):
    """Smooth waves and a box that holds black and white, in the type's range."""
    rows, columns = np.mgrid[:height, :width]
    waves = [0.5 + 0.3 * np.sin(rows / (4 + c) + columns / 9) for c in range(channels)]
    image = np.stack(waves, axis=-1)
    image[height // 4 : height // 2, width // 3 : width // 2] = 1
    image[:3, :4] = 0
    return scale(image, dtype)


def scale(unit, dtype):
    scaled = unit * WHITE[dtype]
    return (scaled if dtype == np.float32 else np.round(scaled)).astype(dtype)


def derive(words, image, name="a.png", **settings):
    return parse_derivation(words.split(), **settings).derive(image, name)


def black(edges):
    """The places of the edges, [n, 2], after a check that there is nothing but black and white."""
    assert edges.dtype == np.uint8
    assert edges.shape[2:] == (1,)
    assert set(np.unique(edges)) <= {0, 255}
    return np.argwhere(edges[..., 0] == 0)


# Words


@pytest.mark.parametrize(
    ("words", "expected", "described"),
    [
        ("edges", Derivation("canny", 2.0), "edges canny, sigma 2"),
        ("edges canny", Derivation("canny", 2.0), "edges canny, sigma 2"),
        ("grayscale", Derivation("grayscale"), "grayscale"),
        ("downscale 4", Derivation("downscale", 4), "downscale 4"),
        ("blank center", Derivation("blank"), "blank center"),
        ("noise", Derivation("noise", 25), "noise 25, seed 0"),
        ("noise 7.5", Derivation("noise", 7.5), "noise 7.5, seed 0"),
    ],
)
def test_words(words, expected, described):
    derivation = parse_derivation(words.split())
    assert derivation == expected
    assert derivation.describe() == described


def test_settings_are_kept_and_described(tmp_path):
    assert parse_derivation(["edges"], canny_sigma=1.5).describe() == "edges canny, sigma 1.5"
    assert parse_derivation(["noise"], seed=3).describe() == "noise 25, seed 3"
    assert parse_derivation(["noise", "1.23456789"]).describe() == "noise 1.23456789, seed 0"


def test_other_weights_are_described_otherwise(tmp_path):
    weights = tmp_path / "hed.onnx"
    hed = parse_derivation(["edges", "hed"], hed_weights=weights)
    with pytest.raises(UserError, match=f"there is no file {weights}"):
        hed.describe()
    weights.write_bytes(b"one")
    described = hed.describe()
    assert described.startswith(f"edges hed, weights {weights}, 3 bytes, sha256 7692c3ad")
    weights.write_bytes(b"two")
    assert hed.describe() != described


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "no word; use one of: edges [canny|hed]; grayscale; downscale N"),
        ("edge", "unknown word 'edge': did you mean 'edges'?; use one of: edges [canny|hed];"),
        ("mosaic", "unknown word 'mosaic'; use one of:"),
        ("edges cany", "edges: got 'cany': did you mean 'canny'?; use: edges [canny|hed]"),
        ("edges canny 2", "edges: got 'canny 2': did you mean 'canny'?; use: edges [canny|hed]"),
        ("edges canny hed", "edges: got 'canny hed'"),
        ("edges hed", "edges hed: needs the weights"),
        ("grayscale 3", "grayscale: got '3'; use: grayscale"),
        ("blank", "blank: got nothing after it; use: blank center"),
        ("blank centre", "blank: got 'centre': did you mean 'center'?; use: blank center"),
        ("downscale", "downscale: got nothing after it; use: downscale N"),
        ("downscale 1", "downscale: got '1'; use: downscale N, N a whole number of 2 or more"),
        ("downscale 2.5", "downscale: got '2.5'"),
        ("downscale 2 3", "downscale: got '2 3'"),
        ("noise much", "noise: got 'much'; use: noise [SIGMA], SIGMA more than 0"),
        ("noise 0", "noise: got '0'"),
        ("noise -3", "noise: got '-3'"),
        ("noise nan", "noise: got 'nan'"),
        ("noise inf", "noise: got 'inf'"),
        ("noise 3 4", "noise: got '3 4'"),
    ],
)
def test_other_words_are_refused_with_their_use(words, message):
    with pytest.raises(SettingsError, match=re.escape(message)):
        parse_derivation(words.split())


@pytest.mark.parametrize("sigma", [0, -1, float("nan"), float("inf")])
def test_a_bad_canny_sigma_is_refused(sigma):
    with pytest.raises(SettingsError, match="canny_sigma"):
        parse_derivation(["edges"], canny_sigma=sigma)


@pytest.mark.parametrize("words", ["edges", "edges canny", "grayscale", "noise 3"])
def test_weights_go_with_edges_hed_only(tmp_path, words):
    message = f"hed_weights: goes with --derive edges hed, got --derive {words}"
    with pytest.raises(SettingsError, match=f"^{message}$"):
        parse_derivation(words.split(), hed_weights=tmp_path / "hed.onnx")


def test_unknown_words_are_named_before_weights(tmp_path):
    with pytest.raises(SettingsError, match="edges: got 'hedd': did you mean 'hed'"):
        parse_derivation(["edges", "hedd"], hed_weights=tmp_path / "hed.onnx")


WITHOUT_WEIGHTS = ["edges", "grayscale", "downscale 3", "blank center", "noise"]


@pytest.mark.parametrize("words", WITHOUT_WEIGHTS)
@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_every_derivation_keeps_the_size_and_leaves_the_target(words, channels, dtype):
    image = draw(30, 41, channels, dtype)
    before = image.copy()
    derivation = parse_derivation(words.split())
    derived = derivation.derive(image, "a.png")
    np.testing.assert_array_equal(image, before)
    one_channel = words in ("edges", "grayscale")
    assert derived.shape == (30, 41, 1 if one_channel else channels)
    assert derived.dtype == (np.uint8 if words == "edges" else dtype)
    again = pickle.loads(pickle.dumps(derivation)).derive(image, "a.png")
    np.testing.assert_array_equal(derived, again)


@pytest.mark.parametrize("words", WITHOUT_WEIGHTS)
@pytest.mark.parametrize("size", [(1, 1), (1, 6), (7, 2)])
def test_tiny_and_flat_images_go_through(words, size, dtype):
    image = np.full((*size, 3), WHITE[dtype], dtype)
    assert derive(words, image).shape[:2] == size


# Grayscale, downscale, blank


def test_grayscale_is_luma(dtype):
    image = draw(8, 9, 3, dtype)
    expected = image.astype(np.float64) @ [0.2989, 0.587, 0.114] / 0.9999
    assert np.abs(derive("grayscale", image)[..., 0] - expected).max() < 0.5001


def test_downscale_is_pillow_there_and_back(dtype):
    image = draw(32, 44, 2, dtype)
    derived = derive("downscale 4", image)
    for channel in range(2):
        floats = Image.fromarray(image[..., channel].astype(np.float32))
        small = np.asarray(floats.resize((11, 8), Image.Resampling.BICUBIC))
        if dtype != np.float32:
            small = np.clip(np.round(small), 0, WHITE[dtype])
        back = np.asarray(Image.fromarray(small).resize((44, 32), Image.Resampling.BICUBIC))
        if dtype != np.float32:
            back = np.clip(np.round(back), 0, WHITE[dtype])
        np.testing.assert_array_equal(derived[..., channel], back)


def test_downscale_by_more_than_the_image_leaves_one_colour(dtype):
    image = draw(4, 6, 1, dtype)
    assert np.unique(derive("downscale 100", image)).size == 1


@pytest.mark.parametrize(("dtype", "gray"), [(np.uint8, 128), (np.uint16, 32768)])
def test_blank_fills_the_middle_half_with_gray(dtype, gray):
    image = draw(8, 13, 3, dtype)
    expected = image.copy()
    expected[2:6, 3:9] = gray
    np.testing.assert_array_equal(derive("blank center", image), expected)


def test_blank_of_floats_tells_nothing_of_what_it_hides():
    image = np.zeros((8, 8, 1), np.float32)
    image[0, 0], image[7, 7] = -2, 6
    image[3, 3] = 1000
    derived = derive("blank center", image)
    np.testing.assert_array_equal(derived[2:6, 2:6], 2)
    np.testing.assert_array_equal(derived[:2], image[:2])


# The values of a set that does not use all of its type


def derive_in(words, image, value_range):
    return parse_derivation(words.split()).derive(image, "a.png", value_range)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_black_and_white_are_the_sets(dtype):
    unit = draw(40, 60, 3, np.float32) / WHITE[np.float32]
    image = np.round(unit * 4095).astype(dtype)
    edges = derive_in("edges", image, (0.0, 4095.0))
    expected = feature.canny(image / 4095 @ [0.2989, 0.587, 0.114] / 0.9999, 2.0)
    np.testing.assert_array_equal(edges[..., 0] == 0, expected)
    assert len(black(edges)) > 20
    assert derive_in("blank center", image, (0.0, 4095.0))[20, 30, 0] in (2047.5, 2048)
    added = derive_in("noise 10", image // 4 + 1024, (0.0, 4095.0)) - (image // 4 + 1024.0)
    assert abs(added.std() / 4095 * 255 - 10) < 0.5


def test_edges_of_a_dark_picture_do_not_depend_on_its_own_extremes():
    image = draw(40, 60, 1, np.float32) / 1000
    assert len(black(derive("edges", image))) > 20
    assert len(black(derive_in("edges", image, (0.0, 3.5)))) == 0


def test_noise_stays_in_the_range_of_integers():
    noisy = derive_in("noise 50", np.full((50, 50, 1), 4095, np.uint16), (0.0, 4095.0))
    assert noisy.max() == 4095


# Noise


def test_noise_has_the_sigma_asked_for(dtype):
    gray = np.full((200, 200, 3), 0.5)
    gray[0, 0], gray[0, 1] = 0, 1
    image = scale(gray, dtype)
    difference = (derive("noise 10", image).astype(np.float64) - image) / WHITE[dtype] * 255
    assert abs(difference.std() - 10) < 0.15
    assert abs(difference.mean()) < 0.15


def test_noise_is_clipped_not_wrapped():
    white = np.full((50, 50, 1), 255, np.uint8)
    assert derive("noise", white).min() > 100


def test_noise_differs_by_name_and_seed_and_not_by_order():
    image = np.full((6, 7, 3), 128, np.uint8)
    first = derive("noise", image, "a.png")
    other_name = derive("noise", image, "b.png")
    other_seed = derive("noise", image, "a.png", seed=1)
    assert (first != other_name).any()
    assert (first != other_seed).any()
    np.testing.assert_array_equal(first, derive("noise", image, "a.png"))


def test_noise_is_the_same_in_every_process():
    code = (
        "import sys, numpy as np; from tfpix2pix.data.derive import parse_derivation;"
        "image = np.full((6, 7, 3), 128, np.uint8);"
        "noise = parse_derivation(['noise'], seed=4).derive(image, 'ä.png');"
        "sys.stdout.write(noise.tobytes().hex())"
    )
    image = np.full((6, 7, 3), 128, np.uint8)
    here = derive("noise", image, "ä.png", seed=4).tobytes().hex()
    for hash_seed in ["1", "2"]:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        command = [sys.executable, "-c", code]
        there = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert there.stdout == here


# Edges


def test_canny_is_scikit_images(dtype):
    image = draw(60, 85, 3, dtype)
    unit = image.astype(np.float64) / WHITE[dtype]
    luma = unit @ [0.2989, 0.587, 0.114] / 0.9999
    for sigma in [1.0, 3.0]:
        edges = derive("edges canny", image, canny_sigma=sigma)
        expected = feature.canny(luma, sigma)
        assert 20 < expected.sum() < expected.size / 2
        np.testing.assert_array_equal(edges[..., 0] == 0, expected)


def test_canny_of_other_channels_is_of_their_mean(dtype):
    image = draw(60, 85, 5, dtype)
    expected = feature.canny(image.mean(axis=2, dtype=np.float64) / WHITE[dtype], 2.0)
    assert len(black(derive("edges", image))) > 20
    np.testing.assert_array_equal(derive("edges", image)[..., 0] == 0, expected)


def test_edges_of_floats_depend_neither_on_their_scale_nor_on_what_is_not_finite():
    image = draw(40, 50, 1, np.float32)
    edges = derive("edges", image)
    np.testing.assert_array_equal(derive("edges", image * 1000 - 70), edges)
    assert len(black(edges)) > 20
    image[20, 20:26:2, 0] = [image.min(), image.max(), image.min()]
    finite = derive("edges", image)
    image[20, 20:26:2, 0] = [np.nan, np.inf, -np.inf]
    np.testing.assert_array_equal(derive("edges", image), finite)


# Failing early


@pytest.mark.parametrize("words", WITHOUT_WEIGHTS)
def test_what_works_passes_the_check(words):
    parse_derivation(words.split()).check()


def test_a_missing_package_fails_the_check(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage", None)
    parse_derivation(["grayscale"]).check()
    with pytest.raises(UserError, match="edges need scikit-image"):
        parse_derivation(["edges"]).check()


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "there is no file"), (b"not a model" * 40, "cannot be opened")]
)
def test_weights_that_cannot_be_used_fail_the_check(tmp_path, content, reason):
    weights = tmp_path / "hed.onnx"
    if content is not None:
        weights.write_bytes(content)
    with pytest.raises(UserError, match=f"{weights}.*{reason}|{reason} {weights}"):
        parse_derivation(["edges", "hed"], hed_weights=weights).check()
