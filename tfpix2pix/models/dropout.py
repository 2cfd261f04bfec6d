"""Dropout that may stay on at inference: the paper's only noise (section 3.2)."""

import zlib
from typing import Any

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="tfpix2pix")
class Dropout(keras.layers.Dropout):
    """Keras' Dropout, which at inference may go on with a mask that stays the same.

    In training it is Keras' own, to the bit. At inference, with `at_prediction`, the mask depends
    on the layer and on what `set_prediction_seed` says, and not on what was answered before; each
    image of a batch has the same, so that an answer never depends on what else is in the batch.
    """

    def __init__(self, rate: float, *, at_prediction: bool = False, **kwargs: Any):
        super().__init__(rate, **kwargs)
        self.at_prediction = at_prediction

    def build(self, input_shape: Any) -> None:
        """Makes the seed of what is drawn at prediction."""
        if self.at_prediction and self.rate > 0:
            # Given a seed, it draws none: all other seeds of a network stay what they were.
            self.prediction_seed = FixedSeed(self.own_number())
        super().build(input_shape)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Drops values of [B, H, W, C] features."""
        if training or not (self.at_prediction and self.rate > 0):
            return super().call(inputs, training=training)
        mask_shape = (1, *inputs.shape[1:])
        return keras.random.dropout(inputs, self.rate, mask_shape, seed=self.prediction_seed)

    def set_prediction_seed(self, seed: int, draw: int) -> None:
        """See the function of this name."""
        words = np.random.SeedSequence([seed, draw, self.own_number()]).generate_state(2)
        # Keras' backends differ in the type of seeds; 31 bits are a number in all of them.
        self.prediction_seed.state.assign(words & 0x7FFFFFFF)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return super().get_config() | {"at_prediction": self.at_prediction}

    def own_number(self) -> int:
        """By which its seeds differ from those of other layers."""
        return zlib.crc32(self.name.encode()) & 0x7FFFFFFF


class FixedSeed(keras.random.SeedGenerator):
    """A seed that is the same at each use, until another is assigned to its state."""

    def __init__(self, seed: int):
        # Given a seed, Keras draws none: all other seeds of a network stay what they were.
        super().__init__(seed, name="prediction_seed")
        # Under another name than that of training, beside which it stands in checkpoints.
        self.state: keras.Variable = keras.Variable(
            lambda shape, dtype: ops.convert_to_tensor([seed, 0], dtype=dtype),
            shape=(2,),
            dtype=self.state.dtype,
            trainable=False,
            name="prediction_seed_state",
        )

    def next(self, ordered: bool = True) -> Any:
        """The state, as it is."""
        return self.state.value * 1


def set_prediction_seed(model: keras.Model, seed: int, draw: int = 0) -> None:
    """Chooses the masks that the model's dropout at prediction takes from now on.

    Args:
        model: of this package.
        seed: not negative.
        draw: 0, 1, ...: each gives other masks for the same seed.
    """
    for layer in model.layers:
        if isinstance(layer, Dropout) and layer.at_prediction and layer.rate > 0:
            layer.set_prediction_seed(seed, draw)
