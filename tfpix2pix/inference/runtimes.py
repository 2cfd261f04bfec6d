"""Networks in files, each run by its own runtime: float32 [N, H, W, C] -> float32 [N, H, W, C'].

Images are in [-1, 1]; label maps have a channel for each class. A runtime's package is imported
when a file is opened, and TensorFlow for its own formats only.
"""

import contextlib
import dataclasses
import importlib.util
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfpix2pix.errors import UserError

Network = Callable[[np.ndarray], np.ndarray]

SAVED_MODEL_FILE = "saved_model.pb"


@dataclasses.dataclass(frozen=True)
class Runtime:
    """What runs one kind of file.

    Attributes:
        load: opens a file.
        modules: what must be installed for that.
        extra: of this package, which installs it.
    """

    load: Callable[[Path], Network]
    modules: tuple[str, ...] = ()
    extra: str = ""


def load_network(path: str | Path) -> Network:
    """Opens an exported network: .tflite, .onnx, OpenVINO's .xml, .keras, or a SavedModel's folder.

    Raises:
        UserError: there is no such file, it is damaged or of another kind, or its runtime is not
            installed.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"there is no file or folder {path}")
    suffix = path.suffix.lower()
    if path.is_dir() and (path / SAVED_MODEL_FILE).exists():
        suffix = SAVED_MODEL_FILE
    if suffix not in RUNTIMES:
        kinds = ", ".join(kind for kind in RUNTIMES if kind != SAVED_MODEL_FILE)
        raise UserError(
            f"{path} is no exported network: expected a file that ends in {kinds}, or the folder "
            f"of a version of a SavedModel, which holds {SAVED_MODEL_FILE}"
        )
    runtime = RUNTIMES[suffix]
    require(runtime.modules, runtime.extra, str(path))
    return runtime.load(path)


def is_network(path: str | Path) -> bool:
    """Whether a path is one that `load_network` takes, by its name: costs no import."""
    path = Path(path)
    known = path.suffix.lower() in RUNTIMES and not path.is_dir()
    return known or (path / SAVED_MODEL_FILE).exists()


def require(modules: Sequence[str], extra: str, what: str) -> None:
    """Refuses to go on without modules that are an extra of this package.

    Args:
        modules: that must be there.
        extra: that installs them.
        what: needs them.

    Raises:
        UserError: with the line that installs what is missing.
    """
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(f"{what} needs {', '.join(missing)}: pip install 'tfpix2pix[{extra}]'")


@contextlib.contextmanager
def _opening(path: Path, *refusals: type[Exception]) -> Iterator[None]:
    """Turns what a runtime raises for a file that it cannot use into a `UserError` of one line."""
    try:
        yield
    except refusals as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise UserError(
            f"cannot open {path}: it is damaged, or of another kind than its name says "
            f"({lines[-1].strip()}); export it again"
        ) from error


def _load_litert(path: Path) -> Network:
    from ai_edge_litert.interpreter import Interpreter

    with _opening(path, ValueError, RuntimeError):
        interpreter = Interpreter(str(path), num_threads=os.cpu_count())
        interpreter.allocate_tensors()
    source, target = (
        details[0]["index"]
        for details in (interpreter.get_input_details(), interpreter.get_output_details())
    )

    def network(images: np.ndarray) -> np.ndarray:
        if tuple(interpreter.get_input_details()[0]["shape"]) != images.shape:
            interpreter.resize_tensor_input(source, images.shape)
            interpreter.allocate_tensors()
        interpreter.set_tensor(source, images)
        interpreter.invoke()
        return interpreter.get_tensor(target)

    return network


def _load_onnx(path: Path) -> Network:
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what it cannot do it raises
    # They have no base class of their own.
    with _opening(path, state.Fail, state.InvalidGraph, state.InvalidProtobuf, state.NoModel):
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    name = session.get_inputs()[0].name
    return lambda images: session.run(None, {name: images})[0]


def _load_openvino(path: Path) -> Network:
    import openvino

    # Left to itself, it computes in bfloat16 where the processor can: three digits, not seven.
    with _opening(path, RuntimeError):
        model = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda images: np.array(model(images)[0])


def _load_keras(path: Path) -> Network:
    import keras

    import tfpix2pix.models  # noqa: F401  (registers its layers)

    with _opening(path, ValueError, OSError):
        model = keras.saving.load_model(path, compile=False)
    return _called_with_floats(model, model.input_shape)


def _load_saved_model(path: Path) -> Network:
    import tensorflow as tf

    with _opening(path, OSError, tf.errors.OpError):
        generate = tf.saved_model.load(str(path)).signatures["generate"]
    return lambda images: generate(input_image=tf.constant(images))["generated_image"].numpy()


def _called_with_floats(model: Any, shape: tuple[int | None, ...]) -> Network:
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32)])
    def call(images: tf.Tensor) -> tf.Tensor:
        return model(images, training=False)

    return lambda images: call(tf.constant(images)).numpy()


RUNTIMES = {
    ".tflite": Runtime(_load_litert, ("ai_edge_litert",), "litert"),
    ".onnx": Runtime(_load_onnx, ("onnxruntime",), "onnx"),
    ".xml": Runtime(_load_openvino, ("openvino",), "openvino"),
    ".keras": Runtime(_load_keras),
    SAVED_MODEL_FILE: Runtime(_load_saved_model),
}
