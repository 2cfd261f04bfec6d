"""Files of a TF.js layers-model: `model.json`, and shards of weights beside it.

The shards of a group, joined, hold the group's weights one after the other, little-endian, as
they are or quantised: value = stored * scale + min (uint8, uint16), or float16.
"""

import json
import math
import stat
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, Field, TypeAdapter, ValidationError, model_validator

from tfpix2pix.errors import UserError

MODEL_FILE = "model.json"
EXPECTED = "expected a TF.js layers-model, as tensorflowjs_converter writes it from a Keras 2 model"


class _Quantization(BaseModel):
    dtype: Literal["uint8", "uint16", "float16"]
    scale: float = Field(1.0, allow_inf_nan=False)
    min: float = Field(0.0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _has_scale(self) -> "_Quantization":
        if self.dtype != "float16" and not {"scale", "min"} <= self.model_fields_set:
            raise ValueError(f"{self.dtype} needs scale and min")
        return self


class _Weight(BaseModel):
    name: str
    shape: list[Annotated[int, Field(ge=1)]]
    dtype: Literal["float32"]
    quantization: _Quantization | None = None

    @property
    def stored(self) -> np.dtype:
        dtype = self.quantization.dtype if self.quantization else self.dtype
        return np.dtype(dtype).newbyteorder("<")

    @property
    def size(self) -> int:
        return math.prod(self.shape) * self.stored.itemsize


class _Group(BaseModel):
    paths: Annotated[list[str], Field(min_length=1)]
    weights: list[_Weight]


_MANIFEST = TypeAdapter(list[_Group])


def model_file(path: Path) -> Path | None:
    """The model.json that a path means: itself, or the one in the folder; None if neither."""
    file = path / MODEL_FILE if path.is_dir() else path
    return file if file.suffix == ".json" and file.is_file() else None


def read_files(file: Path) -> tuple[Any, dict[str, np.ndarray]]:
    """Reads model.json and its shards.

    Returns:
        `modelTopology`, as plain data, and the weights (float32) by name.

    Raises:
        UserError: a file is missing, cut short, damaged, or of another kind; it is named.
    """
    model = _read_json(file)
    if model.get("format") == "graph-model":
        raise UserError(
            f"{file} is a TF.js graph-model, whose layers are dissolved into operations: {EXPECTED}"
        )
    if model.get("format", "layers-model") != "layers-model":
        raise UserError(f"{file} is of format {str(model['format'])[:40]!r}: {EXPECTED}")
    for part in ("modelTopology", "weightsManifest"):
        if not model.get(part):
            raise UserError(f"{file} has no {part}: {EXPECTED}")
    try:
        groups = _MANIFEST.validate_python(model["weightsManifest"])
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(f"{file}: weightsManifest.{where}: {first['msg']}") from error
    weights: dict[str, np.ndarray] = {}
    for group in groups:
        _read_group(group, file, weights)
    return model["modelTopology"], weights


def _read_json(file: Path) -> dict[str, Any]:
    try:
        model = json.loads(file.read_bytes())
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file} is no JSON, or cut short ({error}): {EXPECTED}") from error
    if not isinstance(model, dict):
        raise UserError(f"{file} holds a {type(model).__name__}: {EXPECTED}")
    return model


def _read_group(group: _Group, file: Path, weights: dict[str, np.ndarray]) -> None:
    shards = [_shard(name, file) for name in group.paths]
    _check_sizes(shards, sum(weight.size for weight in group.weights), file)
    data = b"".join(_read_shard(shard) for shard in shards)
    start = 0
    for weight in group.weights:
        if weight.name in weights:
            raise UserError(f"{file}: weightsManifest has {weight.name} twice")
        values = _decode(weight, data[start : start + weight.size])
        if not np.isfinite(values).all():
            raise UserError(
                f"{file}: {weight.name} holds NaN or infinite values: it is damaged, or its "
                "training failed"
            )
        weights[weight.name] = values
        start += weight.size


def _shard(name: str, file: Path) -> Path:
    """The file of a shard, which must be in the folder of model.json or below it."""
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or ".." in path.parts or {"\\", ":", "\0"} & {*name}:
        raise UserError(
            f"{file}: weightsManifest leads to {name!r}: shards must lie in the folder of the file"
        )
    return file.parent / path


def _check_sizes(shards: list[Path], expected: int, file: Path) -> None:
    """Before anything is read: what a manifest says may be far more than there is."""
    sizes = [_size(shard, file) for shard in shards]
    if sum(sizes) == expected:
        return
    # All shards of a group are of one size but the last.
    odd = next((s for s, size in zip(shards[:-1], sizes, strict=False) if size < max(sizes)), None)
    wrong = "cut short" if sum(sizes) < expected else "too long"
    raise UserError(
        f"{odd or shards[-1]} is {wrong}: its group of shards holds {sum(sizes)} bytes, and the "
        f"weights in {file} are {expected}; fetch the shards again"
    )


def _size(shard: Path, file: Path) -> int:
    try:
        status = shard.stat()
    except OSError as error:
        reason = error.strerror or error
        raise UserError(
            f"{shard} cannot be read ({reason}): {file} needs all its shards"
        ) from error
    if not stat.S_ISREG(status.st_mode):
        raise UserError(f"{shard} is no file: {file} needs all its shards")
    return status.st_size


def _read_shard(shard: Path) -> bytes:
    try:
        return shard.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {shard}: {error.strerror or error}") from error


def _decode(weight: _Weight, data: bytes) -> np.ndarray:
    stored = np.frombuffer(data, weight.stored).reshape(weight.shape)
    if weight.quantization is None or weight.quantization.dtype == "float16":
        return stored.astype(np.float32)
    # In double precision, as JavaScript has it.
    with np.errstate(over="ignore"):
        values = stored * weight.quantization.scale + weight.quantization.min
        return np.asarray(values, np.float32)
