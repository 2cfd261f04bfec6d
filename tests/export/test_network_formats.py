"""Every format answers as the Keras generator does, or is not written."""

import dataclasses
import functools
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.inference.answered import answered
from tfpix2pix.cli import main as cli
from tfpix2pix.errors import UserError
from tfpix2pix.export import samples
from tfpix2pix.export.checking import Difference, measure_difference, refuse_difference
from tfpix2pix.export.exporting import export_network
from tfpix2pix.export.formats import FLOAT32, INT8, NETWORK_FORMATS, QUANTIZATIONS
from tfpix2pix.export.loading import load_exported
from tfpix2pix.export.samples import Samples
from tfpix2pix.inference.answering import ArrayTranslator
from tfpix2pix.inference.files import load_file_translator
from tfpix2pix.inference.runtimes import load_network
from tfpix2pix.models import BatchNorm, unet_generator
from tfpix2pix.training.checkpoints import load_generator
from tfpix2pix.training.run_folder import RunFolder

FORMATS = ["keras", "litert", "onnx", pytest.param("openvino", marks=pytest.mark.slow)]


@pytest.fixture(scope="module")
def run_dir(trained):
    return trained()


@pytest.fixture(scope="module")
def exported(run_dir, tmp_path_factory):
    """A function that exports the run once in each way."""

    @functools.cache
    def export(format_name, quantize="float32"):
        output = tmp_path_factory.mktemp("exports") / "model"
        return export_network(run_dir, output, format_name, quantize=quantize, calibration_count=6)

    return export


@pytest.fixture(scope="module")
def generator(run_dir):
    run = RunFolder(run_dir)
    return load_generator(
        run.settings(), run.checkpoints, run.formats(), dropout_at_prediction=False
    )


def noise(count, size=32, channels=3):
    shape = (count, size, size, channels)
    return np.random.default_rng(5).uniform(-1, 1, shape).astype(np.float32)


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_file_answers_as_the_generator_whatever_else_is_in_the_batch(
    format_name, exported, generator
):
    found = exported(format_name)
    network = load_network(found.path)
    images = noise(3)
    alone = np.concatenate([generator(image[None], training=False) for image in images])
    assert np.abs(alone).max() > 0.5  # a picture, whose difference means something
    np.testing.assert_allclose(network(images), alone, atol=2e-5)
    np.testing.assert_allclose(network(images[1:2]), alone[1:2], atol=2e-5)
    assert found.difference.images == "3 validation inputs"
    assert found.difference.mean <= found.difference.largest < 2e-5
    assert found.no_data is None


@pytest.mark.parametrize("format_name", ["litert", "onnx"])
def test_a_flat_image_is_within_the_bound(format_name, exported, generator):
    """Of which a norm sees nothing but what rounding left."""
    images = np.array([-1, -0.3, 1], np.float32)[:, None, None, None].repeat(32, 1).repeat(32, 2)
    samples = Samples(images.repeat(3, 3), "flat images")
    expected = functools.partial(generator, training=False)
    difference = measure_difference(load_network(exported(format_name).path), expected, samples)
    assert difference.largest < FLOAT32.largest
    assert difference.mean < FLOAT32.mean


