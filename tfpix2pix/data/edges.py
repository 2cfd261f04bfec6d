"""Edges of an image, as pairs are made from photos: Canny's, or holistically-nested ones (HED).

Images are float64 [H, W, C] in [0, 1]; edges are bool [H, W]. The packages of the extra `edges` are
imported when the first image comes.
"""

import contextlib
import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tfpix2pix.data.operations import gray_values
from tfpix2pix.errors import UserError

# How the authors of pix2pix made edges2shoes and edges2handbags (their batch_hed.py and
# PostprocessHED.m): the mean of HED's training photos, blue, green, red; the margin by which an
# image is mirrored outwards; the least edge strength and the least pixels of an edge.
HED_MEAN_BGR = (104.00698793, 116.66876762, 122.67891434)
HED_MARGIN = 128
HED_THRESHOLD = 25 / 255
HED_LEAST_PIXELS = 5


def canny_edges(image: np.ndarray, sigma: float) -> np.ndarray:
    """Canny's edges of the gray image, blurred by `sigma` pixels first.

    Raises:
        UserError: scikit-image is missing.
    """
    with _naming_what_is_missing("scikit-image"):
        from skimage import feature

        return feature.canny(gray_values(image), sigma)


def hed_edges(image: np.ndarray, weights: str) -> np.ndarray:
    """Thin lines by holistically-nested edge detection (Xie & Tu, 2015).

    The ONNX file has one input, float32 [1, 3, H, W] of any H and W: blue, green and red in
    [0, 255] minus `HED_MEAN_BGR`; its last output is the fused map, [1, 1, H, W] in [0, 1].
    Three channels are taken for red, green and blue; of any other number, the mean is used.

    Args:
        image: [H, W, C] in [0, 1].
        weights: the file.

    Raises:
        UserError: onnxruntime or scikit-image is missing, or the file cannot be read, is no ONNX
            model, or has other inputs or outputs.
    """
    with _naming_what_is_missing("onnxruntime and scikit-image"):
        return _simplify(_hed_strength(image, weights))


def describe_weights(weights: str) -> str:
    """The file with its size and a digest of its content: another file has another line.

    Raises:
        UserError: it cannot be read.
    """
    if not Path(weights).is_file():
        raise _no_file(weights)
    with Path(weights).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return f"{weights}, {Path(weights).stat().st_size} bytes, sha256 {digest[:16]}"


def _no_file(weights: str) -> UserError:
    return UserError(f"hed_weights: there is no file {weights}")


