"""TF.js models, as tf_keras computes them and as they are read: the same answers, or refused."""

import copy
import json
import re
import shutil

import keras
import numpy as np
import pytest
import tfjs_writer
from PIL import Image
from tf_keras import layers as keras2

from tfpix2pix.cli.main import main
from tfpix2pix.config import ModelSettings
from tfpix2pix.data.formats import RGB_PAIRS
from tfpix2pix.errors import UserError
from tfpix2pix.models import encoder_decoder_generator, unet_generator
from tfpix2pix.models.exchange.tfjs import read_tfjs
from tfpix2pix.training.build import build_generator


def image(*shape, seed=1):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def rebuilt(path, size, **changed):
    """The generator in the files, as a network here."""
    found = read_tfjs(path)
    settings = ModelSettings(**{**found.settings(), **found.defaults(), **changed})
    model = build_generator(settings, (size, size), RGB_PAIRS)
    found.set_weights(model)
    return model


def assert_same(ours, theirs, *, training=False, size, batch=1):
    images = image(batch, size, size, 3)
    expected = theirs(images, training=training).numpy()
    assert expected.std() > 0.05
    np.testing.assert_allclose(np.asarray(ours(images, training=False)), expected, atol=1e-4)


# --- The same answers -----------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [5, 6, 7, 8])
def test_the_tutorials_generator(depth, tmp_path):
    theirs = tfjs_writer.tutorial(depth)
    path = tfjs_writer.write(theirs, tmp_path, shard_size=500_000)
    found = read_tfjs(path)
    assert found.settings() == {
        "generator": "unet",
        "depth": depth,
        "base_filters": 8,
        "skip": "postactivation",
        "skip_order": "decoder_first",
        "norm": "batch",
        "innermost_norm": True,
        "norm_epsilon": 1e-3,
        "norm_momentum": 0.99,
        "leaky_slope": 0.3,
        "generator_bias": "output",
        "dropout": 0.5,
        "dropout_start": 1,
        "upsampling": "transposed",
        "spectral_norm": "none",
    }
    assert found.defaults() == {"norm_statistics": "moving", "dropout_at_prediction": False}
    assert_same(rebuilt(path, 2**depth), theirs, size=2**depth)


@pytest.mark.parametrize("depth", [5, 7])
def test_statistics_of_the_image(depth, tmp_path):
    theirs = tfjs_writer.tutorial(depth, dropout=0.0)
    ours = rebuilt(tfjs_writer.write(theirs, tmp_path), 2**depth, norm_statistics="image")
    assert_same(ours, theirs, training=True, size=2**depth)


@pytest.mark.parametrize("joined_first", ["skip", "decoder"])
@pytest.mark.parametrize("innermost_norm", [False, True])
def test_a_flat_graph_with_one_relu_over_both_halves(joined_first, innermost_norm, tmp_path):
    theirs = tfjs_writer.flat(5, joined_first=joined_first, innermost_norm=innermost_norm)
    path = tfjs_writer.write(theirs, tmp_path)
    settings = read_tfjs(path).settings()
    assert settings["skip"] == "relu"
    order = {"skip": "encoder_first", "decoder": "decoder_first"}[joined_first]
    assert settings["skip_order"] == order
    assert settings["innermost_norm"] is innermost_norm
    assert settings["generator_bias"] == "all"
    assert (settings["leaky_slope"], settings["norm_epsilon"]) == (0.2, 1e-5)
    assert_same(rebuilt(path, 32), theirs, size=32, batch=2)


def test_a_flat_graph_in_training_always(tmp_path):
    theirs = tfjs_writer.flat(5, training=True, dropout=0.0)
    path = tfjs_writer.write(theirs, tmp_path)
    assert read_tfjs(path).defaults()["norm_statistics"] == "image"
    assert_same(rebuilt(path, 32), theirs, size=32)


def test_dropout_in_training_always(tmp_path):
    path = tfjs_writer.write(tfjs_writer.flat(5, training=True), tmp_path)
    assert read_tfjs(path).defaults()["dropout_at_prediction"] is True


def test_norms_folded_away_and_padding_by_layers(tmp_path):
    theirs = tfjs_writer.flat(4, norm=False, cropped=True)
    path = tfjs_writer.write(theirs, tmp_path)
    assert read_tfjs(path).settings()["norm"] == "none"
    assert_same(rebuilt(path, 32), theirs, size=32)


