"""The example requests in an export, read as a model server reads them."""

import base64
import json

import numpy as np
import tensorflow as tf

from tests.inference.answered import answered
from tfpix2pix.data.encoding import encode_image
from tfpix2pix.data.images import resize
from tfpix2pix.export.description import FILE_NAME, read_description, request_file_name
from tfpix2pix.inference.files import FileTranslator
from tfpix2pix.inference.translator import Translator


def example_requests(version):
    """Inputs by name, of a batch of one, by signature: every signature of an export has one."""
    signatures = read_description(version / FILE_NAME).serving["signatures"]
    names = {path.name for path in version.glob("request_*")}
    assert names == {request_file_name(signature) for signature in signatures}
    return {
        signature: inputs_of(
            json.loads((version / request_file_name(signature)).read_text()), specs
        )
        for signature, specs in signatures.items()
    }


def inputs_of(body, specs):
    (row,) = body["instances"]
    assert row.keys() == specs["inputs"].keys()
    return {name: batch_of(row[name], dtype) for name, (dtype, _) in specs["inputs"].items()}


def batch_of(value, dtype):
    if dtype == "string":
        return [base64.b64decode(value["b64"], validate=True)]
    batch = np.asarray([value], dtype)
    np.testing.assert_array_equal(batch, [value] if dtype != "float32" else np.float32([value]))
    return batch


def assert_predicts_answer(answer, inputs, generator, folder):
    """Whether one answer to an example of 8 bits has the values that `predict` gives.

    Args:
        answer: the bytes of a PNG, or an array, stored or as the network gives it.
        inputs: of the request.
        generator: by which `predict` answers.
        folder: for the example as a file.
    """
    (value,) = next(iter(inputs.values()))
    if not isinstance(value, bytes) and value.dtype == np.float32:
        # `predict` rounds the images that it resizes: what a network makes of that has no bound.
        seen = tf.clip_by_value(resize(value, generator.input_shape[1:3], "bicubic"), -1, 1)
        expected = generator(seen[tf.newaxis], training=False)[0]
        np.testing.assert_allclose(answer, expected, atol=1e-4)
        return
    content = value if isinstance(value, bytes) else encode_image(value)[0]
    (folder / "example.png").write_bytes(content)
    predicted = answered(FileTranslator(Translator(generator)), folder / "example.png")
    if isinstance(answer, bytes):
        assert answer == predicted
    else:
        np.testing.assert_array_equal(answer, tf.io.decode_png(predicted))
