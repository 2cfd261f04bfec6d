"""Files of PyTorch weights. Only weights are read: code that a file may hold is never run."""

import collections
import io
import pickle
import struct
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from tfpix2pix.errors import UserError
from tfpix2pix.files import write_atomically

if TYPE_CHECKING:
    from types import ModuleType

    import torch

Weights = dict[str, np.ndarray]

# Under these names, files hold a state dict beside other things, such as the number of epochs.
WRAPPERS = ("state_dict", "model")
# What DataParallel puts before each key.
PARALLEL_PREFIX = "module."
# All that PyTorch raises on damaged files, found by damaging some.
_DAMAGE = (
    EOFError,
    RuntimeError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    MemoryError,
    struct.error,
)


def read_weights(path: Path) -> Weights:
    """Reads the state dict in a file that PyTorch saved, in its zip or its older format.

    Args:
        path: a `.pth` or `.pt` file.

    Returns:
        float32 arrays by key, without the prefix of DataParallel; whole numbers, which are counts
        and no weights, are left out.

    Raises:
        UserError: PyTorch is not installed, or the file cannot be read, is damaged, holds other
            things than weights, or numbers that are not finite.
    """
    state = _state_dict(_load(path), path)
    parallel = all(key.startswith(PARALLEL_PREFIX) for key in state)
    weights = {}
    for key, tensor in state.items():
        name = key.removeprefix(PARALLEL_PREFIX) if parallel else key
        if tensor.is_floating_point():
            weights[name] = _array(tensor, key, path)
    return weights


def weights_file(weights: Mapping[str, np.ndarray]) -> bytes:
    """A file that PyTorch loads as a state dict of these arrays, in this order.

    Raises:
        UserError: PyTorch is not installed.
    """
    torch = _import_torch()
    state = collections.OrderedDict(
        (key, torch.from_numpy(np.array(array))) for key, array in weights.items()
    )
    file = io.BytesIO()
    torch.save(state, file)
    return file.getvalue()


def write_weights(path: Path, weights: Mapping[str, np.ndarray]) -> None:
    """Writes a file that PyTorch loads as a state dict; it appears whole or not at all.

    Raises:
        UserError: PyTorch is not installed, or the file cannot be written.
    """
    write_atomically(path, weights_file(weights))


def _import_torch() -> "ModuleType":
    try:
        import torch
    except ImportError as error:
        raise UserError(
            "PyTorch is needed to read and write its files, and is not installed: "
            "pip install 'tfpix2pix[torch]'"
        ) from error
    return torch


def _load(path: Path) -> Any:
    """What the file holds: numbers, text, lists, dictionaries and tensors, or it is refused."""
    torch = _import_torch()
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on old formats and layouts
            return torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except pickle.UnpicklingError as error:
        _refuse_pickle(path, error)
    except _DAMAGE as error:
        raise _no_checkpoint(path) from error


def _refuse_pickle(path: Path, error: pickle.UnpicklingError) -> NoReturn:
    """Tells files that hold other objects, perhaps harmful ones, from those that are damaged."""
    reason = str(error)
    if "GLOBAL" in reason or "Unsupported class" in reason or "instantiate" in reason:
        raise UserError(
            f"{path} holds other Python objects than weights, which could run any code when they "
            "are loaded, so it was not: where it was made, save "
            "torch.save(network.state_dict(), FILE) alone"
        ) from error
    raise _no_checkpoint(path) from error


def _no_checkpoint(path: Path) -> UserError:
    return UserError(
        f"{path} is no checkpoint of PyTorch, or it is damaged or cut short: expected a state "
        "dict, such as latest_net_G.pth, that torch.save wrote"
    )


def _state_dict(content: Any, path: Path) -> "dict[str, torch.Tensor]":
    """The state dict in what a file holds.

    Raises:
        UserError: there is none.
    """
    torch = _import_torch()
    for name in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content = content[name]
    expected = f"expected tensors by key, at the top or under {' or '.join(map(repr, WRAPPERS))}"
    if not isinstance(content, dict) or not content:
        found = "an empty dict" if isinstance(content, dict) else f"a {type(content).__name__}"
        raise UserError(f"{path} holds no state dict but {found}: {expected}")
    for key, tensor in content.items():
        if not isinstance(key, str):
            raise UserError(f"{path} holds no state dict: {key!r} is no key; {expected}")
        if not isinstance(tensor, torch.Tensor):
            kind = type(tensor).__name__
            raise UserError(f"{path} holds no state dict: {key!r} is of type {kind}; {expected}")
    return content


def _array(tensor: "torch.Tensor", key: str, path: Path) -> np.ndarray:
    if tensor.layout != _import_torch().strided or tensor.is_quantized:
        raise UserError(f"{path}: {key} is no dense tensor: expected plain weights")
    array = tensor.detach().float().numpy()
    if not np.isfinite(array).all():
        bad = "NaN" if np.isnan(array).any() else "infinite values"
        raise UserError(
            f"{path}: {key} holds {bad}: its training failed; take an earlier checkpoint"
        )
    return array