def test_preactivation_skips(tmp_path):
    theirs = preactivation()
    path = tfjs_writer.write(theirs, tmp_path)
    assert read_tfjs(path).settings()["skip"] == "preactivation"
    assert_same(rebuilt(path, 32), theirs, size=32)


def preactivation():
    """Each half is under its own activation, and the skip under none; dropout after the ReLU."""
    x = inputs = keras2.Input([32, 32, 3])
    encoded = []
    for width in (8, 16, 32, 64):
        x = keras2.Conv2D(width, 4, 2, "same")(x)
        if len(encoded) not in (0, 3):
            x = keras2.BatchNormalization()(x)
        encoded.append(x)
        x = keras2.LeakyReLU(0.2)(x)
    for width, skip in zip((32, 16, 8), encoded[-2::-1], strict=True):
        x = keras2.BatchNormalization()(keras2.Conv2DTranspose(width, 4, 2, "same")(x))
        x = keras2.Concatenate()([keras2.ReLU()(x), skip])
    x = keras2.Conv2DTranspose(3, 4, 2, "same", activation="tanh")(x)
    return tfjs_writer.randomize(tfjs_writer.tf_keras.Model(inputs, x))


def test_a_sequential_without_skips(tmp_path):
    theirs = encoder_decoder()
    path = tfjs_writer.write(theirs, tmp_path)
    found = read_tfjs(path)
    assert found.settings()["generator"] == "encoder_decoder"
    assert found.settings()["generator_bias"] == "unnormalized"
    assert found.image_size == (16, 16)
    ours = encoder_decoder_generator(
        16, base_filters=8, depth=2, innermost_norm=True, norm_epsilon=1e-3, leaky_slope=0.3,
        norm_statistics="moving", dropout=0,
    )  # fmt: skip
    found.set_weights(ours)
    assert_same(ours, theirs, size=16)


def encoder_decoder():
    model = tfjs_writer.tf_keras.Sequential(
        [
            keras2.Conv2D(8, 4, 2, "same", input_shape=(16, 16, 3)),
            keras2.LeakyReLU(),
            keras2.Conv2D(16, 4, 2, "same", use_bias=False),
            keras2.BatchNormalization(scale=False),
            keras2.LeakyReLU(),
            keras2.Conv2DTranspose(8, 4, 2, "same", use_bias=False),
            keras2.BatchNormalization(center=False),
            keras2.ReLU(),
            keras2.Conv2DTranspose(3, 4, 2, "same", activation="tanh"),
        ]
    )
    return tfjs_writer.randomize(model)


@pytest.mark.parametrize(
    ("quantization", "error"), [("uint8", 0.2), ("uint16", 1e-3), ("float16", 1e-2)]
)
def test_quantised_weights(quantization, error, tmp_path):
    theirs = tfjs_writer.flat(5)
    path = tfjs_writer.write(theirs, tmp_path, quantization=quantization)
    images = image(1, 32, 32, 3)
    exact = theirs(images, training=False).numpy()
    # tf_keras with the weights that are stored.
    for weight in theirs.weights:
        weight.assign(stored(weight.numpy(), quantization))
    kept = theirs(images, training=False).numpy()
    ours = np.asarray(rebuilt(path, 32)(images, training=False))
    np.testing.assert_allclose(ours, kept, atol=1e-4)
    assert 1e-7 < np.abs(ours - exact).max() < error


def stored(values, quantization):
    """What is left of values, from the definition: steps of equal size from minimum to maximum."""
    if quantization == "float16":
        return values.astype(np.float16).astype(np.float32)
    steps = {"uint8": 255, "uint16": 65535}[quantization]
    scale = (float(values.max()) - float(values.min())) / steps
    return (np.round(values / scale) * scale).astype(np.float32)


