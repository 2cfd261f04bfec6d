"""Edges found by HED, with models of the test's own; Canny's are compared in `test_derive`."""

import pickle
import re
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tfpix2pix.data.derive import parse_derivation
from tfpix2pix.data.edges import canny_edges, hed_edges
from tfpix2pix.errors import SettingsError, UserError

MEAN_BGR = np.array([104.00698793, 116.66876762, 122.67891434], np.float32)
INSTALL = re.escape("pip install 'tfpix2pix[edges]'")


def save_model(path, nodes, outputs=("fused",), shape=(1, 3, "h", "w"), kind=TensorProto.FLOAT):
    """An ONNX file with the input "x" and, for the nodes' use, constants."""
    constants = {
        "mean": MEAN_BGR.reshape(1, 3, 1, 1),
        "zero": np.float32(0),
        "one": np.float32(1),
        "levels": np.float32(255),
        "colour": np.array([30, 20, 10], np.float32).reshape(1, 3, 1, 1),
        "tolerance": np.float32(0.01),
        "green": np.array([0, 1, 0], np.float32).reshape(1, 3, 1, 1),
    }
    graph = helper.make_graph(
        [
            helper.make_node(operation, inputs, [output], **more)
            for operation, inputs, output, more in nodes
        ],
        "hed",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None) for output in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    versions = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=versions, ir_version=8), path)
    return path


# 1 where the picture is red 10, green 20, blue 30, and 0 elsewhere.
FINDS_A_COLOUR = [
    ("Add", ["x", "mean"], "bgr", {}),
    ("Sub", ["bgr", "colour"], "difference", {}),
    ("Abs", ["difference"], "distance", {}),
    ("ReduceMax", ["distance"], "farthest", {"axes": [1]}),
    ("Less", ["farthest", "tolerance"], "same", {}),
    ("Cast", ["same"], "fused", {"to": TensorProto.FLOAT}),
]
# The green channel, as it is, for the strength.
GREEN_IS_STRENGTH = [
    ("Add", ["x", "mean"], "bgr", {}),
    ("Mul", ["bgr", "green"], "only_green", {}),
    ("ReduceSum", ["only_green", "channel"], "sum", {}),
    ("Div", ["sum", "levels"], "ratio", {}),
    ("Clip", ["ratio", "zero", "one"], "fused", {}),
]
CHANNEL = ("Constant", [], "channel", {"value_ints": [1]})


@pytest.fixture
def colour_model(tmp_path):
    return save_model(tmp_path / "colour.onnx", FINDS_A_COLOUR)


@pytest.fixture
def strength_model(tmp_path):
    return save_model(tmp_path / "strength.onnx", [CHANNEL, *GREEN_IS_STRENGTH])


def places(image, weights):
    """Where the edges are, [n, 2]."""
    edges = hed_edges(image, str(weights))
    assert edges.dtype == bool
    assert edges.shape == image.shape[:2]
    return np.argwhere(edges)


LINE = [[7, column] for column in range(4, 16)]


def colour_line(colour):
    """`LINE` in a colour of 8-bit levels, on black with a white corner."""
    image = np.zeros((12, 21, 3))
    image[tuple(np.transpose(LINE))] = np.array(colour) / 255
    image[0, 0] = 1
    return image


def test_hed_reads_blue_green_red_minus_the_mean(colour_model):
    np.testing.assert_array_equal(places(colour_line((10, 20, 30)), colour_model), LINE)
    assert len(places(colour_line((30, 20, 10)), colour_model)) == 0


@pytest.mark.parametrize(
    ("dtype", "white"), [(np.uint8, 255), (np.uint16, 65535), (np.float32, 3.5)]
)
def test_hed_edges_are_derived_from_every_type_also_when_pickled_after_use(
    dtype, white, colour_model
):
    image = colour_line((10, 20, 30)) * white
    image = (image if dtype == np.float32 else np.round(image)).astype(dtype)
    derivation = parse_derivation(["edges", "hed"], hed_weights=colour_model)
    derived = derivation.derive(image, "a.png")
    assert derived.dtype == np.uint8
    assert derived.shape == (12, 21, 1)
    assert set(np.unique(derived)) == {0, 255}
    np.testing.assert_array_equal(np.argwhere(derived[..., 0] == 0), LINE)
    again = pickle.loads(pickle.dumps(derivation)).derive(image, "b.png")
    np.testing.assert_array_equal(again, derived)


def test_a_model_that_can_be_used_passes_the_check(colour_model):
    parse_derivation(["edges", "hed"], hed_weights=colour_model).check()


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_hed_reads_the_mean_of_other_channels(channels, strength_model):
    image = np.zeros((12, 21, channels))
    image[:, 9] = 0.8
    np.testing.assert_array_equal(places(image, strength_model), [[row, 9] for row in range(12)])


def test_hed_takes_the_last_output(tmp_path):
    nodes = [*FINDS_A_COLOUR, ("Mul", ["fused", "zero"], "side", {})]
    image = colour_line((10, 20, 30))
    for outputs, found in [(("side", "fused"), 12), (("fused", "side"), 0)]:
        weights = save_model(tmp_path / f"{outputs[-1]}.onnx", nodes, outputs)
        assert len(places(image, weights)) == found


