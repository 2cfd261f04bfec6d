"""An exported SavedModel as a server asks it: by the names of signatures and inputs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tfpix2pix.errors import plain_reason
from tfpix2pix.inference.runtimes import load_saved_model

# Codes as TensorFlow and gRPC number them.
INVALID_ARGUMENT, NOT_FOUND, RESOURCE_EXHAUSTED = 3, 5, 8
DEFAULT_SIGNATURE = "serving_default"


class RefusalError(Exception):
    """A request that is not answered: a code as gRPC numbers them, and the reason."""

    def __init__(self, code: int, reason: str):
        super().__init__(reason)
        self.code, self.reason = code, reason


class LocalModel:
    """One version of an export.

    Attributes:
        name: of the model.
        version: its number.
        definitions: SignatureDef by name, of the signatures that are for requests.
    """

    def __init__(self, version_dir: Path, name: str):
        """Loads it.

        Raises:
            UserError: it is damaged.
        """
        self.name, self.version = name, int(version_dir.name)
        # The signatures' functions live as long as what was loaded does.
        self._loaded = load_saved_model(version_dir)
        content = (version_dir / "saved_model.pb").read_bytes()
        (graph,) = saved_model_pb2.SavedModel.FromString(content).meta_graphs
        self.definitions = {n: graph.signature_def[n] for n in self._loaded.signatures}

    def check_name(self, name: str, version: int | None = None) -> None:
        """Raises RefusalError if it is another model, or another version."""
        if name != self.name or version not in (None, self.version):
            shown = "Latest" if version is None else f"Specific({version}) of"
            raise RefusalError(NOT_FOUND, f"Servable not found for request: {shown} {name}")

    def predict(self, signature: str, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Outputs by name.

        Args:
            signature: its name; empty: the default one.
            inputs: by name, batches: lists of bytes, or arrays or lists of numbers.

        Raises:
            RefusalError: there is no such signature, it has other inputs, or the graph refuses.
        """
        signature = signature or DEFAULT_SIGNATURE
        if signature not in self.definitions:
            known = ", ".join(sorted(self.definitions))
            raise RefusalError(INVALID_ARGUMENT, f"no signature {signature!r}: expected {known}")
        wanted = self.definitions[signature].inputs
        if set(inputs) != set(wanted):
            expected, got = ", ".join(sorted(wanted)), ", ".join(sorted(inputs)) or "nothing"
            raise RefusalError(INVALID_ARGUMENT, f"{signature} takes {expected}, got {got}")
        try:
            tensors = {n: _tensor(value, wanted[n].dtype) for n, value in inputs.items()}
            outputs = self._loaded.signatures[signature](**tensors)
        except tf.errors.OpError as error:
            raise RefusalError(error.error_code, plain_reason(error)) from error
        # Numbers of another type, shape or size.
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise RefusalError(INVALID_ARGUMENT, str(error)) from error
        except MemoryError as error:
            raise RefusalError(RESOURCE_EXHAUSTED, "more than fits into memory") from error
        return {name: value.numpy() for name, value in outputs.items()}


def _tensor(value: Any, dtype: int) -> tf.Tensor:
    """As a tensor; TensorFlow itself would make 44 of 300 as a number of 8 bits.

    Raises:
        TypeError, ValueError, OverflowError: it is of another type or shape, or does not fit.
    """
    wanted = tf.as_dtype(dtype)
    if wanted.is_integer:
        numbers = np.asarray(value)
        if numbers.size and (numbers.min() < wanted.min or numbers.max() > wanted.max):
            raise ValueError(f"expected whole numbers from {wanted.min} to {wanted.max}")
    return tf.constant(value, wanted)