@pytest.mark.parametrize("prefixed", [True, False])
@pytest.mark.parametrize("groups", [1, 3])
def test_names_and_groups_of_weights(prefixed, groups, tmp_path):
    theirs = tfjs_writer.tutorial(4)
    path = tfjs_writer.write(theirs, tmp_path, prefixed=prefixed, groups=groups)
    found = [array for arrays in read_tfjs(path.parent).weights.values() for array in arrays]
    for array, expected in zip(found, theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(array, expected)


def test_biases_where_no_norm_follows(tmp_path):
    theirs = tfjs_writer.tutorial(4, size=32, bias=(1,))
    path = tfjs_writer.write(theirs, tmp_path)
    assert read_tfjs(path).settings()["generator_bias"] == "unnormalized"
    assert_same(rebuilt(path, 32), theirs, size=32)


@pytest.mark.parametrize("start", [1, 2])
def test_layers_with_dropout(start, tmp_path):
    theirs = tfjs_writer.tutorial(7, dropout_layers=range(start, 4), dropout=0.25)
    settings = read_tfjs(tfjs_writer.write(theirs, tmp_path)).settings()
    assert (settings["dropout"], settings["dropout_start"]) == (0.25, start)


def test_channels_and_size(tmp_path):
    path = tfjs_writer.write(tfjs_writer.flat(3, size=24, channels=(4, 1)), tmp_path)
    found = read_tfjs(path)
    assert (found.input_channels, found.output_channels) == (4, 1)
    assert found.image_size == (24, 24)
    found.set_weights(
        unet_generator(
            24, 4, 1, 8, depth=3, skip="relu", skip_order="encoder_first", bias="all", dropout=0
        )
    )


def test_weights_go_into_no_other_network(tmp_path):
    found = read_tfjs(tfjs_writer.write(tfjs_writer.flat(3), tmp_path))
    with pytest.raises(ValueError, match="down4_conv"):
        found.set_weights(unet_generator(16, base_filters=8))


def test_models_saved_by_older_programs(tmp_path, tutorial_files):
    """No "format", the topology as model.to_json() says it, "Model" for "Functional"."""

    def age(content):
        del content["format"]
        content["modelTopology"] = content["modelTopology"]["model_config"]
        content["modelTopology"]["class_name"] = "Model"

    assert read_tfjs(changed(tutorial_files, tmp_path, age)).settings()["depth"] == 3


def test_keras_3_is_undisturbed():
    """tf_keras is in this process: what it is loaded beside must not change."""
    assert keras.__version__.startswith("3")
    assert keras.layers.LeakyReLU().negative_slope == pytest.approx(0.3)
    assert keras.backend.image_data_format() == "channels_last"


def test_import_and_predict(tmp_path):
    theirs = tfjs_writer.tutorial(5, size=32)
    folder = tfjs_writer.write(theirs, tmp_path).parent
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    run, pictures = tmp_path / "run", tmp_path / "pictures"
    assert main(["import", str(folder), "--output", str(run)]) == 0
    assert main(["predict", str(run), str(tmp_path / "photo.png"), "--output", str(pictures)]) == 0
    answer = theirs(np.float32(pixels[None] / 127.5 - 1), training=False).numpy()[0]
    expected = np.round((answer + 1) * 127.5)
    found = np.float32(Image.open(pictures / "photo.png"))
    assert expected.std() > 10
    np.testing.assert_allclose(found, expected, atol=1)


# --- Refused --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def flat_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flat")
    return tfjs_writer.write(tfjs_writer.flat(5, size=32), folder, shard_size=50_000)


@pytest.fixture(scope="module")
def tutorial_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tutorial")
    return tfjs_writer.write(tfjs_writer.tutorial(3), folder)


def changed(path, folder, change):
    """A copy of the files, whose model.json was changed."""
    shutil.copytree(path.parent, folder / "model")
    content = copy.deepcopy(json.loads(path.read_text()))
    change(content)
    (folder / "model" / "model.json").write_text(json.dumps(content))
    return folder / "model" / "model.json"


def refused(path):
    with pytest.raises(UserError) as caught:
        read_tfjs(path)
    return str(caught.value)


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


def test_a_block_used_twice(tutorial_files, tmp_path):
    assert "used 2 times" in refused(changed(tutorial_files, tmp_path, used_twice))


@pytest.mark.parametrize("chosen", [(2, 3), (1, 4)])
def test_dropout_elsewhere(chosen, tmp_path):
    path = tfjs_writer.write(tfjs_writer.tutorial(6, dropout_layers=chosen), tmp_path)
    assert re.search(r"dropout.*, .*dropout.*: expected dropout in 3 decoder", refused(path))


def test_skips_after_and_before_the_activation(tmp_path):
    """One is joined after its leaky ReLU, and the other before."""
    theirs = preactivation()
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
