"""The formats of a single network in a file. Nothing here imports TensorFlow."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfpix2pix.export import converters

if TYPE_CHECKING:
    import numpy as np

# One gray level of 8 bits, where black is -1 and white is 1.
GRAY_LEVEL = 2 / 255


@dataclasses.dataclass(frozen=True)
class Bound:
    """How far an export may be off the Keras generator, in the units of [-1, 1].

    Attributes:
        largest: of any value of any image that is checked.
        mean: of all of them.
    """

    largest: float
    mean: float


# Sums of float32 in another order come out 1e-7 to 1e-5 apart after a dozen layers. More only where
# an image is flat: a norm divides what rounding left of it by sqrt(epsilon), 1/316. An eighth of a
# level is seen in no file of 8 bits, and far less than any wrong weight or statistic makes.
FLOAT32 = Bound(GRAY_LEVEL / 8, GRAY_LEVEL / 80)
# Weights of 11 bits are 2e-4 off, relatively; the answers by a tenth of a level: no level at all.
FLOAT16 = Bound(1.0 * GRAY_LEVEL, 0.1 * GRAY_LEVEL)
# Each map has 256 steps. Measured: mean 0.6 to 2.4 levels, largest 4 to 18, most with the paper's
# network. Three levels are hardly seen; the largest is a single value of some thousand at an edge.
INT8 = Bound(25 * GRAY_LEVEL, 3 * GRAY_LEVEL)
# The statistics of the normalisation have 256 steps too. Measured: mean 2 levels, largest 27: what
# a JPEG of low quality has. Beyond twice that an answer is another picture.
INT8_FULL = Bound(60 * GRAY_LEVEL, 4 * GRAY_LEVEL)


@dataclasses.dataclass(frozen=True)
class Quantization:
    """How the numbers of a file are stored.

    Attributes:
        bound: of the difference to the Keras generator.
        advice: what to do where it is larger.
        is_calibrated: whether images are needed to find the ranges of values.
    """

    bound: Bound
    advice: str
    is_calibrated: bool = False


QUANTIZATIONS = {
    "float32": Quantization(
        FLOAT32, "This is a fault of the converter or the runtime: try other versions of them"
    ),
    "float16": Quantization(FLOAT16, "Choose --quantize float32"),
    "int8": Quantization(
        INT8, "Give more --calibration-images, or choose --quantize float16", is_calibrated=True
    ),
    "int8_full": Quantization(
        INT8_FULL, "Give more --calibration-images, or choose --quantize int8", is_calibrated=True
    ),
}


@dataclasses.dataclass(frozen=True)
class NetworkFormat:
    """A format that `export` writes.

    Attributes:
        file_name: of what is opened; a second file may lie beside it.
        modules: what must be installed to write and to check it.
        write: of the Keras generator, the path, how it is quantized, and calibration images.
        quantizations: those it has, by name.
    """

    file_name: str
    modules: tuple[str, ...]
    write: Callable[[Any, Path, str, "np.ndarray | None"], None]
    quantizations: tuple[str, ...] = ("float32",)


def _in_float32(write: Callable[[Any, Path], None]) -> Callable[..., None]:
    return lambda generator, path, quantize, calibration: write(generator, path)


NETWORK_FORMATS = {
    "litert": NetworkFormat(
        "model.tflite", ("ai_edge_litert",), converters.write_litert, tuple(QUANTIZATIONS)
    ),
    "onnx": NetworkFormat(
        "model.onnx",
        ("onnx", "tf2onnx", "onnxruntime"),
        converters.write_onnx,
        ("float32", "float16"),
    ),
    # Its converter imports SciPy, which it does not declare.
    "openvino": NetworkFormat(
        "model.xml", ("openvino", "scipy"), _in_float32(converters.write_openvino)
    ),
    "keras": NetworkFormat("model.keras", (), _in_float32(converters.write_keras)),
}
