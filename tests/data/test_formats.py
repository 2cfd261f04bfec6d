"""A set's format follows from what its images are and what the settings say of them."""

import json

import pytest

from tfpix2pix.config import resolve
from tfpix2pix.data.drawn_facades.palette import PALETTE
from tfpix2pix.data.formats import (
    INTEGER_RANGES,
    RGB,
    RGB_PAIRS,
    ImageFormat,
    PairFormat,
    pair_format,
)
from tfpix2pix.errors import SettingsError

BYTES, WORDS = INTEGER_RANGES["uint8"], INTEGER_RANGES["uint16"]
FLOATS = (-1.0, 1.0)


def format_of(found_input=(3, "uint8"), found_target=(3, "uint8"), extremes="", **settings):
    return pair_format(
        resolve(flags={"data": "x", **settings}).data, found_input, found_target, extremes
    )


# From what is found and what is said


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ((3, "uint8"), RGB),
        ((1, "uint8"), ImageFormat(1, "uint8", BYTES)),
        ((5, "uint16"), ImageFormat(5, "uint16", WORDS)),
    ],
)
def test_integers_have_the_range_of_their_type(found, expected):
    assert format_of(found, (3, "uint8")) == PairFormat(expected, RGB)
    assert format_of((3, "uint8"), found) == PairFormat(RGB, expected)


@pytest.mark.parametrize(
    ("dtype", "settings", "input_range", "target_range"),
    [
        ("uint16", {"value_range": "0,4095"}, (0, 4095), (0, 4095)),
        ("uint16", {"target_value_range": "0,1000"}, WORDS, (0, 1000)),
        (
            "uint16",
            {"value_range": "10,20", "target_value_range": "30,40"},
            (10, 20),
            (30, 40),
        ),
        ("float32", {"value_range": "-1,1"}, FLOATS, FLOATS),
        ("float32", {"value_range": "-1,1", "target_value_range": "0,9"}, FLOATS, (0, 9)),
    ],
)
def test_ranges_are_those_that_were_given(dtype, settings, input_range, target_range):
    found = format_of((1, dtype), (1, dtype), **settings)
    assert found.input == ImageFormat(1, dtype, input_range)
    assert found.target == ImageFormat(1, dtype, target_range)


def test_a_range_counts_for_the_sides_that_need_one():
    """CT to photograph, say: the bytes keep theirs."""
    assert format_of((1, "float32"), (3, "uint8"), value_range="-1000,1000") == PairFormat(
        ImageFormat(1, "float32", (-1000, 1000)), RGB
    )
    assert format_of((3, "uint8"), (1, "uint16"), target_value_range="0,4095") == PairFormat(
        RGB, ImageFormat(1, "uint16", (0, 4095))
    )


@pytest.mark.parametrize(
    ("found", "settings"),
    [
        ([(1, "float32"), (3, "uint8")], {}),
        ([(3, "uint8"), (1, "float32")], {}),
        ([(1, "float32"), (1, "uint16")], {"target_value_range": "0,1"}),
    ],
)
def test_floats_need_a_range(found, settings):
    with pytest.raises(SettingsError) as caught:
        format_of(*found, extremes="0.5 to 7 in the 3 pairs looked at", **settings)
    assert str(caught.value) == (
        "value_range: float images need one (found 0.5 to 7 in the 3 pairs looked at): the values "
        "that become the darkest and the brightest, such as --value-range 0,1 or, with a minus, "
        "--value-range=-1,1"
    )


LABELS = {"input_encoding": "labels", "palette": "cmp"}
TARGET_LABELS = {"target_encoding": "labels", "palette": "cmp"}


@pytest.mark.parametrize(
    ("found", "settings", "name"),
    [
        ([(3, "uint8"), (3, "uint8")], {"value_range": "0,100"}, "value_range"),
        ([(3, "uint8"), (3, "uint8")], {"target_value_range": "0,100"}, "target_value_range"),
        ([(1, "float32"), (3, "uint8")], {"target_value_range": "0,1"}, "target_value_range"),
        (
            [(3, "uint8"), (1, "uint16")],
            {"value_range": "0,1", "target_value_range": "0,1"},
            "value_range",
        ),
        ([(1, "uint16"), (3, "uint8")], {"value_range": "0,1", **LABELS}, "value_range"),
        ([(3, "uint8"), (1, "uint16")], {"value_range": "0,1", **TARGET_LABELS}, "value_range"),
        (
            [(3, "uint8"), (1, "uint16")],
            {"target_value_range": "0,1", **TARGET_LABELS},
            "target_value_range",
        ),
    ],
)
def test_a_range_that_nothing_uses_is_refused(found, settings, name):
    with pytest.raises(SettingsError, match=f"^{name}: .*leave it out$"):
        format_of(*found, **settings)


def test_float_targets_take_the_range_of_targets_alone():
    found = format_of((3, "uint8"), (1, "float32"), target_value_range="0,1")
    assert found == PairFormat(RGB, ImageFormat(1, "float32", (0, 1)))


@pytest.mark.parametrize(
    ("settings", "channels"),
    [
        ({}, (3, 5)),
        ({"input_channels": 1}, (1, 5)),
        ({"output_channels": 4}, (3, 4)),
        ({"input_channels": 4, "output_channels": 1}, (4, 1)),
    ],
)
def test_channels_are_those_that_were_said(settings, channels):
    found = format_of((3, "uint8"), (5, "uint8"), **settings)
    assert (found.input.channels, found.target.channels) == channels


# Label maps


