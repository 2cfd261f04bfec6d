"""Requests to try a model with: bodies over REST, and those that warm a server up."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfpix2pix.data.encoding import encode_image
from tfpix2pix.data.formats import ImageFormat
from tfpix2pix.data.images import as_seen
from tfpix2pix.export.description import SERVING_DEFAULT
from tfpix2pix.inference.served import ServedModel

# Of the example's image, unless the model takes larger ones alone: few bytes, as a body is read.
EXAMPLE_SIDE = 32
# The same where its values are written out.
ARRAY_SIDE = 4


def example_image(image_format: ImageFormat, height: int, width: int) -> np.ndarray:
    """A picture of a format: [height, width, C], ramps of its values, or bands of its classes."""
    rows, columns = np.mgrid[:height, :width]
    if image_format.palette:
        classes = (rows * 4 // height + columns * 4 // width) % len(image_format.palette)
        return np.asarray(image_format.palette, np.uint8)[classes]
    ramps = [rows / max(height - 1, 1), columns / max(width - 1, 1)]
    unit = np.stack([ramps[channel % 2] for channel in range(image_format.channels)], axis=-1)
    low, high = image_format.value_range
    values = low + unit * (high - low)
    dtype = np.dtype(image_format.dtype)
    return (np.rint(values) if dtype.kind == "u" else values).astype(dtype)


def example_bodies(model: ServedModel) -> dict[str, str]:
    """The body of a request for each signature over TensorFlow Serving's REST interface."""
    rows = _inputs(model, _square(model, ARRAY_SIDE))
    if model.translate is not None:  # a file says much more in as many bytes
        rows[SERVING_DEFAULT] = _inputs(model, _square(model, EXAMPLE_SIDE))[SERVING_DEFAULT]
    return {
        signature: json.dumps(
            {
                "signature_name": signature,
                "instances": [{name: _plain(value) for name, value in row.items()}],
            }
        )
        + "\n"
        for signature, row in rows.items()
    }


def _inputs(model: ServedModel, image: np.ndarray) -> dict[str, dict[str, Any]]:
    """What each signature takes for one stored image, by the names of its inputs."""
    source = model.fitting.formats.input
    stored = {"input_image": image}
    inputs: dict[str, dict[str, Any]] = {
        SERVING_DEFAULT: stored,
        source.dtype: stored,
        "generate": {"input_image": as_seen(tf.constant(image), source).numpy()},
    }
    if model.translate is not None:
        inputs[SERVING_DEFAULT] = {"image_bytes": encode_image(image)[0]}
    seed = {"seed": np.int64(0)} if model.draws else {}
    return {signature: one | seed for signature, one in inputs.items()}


def _square(model: ServedModel, side: int) -> np.ndarray:
    """An example of so many pixels a side, or of as many as the model takes."""
    side = max(side, model.fitting.smallest_side)
    return example_image(model.fitting.formats.input, side, side)


def _plain(value: Any) -> Any:
    """As JSON holds it; float32 with no more digits than tell it from its neighbours."""
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()}
    if value.dtype.kind != "f":
        return value.tolist()
    return np.array([float(str(one)) for one in value.ravel()]).reshape(value.shape).tolist()


def write_warmup(model: ServedModel, path: Path, name: str) -> None:
    """Writes a request for each signature, of one image of the network's size.

    Args:
        model: that is to be warmed up.
        path: the file, TFRecords of PredictionLog.
        name: of the model.
    """
    image = example_image(model.fitting.formats.input, *model.fitting.size)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in _inputs(model, image).items():
            writer.write(_prediction_log(name, signature, inputs))


# tensorflow_serving/apis: prediction_log.proto, predict.proto, model.proto. Written by hand, since
# they are four short messages, and the package that has them is an extra that exports can do
# without. The tests read them with it.


def _prediction_log(name: str, signature: str, inputs: Mapping[str, Any]) -> bytes:
    """PredictionLog{predict_log = 6: PredictLog{request = 1: PredictRequest}}."""
    spec = _field(1, name.encode()) + _field(3, signature.encode())
    tensors = b"".join(
        _field(2, _field(1, key.encode()) + _field(2, _batch_of_one(value)))
        for key, value in inputs.items()
    )
    return _field(6, _field(1, _field(1, spec) + tensors))


def _batch_of_one(value: Any) -> bytes:
    batch = [value] if isinstance(value, bytes) else np.asarray(value)[np.newaxis]
    return tf.make_tensor_proto(batch).SerializeToString()


def _field(number: int, content: bytes) -> bytes:
    """A field of the wire format whose value is a string or a message."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the highest bit says that more follow."""
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])
