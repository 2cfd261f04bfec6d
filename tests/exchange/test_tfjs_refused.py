"""TF.js models that cannot be read, or are no U-Net: refused by the file and the layer."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import tfjs_writer
from tf_keras import layers as keras2
from tfjs_reading import changed, refused

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="module")
def flat_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flat")
    return tfjs_writer.write(tfjs_writer.flat(5, size=32), folder, shard_size=50_000)


def graph(content):
    return content["modelTopology"]["model_config"]["config"]


def layer(content, kind, number=0):
    """The layer of a kind, of those in a flat graph, by its number."""
    return [layer for layer in graph(content)["layers"] if layer["class_name"] == kind][number]


def set_config(kind, number, **values):
    return lambda content: layer(content, kind, number)["config"].update(values)


def set_class(kind, number, name):
    return lambda content: layer(content, kind, number).update(class_name=name)


def set_input(kind, number, half, of_kind, of_number):
    """Gives a layer another layer's result to take."""

    def change(content):
        source = layer(content, of_kind, of_number)["name"]
        layer(content, kind, number)["inbound_nodes"][0][half][0] = source

    return change


GRAPHS = {
    "stride": (set_config("Conv2D", 1, strides=[1, 1]), "conv2d.* strides"),
    "kernel": (set_config("Conv2DTranspose", 1, kernel_size=[3, 3]), "kernel_size .*3, 3"),
    "padding": (set_config("Conv2D", 1, padding="valid"), "conv2d.*padding"),
    "dilation": (set_config("Conv2D", 1, dilation_rate=[2, 2]), "dilation_rate"),
    "channels first": (set_config("Conv2D", 1, data_format="channels_first"), "data_format"),
    "activation": (set_config("Conv2D", 1, activation="relu"), "conv2d.* before batch_norm"),
    "strange activation": (set_config("Activation", 0, activation="elu"), "activation.*ReLU"),
    "capped": (set_config("LeakyReLU", 0, alpha=2.0), "leaky_re_lu"),
    "slopes": (set_config("LeakyReLU", 2, alpha=0.1), "leaky_re_lu.* 0.1: expected 0.2"),
    "no tanh": (set_config("Activation", -1, activation="sigmoid"), "activation.*tanh"),
    "width": (set_config("Conv2D", 2, filters=33), "conv2d.* 33 filters: expected 32"),
    "no filters": (set_config("Conv2D", 2, filters=None), "conv2d.* None filters"),
    "bias": (set_config("Conv2D", 2, use_bias=False), "conv2d.* no bias"),
    "epsilon": (set_config("BatchNormalization", 1, epsilon=0.1), "batch_norm.*epsilon 0.1"),
    "momentum": (set_config("BatchNormalization", 0, momentum=2), "momentum 2"),
    "axis": (set_config("BatchNormalization", 1, axis=[1]), "batch_norm.*channels"),
    "rate": (set_config("Dropout", 0, rate="much"), "dropout.* rate much"),
    "size": (set_config("InputLayer", 0, batch_input_shape=[None, 48, 48, 3]), "multiples of 32"),
    "no size": (set_config("InputLayer", 0, batch_input_shape=[None, 3]), "height, width"),
    "axis of skip": (set_config("Concatenate", 0, axis=1), "concatenate.* channels"),
    "instance norm": (
        set_class("BatchNormalization", 0, "InstanceNormalization"),
        r"\(InstanceNormalization\) is unexpected",
    ),
    "lambda": (set_class("Dropout", 0, "Lambda"), r"dropout.* \(Lambda\) is unexpected"),
    "other joint": (set_class("Concatenate", 0, "Add"), r"\(Add\) is unexpected"),
    "no norm": (set_input("Concatenate", 3, 1, "Conv2DTranspose", 3), "transpose.* no Batch"),
    "wrong skip": (set_input("Concatenate", 0, 0, "BatchNormalization", 0), "joins conv2d"),
    "skip of nothing": (set_input("Concatenate", 0, 0, "Dropout", 0), "decoder and one of the enc"),
    "cycle": (set_input("Conv2D", 1, 0, "Conv2D", 2), "takes what no layer gives"),
    "shared": (set_input("Concatenate", 0, 0, "InputLayer", 0), r"\(InputLayer\) is unexpected"),
}  # fmt: skip


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs_that_are_no_unet(name, flat_files, tmp_path):
    change, expected = GRAPHS[name]
    message = refused(changed(flat_files, tmp_path, change))
    assert str(tmp_path) in message
    assert re.search(expected, message), message