@pytest.mark.parametrize("format_name", FORMATS)
def test_the_graph_normalises_each_image_by_its_own_statistics(format_name, tmp_path):
    """By hand, with moving averages that would be seen."""
    image = keras.Input((6, 8, 3), name="input_image")
    norm = BatchNorm(epsilon=0.01)
    model = keras.Model(image, norm(image))
    gamma, beta, mean, variance = ([1, 2, 3], [0.5, 0, -1], [7, 8, 9], [50, 60, 70])
    norm.set_weights([np.array(weights, np.float32) for weights in (gamma, beta, mean, variance)])
    chosen = NETWORK_FORMATS[format_name]
    chosen.write(model, tmp_path / chosen.file_name, "float32", None)
    images = np.random.default_rng(0).normal(3, 2, (4, 6, 8, 3)).astype(np.float32)
    images[2] *= 10
    own_mean = images.mean(axis=(1, 2), keepdims=True)
    own_variance = images.var(axis=(1, 2), keepdims=True)
    expected = (images - own_mean) / np.sqrt(own_variance + 0.01) * gamma + np.array(beta)
    found = load_network(tmp_path / chosen.file_name)(images)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def stored_types(path):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    types = [detail["dtype"] for detail in interpreter.get_tensor_details()]
    ends = [*interpreter.get_input_details(), *interpreter.get_output_details()]
    return types, [end["dtype"] for end in ends]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("quantize", "stored", "share"),
    [("float16", np.float16, 0.4), ("int8", np.int8, 0.5), ("int8_full", np.int8, 0.5)],
)
def test_quantized_files_are_small_and_near(quantize, stored, share, exported, generator):
    found, plain = exported("litert", quantize), exported("litert")
    types, ends = stored_types(found.path)
    assert stored in types
    assert ends == [np.float32, np.float32]
    # Of the weights alone: in so small a network the graph itself is large.
    assert plain.size - found.size > share * 4 * generator.count_params()
    bound = QUANTIZATIONS[quantize].bound
    assert plain.difference.mean < found.difference.mean <= bound.mean
    assert found.difference.largest <= bound.largest


def test_an_onnx_file_may_have_weights_of_half_the_size(exported, generator):
    found, plain = exported("onnx", "float16"), exported("onnx")
    assert plain.size - found.size > 0.45 * 4 * generator.count_params()
    bound = QUANTIZATIONS["float16"].bound
    assert plain.difference.mean < found.difference.mean <= bound.mean
    assert found.difference.largest <= bound.largest


@pytest.mark.slow
def test_int8_keeps_the_normalisation_in_float(exported):
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES  # whose operations have names

    def inputs_of(path, operation):
        interpreter = Interpreter(str(path), experimental_op_resolver_type=plain)
        types = {d["index"]: d["dtype"] for d in interpreter.get_tensor_details()}
        found = [op for op in interpreter._get_ops_details() if op["op_name"] == operation]
        return {types[op["inputs"][0]] for op in found}

    partly, full = exported("litert", "int8").path, exported("litert", "int8_full").path
    assert inputs_of(partly, "RSQRT") == {np.float32}
    assert inputs_of(partly, "CONV_2D") == {np.int8}
    assert inputs_of(full, "RSQRT") == {np.int8}


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"upsampling": "subpixel", "norm": "group"},
        {"upsampling": "resize", "norm": "instance", "depth": 3},
        {"skip": "relu", "output_activation": "softmax"},
    ],
)
@pytest.mark.parametrize("format_name", ["litert", "onnx", "openvino"])
def test_every_kind_of_layer_can_be_exported(options, format_name, tmp_path):
    model = unet_generator(16, 5, 4, base_filters=2, **options)
    chosen = NETWORK_FORMATS[format_name]
    chosen.write(model, tmp_path / chosen.file_name, "float32", None)
    network = load_network(tmp_path / chosen.file_name)
    expected = functools.partial(model, training=False)
    difference = measure_difference(network, expected, Samples(noise(3, 16, 5), "noise"))
    assert difference.largest < 1e-5


def test_what_answers_otherwise_is_not_written(run_dir, tmp_path, monkeypatch):
    """Say, a network with other weights, as converters have been known to write."""

    def write_others(generator, path, quantize, calibration):
        other = keras.models.clone_model(generator)
        other.set_weights([1.2 * weights for weights in generator.get_weights()])
        other.save(path)

    wrong = dataclasses.replace(NETWORK_FORMATS["keras"], write=write_others)
    monkeypatch.setitem(NETWORK_FORMATS, "keras", wrong)
    with pytest.raises(UserError, match=r"model\.keras does not answer as the run does: largest"):
        export_network(run_dir, tmp_path / "model", "keras")
    assert list(tmp_path.iterdir()) == []


def test_the_difference_is_taken_alone_and_in_a_batch():
    images = np.stack([np.full((2, 2, 1), value, np.float32) for value in (0, 1)])

    def spoiled_by_batches(batch):
        return batch + 0.5 * (len(batch) > 1)

    found = measure_difference(spoiled_by_batches, lambda x: x, Samples(images, "two"))
    assert found == Difference(0.5, 0.25, "two")


