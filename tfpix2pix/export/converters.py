"""The files of other formats, written from a Keras generator. TensorFlow comes with the generator.

All hold a network from `input_image`, float32 [N, H, W, C] in [-1, 1], to the generated image, with
any N and the H and W of the generator.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

# What a normalisation computes with. Its statistics are each image's own, so that their range is
# wide: in 8 bits they lose most of it, and the whole answer with them.
KEPT_IN_FLOAT = ("MEAN", "SQUARED_DIFFERENCE", "RSQRT", "MUL", "SUB", "ADD")


def with_plain_convolutions(generator: Any) -> Any:
    """The same network of Keras' own operations, which every converter knows.

    The faster ways of computing them on CPUs pad arrays of six axes, which LiteRT cannot, and
    other runtimes have faster ways of their own.
    """
    import keras

    def plain(layer: Any) -> Any:
        config = layer.get_config()
        if "implementation" in config:
            config["implementation"] = "plain"
        return type(layer).from_config(config)

    clone = keras.models.clone_model(generator, clone_function=plain)
    clone.set_weights(generator.get_weights())
    clone(keras.ops.zeros((1, *clone.input_shape[1:])))  # Keras exports what has been called
    return clone


def write_litert(
    generator: Any, path: Path, quantize: str, calibration: "np.ndarray | None"
) -> None:
    """Writes a .tflite file of LiteRT's built-in operations alone.

    Args:
        generator: a Keras model.
        path: of the file.
        quantize: `"float32"`; `"float16"`: weights of half the size; `"int8"`: convolutions in 8
            bits, normalisation in float32; `"int8_full"`: all in 8 bits, for devices that have
            nothing else. Inputs and outputs are float32 in all of them.
        calibration: for int8, float32 [N, H, W, C]: the ranges of all values are taken from them.
    """
    import tensorflow as tf

    options: dict[str, Any] = {}
    target: dict[str, Any] = {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}
    if quantize != "float32":
        options["optimizations"] = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        target["supported_types"] = [tf.float16]
    model = with_plain_convolutions(generator)
    if quantize == "int8":
        path.write_bytes(_partly_quantized(model, _one_by_one(calibration)))
        return
    if quantize == "int8_full":
        target["supported_ops"] = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        options["representative_dataset"] = _one_by_one(calibration)
    model.export(str(path), format="litert", verbose=False, target_spec=target, **options)


def _one_by_one(calibration: "np.ndarray | None") -> Any:
    assert calibration is not None, "given with int8"

    def images() -> "Iterator[list[np.ndarray]]":
        for image in calibration:
            yield [image[None]]

    return images


def _partly_quantized(model: Any, images: Any) -> bytes:
    """In 8 bits, but for what normalises. TensorFlow's way there is its debugger's."""
    import keras
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        archive = keras.export.ExportArchive()
        archive.track(model)
        inputs = tf.TensorSpec(model.input_shape, tf.float32, "input_image")
        archive.add_endpoint("serve", lambda x: model(x, training=False), input_signature=[inputs])
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = images
        options = tf.lite.experimental.QuantizationDebugOptions(denylisted_ops=list(KEPT_IN_FLOAT))
        debugger = tf.lite.experimental.QuantizationDebugger(
            converter=converter, debug_dataset=images, debug_options=options
        )
        return debugger.get_nondebug_quantized_model()


def write_onnx(generator: Any, path: Path, quantize: str, calibration: "np.ndarray | None") -> None:
    """Writes an .onnx file; also what browsers run, by onnxruntime-web.

    Args:
        generator: a Keras model.
        path: of the file.
        quantize: `"float32"`; `"float16"`: weights of half the size, which runtimes widen as they
            load the file; all is computed in float32.
        calibration: not used.
    """
    with_plain_convolutions(generator).export(path, format="onnx", verbose=False)
    if quantize == "float16":
        _halve_weights(path)


def _halve_weights(path: Path) -> None:
    import numpy as np
    import onnx

    model = onnx.load(path)
    casts = []
    for weights in model.graph.initializer:
        values = onnx.numpy_helper.to_array(weights)
        # Biases and scales stay as they are: halving them saves nothing.
        if values.dtype != np.float32 or values.ndim < 2:
            continue
        name = weights.name
        stored = onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}_float16")
        weights.CopyFrom(stored)
        casts.append(
            onnx.helper.make_node("Cast", [stored.name], [name], to=onnx.TensorProto.FLOAT)
        )
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, path)


def write_openvino(generator: Any, path: Path) -> None:
    """Writes an .xml file and, beside it, the weights as .bin."""
    with_plain_convolutions(generator).export(str(path), format="openvino", verbose=False)


def write_keras(generator: Any, path: Path) -> None:
    """Writes a .keras file, which Keras loads where `tfpix2pix.models` has been imported."""
    generator.save(path)
