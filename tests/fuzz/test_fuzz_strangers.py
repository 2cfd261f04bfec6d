"""Run folders, weights and models of strangers: read as data or refused; nothing in them runs."""

import contextlib
import json
import random
import shutil
import sys
import zipfile

import h5py
import keras
import numpy as np
import onnx
import pytest
import tensorflow as tf
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.many import examples, seeds
from tests.tiny_runs import write_run
from tfpix2pix.config import resolve
from tfpix2pix.data.record_pairs import open_record_splits
from tfpix2pix.errors import UserError
from tfpix2pix.evaluation.features import keras_extractor
from tfpix2pix.export.description import FILE_NAME, ModelDescription
from tfpix2pix.export.loading import load_exported
from tfpix2pix.inference.runtimes import load_network
from tfpix2pix.inference.segmenter import load_segmenter
from tfpix2pix.inference.translator import load_translator
from tfpix2pix.models.exchange.torch_files import read_weights
from tfpix2pix.training.checkpoints import Checkpoints
from tfpix2pix.training.records import MetricsFile
from tfpix2pix.training.run_folder import RunFolder
from tfpix2pix.training.state import TrainState

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["object", "uint8", "O", "../x", 10**400, 256, 3]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


def refused(action):
    with pytest.raises(UserError) as caught:
        action()
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


# Keras models


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """`ok.keras`, a segmenter of one layer, and what a model could reach out to."""
    folder = tmp_path_factory.mktemp("keras")
    image = keras.Input((8, 8, 3))
    keras.Model(image, keras.layers.Conv2D(2, 1)(image)).save(folder / "ok.keras")
    tf.saved_model.save(tf.Module(), str(folder / "saved"))
    (folder / "secret.txt").write_text("secret\n")
    with h5py.File(folder / "other.h5", "w") as file:
        file["kernel"] = np.ones((1, 1, 3, 2), np.float32)
    (folder / "raw.bin").write_bytes(np.ones(6, np.float32).tobytes())
    return folder


def layer_of(module, kind, /, **config):
    """Makes another object of the convolution."""

    def change(model, place):
        layer = next(e for e in model["config"]["layers"] if e["class_name"] == "Conv2D")
        layer |= {"module": module, "class_name": kind, "registered_name": None}
        layer["config"] = {key: value.format(place=place) for key, value in config.items()}

    return change


def activation(value):
    def change(model, place):
        layer = next(e for e in model["config"]["layers"] if e["class_name"] == "Conv2D")
        layer["config"]["activation"] = value

    return change


def function_of(module, name):
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


def replaced(value):
    def change(model, place):
        model.clear()
        model.update(value)

    return change


TOUCH = "touch {place}/canary"
CONFIGS = {
    "os.system": layer_of("os", "system", command=TOUCH),
    "subprocess": layer_of("subprocess", "getoutput", cmd=TOUCH),
    "eval": layer_of("builtins", "eval", source="open('{place}/canary', 'w')"),
    "a model that is os.system": replaced({"module": "os", "class_name": "system", "config": {}}),
    "an activation that is os.system": activation(function_of("os", "system")),
    "an activation that is exec": activation(function_of("builtins", "exec")),
    "a lambda": activation({"class_name": "__lambda__", "config": {"value": ["4wA=", None, None]}}),
    "the switch for unsafe files": layer_of("keras.config", "enable_unsafe_deserialization"),
    "a download": layer_of("keras.utils", "get_file", origin="file://{place}/secret.txt"),
    "a SavedModel": layer_of("keras.layers", "TFSMLayer", filepath="{place}/saved"),
    "a module of PyTorch": layer_of("keras.layers", "TorchModuleWrapper", module="gASVAA"),
    "a file of words": layer_of("keras.layers", "StringLookup", vocabulary="{place}/secret.txt"),
    "no model": replaced({"class_name": "Functional"}),
}


def linked(file, name, place):
    file[name] = h5py.ExternalLink(str(place / "other.h5"), "/kernel")


def raw(file, name, place):
    file.create_dataset(name, (1, 1, 3, 2), "f4", external=[(str(place / "raw.bin"), 0, 24)])


def giant(file, name, place):
    file.create_dataset(name, (10**6, 10**6), "f4", chunks=(100, 100))


WEIGHTS = {"weights in another file": linked, "weights in any file": raw, "giant weights": giant}
LOADERS = (keras_extractor, load_segmenter, load_network)