def test_the_difference_is_taken_without_the_short_factors_of_gpus():
    tf32 = tf.config.experimental.tensor_float_32_execution_enabled
    seen = []

    def answer(batch):
        seen.append(tf32())
        return batch

    measure_difference(answer, answer, Samples(np.zeros((1, 2, 2, 1), np.float32), "one"))
    assert seen == [False] * 3
    assert tf32()


@pytest.mark.parametrize(
    ("largest", "mean", "passes"),
    [
        (INT8.largest, INT8.mean, True),
        (INT8.largest * 1.01, 0, False),
        (0.001, INT8.mean * 1.01, False),
        (float("nan"), float("nan"), False),
    ],
)
def test_a_bound_holds_for_the_largest_and_the_mean(largest, mean, passes):
    difference = Difference(largest, mean, "8 images")
    if passes:
        refuse_difference(difference, INT8, "model.tflite", "Choose")
    else:
        message = r"on 8 images, where at most 0\.2 and 0\.024 are .* was written\. Choose"
        with pytest.raises(UserError, match=message):
            refuse_difference(difference, INT8, "model.tflite", "Choose")


def test_a_folder_that_is_there_is_not_written_to(run_dir, tmp_path):
    with pytest.raises(UserError, match="is there already: choose another --output"):
        export_network(run_dir, tmp_path, "keras")
    assert list(tmp_path.iterdir()) == []


