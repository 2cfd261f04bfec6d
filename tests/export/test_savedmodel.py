"""The export answers as `predict` does, in TensorFlow Serving's loader, and says what it is."""

import struct

import numpy as np
import pytest
import tensorflow as tf
from c_loader import LoaderError, serve_in_c_loader
from example_requests import assert_predicts_answer, example_requests
from tensorflow_serving.apis import prediction_log_pb2

from tests.data.claiming_png import claiming_png
from tfpix2pix.data.encoding import encode_image
from tfpix2pix.data.formats import ImageFormat, PairFormat
from tfpix2pix.errors import UserError
from tfpix2pix.export.description import read_description
from tfpix2pix.export.savedmodel import write_savedmodel
from tfpix2pix.inference.files import FileTranslator
from tfpix2pix.inference.fitting import Fitting
from tfpix2pix.inference.predict import find_jobs, predict_files
from tfpix2pix.inference.served import ServedModel
from tfpix2pix.inference.streaming import StreamingAnswerer
from tfpix2pix.inference.translator import Translator
from tfpix2pix.models import unet_generator

SIZE = 32


@pytest.fixture(scope="module")
def generator():
    """With weights far from their start, so that outputs span the range."""
    model = unet_generator(SIZE, base_filters=4)
    rng = np.random.default_rng(0)
    model.set_weights([w + rng.normal(0, 0.2, w.shape) * (w.ndim > 1) for w in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def exported(generator, tmp_path_factory):
    return write_savedmodel(ServedModel(generator), tmp_path_factory.mktemp("exports") / "model")


@pytest.fixture(scope="module")
def encoded():
    """Images of several sizes and formats."""
    rng = np.random.default_rng(1)
    images = [rng.integers(0, 256, (h, w, 3), np.uint8) for h, w in ((32, 32), (40, 20), (16, 64))]
    encoders = (tf.io.encode_png, tf.io.encode_jpeg, tf.io.encode_png)
    return [e(image).numpy() for e, image in zip(encoders, images, strict=True)]


@pytest.fixture(scope="module")
def predicted(generator, encoded, tmp_path_factory):
    """What `predict` writes for them."""
    folder = tmp_path_factory.mktemp("inputs")
    for number, content in enumerate(encoded):
        (folder / f"{number}.png").write_bytes(content)
    jobs, failures = find_jobs([folder], tmp_path_factory.mktemp("outputs"))
    assert not failures
    return [
        prediction.output.read_bytes()
        for prediction in predict_files(
            StreamingAnswerer(FileTranslator(Translator(generator))), jobs
        )
    ]


def decode(png):
    return tf.io.decode_png(png).numpy()


def test_tf_servings_loader_gives_predicts_answers_to_the_bit(
    exported, encoded, predicted, generator
):
    """Byte for byte, one by one and in a batch, for encoded images and for stored arrays."""
    stored = [decode(content) for content in (encoded[0], encoded[2])]
    seen = [image.astype(np.float32) / 127.5 - 1 for image in stored]
    answers = serve_in_c_loader(
        exported,
        [
            *[("serving_default", [content]) for content in encoded],
            ("serving_default", encoded),
            *[("uint8", image[np.newaxis]) for image in stored],
            ("generate", np.stack([-seen[0], seen[0]])),
            ("generate", seen[0][np.newaxis]),
        ],
    )
    assert [answer[0] for answer in answers[:3]] == predicted
    assert answers[3] == predicted
    for answer, png in zip(answers[4:6], (predicted[0], predicted[2]), strict=True):
        assert answer.dtype == np.uint8
        np.testing.assert_array_equal(answer[0], decode(png))
    both, alone = answers[6:]
    np.testing.assert_array_equal(both[1], alone[0])
    np.testing.assert_allclose(alone, generator(seen[0][np.newaxis], training=False), atol=1e-5)
    assert np.abs(both).max() <= 1


def test_bad_requests_are_clear_errors_and_the_model_lives_on(exported, encoded, predicted):
    good = ("serving_default", [encoded[0]])
    bomb = claiming_png(50_000, 50_000)
    assert len(bomb) < 200
    bad = {
        "no JPEG, PNG or BMP image": [b"garbage"],
        "no JPEG, PNG or BMP": [b"GIF89a" + bytes(50)],
        "no JPEG, PNG or BMP ": [b""],
        "Invalid PNG|decode|PNG": [encoded[0][:60]],
        r"the 64 megapixels .*50000.*50000": [bomb],
        # One of a batch fails the batch.
        "no JPEG, PNG or BMP image\\b": [encoded[0], b"garbage", encoded[1]],
    }
    requests = [
        request for inputs in bad.values() for request in (("serving_default", inputs), good)
    ]
    answers = serve_in_c_loader(exported, requests)
    for message, failed, answered in zip(bad, answers[::2], answers[1::2], strict=True):
        assert isinstance(failed, LoaderError)
        assert str(failed).startswith("code 3: ")
        with pytest.raises(LoaderError, match=f"(?s){message}"):
            raise failed
        assert answered == [predicted[0]]


@pytest.mark.parametrize("handling", ["resize", "pad"])
def test_other_sizes_come_back_at_their_own(handling, generator, encoded, tmp_path):
    model = ServedModel(generator, Fitting((SIZE, SIZE), handling, multiple=SIZE))
    version = write_savedmodel(model, tmp_path / "model")
    together, alone, arrays = serve_in_c_loader(
        version,
        [
            ("serving_default", encoded),
            ("serving_default", [encoded[1]]),
            ("uint8", decode(encoded[2])[np.newaxis]),
        ],
    )
    assert [decode(png).shape for png in together] == [(32, 32, 3), (40, 20, 3), (16, 64, 3)]
    assert together[1] == alone[0]
    np.testing.assert_array_equal(decode(together[2]), arrays[0])


def test_dropout_goes_by_the_seed_of_each_image(encoded, tmp_path):
    noisy = unet_generator(SIZE, base_filters=2, dropout_at_prediction=True)
    version = write_savedmodel(ServedModel(noisy), tmp_path / "model")
    inputs = {"image_bytes": [encoded[0]] * 4, "seed": np.array([1, 2, 1, 3])}
    requests = [("serving_default", inputs), ("serving_default", inputs | {"seed": np.full(4, 3)})]
    answers = serve_in_c_loader(version, requests)
    assert answers[0][0] == answers[0][2]
    assert len(set(answers[0])) == 3
    assert set(answers[1]) == {answers[0][3]}
    requests = example_requests(version)
    assert [inputs["seed"].tolist() for inputs in requests.values()] == [[0]] * 3
    assert all(len(answer) == 1 for answer in serve_in_c_loader(version, list(requests.items())))
    assert "each image goes with a seed" in (version / "model_card.md").read_text()


# What lies in the folder


def test_the_folder_describes_the_model(exported):
    description = read_description(exported / "tfpix2pix.json")
    assert (description.size, description.size_handling) == ((SIZE, SIZE), "fixed")
    assert description.serving["signatures"] == {
        "serving_default": {
            "inputs": {"image_bytes": ["string", [None]]},
            "outputs": {"generated_image_bytes": ["string", [None]]},
        },
        "uint8": {
            "inputs": {"input_image": ["uint8", [None, None, None, 3]]},
            "outputs": {"generated_image": ["uint8", [None, SIZE, SIZE, 3]]},
        },
        "generate": {
            "inputs": {"input_image": ["float32", [None, None, None, 3]]},
            "outputs": {"generated_image": ["float32", [None, SIZE, SIZE, 3]]},
        },
    }
    card = (exported / "model_card.md").read_text()
    assert card.startswith("# model\n")
    assert "| `uint8` | `input_image` uint8 [any, any, any, 3] |" in card
    assert "http://localhost:8501/v1/models/model:predict" in card
    assert "with `request_rest_uint8.json` and `request_rest_generate.json`." in card


def test_the_example_requests_get_predicts_answers(exported, generator, tmp_path):
    requests = example_requests(exported)
    assert list(requests) == ["serving_default", "uint8", "generate"]
    assert decode(requests["serving_default"]["image_bytes"][0]).shape == (32, 32, 3)
    assert requests["uint8"]["input_image"].shape == (1, 4, 4, 3)
    answers = serve_in_c_loader(exported, list(requests.items()))
    for inputs, answer in zip(requests.values(), answers, strict=True):
        assert_predicts_answer(answer[0], inputs, generator, tmp_path)


def test_arrays_in_bodies_are_short(exported):
    for name in ("request_rest_uint8.json", "request_rest_generate.json"):
        assert (exported / name).stat().st_size < 1000
    assert "[1.0, -0.3333333, 1.0]" in (exported / "request_rest_generate.json").read_text()


def read_records(path):
    """The records of a TFRecord file: length, its checksum, content, its checksum."""
    content, position = path.read_bytes(), 0
    while position < len(content):
        (length,) = struct.unpack_from("<Q", content, position)
        yield content[position + 12 : position + 12 + length]
        position += length + 16


def test_the_warmup_requests_are_read_by_tensorflow_servings_own_messages(exported, generator):
    path = exported / "assets.extra" / "tf_serving_warmup_requests"
    logs = [prediction_log_pb2.PredictionLog.FromString(record) for record in read_records(path)]
    requests = [log.predict_log.request for log in logs]
    assert [r.model_spec.signature_name for r in requests] == [
        "serving_default",
        "uint8",
        "generate",
    ]
    assert {r.model_spec.name for r in requests} == {"model"}
    (content,) = requests[0].inputs["image_bytes"].string_val
    stored, seen = (tf.make_ndarray(r.inputs["input_image"]) for r in requests[1:])
    np.testing.assert_array_equal(decode(content), stored[0])
    assert stored.shape == seen.shape == (1, SIZE, SIZE, 3)
    np.testing.assert_allclose(seen, stored / 127.5 - 1, atol=1e-6)


def test_variables_are_stored_once(exported, generator):
    stored = sum(f.stat().st_size for f in (exported / "variables").glob("*.data*"))
    weights = 4 * sum(w.size for w in generator.get_weights())
    assert weights <= stored < 1.2 * weights
    names = tf.train.list_variables(str(exported / "variables" / "variables"))
    shapes = [shape for name, shape in names if "VARIABLE_VALUE" in name]
    assert sorted(shapes) == sorted(list(w.shape) for w in generator.get_weights())


def test_versions_count_up_and_a_failure_leaves_none(generator, tmp_path, monkeypatch):
    model_dir = tmp_path / "model"
    model = ServedModel(generator)
    monkeypatch.setattr(tf.saved_model, "save", lambda *args, **kwargs: None)
    assert write_savedmodel(model, model_dir) == model_dir / "1"
    (model_dir / "7").mkdir()
    assert write_savedmodel(model, model_dir) == model_dir / "8"

    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", fail)
    with pytest.raises(UserError, match="No space left"):
        write_savedmodel(model, model_dir)
    assert sorted(path.name for path in model_dir.iterdir()) == ["1", "7", "8"]


def test_arrays_alone_are_served_where_no_png_holds_the_images(tmp_path):
    formats = PairFormat(
        ImageFormat(5, "float32", (-1.0, 3.0)), ImageFormat(1, "uint16", (0, 65535))
    )
    model = ServedModel(
        unet_generator(16, 5, 1, base_filters=2), Fitting((16, 16), "resize", formats)
    )
    version = write_savedmodel(model, tmp_path / "model")
    requests = example_requests(version)
    images = [inputs["input_image"] for inputs in requests.values()]
    assert {image.shape for image in images} == {(1, 4, 4, 5)}
    assert (images[0].min(), images[0].max()) == (-1, 3)
    np.testing.assert_array_equal(images[0], images[1])
    by_default, by_type, seen = serve_in_c_loader(version, list(requests.items()))
    assert by_default.dtype == np.uint16
    assert by_default.shape == (1, 4, 4, 1)
    np.testing.assert_array_equal(by_default, by_type)
    np.testing.assert_allclose((seen + 1) * 32767.5, by_default, atol=1)
    assert encode_image(by_default[0])[1] == ".png"
