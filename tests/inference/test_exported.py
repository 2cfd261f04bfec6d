"""Files are translated as their description says; what cannot be used is named."""

import numpy as np
import pytest
import tensorflow as tf
import tifffile
from PIL import Image

from tfpix2pix.data.formats import ImageFormat, PairFormat
from tfpix2pix.data.reading import read_image
from tfpix2pix.errors import UserError
from tfpix2pix.export.description import FILE_NAME, ModelDescription
from tfpix2pix.export.loading import find_exported, load_exported
from tfpix2pix.inference import runtimes
from tfpix2pix.inference.exported import ExportedTranslator
from tfpix2pix.inference.runtimes import is_network, load_network, needs_tensorflow

PALETTE = ((0, 0, 0), (255, 0, 0), (0, 255, 0))
GRAY16 = ImageFormat(1, "uint16", (0.0, 65535.0))
FLOATS = ImageFormat(5, "float32", (-1.0, 1.0))


def written(folder, pixels, name="photo.png"):
    path = folder / name
    if path.suffix == ".tif":
        tifffile.imwrite(path, pixels, photometric="minisblack", planarconfig="contig")
    else:
        Image.fromarray(pixels).save(path)
    return path


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def test_an_image_goes_through_at_its_size_and_type(tmp_path):
    seen = []

    def negative(images):
        seen.append(images)
        return -images

    translator = ExportedTranslator(negative, PairFormat(), (4, 6))
    pixels = noise(4, 6, 3)
    image = translator.read(written(tmp_path, pixels))
    np.testing.assert_array_equal(image, pixels)
    answers = translator.translate(np.stack([image, 255 - image]))
    np.testing.assert_array_equal(answers, np.stack([255 - pixels, pixels]), strict=True)
    assert seen[0].dtype == np.float32
    np.testing.assert_allclose(seen[0][0], pixels / 127.5 - 1, atol=1e-6)
    (tmp_path / "answer.png").write_bytes(translator.encode(answers[0]))
    np.testing.assert_array_equal(read_image(tmp_path / "answer.png").pixels, 255 - pixels)


def test_another_size_is_resized_unless_the_network_knows_one_scale(tmp_path):
    path = written(tmp_path, np.full((10, 20, 3), 40, np.uint8))
    image = ExportedTranslator(lambda x: x, PairFormat(), (4, 6)).read(path)
    np.testing.assert_array_equal(image, np.full((4, 6, 3), 40, np.uint8), strict=True)
    strict = ExportedTranslator(lambda x: x, PairFormat(), (4, 6), resizes=False)
    with pytest.raises(UserError, match=r"image is 10x20, and this network, .* takes 4x6 alone"):
        strict.read(path)
    assert strict.read(written(tmp_path, noise(4, 6, 3))).shape == (4, 6, 3)


def test_label_maps_go_in_and_out_in_their_colours(tmp_path):
    labels = ImageFormat(palette=PALETTE)
    translator = ExportedTranslator(lambda x: x[..., ::-1], PairFormat(labels, labels), (2, 2))
    pixels = np.uint8([[PALETTE[0], PALETTE[1]], [PALETTE[2], PALETTE[2]]])
    doubled = pixels.repeat(2, axis=0).repeat(2, axis=1)
    image = translator.read(written(tmp_path, doubled))
    np.testing.assert_array_equal(image, pixels)  # no colour in between
    answer = translator.translate(image[None])[0]
    expected = np.uint8([[PALETTE[2], PALETTE[1]], [PALETTE[0], PALETTE[0]]])
    np.testing.assert_array_equal(answer, expected, strict=True)


def test_16_bits_and_floats_keep_their_types(tmp_path):
    formats = PairFormat(GRAY16, FLOATS)
    translator = ExportedTranslator(lambda x: x.repeat(5, axis=-1), formats, (2, 3))
    assert translator.suffix == ".tif"
    pixels = np.uint16([[0, 1, 2], [40000, 65534, 65535]])
    image = translator.read(written(tmp_path, pixels))
    np.testing.assert_array_equal(image[..., 0], pixels, strict=True)
    answer = translator.translate(image[None])[0]
    assert answer.dtype == np.float32
    np.testing.assert_allclose(answer[..., 3], pixels / 32767.5 - 1, atol=1e-6)
    (tmp_path / "answer.tif").write_bytes(translator.encode(answer))
    np.testing.assert_array_equal(read_image(tmp_path / "answer.tif").pixels, answer)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gone.onnx", None, "there is no file or folder"),
        (
            "model.pb",
            b"x",
            r"no exported network: expected a file that ends in \.tflite, \.on",
        ),
        ("model.tflite", b"nonsense" * 9, "cannot open .* damaged, or of another kind"),
        ("model.onnx", b"nonsense" * 9, "cannot open .* damaged, or of another kind"),
        ("model.xml", b"<nonsense>", "cannot open .* damaged, or of another kind"),
        ("model.keras", b"nonsense" * 9, "cannot open .* damaged, or of another kind"),
    ],
)
def test_what_is_no_network_is_refused_in_a_line(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=message) as refused:
        load_network(path)
    assert "\n" not in str(refused.value)