def doctored(place, name):
    with zipfile.ZipFile(place / "ok.keras") as archive:
        parts = {part: archive.read(part) for part in archive.namelist()}
    if name in CONFIGS:
        model = json.loads(parts["config.json"])
        CONFIGS[name](model, place)
        parts["config.json"] = json.dumps(model).encode()
    else:
        weights = place / "model.weights.h5"
        weights.write_bytes(parts["model.weights.h5"])
        with h5py.File(weights, "a") as file:
            found = []
            file.visititems(lambda key, part: found.append((key, getattr(part, "shape", ()))))
            (key,) = (key for key, shape in found if shape == (1, 1, 3, 2))
            del file[key]
            WEIGHTS[name](file, key, place)
        parts["model.weights.h5"] = weights.read_bytes()
    path = place / "doctored.keras"
    with zipfile.ZipFile(path, "w") as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    return path


@pytest.mark.parametrize("name", [*CONFIGS, *WEIGHTS])
def test_keras_models_that_name_other_things_are_refused(name, place):
    path = doctored(place, name)
    for load in LOADERS:
        assert str(path) in refused(lambda load=load: load(path))
    assert not (place / "canary").exists()
    assert keras.src.saving.serialization_lib.in_safe_mode() is not False


def test_a_lambda_layer_is_refused_in_either_format(place):
    image = keras.Input((8, 8, 3))

    layer = keras.layers.Lambda(eval("lambda images: (__import__('os').mkdir('canary'), images)"))
    model = keras.Model(image, keras.layers.Conv2D(2, 1)(keras.layers.Identity()(image)))
    config = model.get_config()
    for entry in config["layers"]:
        if entry["class_name"] == "Identity":
            entry |= {"class_name": "Lambda", "config": layer.get_config()}
    with zipfile.ZipFile(place / "ok.keras") as archive:
        parts = {part: archive.read(part) for part in archive.namelist()}
    whole = json.loads(parts["config.json"]) | {"config": config}
    parts["config.json"] = json.dumps(whole, default=keras.saving.serialize_keras_object).encode()
    path = place / "lambda.keras"
    with zipfile.ZipFile(path, "w") as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    for load in LOADERS:
        refused(lambda load=load: load(path))


@pytest.mark.parametrize("load", LOADERS)
def test_a_damaged_keras_model_is_refused_or_read(load, place, tmp_path):
    content = (place / "ok.keras").read_bytes()
    path = tmp_path / "damaged.keras"
    read = 0
    for seed in seeds(25):
        draw, damaged = random.Random(seed), bytearray(content)
        for _ in range(draw.randrange(1, 4)):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        path.write_bytes(damaged[: draw.choice([None, None, draw.randrange(len(damaged))])])
        with contextlib.suppress(UserError):
            load(path)
            read += 1
    assert read < len(seeds(25))


# Other files of weights


def test_damaged_pytorch_files_are_refused_or_read(tmp_path):
    path = tmp_path / "weights.pth"
    contents = []
    for zipped in (True, False):
        state = {"a.weight": torch.ones(2, 3), "a.bias": torch.zeros(2)}
        torch.save(state, path, _use_new_zipfile_serialization=zipped)
        contents.append(path.read_bytes())
    taken = 0
    for seed in seeds(300):
        draw = random.Random(seed)
        damaged = bytearray(draw.choice(contents))
        for _ in range(draw.randrange(1, 6)):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        path.write_bytes(damaged[: draw.choice([None, None, draw.randrange(len(damaged))])])
        with contextlib.suppress(UserError):
            assert all(array.dtype == np.float32 for array in read_weights(path).values())
            taken += 1
    assert 0 < taken < len(seeds(300))


def test_weights_of_onnx_lie_beside_the_model_alone(tmp_path):
    (tmp_path / "outside.bin").write_bytes(np.ones(3, np.float32).tobytes())
    (tmp_path / "model").mkdir()
    weights = onnx.TensorProto(name="w", dims=[3], data_type=onnx.TensorProto.FLOAT)
    weights.data_location = onnx.TensorProto.EXTERNAL
    images = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 2, 2, 3])
        for name in ("x", "y")
    ]
    node = onnx.helper.make_node("Add", ["x", "w"], ["y"])
    for outside in ("../outside.bin", str(tmp_path / "outside.bin")):
        del weights.external_data[:]
        weights.external_data.add(key="location", value=outside)
        graph = onnx.helper.make_graph([node], "g", images[:1], images[1:], [weights])
        opset = [onnx.helper.make_opsetid("", 17)]
        model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=9)
        path = tmp_path / "model" / "model.onnx"
        path.write_bytes(model.SerializeToString())
        refused(lambda path=path: load_network(path))


# Run folders


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "run")