def test_without_its_data_a_run_is_checked_on_noise(moved_run, tmp_path, capsys):
    arguments = ["export", str(moved_run), "--format", "keras"]
    assert cli.main([*arguments, "--output", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr().out
    assert "not checked on the run's own images: " in shown
    assert f"{tmp_path}/gone" in shown
    assert "on 8 images of noise, in units of [-1, 1]" in shown


def test_data_that_moved_can_be_named(moved_run, module_pairs_folder, tmp_path):
    data = str(module_pairs_folder)
    found = export_network(moved_run, tmp_path / "out", "keras", data=data)
    assert found.difference.images == "3 validation inputs"
    with pytest.raises(UserError, match="nowhere"):
        export_network(moved_run, tmp_path / "other", "keras", data=str(tmp_path / "nowhere"))


def test_int8_without_data_is_refused(moved_run, tmp_path):
    with pytest.raises(UserError, match="calibrated on training inputs, and there are none"):
        export_network(moved_run, tmp_path / "out", "litert", quantize="int8")
    assert not (tmp_path / "out").exists()


def test_calibration_takes_training_inputs_spread_over_the_set(run_dir, monkeypatch):
    run = RunFolder(run_dir)
    data = samples.open_data(run.settings().data, run.formats())
    some = samples.calibration_images(data, 3)
    assert some.shape == (3, 32, 32, 3)
    assert some.dtype == np.float32
    fetched = [data.train.pairs.load(index)[0].numpy()[::2, ::2] for index in (0, 2, 5)]
    seen = np.stack(fetched) / 127.5 - 1
    # Shrunk to the half: what lies far from edges is as in the file.
    assert (np.abs(some - seen) < 0.02).mean() > 0.5


@pytest.mark.parametrize(
    ("format_name", "missing", "line"),
    [
        ("litert", "ai_edge_litert", "tfpix2pix[litert]"),
        ("onnx", "tf2onnx", "tfpix2pix[onnx]"),
        ("openvino", "scipy", "tfpix2pix[openvino]"),
    ],
)
def test_a_missing_package_is_named_with_what_installs_it(
    format_name, missing, line, tmp_path, monkeypatch, run_dir, capsys
):
    from tfpix2pix.inference import runtimes

    find = runtimes.importlib.util.find_spec
    monkeypatch.setattr(
        runtimes.importlib.util, "find_spec", lambda name: None if name == missing else find(name)
    )
    arguments = ["export", str(run_dir), "--output", str(tmp_path / "out")]
    assert cli.main([*arguments, "--format", format_name]) == 1
    assert (
        f"--format {format_name} needs {missing}: pip install '{line}'" in capsys.readouterr().err
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--format", "tfjs"], "Browsers run --format web, a page to draw in, and --format onnx"),
        (["--format", "onnx", "--quantize", "int8"], "--quantize int8 goes with --format litert"),
        (["--quantize", "int8"], "--quantize int8 goes with --format litert: leave it out"),
        (
            ["--format", "pytorch", "--data", "x"],
            "--data goes with --format savedmodel, litert, onnx, openvino, keras, web: leave",
        ),
        (
            ["--format", "litert", "--calibration-images", "5"],
            "--calibration-images goes with --quantize int8 and int8_full",
        ),
        (["--format", "keras", "--only-generator"], "--only-generator goes with --format pytorch"),
    ],
)
def test_flags_without_effect_are_refused(flags, message, tmp_path, capsys):
    assert cli.main(["export", "run", "--output", str(tmp_path / "out"), *flags]) == 2
    assert message in capsys.readouterr().err


@pytest.fixture
def photo(tmp_path):
    """Of another size than the network, without loss."""
    path = tmp_path / "photo.png"
    image = np.random.default_rng(0).integers(0, 256, (9, 12, 3), np.uint8)
    Image.fromarray(image).resize((45, 40), Image.Resampling.BICUBIC).save(path)
    return path


PROGRAM = """
import sys
from pathlib import Path
import numpy as np
from tfpix2pix.export.loading import load_exported
translator = load_exported(sys.argv[1])
images = np.stack([translator.read(Path(sys.argv[2]))] * 2)
answers = translator.translate(images)
assert (answers[0] == answers[1]).all()
Path(sys.argv[3]).write_bytes(translator.encode(answers[0]))
print(translator.suffix, 'tensorflow' in sys.modules, 'keras' in sys.modules)
"""


@pytest.mark.parametrize("format_name", [f for f in FORMATS if f != "keras"])
def test_files_are_translated_without_tensorflow(
    format_name, exported, run_dir, photo, tmp_path, monkeypatch
):
    arguments = [exported(format_name).path, photo, tmp_path / "answer.png"]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.split() == [".png", "False", "False"]
    of_run = load_file_translator(run_dir, dropout_at_prediction=False)
    (tmp_path / "run.png").write_bytes(answered(of_run, photo))
    found, expected = (
        np.asarray(Image.open(tmp_path / name)).astype(int) for name in ("answer.png", "run.png")
    )
    assert found.shape == (32, 32, 3)
    # A level where rounding goes the other way; a little more where the input's did.
    difference = np.abs(found - expected)
    assert difference.max() <= 3
    assert difference.mean() < 0.05


def test_a_keras_file_is_translated_too(exported, photo, run_dir):
    translator: ArrayTranslator = load_exported(exported("keras").path)
    answer = translator.translate(translator.read(photo)[None])[0]
    expected = answered(load_file_translator(run_dir, dropout_at_prediction=False), photo)
    pixels = np.asarray(Image.open(io.BytesIO(expected))).astype(int)
    assert np.abs(answer - pixels).max() <= 3


def test_the_description_says_what_the_run_is(exported, run_dir):
    from tfpix2pix.export.description import read_description

    description = read_description(exported("keras").path.with_name("tfpix2pix.json"))
    assert description.formats == RunFolder(run_dir).formats()
    assert (description.size, description.step) == ((32, 32), 4)
    assert description.size_handling == "fixed"
    assert description.settings["model"]["base_filters"] == 4
    assert description.trained_on["train_pairs"] == 6


def test_the_description_of_a_run_on_crops_has_no_way_to_resize(trained, tmp_path, photo):
    run_dir = trained(resize="crop", steps=1)
    path = export_network(run_dir, tmp_path / "out", "keras").path
    assert json.loads(path.with_name("tfpix2pix.json").read_text())["size_handling"] is None
    with pytest.raises(UserError, match="trained on crops, takes 32x32 alone"):
        load_exported(path).read(photo)


def test_a_file_without_its_description_is_refused(exported, tmp_path):
    shutil.copy(exported("keras").path, tmp_path)
    with pytest.raises(UserError, match=r"cannot read .*tfpix2pix\.json: No such file"):
        load_exported(tmp_path / "model.keras")