def test_a_missing_runtime_is_named_with_what_installs_it(tmp_path, monkeypatch):
    monkeypatch.setattr(runtimes.importlib.util, "find_spec", lambda name: None)
    (tmp_path / "model.onnx").write_bytes(b"x")
    message = r"model\.onnx needs onnxruntime: pip install 'tfpix2pix\[onnx\]'"
    with pytest.raises(UserError, match=message):
        load_network(tmp_path / "model.onnx")


def test_networks_are_told_from_runs_by_name(tmp_path):
    assert is_network("model.TFLITE")
    assert is_network("gone/model.onnx")
    assert not is_network(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"")
    assert is_network(tmp_path)
    (tmp_path / "run.keras").mkdir()
    assert not is_network(tmp_path / "run.keras")
    assert not needs_tensorflow("model.onnx")
    assert needs_tensorflow("model.keras")
    assert needs_tensorflow(tmp_path)


@pytest.mark.parametrize(("size_handling", "refused"), [(None, True), ("fixed", False)])
def test_a_network_of_crops_takes_no_other_size(tmp_path, monkeypatch, size_handling, refused):
    monkeypatch.setattr("tfpix2pix.export.loading.load_network", lambda path: lambda x: x)
    description = ModelDescription(PairFormat(), (4, 6), size_handling)
    (tmp_path / FILE_NAME).write_text(description.to_json())
    translator = load_exported(tmp_path / "model.onnx")
    path = written(tmp_path, noise(5, 6, 3))
    if refused:
        with pytest.raises(UserError, match="takes 4x6 alone"):
            translator.read(path)
    else:
        assert translator.read(path).shape == (4, 6, 3)


class Negative(tf.Module):
    """As a SavedModel of this package: stored images of any size in and out."""

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, "input_image")])
    def __call__(self, input_image):
        tf.debugging.assert_less(tf.shape(input_image)[1], 9, "too high")
        return {"generated_image": 255 - input_image}


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory):
    version = tmp_path_factory.mktemp("model") / "1"
    module = Negative()
    tf.saved_model.save(module, str(version), signatures={"uint8": module.__call__})
    (version / FILE_NAME).write_text(ModelDescription(PairFormat(), (4, 4)).to_json())
    return version


def test_a_saved_model_gets_images_as_they_are_stored(saved_model, tmp_path):
    translator = load_exported(saved_model)
    pixels = noise(5, 7, 3)
    image = translator.read(written(tmp_path, pixels))
    answers = translator.translate(np.stack([image, image]))
    np.testing.assert_array_equal(answers[1], 255 - pixels, strict=True)
    (tmp_path / "answer.png").write_bytes(translator.encode(answers[0]))
    np.testing.assert_array_equal(read_image(tmp_path / "answer.png").pixels, 255 - pixels)


def test_what_a_saved_model_refuses_is_said_in_a_line(saved_model):
    with pytest.raises(UserError, match=r"the model cannot take it: .*too high") as refused:
        load_exported(saved_model).translate(np.zeros((1, 9, 4, 3), np.uint8))
    assert "\n" not in str(refused.value)


def test_other_saved_models_are_refused(saved_model, tmp_path):
    with pytest.raises(UserError, match="has no signature generate: tfpix2pix did not export it"):
        load_network(saved_model)
    (tmp_path / "saved_model.pb").write_bytes(b"nonsense")
    with pytest.raises(UserError, match=r"cannot read .*tfpix2pix\.json"):
        load_exported(tmp_path)
    description = ModelDescription(PairFormat(), (4, 4), serving={"dropout": True})
    (tmp_path / FILE_NAME).write_text(description.to_json())
    with pytest.raises(UserError, match="exported with dropout on"):
        load_exported(tmp_path)
    (tmp_path / FILE_NAME).write_text(ModelDescription(PairFormat(), (4, 4)).to_json())
    with pytest.raises(UserError, match=r"cannot open .* damaged, or of another kind"):
        load_exported(tmp_path)


def test_an_export_is_found_at_or_in_its_folder(tmp_path):
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "model.onnx").touch()
    for version in ("9", "10", "11"):
        (tmp_path / "served" / version).mkdir(parents=True)
        if version != "11":
            (tmp_path / "served" / version / "saved_model.pb").touch()
    (tmp_path / "run").mkdir()
    found = {name: find_exported(tmp_path / name) for name in ("onnx", "served", "run")}
    assert found == {
        "onnx": tmp_path / "onnx" / "model.onnx",
        "served": tmp_path / "served" / "10",
        "run": None,
    }
    assert find_exported(tmp_path / "gone.tflite") == tmp_path / "gone.tflite"