def test_label_maps_are_read_as_colours_and_go_in_as_classes():
    labels = {"input_encoding": "labels", "palette": "cmp"}
    found = format_of((3, "uint8"), (1, "uint16"), **labels)
    assert found.target == ImageFormat(1, "uint16", WORDS)
    assert (found.input.channels, found.input.dtype, found.input.value_range) == (3, "uint8", BYTES)
    assert found.input.palette == tuple(map(tuple, PALETTE.tolist()))
    assert (found.input.pipeline_channels, found.input.network_channels) == (1, 12)


def test_targets_may_be_label_maps():
    found = format_of((1, "uint16"), (1, "float32"), **TARGET_LABELS)
    assert found.input == ImageFormat(1, "uint16", WORDS)
    assert found.target == ImageFormat(palette=tuple(map(tuple, PALETTE.tolist())))
    assert found.target.network_channels == 12


def test_both_sides_may_be_label_maps():
    found = format_of(**(LABELS | TARGET_LABELS))
    assert found.input == found.target == ImageFormat(palette=found.input.palette)


def test_label_maps_of_ones_own_palette():
    found = format_of(input_encoding="labels", palette="#ff0000,#00ff00,7")
    assert found.input.palette == ((255, 0, 0), (0, 255, 0), (7, 7, 7))
    assert (found.input.pipeline_channels, found.input.network_channels) == (1, 3)
    assert found.target == RGB


@pytest.mark.parametrize(
    ("found", "settings", "reversed_sides"),
    [
        ([(3, "uint8"), (3, "uint8")], {}, (True, True)),
        ([(1, "uint8"), (3, "uint16")], {}, (False, True)),
        ([(3, "uint8"), (5, "uint8")], {}, (True, False)),
        ([(3, "uint8"), (4, "uint8")], {"input_channels": 1, "output_channels": 3}, (False, True)),
        ([(3, "uint8"), (3, "uint8")], LABELS, (False, True)),
    ],
)
def test_bgr_is_said_of_the_sides_that_have_colours(found, settings, reversed_sides):
    formats = format_of(*found, channel_order="bgr", **settings)
    assert (formats.input.reversed_channels, formats.target.reversed_channels) == reversed_sides
    plain = format_of(*found, **settings)
    assert not plain.input.reversed_channels
    assert not plain.target.reversed_channels


@pytest.mark.parametrize(
    ("found", "settings", "words"),
    [
        ([(1, "uint8"), (4, "uint8")], {}, "the inputs are gray uint8, the targets RGBA uint8"),
        ([(3, "uint8"), (1, "uint8")], LABELS, "the inputs are label maps of 12 classes, the"),
    ],
)
def test_bgr_without_colours_is_refused(found, settings, words):
    with pytest.raises(SettingsError, match=f"channel_order bgr is about RGB images.*{words}"):
        format_of(*found, channel_order="bgr", **settings)


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_images_have_as_many_channels_everywhere(channels):
    image_format = ImageFormat(channels)
    assert image_format.pipeline_channels == image_format.network_channels == channels


@pytest.mark.parametrize(("dtype", "size"), [("uint8", 1), ("uint16", 2), ("float32", 4)])
def test_values_take_their_bytes(dtype, size):
    assert ImageFormat(dtype=dtype).itemsize == size


# Words and files


@pytest.mark.parametrize(
    ("image_format", "words"),
    [
        (RGB, "RGB uint8"),
        (ImageFormat(1, "uint16", WORDS), "gray uint16"),
        (ImageFormat(4), "RGBA uint8"),
        (ImageFormat(2), "2 channels uint8"),
        (ImageFormat(1, "uint16", (0.0, 4095.0)), "gray uint16 from 0 to 4095"),
        (ImageFormat(5, "float32", (-1.0, 1.0)), "5 channels float32 from -1 to 1"),
        (ImageFormat(1, "float32", (0.0, 255.0)), "gray float32 from 0 to 255"),
        (ImageFormat(palette=((0, 0, 0), (9, 9, 9))), "label maps of 2 classes"),
        (ImageFormat(reversed_channels=True), "RGB uint8, in the networks BGR"),
    ],
)
def test_formats_are_told_to_people(image_format, words):
    assert image_format.describe() == words


@pytest.mark.parametrize(
    "formats",
    [
        RGB_PAIRS,
        PairFormat(ImageFormat(5, "float32", (-1.5, 1e6)), ImageFormat(1, "uint16", (0.0, 4095.0))),
        PairFormat(ImageFormat(palette=((0, 0, 0), (9, 8, 7))), RGB),
        PairFormat(ImageFormat(1), ImageFormat(reversed_channels=True)),
    ],
)
def test_formats_survive_json(formats):
    again = PairFormat.from_plain(json.loads(json.dumps(formats.to_plain())))
    assert again == formats
    assert hash(again) == hash(formats)


def test_a_format_in_json_says_what_it_means():
    plain = PairFormat(RGB, ImageFormat(1, "float32", (0.0, 1.0))).to_plain()
    assert json.loads(json.dumps(plain)) == {
        "input": {"channels": 3, "dtype": "uint8", "value_range": [0, 255], "palette": None},
        "target": {"channels": 1, "dtype": "float32", "value_range": [0, 1], "palette": None},
    }


def test_json_names_reversed_channels_only_if_they_are():
    """So that the record of an older run, which lacks the name, still says the same."""
    plain = PairFormat(ImageFormat(1), ImageFormat(reversed_channels=True)).to_plain()
    assert "reversed_channels" not in plain["input"]
    assert plain["target"]["reversed_channels"] is True
