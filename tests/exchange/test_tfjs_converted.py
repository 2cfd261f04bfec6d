"""TF.js models that the real tensorflowjs_converter wrote: see tfjs_converted.py."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tfjs_reading import rebuilt, refused

from tfpix2pix.cli.main import main
from tfpix2pix.models.exchange.tfjs import read_tfjs
from tfpix2pix.training.run_folder import RunFolder

DATA = Path(__file__).parent / "data"
PIXELS = np.load(DATA / "images.npy")
SIZE = PIXELS.shape[1]


def manifest(name):
    return json.loads((DATA / name / "model.json").read_text())["weightsManifest"][0]


@pytest.mark.parametrize("name", ["tutorial", "quantized"])
def test_they_answer_as_keras_2_does(name):
    """To quantised weights, as the converter itself reads them back."""
    expected = np.load(DATA / name / "answers.npy")
    assert expected.std() > 0.05
    found = np.asarray(rebuilt(DATA / name, SIZE)(np.float32(PIXELS / 127.5 - 1), training=False))
    np.testing.assert_allclose(found, expected, atol=1e-4)
    # The two images differ, so that a wrong mixture of the batch would show.
    assert np.abs(expected[0] - expected[1]).max() > 0.1


def test_what_is_in_them():
    """Shards that cut through weights, and every kind of quantisation."""
    assert len(manifest("tutorial")["paths"]) == 3
    assert all("quantization" not in weight for weight in manifest("tutorial")["weights"])
    assert len(manifest("quantized")["paths"]) == 4
    quantized = {weight["quantization"]["dtype"] for weight in manifest("quantized")["weights"]}
    assert quantized == {"uint8", "uint16", "float16"}
    tutorial, flat = (read_tfjs(DATA / name).settings() for name in ("tutorial", "quantized"))
    assert (tutorial["skip"], tutorial["depth"]) == ("postactivation", 4)
    assert (tutorial["base_filters"], tutorial["innermost_norm"]) == (2, True)
    assert (flat["skip"], flat["skip_order"], flat["depth"]) == ("relu", "encoder_first", 3)


def test_keras_3_is_refused():
    message = refused(DATA / "keras_3")
    assert "conv2d was written by Keras 3: expected a model of Keras 2" in message


def test_import_and_predict(tmp_path):
    Image.fromarray(PIXELS[0]).save(tmp_path / "photo.png")
    run, pictures = tmp_path / "run", tmp_path / "pictures"
    arguments = [str(DATA / "tutorial"), "--output", str(run), "--n-layers", "1"]
    assert main(["import", *arguments]) == 0
    assert main(["predict", str(run), str(tmp_path / "photo.png"), "--output", str(pictures)]) == 0
    expected = np.round((np.load(DATA / "tutorial" / "answers.npy")[0] + 1) * 127.5)
    assert expected.std() > 10
    np.testing.assert_allclose(np.float32(Image.open(pictures / "photo.png")), expected, atol=1)

    # It goes on as the tutorial trains, but predicts as the browser does.
    settings = RunFolder(run).settings()
    assert settings.data.crop_size == (SIZE, SIZE)
    assert settings.data.target_interpolation == "nearest"
    train, model = settings.train, settings.model
    assert (train.update, train.discriminator_weight) == ("simultaneous", 1.0)
    assert train.lr_schedule == "constant"
    assert (train.adam_epsilon, train.epsilon_hat) == (1e-7, True)
    assert (train.steps, train.epochs) == (None, None)
    assert model.discriminator_bias == "output"
    assert (model.norm_statistics, model.dropout_at_prediction) == ("moving", False)
