"""The export answers as `predict` does, in the loaders of Python and of TensorFlow Serving."""

import numpy as np
import pytest
import tensorflow as tf
from c_loader import LoaderError, run_in_c_loader

from tfpix2pix.errors import UserError
from tfpix2pix.export.savedmodel import export_savedmodel
from tfpix2pix.inference.files import FileTranslator
from tfpix2pix.inference.predict import find_jobs, predict_files
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
def translator(generator):
    return Translator(generator)


@pytest.fixture(scope="module")
def exported(translator, tmp_path_factory):
    return export_savedmodel(translator, tmp_path_factory.mktemp("exports") / "model")


@pytest.fixture(scope="module")
def encoded():
    """Images of several sizes and formats."""
    rng = np.random.default_rng(1)
    images = [rng.integers(0, 256, (h, w, 3), np.uint8) for h, w in ((32, 32), (40, 20), (16, 64))]
    encoders = (tf.io.encode_png, tf.io.encode_jpeg, tf.io.encode_png)
    return [e(image).numpy() for e, image in zip(encoders, images, strict=True)]


@pytest.fixture(scope="module")
def predicted(translator, encoded, tmp_path_factory):
    """What `predict` writes for them."""
    folder = tmp_path_factory.mktemp("inputs")
    for number, content in enumerate(encoded):
        (folder / f"{number}.png").write_bytes(content)
    jobs, failures = find_jobs([folder], tmp_path_factory.mktemp("outputs"))
    assert not failures
    return [
        prediction.output.read_bytes()
        for prediction in predict_files(StreamingAnswerer(FileTranslator(translator)), jobs)
    ]


def test_serving_default_gives_predicts_pngs_byte_for_byte(exported, encoded, predicted):
    signature = tf.saved_model.load(str(exported)).signatures["serving_default"]
    for content, expected in zip(encoded, predicted, strict=True):
        answer = signature(image_bytes=tf.constant([content]))["generated_image_bytes"]
        assert answer.numpy()[0] == expected


def test_tf_servings_loader_gives_predicts_pngs_byte_for_byte(exported, encoded, predicted):
    for content, expected in zip(encoded, predicted, strict=True):
        assert run_in_c_loader(exported, "serving_default", [content]) == [expected]


def test_the_answer_does_not_depend_on_the_rest_of_the_batch(exported, encoded, predicted):
    together = run_in_c_loader(exported, "serving_default", encoded)
    for answer, expected in zip(together, predicted, strict=True):
        difference = decode(answer).astype(int) - decode(expected)
        assert np.abs(difference).max() <= 1  # sums of another order round differently


def decode(png):
    return tf.io.decode_png(png).numpy()


def test_generate_takes_and_gives_floats(exported, generator):
    images = np.random.default_rng(2).uniform(-1, 1, (2, SIZE, SIZE, 3)).astype(np.float32)
    found = run_in_c_loader(exported, "generate", images)
    np.testing.assert_allclose(found, generator(images, training=False), atol=1e-5)
    assert np.abs(found).max() <= 1
    one_by_one = np.concatenate([generator(image[None], training=False) for image in images])
    np.testing.assert_allclose(found, one_by_one, atol=1e-5)


def test_garbage_in_a_request_is_a_clear_error(exported):
    with pytest.raises(LoaderError, match=r"(?m)^code 3: "):
        run_in_c_loader(exported, "serving_default", [b"garbage"])


def test_variables_are_stored_once(exported, generator):
    stored = sum(f.stat().st_size for f in (exported / "variables").glob("*.data*"))
    weights = 4 * sum(w.size for w in generator.get_weights())
    assert weights <= stored < 1.2 * weights


def test_versions_count_up_and_a_failure_leaves_none(translator, tmp_path, monkeypatch):
    model_dir = tmp_path / "model"
    assert export_savedmodel(translator, model_dir) == model_dir / "1"
    (model_dir / "7").mkdir()
    assert export_savedmodel(translator, model_dir) == model_dir / "8"

    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", fail)
    with pytest.raises(UserError, match="No space left"):
        export_savedmodel(translator, model_dir)
    assert sorted(path.name for path in model_dir.iterdir()) == ["1", "7", "8"]
