"""A set's format is that of most of the pairs that are looked at."""

import numpy as np
import pytest
from PIL import Image

from tfpix2pix.config import resolve
from tfpix2pix.data import detect
from tfpix2pix.data.detect import LOOKED_AT, detect_format, read_pair
from tfpix2pix.data.folders import PairFiles
from tfpix2pix.data.formats import RGB, ImageFormat, PairFormat
from tfpix2pix.errors import SettingsError, UserError

WORDS = ImageFormat(1, "uint16", (0.0, 65535.0))


@pytest.fixture
def write(tmp_path):
    """Writes arrays [H, W(, C)] as NPY, or as PNG for names that say so; gives the paths."""

    def write(name, array):
        path = tmp_path / name
        if path.suffix == ".png":
            Image.fromarray(array).save(path)
        else:
            np.save(path, array)
        return str(path)

    return write


def zeros(*shape, dtype=np.uint8):
    return np.zeros(shape, dtype)


def detected(pairs, **settings):
    files = [PairFiles(str(number), *pair) for number, pair in enumerate(pairs)]
    return detect_format(resolve(flags={"data": "x", **settings}).data, files)


# What is found


def test_each_side_is_what_most_of_its_images_are(write):
    gray, rgb = write("gray.npy", zeros(4, 6)), write("rgb.npy", zeros(4, 6, 3))
    five = write("five.npy", zeros(4, 6, 5))
    assert detected([(gray, gray)]) == PairFormat(ImageFormat(1), ImageFormat(1))
    pairs = [(rgb, gray), (gray, five), (rgb, five)]
    assert detected(pairs) == PairFormat(RGB, ImageFormat(5))


@pytest.mark.parametrize(
    ("dtypes", "commonest"),
    [
        (["uint8", "uint16", "uint8"], "uint8"),
        (["uint8", "uint16", "uint16"], "uint16"),
        (["uint16", "float32", "uint16"], "uint16"),
        (["float32", "float64", "uint8"], "float32"),
        (["int16"], "float32"),
        (["bool"], "uint8"),
    ],
)
def test_an_odd_type_among_many_does_not_decide(write, dtypes, commonest):
    files = [write(f"{i}.npy", zeros(4, 6, dtype=name)) for i, name in enumerate(dtypes)]
    target = write("target.npy", zeros(4, 6, 3))
    ranges = {} if commonest == "uint8" else {"value_range": "0,1"}
    found = detected([(file, target) for file in files], **ranges)
    assert (found.input.dtype, found.target) == (commonest, RGB)


@pytest.mark.parametrize(("mode", "channels"), [("RGBA", 3), ("LA", 1), ("RGB", 3), ("L", 1)])
def test_transparency_is_no_channel(write, mode, channels):
    image = np.asarray(Image.new(mode, (6, 4)))
    file = write("a.png", image)
    assert detected([(file, file)]).input.channels == channels


def test_four_channels_of_data_are_four(write):
    file = write("a.npy", zeros(4, 6, 4))
    assert detected([(file, file)]).input.channels == 4


def test_both_halves_of_a_file_are_alike(write):
    file = write("both.npy", zeros(4, 6, dtype=np.uint16))
    assert detected([(file, None)]) == PairFormat(WORDS, WORDS)


def test_direction_turns_the_formats_round(write):
    gray, rgb = write("gray.npy", zeros(4, 6, dtype=np.uint16)), write("rgb.png", zeros(4, 6, 3))
    assert detected([(gray, rgb)]) == PairFormat(WORDS, RGB)
    assert detected([(gray, rgb)], direction="BtoA") == PairFormat(RGB, WORDS)


def test_the_settings_have_the_last_word(write):
    rgb = write("rgb.png", zeros(4, 6, 3))
    assert detected([(rgb, rgb)], input_channels=1) == PairFormat(ImageFormat(1), RGB)
    labels = detected([(rgb, rgb)], input_encoding="labels", palette="cmp")
    assert (labels.input.network_channels, labels.target) == (12, RGB)


# How many are looked at


