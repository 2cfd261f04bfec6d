"""Networks in files, each run by its own runtime: float32 [N, H, W, C] -> float32 [N, H, W, C'].

Images are in [-1, 1]; label maps have a channel for each class. A runtime's package is imported
when a file is opened, and TensorFlow for its own formats only.
"""

import contextlib
import dataclasses
import importlib.util
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfpix2pix.errors import UserError, plain_reason
from tfpix2pix.places import as_place
from tfpix2pix.places.trees import on_this_machine

Network = Callable[[np.ndarray], np.ndarray]

SAVED_MODEL_FILE = "saved_model.pb"


@dataclasses.dataclass(frozen=True)
class Runtime:
    """What runs one kind of file.

    Attributes:
        load: opens a file.
        modules: what must be installed for that.
        extra: of this package, which installs it; none where the package itself does.
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
    with on_this_machine(as_place(path)) as local:
        return check_network(local).load(local)


def check_network(path: Path) -> Runtime:
    """What runs a file, or a SavedModel's folder; costs no import.

    Raises:
        UserError: there is no such file, it is of another kind, or its runtime is not installed.
    """
    if not path.exists():
        raise UserError(f"there is no file or folder {path}")
    if not is_network(path):
        kinds = ", ".join(kind for kind in RUNTIMES if kind != SAVED_MODEL_FILE)
        raise UserError(
            f"{path} is no exported network: expected a file that ends in {kinds}, or the folder "
            f"of a version of a SavedModel, which holds {SAVED_MODEL_FILE}"
        )
    runtime = _runtime_of(path)
    require(runtime.modules, runtime.extra, str(path))
    return runtime


def is_network(path: str | Path) -> bool:
    """Whether a path is one that `load_network` takes, by its name: costs no import."""
    path = as_place(path)
    if path.is_dir():
        return (path / SAVED_MODEL_FILE).exists()
    return path.suffix.lower() in RUNTIMES


def needs_tensorflow(path: str | Path) -> bool:
    """Whether opening such a network imports TensorFlow."""
    return "tensorflow" in _runtime_of(as_place(path)).modules


def _runtime_of(path: Path) -> Runtime:
    return RUNTIMES[SAVED_MODEL_FILE if path.is_dir() else path.suffix.lower()]


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
        raise UserError(
            f"cannot open {path}: it is damaged, or of another kind than its name says "
            f"({_reason(error)}); export it again"
        ) from error


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    """TensorFlow warns that what it loads has no gradients; none is asked for."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextlib.contextmanager
def _running(*refusals: type[Exception]) -> Iterator[None]:
    """Turns what a runtime raises for images that it cannot answer into a `UserError`."""
    try:
        yield
    except refusals as error:
        raise UserError(f"the model cannot take it: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """In one line: of TensorFlow's errors, which have a message, or of another runtime's."""
    if hasattr(error, "message"):
        return plain_reason(error)
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1].strip()


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
        with _running(RuntimeError, ValueError):
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
    names = "Fail InvalidArgument InvalidGraph InvalidProtobuf NoModel NoSuchFile NotImplemented"
    with _opening(path, *(getattr(state, name) for name in names.split())):
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    name = session.get_inputs()[0].name

    def network(images: np.ndarray) -> np.ndarray:
        with _running(state.Fail, state.InvalidArgument, state.RuntimeException):
            return session.run(None, {name: images})[0]

    return network


def _load_openvino(path: Path) -> Network:
    import openvino

    # Left to itself, it computes in bfloat16 where the processor can: three digits, not seven.
    with _opening(path, RuntimeError):
        model = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def network(images: np.ndarray) -> np.ndarray:
        with _running(RuntimeError):
            return np.array(model(images)[0])

    return network


def _load_keras(path: Path) -> Network:
    import keras

    import tfpix2pix.models  # noqa: F401  (registers its layers)
    from tfpix2pix.models.pretrained import UNREADABLE

    # In safe mode, Keras' default: no code that a file brings along is run.
    with _opening(path, *UNREADABLE):
        model = keras.saving.load_model(path, compile=False)
    return _called_with_floats(model, model.input_shape)


def load_saved_model(version: Path) -> Any:
    """What TensorFlow makes of a version's folder, with its `signatures`.

    Raises:
        UserError: it cannot be opened.
    """
    import tensorflow as tf

    with _opening(version, OSError, tf.errors.OpError), _without_warnings():
        return tf.saved_model.load(str(version))


def load_signature(version: Path, name: str, seed: int | None = None) -> Network:
    """A signature of a SavedModel, from `input_image` to `generated_image`.

    Args:
        version: its folder.
        name: of the signature.
        seed: for every image, where dropout is on.

    Raises:
        UserError: it cannot be opened, or has no such signature.
    """
    import tensorflow as tf

    loaded = load_saved_model(version)
    if name not in loaded.signatures:
        raise UserError(
            f"{version} has no signature {name}: tfpix2pix did not export it, or an earlier version"
        )
    signature = loaded.signatures[name]

    def network(images: np.ndarray) -> np.ndarray:
        with _running(tf.errors.OpError):
            inputs = {"input_image": tf.constant(images)}
            if seed is not None:
                inputs["seed"] = tf.fill([len(images)], tf.constant(seed, tf.int64))
            return signature(**inputs)["generated_image"].numpy()

    # A loaded model's variables live as long as the model does.
    network.model = loaded  # type: ignore[attr-defined]
    return network


def _called_with_floats(model: Any, shape: tuple[int | None, ...]) -> Network:
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32)], autograph=False)
    def call(images: tf.Tensor) -> tf.Tensor:
        return model(images, training=False)

    return lambda images: call(tf.constant(images)).numpy()


RUNTIMES = {
    ".tflite": Runtime(_load_litert, ("ai_edge_litert",), "litert"),
    ".onnx": Runtime(_load_onnx, ("onnxruntime",), "onnx"),
    ".xml": Runtime(_load_openvino, ("openvino",), "openvino"),
    ".keras": Runtime(_load_keras, ("tensorflow",)),
    SAVED_MODEL_FILE: Runtime(lambda path: load_signature(path, "generate"), ("tensorflow",)),
}
