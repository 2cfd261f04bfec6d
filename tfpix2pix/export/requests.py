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
    source = model.fitting.formats.input
    image = _square(model, ARRAY_SIDE)
    stored = {"input_image": _plain(image)}
    rows: dict[str, Mapping[str, Any]] = {
        SERVING_DEFAULT: stored,
        source.dtype: stored,
        "generate": {"input_image": _plain(as_seen(tf.constant(image), source).numpy())},
    }
    if model.translate is not None:
        content = encode_image(_square(model, EXAMPLE_SIDE))[0]
        rows[SERVING_DEFAULT] = {"image_bytes": {"b64": base64.b64encode(content).decode()}}
    seed = {"seed": 0} if model.draws else {}
    return {
        signature: json.dumps({"signature_name": signature, "instances": [{**row, **seed}]}) + "\n"
        for signature, row in rows.items()
    }


def _square(model: ServedModel, side: int) -> np.ndarray:
    """An example of so many pixels a side, or of as many as the model takes."""
    side = max(side, model.fitting.smallest_side)
    return example_image(model.fitting.formats.input, side, side)


def _plain(image: np.ndarray) -> Any:
    """As JSON holds it; float32 with no more digits than tell it from its neighbours."""
    if image.dtype.kind != "f":
        return image.tolist()
    return np.array([float(str(value)) for value in image.ravel()]).reshape(image.shape).tolist()


def write_warmup(model: ServedModel, path: Path, name: str) -> None:
    """Writes a request for each signature, of one image of the network's size.

    Args:
        model: that is to be warmed up.
        path: the file, TFRecords of PredictionLog.
        name: of the model.
    """
    image = example_image(model.fitting.formats.input, *model.fitting.size)
    stored = {"input_image": image[np.newaxis]}
    seen = as_seen(tf.constant(image), model.fitting.formats.input).numpy()
    requests: dict[str, Mapping[str, Any]] = {
        SERVING_DEFAULT: stored,
        model.fitting.formats.input.dtype: stored,
        "generate": {"input_image": seen[np.newaxis]},
    }
    if model.translate is not None:
        requests[SERVING_DEFAULT] = {"image_bytes": [encode_image(image)[0]]}
    seed = {"seed": np.zeros(1, np.int64)} if model.draws else {}
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in requests.items():
            writer.write(_prediction_log(name, signature, {**inputs, **seed}))


# tensorflow_serving/apis: prediction_log.proto, predict.proto, model.proto. Written by hand, since
# they are four short messages, and the package that has them is an extra that exports can do
# without. The tests read them with it.


def _prediction_log(name: str, signature: str, inputs: Mapping[str, Any]) -> bytes:
    """PredictionLog{predict_log = 6: PredictLog{request = 1: PredictRequest}}."""
    spec = _field(1, name.encode()) + _field(3, signature.encode())
    tensors = b"".join(
        _field(2, _field(1, key.encode()) + _field(2, _tensor(value)))
        for key, value in inputs.items()
    )
    return _field(6, _field(1, _field(1, spec) + tensors))


def _tensor(value: Any) -> bytes:
    return tf.make_tensor_proto(value).SerializeToString()


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
