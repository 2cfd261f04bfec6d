"""What the tests of TF.js models share: networks from files, changed files, and refusals."""

import copy
import json
import shutil

import numpy as np
import pytest

from tfpix2pix.config import DataSettings, resolve
from tfpix2pix.data.formats import pair_format
from tfpix2pix.errors import UserError
from tfpix2pix.models.exchange.tfjs import read_tfjs
from tfpix2pix.training.build import build_generator


def rebuilt(path, size, **changed):
    """The generator in the files, as a network here."""
    found = read_tfjs(path)
    settings = resolve(flags={**found.settings(), **found.defaults(), **changed}).model
    channels = found.input_channels, found.output_channels
    formats = pair_format(DataSettings(), *((number, "uint8") for number in channels))
    model = build_generator(settings, (size, size), formats)
    found.set_weights(model)
    return model


def assert_same(ours, theirs, *, training=False, size, batch=1, channels=3):
    """Networks here and of Keras 2 give the same answers to drawn images."""
    shape = (batch, size, size, channels)
    images = np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)
    expected = theirs(images, training=training).numpy()
    assert expected.std() > 0.05
    np.testing.assert_allclose(np.asarray(ours(images, training=False)), expected, atol=1e-4)


def changed(path, folder, change):
    """A copy of the files, whose model.json was changed."""
    shutil.copytree(path.parent, folder / "model")
    content = copy.deepcopy(json.loads(path.read_text()))
    change(content)
    (folder / "model" / "model.json").write_text(json.dumps(content))
    return folder / "model" / "model.json"


def refused(path):
    """What is said of files that are refused."""
    with pytest.raises(UserError) as caught:
        read_tfjs(path)
    return str(caught.value)