def unfinished(content):
    layer(content, "Conv2D")["inbound_nodes"] = {"args": []}


def keras_3(content):
    layer(content, "Conv2D")["inbound_nodes"] = [{"args": [], "kwargs": {}}]


def unknown_layer(content):
    layer(content, "Conv2D")["inbound_nodes"][0][0][0] = "nothing"


def used_twice(content):
    second = layer(content, "Sequential", 1)
    second["inbound_nodes"].append(second["inbound_nodes"][0])


def two_outputs(content):
    graph(content)["output_layers"] *= 2


BROKEN = {
    "unfinished": (unfinished, "inbound_nodes"),
    "keras 3": (keras_3, "written by Keras 3"),
    "unknown layer": (unknown_layer, "nothing.*no layer"),
    "two outputs": (two_outputs, "2 output_layers"),
    "no layers": (lambda content: graph(content).update(layers=[]), "no layers"),
    "text": (lambda content: graph(content).update(layers=["Conv2D"]), "expected a layer"),
    "no config": (lambda content: layer(content, "Conv2D").pop("config"), "Conv2D has no config"),
    "no model": (lambda content: content.update(modelTopology="{"), "no JSON"),
    "a layer": (
        lambda content: content.update(modelTopology={"class_name": "Dense", "config": {}}),
        "Dense: expected a Keras model",
    ),
    "strange input": (
        lambda content: graph(content).update(input_layers=[[["x"], 0, 0]]),
        "no layer of the model",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_topologies_that_are_not_well_formed(name, flat_files, tmp_path):
    change, expected = BROKEN[name]
    message = refused(changed(flat_files, tmp_path, change))
    assert re.search(expected, message), message


def test_a_block_used_twice(tmp_path):
    path = changed(DATA / "tutorial" / "model.json", tmp_path, used_twice)
    assert "used 2 times" in refused(path)


@pytest.mark.parametrize("chosen", [(2, 3), (1, 4)])
def test_dropout_elsewhere(chosen, tmp_path):
    path = tfjs_writer.write(tfjs_writer.tutorial(6, 1, dropout_layers=chosen), tmp_path)
    assert re.search(r"dropout.*, .*dropout.*: expected dropout in 3 decoder", refused(path))


def test_skips_after_and_before_the_activation(tmp_path):
    """One is joined after its leaky ReLU, and the other before."""
    theirs = tfjs_writer.preactivation()
    activation = next(n for n in theirs.layers if isinstance(n, keras2.LeakyReLU)).name

    def change(content):
        layer(content, "Concatenate", 2)["inbound_nodes"][0][1][0] = activation

    path = changed(tfjs_writer.write(theirs, tmp_path), tmp_path / "changed", change)
    assert re.search("concatenate.* joins otherwise than concatenate", refused(path))


def entry(content, number=0):
    return content["weightsManifest"][0]["weights"][number]


def paths(content):
    return content["weightsManifest"][0]["paths"]


def twice(content):
    entry(content, 1)["name"] = entry(content)["name"]


FILES = {
    "graph-model": (lambda content: content.update(format="graph-model"), "graph-model"),
    "other format": (lambda content: content.update(format="onnx"), "format 'onnx'"),
    "no topology": (lambda content: content.pop("modelTopology"), "no modelTopology"),
    "no manifest": (lambda content: content.pop("weightsManifest"), "no weightsManifest"),
    "strange manifest": (lambda content: content.update(weightsManifest=3), "weightsManifest"),
    "no name": (lambda content: entry(content).pop("name"), r"weights\.0\.name: Field required"),
    "shape": (lambda content: entry(content).update(shape=[-4]), r"shape\.0"),
    "integers": (lambda content: entry(content).update(dtype="int32"), r"dtype.*float32"),
    "no scale": (
        lambda content: entry(content).update(quantization={"dtype": "uint8"}),
        "uint8 needs scale and min",
    ),
    "twice": (twice, "twice"),
    "far more": (lambda content: entry(content).update(shape=[10**9]), "cut short"),
    "another name": (lambda content: entry(content).update(name="x/y"), "expected one weight"),
    "outside": (lambda content: paths(content).insert(0, "../a.bin"), r"'\.\./a\.bin'"),
    "absolute": (lambda content: paths(content).insert(0, "/etc/passwd"), "'/etc/passwd'"),
    "address": (lambda content: paths(content).insert(0, "https://a/b"), "'https://a/b'"),
    "missing": (lambda content: paths(content).insert(0, "gone.bin"), "gone.bin cannot be read"),
    "a folder": (lambda content: paths(content).insert(0, "."), "leads to '.'"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_files_that_do_not_fit(name, flat_files, tmp_path):
    change, expected = FILES[name]
    message = refused(changed(flat_files, tmp_path, change))
    assert str(tmp_path) in message
    assert re.search(expected, message), message


def test_a_shape_that_does_not_fit_the_layer(flat_files, tmp_path):
    def change(content):
        kernel = next(e for e in content["weightsManifest"][0]["weights"] if len(e["shape"]) == 4)
        kernel["shape"] = kernel["shape"][::-1]

    assert re.search(
        r"kernel has the shape .*: expected \[4, 4", refused(changed(flat_files, tmp_path, change))
    )


def test_a_weight_of_no_layer(flat_files, tmp_path):
    def change(content):
        content["weightsManifest"][0]["paths"].append("more.bin")
        extra = {"name": "dense/kernel", "shape": [2], "dtype": "float32"}
        content["weightsManifest"][0]["weights"].append(extra)

    path = changed(flat_files, tmp_path, change)
    (path.parent / "more.bin").write_bytes(bytes(8))
    assert "dense/kernel is a weight of no layer" in refused(path)


@pytest.mark.parametrize("number", [1, -1])
def test_shards_cut_short_or_too_long(number, flat_files, tmp_path):
    path = changed(flat_files, tmp_path, lambda content: None)
    shard = path.parent / paths(json.loads(path.read_text()))[number]
    data = shard.read_bytes()
    shard.write_bytes(data[:-4])
    assert f"{shard} is cut short" in refused(path)
    shard.write_bytes(b"")
    assert f"{shard} is cut short" in refused(path)
    if number == -1:
        shard.write_bytes(data + bytes(4))
        assert f"{shard} is too long" in refused(path)
    shard.unlink()
    assert f"{shard} cannot be read" in refused(path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers(value, flat_files, tmp_path):
    path = changed(flat_files, tmp_path, lambda content: None)
    content = json.loads(path.read_text())
    shard = path.parent / paths(content)[0]
    shard.write_bytes(np.float32(value).tobytes() + shard.read_bytes()[4:])
    assert f"{entry(content)['name']} holds NaN or infinite values" in refused(path)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff\xfe\x00", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "holds a list"),
        (b"{}", "no modelTopology"),
    ],
)
def test_files_that_are_no_model(data, expected, tmp_path):
    path = tmp_path / "model.json"
    path.write_bytes(data)
    message = refused(path)
    assert str(path) in message
    assert expected in message


def test_no_model_there(tmp_path):
    assert f"no model.json at {tmp_path}" in refused(tmp_path)
    assert "no model.json at" in refused(tmp_path / "gone.json")