def test_some_of_many_pairs_are_looked_at_first_and_last_among_them(write, monkeypatch):
    rgb = write("rgb.png", zeros(4, 6, 3))
    pairs = [PairFiles(str(number), rgb, rgb) for number in range(1000)]
    looked_at = []

    def read(files, layout):
        looked_at.append(int(files.name))
        return read_pair(files, layout)

    monkeypatch.setattr(detect, "read_pair", read)
    detect_format(resolve(flags={"data": "x"}).data, pairs)
    assert len(looked_at) == LOOKED_AT == 16
    assert (looked_at[0], looked_at[-1]) == (0, 999)
    assert np.ptp(np.diff(looked_at)) <= 1


# What is refused


def test_floats_without_a_range_are_told_the_values_found(write):
    a = write("a.npy", np.float32([[0.25, np.nan], [-3, 1]]))
    b = write("b.npy", np.float32([[7.5, np.inf], [0, 1]]))
    image = write("c.npy", zeros(2, 2))
    found = r"value_range: .*\(found -3 to 7.5 in the 2 pairs looked at\)"
    with pytest.raises(SettingsError, match=found):
        detected([(a, image), (b, image)])


def test_floats_without_any_finite_value_are_told_so_far(write):
    a = write("a.npy", np.float32([[np.nan, np.inf]]))
    with pytest.raises(SettingsError, match="value_range: float images need one: the values"):
        detected([(a, a)])


def test_a_file_that_cannot_be_read_is_left_to_be_named_later(write, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"broken")
    rgb, broken = write("rgb.png", zeros(4, 6, 3)), str(tmp_path / "broken.png")
    assert detected([(broken, rgb), (rgb, rgb)]) == PairFormat(RGB, RGB)


def test_the_first_that_can_be_read_tells_where_those_looked_at_cannot(
    write, tmp_path, monkeypatch
):
    (tmp_path / "broken.png").write_bytes(b"broken")
    gray, broken = write("gray.npy", zeros(4, 6)), str(tmp_path / "broken.png")
    monkeypatch.setattr(detect, "LOOKED_AT", 2)
    pairs = [(broken, broken), (broken, broken), (gray, gray), (broken, broken)]
    assert detected(pairs) == PairFormat(ImageFormat(1), ImageFormat(1))
    monkeypatch.setattr(detect, "SEARCHED", 2)
    with pytest.raises(UserError, match="none of 2 pairs that were looked at can be read"):
        detected(pairs)


def test_the_first_of_files_that_all_cannot_be_read_is_named(tmp_path):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"broken")
    with pytest.raises(UserError, match=f"^cannot read {tmp_path}/a.png: it is no JPEG, PNG"):
        detected([(str(tmp_path / name), None) for name in ("a.png", "b.png")])


@pytest.mark.parametrize(
    ("layout", "shape", "side"),
    [("left_right", (4, 5), "width"), ("top_bottom", (5, 4), "height")],
)
def test_a_file_that_cannot_be_halved_is_named(write, layout, shape, side):
    odd, other = write("odd.npy", zeros(*shape)), write("even.npy", zeros(4, 4))
    with pytest.raises(UserError, match=rf"^cannot use {odd}: cannot split .* an even {side}"):
        detected([(odd, None)], layout=layout)
    assert detected([(odd, None), (other, None)], layout=layout).input == ImageFormat(1)


# Reading pairs


@pytest.mark.parametrize(("layout", "axis"), [("left_right", 1), ("top_bottom", 0)])
def test_a_pair_in_one_file_is_halved(write, layout, axis):
    image = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    a, b = read_pair(PairFiles("x", write("x.png", image)), layout)
    expected = np.split(image, 2, axis)
    np.testing.assert_array_equal(a.pixels, expected[0])
    np.testing.assert_array_equal(b.pixels, expected[1])


def test_transparency_is_kept_for_both_halves(write):
    a, b = read_pair(PairFiles("x", write("x.png", zeros(4, 6, 4))), "left_right")
    assert a.has_alpha
    assert b.has_alpha
    assert a.pixels.shape == b.pixels.shape == (4, 3, 4)


def test_a_pair_in_two_files_is_read_from_both(write):
    a, b = read_pair(
        PairFiles("x", write("a.npy", zeros(4, 5)), write("b.npy", zeros(8, 10, 2))), "left_right"
    )
    assert (a.pixels.shape, b.pixels.shape) == ((4, 5, 1), (8, 10, 2))