@examples(200)
@given(content=JSON, part=st.sampled_from(["all", "format", "input", "dtype", "channels"]))
def test_any_record_of_the_data(tmp_path_factory, content, part):
    folder = RunFolder(tmp_path_factory.getbasetemp() / "records")
    folder.path.mkdir(exist_ok=True)
    image = {"channels": 3, "dtype": "uint8", "value_range": [0, 255], "palette": None}
    facts = {"train_pairs": 1, "fingerprint": "", "format": {"input": image, "target": image}}
    if part in ("dtype", "channels"):
        facts["format"] = {"input": image | {part: content}, "target": image}
    elif part == "input":
        facts["format"] = {"input": content, "target": image}
    else:
        facts = content if part == "all" else facts | {part: content}
    folder.data.write_text(json.dumps(facts))
    with contextlib.suppress(UserError):
        formats = folder.formats()
        assert formats.input.dtype in ("uint8", "uint16", "float32")
        assert 1 <= formats.input.channels <= 512
        folder.trained_on()
        folder.awaits_pairs()
    description = {"tfpix2pix_model": 1, "formats": facts, "size": content}
    with contextlib.suppress(UserError):
        ModelDescription.from_json(json.dumps(description | {"formats": folder_format(facts)}))


def folder_format(facts):
    return facts["format"] if isinstance(facts, dict) and "format" in facts else facts


def test_records_that_are_nested_too_deep_are_refused(run_dir, tmp_path):
    folder = RunFolder(tmp_path / "run")
    shutil.copytree(run_dir, folder.path)
    deep = "[" * 100_000
    folder.data.write_text(deep)
    refused(folder.formats)
    (tmp_path / FILE_NAME).write_text(deep)
    refused(lambda: ModelDescription.from_json(deep))
    (tmp_path / "model.onnx").write_bytes(b"")
    refused(lambda: load_exported(tmp_path / "model.onnx"))


@examples(200)
@given(
    text=st.text(max_size=200)
    | st.lists(
        st.lists(st.sampled_from(["1", "", "nan", "inf", "-inf", "x", '"', "1e400"]), max_size=6)
    ).map(lambda rows: "step,epoch,l1_loss\n" + "".join(",".join(row) + "\n" for row in rows))
)
def test_any_metrics(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "metrics.csv"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    with contextlib.suppress(UserError):
        rows = MetricsFile(path).read()
        assert all(np.isfinite(row["step"]) for row in rows)
        MetricsFile(path).truncate(10**6)


def test_a_run_leads_to_no_checkpoints_elsewhere(run_dir, tmp_path):
    """TensorFlow deletes the oldest of those that the state file names."""
    folder = RunFolder(tmp_path / "run")
    shutil.copytree(run_dir, folder.path)
    (tmp_path / "mine").mkdir()
    for part in folder.checkpoints.glob("step-0.*"):
        shutil.copy(part, tmp_path / "mine" / part.name)
    mine = sorted((tmp_path / "mine").iterdir())
    for elsewhere in (str(tmp_path / "mine" / "step-0"), "../../mine/step-0"):
        for line in (f'all_model_checkpoint_paths: "{elsewhere}"', f'"{elsewhere}"'):
            first = elsewhere if line[0] == '"' else "step-0"
            text = f'model_checkpoint_path: "{first}"\n' + (line if line[0] != '"' else "")
            (folder.checkpoints / "checkpoint").write_text(text)
            assert "expected checkpoints beside it" in refused(lambda: load_translator(folder.path))
            state = TrainState(folder.settings(), 1)
            assert "expected checkpoints beside it" in refused(
                lambda state=state: Checkpoints(state, folder.checkpoints, 1)
            )
    assert sorted((tmp_path / "mine").iterdir()) == mine


def test_any_state_file(run_dir, tmp_path):
    folder = RunFolder(tmp_path / "run")
    shutil.copytree(run_dir, folder.path)
    for text in (
        "",
        "\xff",
        "model_checkpoint_path: 3",
        'model_checkpoint_path: "step-x"',
        "{" * 9,
    ):
        (folder.checkpoints / "checkpoint").write_bytes(text.encode("latin-1"))
        refused(lambda: load_translator(folder.path))


# Prepared sets


def test_a_store_imports_no_module_that_it_names(tmp_path, monkeypatch):
    (tmp_path / "evil_features.py").write_text("raise SystemExit('it ran')")
    monkeypatch.syspath_prepend(tmp_path)
    store = tmp_path / "store"
    store.mkdir()
    (store / "dataset_info.json").write_text(json.dumps({"name": "x", "version": "1.0.0"}))
    settings = resolve(flags={"data": str(store)}).data
    inner = {"pythonClassName": "evil_features.Feature"}
    outer = {"pythonClassName": "tensorflow_datasets.core.features.features_dict.FeaturesDict"}
    for features in (inner, outer | {"featuresDict": {"features": {"A": inner}}}, inner | outer):
        (store / "features.json").write_text(json.dumps(features))
        refused(lambda: open_record_splits(settings))
        assert "evil_features" not in sys.modules
    (store / "features.json").write_text("[" * 100_000)
    refused(lambda: open_record_splits(settings))
