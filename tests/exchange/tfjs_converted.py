"""Makes tests/exchange/data: models that the real tensorflowjs_converter wrote, and their answers.

    python -m venv CONVERTER && CONVERTER/bin/pip install tensorflowjs
    CONVERTER/bin/python tests/exchange/tfjs_converted.py

An environment of its own, as the converter wants an older TensorFlow. Written with tensorflowjs
4.22.0, TensorFlow 2.19.0, tf_keras 2.19.0 and keras 3.15.1.
"""

import sys
import tempfile
import types
from pathlib import Path

import keras
import numpy as np
import tf_keras
from tfjs_writer import flat, tutorial

# The converter imports it for models of other kinds, and it often does not fit its TensorFlow.
sys.modules["tensorflow_decision_forests"] = types.ModuleType("tensorflow_decision_forests")

import tensorflowjs  # noqa: E402
from tensorflowjs.converters import converter  # noqa: E402

DATA = Path(__file__).parent / "data"
SIZE = 16


def keep(name: str, model: tf_keras.Model, images: np.ndarray, **options: object) -> None:
    """Converts a model; the answers are those of the files, as the converter reads them back."""
    folder = DATA / name
    folder.mkdir(parents=True, exist_ok=True)
    tensorflowjs.converters.save_keras_model(model, str(folder), **options)
    converted = tensorflowjs.converters.load_keras_model(str(folder / "model.json"))
    np.save(folder / "answers.npy", converted.predict(images, verbose=0))


def keep_keras_3(folder: Path) -> None:
    """A generator of Keras 3, as small as can be: it is to be refused."""
    image = keras.layers.Input((SIZE, SIZE, 3))
    down = keras.layers.Conv2D(1, 4, strides=2, padding="same")(image)
    up = keras.layers.Conv2DTranspose(3, 4, strides=2, padding="same", activation="tanh")(down)
    kinds = ["--input_format=keras_keras", "--output_format=tfjs_layers_model"]
    # The converter unpacks the file where it lies.
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary) / "model.keras"
        keras.Model(image, up).save(file)
        converter.convert([*kinds, str(file), str(folder)])


def main() -> None:
    """Writes all of it anew."""
    pixels = np.random.default_rng(1).integers(0, 256, (2, SIZE, SIZE, 3), np.uint8)
    DATA.mkdir(exist_ok=True)
    np.save(DATA / "images.npy", pixels)
    images = np.float32(pixels / 127.5 - 1)
    keep("tutorial", tutorial(4, 2, SIZE), images, weight_shard_size_bytes=10_000)
    quantized = {"uint8": "conv2d*/kernel", "uint16": "conv2d*/bias", "float16": True}
    options = {"weight_shard_size_bytes": 500, "quantization_dtype_map": quantized}
    keep("quantized", flat(3, 2, SIZE), images, **options)
    keep_keras_3(DATA / "keras_3")


if __name__ == "__main__":
    main()