def strengths(values):
    """A picture that the strength model reads as these strengths, [H, W] in [0, 1]."""
    return np.repeat(values[..., np.newaxis], 3, axis=2)


@pytest.mark.parametrize("turned", [False, True])
def test_hed_keeps_the_tops_of_blurred_edges(strength_model, turned):
    columns = np.arange(50)
    ridges = sum(0.8 * np.exp(-((columns - top) ** 2) / 18) for top in (18, 28))
    assert ridges[18:29].min() > 0.3  # Far above the threshold all the way between them.
    values = np.tile(ridges, (40, 1))
    lines = places(strengths(values.T if turned else values), strength_model)
    lines = lines[:, ::-1] if turned else lines
    inside = lines[(lines[:, 0] > 2) & (lines[:, 0] < 37)]
    assert set(inside[:, 1]) == {18, 28}
    assert len(inside) == 2 * 34


def test_hed_follows_slanted_edges(strength_model):
    rows, columns = np.mgrid[:60, :80]
    distance = (columns - 20 - rows / 2) / np.hypot(1, 0.5)
    values = 0.9 * np.exp(-(distance**2) / 8)
    lines = places(strengths(values), strength_model)
    assert set(lines[:, 0]) >= set(range(2, 58))
    assert np.abs(lines[:, 1] - 20 - lines[:, 0] / 2).max() <= 1


def test_hed_leaves_out_what_is_weak_or_small(strength_model):
    values = np.zeros((30, 40))
    values[5, 5:25] = 24 / 255
    values[10, 5:25] = 26 / 255
    values[20, 5:9] = 1
    values[25, 5:10] = 1
    lines = places(strengths(values), strength_model)
    expected = [[10, c] for c in range(5, 25)] + [[25, c] for c in range(5, 10)]
    np.testing.assert_array_equal(lines, expected)


def test_the_border_of_the_picture_is_no_edge(tmp_path):
    surroundings = {"kernel_shape": [5, 5], "pads": [2] * 4, "count_include_pad": 1}
    nodes = [
        ("Add", ["x", "mean"], "bgr", {}),
        ("AveragePool", ["bgr"], "blurred", surroundings),
        ("Sub", ["bgr", "blurred"], "difference", {}),
        ("Abs", ["difference"], "distance", {}),
        ("ReduceMax", ["distance"], "farthest", {"axes": [1]}),
        ("Div", ["farthest", "levels"], "fused", {}),
    ]
    weights = save_model(tmp_path / "outline.onnx", nodes)
    white = np.ones((20, 30, 3))
    assert len(places(white, weights)) == 0
    white[:, :15] = 0
    assert len(places(white, weights)) > 15


def assert_unusable(weights, reason):
    with pytest.raises(UserError, match=re.escape(reason)) as raised:
        hed_edges(np.zeros((9, 12, 3)), str(weights))
    assert str(weights) in str(raised.value)
    assert not isinstance(raised.value, SettingsError)


def test_files_that_are_no_models_are_refused(tmp_path):
    assert_unusable(tmp_path / "none.onnx", "there is no file")
    assert_unusable(tmp_path, "there is no file")
    for name, content in {"empty": b"", "text": b"not a model" * 40}.items():
        (tmp_path / name).write_bytes(content)
        assert_unusable(tmp_path / name, "it cannot be opened")


@pytest.mark.parametrize(
    ("nodes", "more", "reason"),
    [
        (FINDS_A_COLOUR, {"shape": (1, 3, 256, 256)}, "its inputs are tensor(float) [1, 3, 256,"),
        (FINDS_A_COLOUR, {"shape": (1, 1, "h", "w")}, "its inputs are tensor(float) [1, 1, 'h'"),
        ([("Cast", ["x"], "fused", {"to": 1})], {"kind": TensorProto.UINT8}, "tensor(uint8)"),
        ([("Relu", ["x"], "fused", {})], {}, "its last output is (1, 3, 265, 268)"),
        ([("ReduceMean", ["x"], "fused", {"axes": [1]})], {}, "no sigmoid?"),
        ([("Concat", ["x", "mean"], "fused", {"axis": 2})], {}, "it cannot be run"),
    ],
    ids=["fixed size", "gray", "bytes", "colour out", "logits", "fails"],
)
def test_models_of_another_kind_are_refused(tmp_path, nodes, more, reason):
    assert_unusable(save_model(tmp_path / "other.onnx", nodes, **more), reason)


@pytest.mark.parametrize("missing", ["skimage", "onnxruntime"])
def test_a_package_that_hed_misses_is_named(monkeypatch, colour_model, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(UserError, match=f"onnxruntime and scikit-image: {INSTALL}"):
        hed_edges(np.zeros((9, 12, 3)), str(colour_model))


def test_a_package_that_canny_misses_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(UserError, match=f"need scikit-image: {INSTALL}"):
        canny_edges(np.zeros((9, 12, 3)), 2.0)
