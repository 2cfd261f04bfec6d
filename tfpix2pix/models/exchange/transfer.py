"""Tensors between state dicts of the PyTorch reference and the same networks here.

PyTorch's kernels are [out, in, h, w], Keras' [h, w, in, out]; for transposed convolutions
[in, out, h, w] and [h, w, out, in]. One permutation serves both, each way.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np

from tfpix2pix.errors import UserError
from tfpix2pix.models.exchange.slots import Slot

TO_KERAS = (2, 3, 1, 0)
TO_TORCH = (3, 2, 0, 1)


def set_weights(
    model: keras.Model, slots: Iterable[Slot], weights: Mapping[str, np.ndarray]
) -> None:
    """Gives a network the weights of a state dict.

    The network joins its skips in the reference's order, encoder first. Biases that the reference
    lacks are set to 0.

    Args:
        model: the network that the reference's settings describe.
        slots: of the reference.
        weights: float32 arrays by key.
    """
    variables = _variables(model)
    for slot in slots:
        array = weights[slot.key]
        variables.pop((slot.layer, slot.variable)).assign(
            array.transpose(TO_KERAS) if array.ndim == 4 else array
        )
    for (layer, name), variable in variables.items():
        if name != "bias":
            raise ValueError(f"the reference has no {layer}.{name}")
        variable.assign(np.zeros(variable.shape, np.float32))


def state_dict(
    model: keras.Model, slots: Iterable[Slot], *, encoder_first: bool, batches_seen: int = 0
) -> dict[str, np.ndarray]:
    """The weights of a network as the reference's state dict, in its order.

    Args:
        model: the network.
        slots: of the reference.
        encoder_first: whether the network joins its skips in the reference's order; if not, the
            input channels of the kernels over them are put into that order.
        batches_seen: what `num_batches_tracked` of BatchNorms says; the reference does not use it.

    Raises:
        UserError: the network has a bias, other than 0, that the reference lacks.
    """
    variables = _variables(model)
    weights: dict[str, np.ndarray] = {}
    for slot in slots:
        variable = variables.pop((slot.layer, slot.variable), None)
        # Where only the reference has a bias, 0 is none.
        array = np.zeros(slot.shape, np.float32) if variable is None else _torch_array(variable)
        if slot.joined and not encoder_first:
            array = np.concatenate(np.split(array, 2)[::-1])
        if array.shape != slot.shape:
            raise ValueError(f"{slot.key} has the shape {array.shape}, not {slot.shape}")
        weights[slot.key] = array
        if slot.variable == "moving_variance":
            counter = slot.key.replace("running_var", "num_batches_tracked")
            weights[counter] = np.array(batches_seen, np.int64)
    _refuse_what_is_left(variables)
    return weights


def _torch_array(variable: Any) -> np.ndarray:
    array = keras.ops.convert_to_numpy(variable)
    return array.transpose(TO_TORCH) if array.ndim == 4 else array


def _variables(model: keras.Model) -> dict[tuple[str, str], Any]:
    """The weights of a network by layer and name; no random states."""
    return {
        (layer.name, variable.name): variable
        for layer in model.layers
        for variable in layer.weights
    }


def _refuse_what_is_left(variables: Mapping[tuple[str, str], Any]) -> None:
    for (layer, name), variable in variables.items():
        if name != "bias":
            raise ValueError(f"the reference has no {layer}.{name}")
        if np.any(keras.ops.convert_to_numpy(variable)):
            judges = layer.startswith(("layer", "logits"))
            setting = "discriminator_bias" if judges else "generator_bias"
            advice = (
                "leave it out with --only-generator"
                if judges
                else "train one without, with --preset pytorch"
            )
            raise UserError(
                f"{setting}: {layer} has a bias, and the PyTorch reference's network has none "
                f"there; {advice}"
            )