@contextlib.contextmanager
def _naming_what_is_missing(packages: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise UserError(f"edges need {packages}: pip install 'tfpix2pix[edges]'") from error


def _hed_strength(image: np.ndarray, weights: str) -> np.ndarray:
    """How much of an edge each pixel is: float64 [H, W] in [0, 1]."""
    margins = ((HED_MARGIN, HED_MARGIN), (HED_MARGIN, HED_MARGIN), (0, 0))
    rgb = image if image.shape[2] == 3 else np.repeat(gray_values(image)[..., np.newaxis], 3, 2)
    # Mirrored outwards, or the border of the picture itself would be taken for an edge.
    bgr = np.pad(rgb[..., ::-1], margins, "reflect") * 255 - np.array(HED_MEAN_BGR)
    blob = np.ascontiguousarray(bgr.transpose(2, 0, 1)[np.newaxis], np.float32)
    strength = _run_hed(_open_hed(weights), blob, weights)
    return strength[HED_MARGIN:-HED_MARGIN, HED_MARGIN:-HED_MARGIN].astype(np.float64)


@functools.lru_cache(maxsize=1)
def _open_hed(weights: str) -> Any:
    """The file's onnxruntime session; opened once in a process, for it may take seconds."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Many processes prepare images: one thread each, and nothing but errors on the screen.
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    if not Path(weights).is_file():
        raise _no_file(weights)
    try:
        session = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
    except _onnx_errors() as error:
        raise _unusable(weights, f"it cannot be opened ({_first_line(error)})") from error
    _check_interface(session, weights)
    return session


def _check_interface(session: Any, weights: str) -> None:
    inputs, fused = session.get_inputs(), session.get_outputs()[-1]
    got = ", ".join(f"{tensor.type} {tensor.shape}" for tensor in inputs) or "none"
    # A dimension of any size is a name or None; only batch and channels may be fixed.
    fixed = [[i for i in tensor.shape if isinstance(i, int)] for tensor in inputs]
    if fixed not in ([[1, 3]], [[1]], [[3]], [[]]) or inputs[0].type != "tensor(float)":
        raise _unusable(weights, f"its inputs are {got}")
    if fused.type != "tensor(float)":
        raise _unusable(weights, f"its last output is {fused.type}")


def _run_hed(session: Any, blob: np.ndarray, weights: str) -> np.ndarray:
    try:
        fused = session.run(None, {session.get_inputs()[0].name: blob})[-1]
    except _onnx_errors() as error:
        raise _unusable(weights, f"it cannot be run ({_first_line(error)})") from error
    shape = np.shape(fused)
    if shape != (1, 1, *blob.shape[2:]):
        raise _unusable(weights, f"for an input of {blob.shape} its last output is {shape}")
    if not (fused.min() >= 0 and fused.max() <= 1 + 1e-4):
        found = f"{fused.min():g} to {fused.max():g}"
        raise _unusable(weights, f"its last output has values of {found} (no sigmoid?)")
    return fused[0, 0]


def _onnx_errors() -> tuple[type[Exception], ...]:
    """What onnxruntime raises for a bad model; they have no base class of their own."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    names = ["Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NotImplemented"]
    return tuple(getattr(state, name) for name in [*names, "NoModel", "RuntimeException"])


def _unusable(weights: str, reason: str) -> UserError:
    return UserError(
        f"hed_weights: cannot use {weights}: {reason}; expected an ONNX file with one input, "
        "float32 [1, 3, H, W] of any H and W, and the fused map, [1, 1, H, W] in 0..1, as its "
        "last output"
    )


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def _simplify(strength: np.ndarray) -> np.ndarray:
    """HED's soft map -> bool [H, W] of thin lines, as the authors of pix2pix post-process it.

    Ridges only, of at least 25/255; thinned to a pixel; without specks of less than 5 pixels.
    """
    from skimage import measure, morphology

    thin = morphology.thin(_keep_ridges(strength) >= HED_THRESHOLD)
    # Counted here: scikit-image renamed the limit of its own remove_small_objects.
    pieces = measure.label(thin, connectivity=2)
    return thin & (np.bincount(pieces.ravel()) >= HED_LEAST_PIXELS)[pieces]


def _keep_ridges(strength: np.ndarray) -> np.ndarray:
    """Zeroes what is weaker than a neighbour across the edge: non-maximum suppression.

    After Structured Edge Detection (Dollar & Zitnick, 2013). Across the edge the smoothed strength
    curves most: along that eigenvector of its second derivatives. Most in size: where an edge
    slopes off it curves upwards, and the direction must still be across, or slopes would be kept.
    """
    from scipy import ndimage

    def slope(values: np.ndarray, axis: int) -> np.ndarray:
        return ndimage.correlate1d(values, [-0.5, 0, 0.5], axis, mode="nearest")

    triangle = np.array([1, 2, 3, 4, 5, 4, 3, 2, 1]) / 25
    smooth = ndimage.correlate1d(ndimage.correlate1d(strength, triangle, 0), triangle, 1)
    down, right = slope(smooth, 0), slope(smooth, 1)
    # Twice the angle of the eigenvector whose eigenvalue is the larger one in size.
    sign = np.where(slope(down, 0) + slope(right, 1) > 0, 1, -1)
    twice = np.arctan2(sign * 2 * slope(down, 1), sign * (slope(right, 1) - slope(down, 0)))
    places, step = np.indices(strength.shape), np.stack([np.sin(twice / 2), np.cos(twice / 2)])
    neighbours = [
        ndimage.map_coordinates(strength, places + side * step, order=1, mode="nearest")
        for side in (-1, 1)
    ]
    # A hundredth of slack, or a ridge two pixels wide would lose both.
    return np.where(strength * 1.01 >= np.maximum(*neighbours), strength, 0)
