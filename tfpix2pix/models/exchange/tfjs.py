"""U-Net generators from TF.js: Keras 2 models as pix2pix demos in browsers run them.

Nothing in the files is executed: the config is read as data, and no Keras object is made from it.
"""

import dataclasses
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np

from tfpix2pix.errors import UserError
from tfpix2pix.models.exchange.tfjs_blocks import NORMS
from tfpix2pix.models.exchange.tfjs_files import EXPECTED, MODEL_FILE, model_file, read_files
from tfpix2pix.models.exchange.tfjs_topology import Node, TopologyError, unfold
from tfpix2pix.models.exchange.tfjs_unet import Shape, Unet, recognize_unet

SUPPORTED = (
    "supported are U-Nets of 4x4 convolutions with stride 2, such as the generator of TensorFlow's "
    "pix2pix tutorial"
)
DEFAULT_SIZE = 256


def is_tfjs(path: Path) -> bool:
    """Whether a path is that of a TF.js model: model.json, or a folder with one."""
    return model_file(path) is not None


@dataclasses.dataclass(frozen=True)
class TfjsGenerator:
    """A generator of TF.js, as a network of this package.

    Attributes:
        unet: which one.
        weights: for each layer's name here, its arrays (float32) in Keras' order.
    """

    role: ClassVar[str] = "generator"
    unet: Unet
    weights: dict[str, list[np.ndarray]]

    @property
    def input_channels(self) -> int:
        """Of its images."""
        return self.unet.channels[0]

    @property
    def output_channels(self) -> int:
        """Of its answers."""
        return self.unet.channels[1]

    @property
    def base_filters(self) -> int:
        """Of the first layer."""
        return int(self.settings()["base_filters"])

    @property
    def image_size(self) -> tuple[int, int]:
        """H and W that it was made for; where any will do, 256, or more if it is deeper."""
        side = max(DEFAULT_SIZE, 2**self.unet.depth)
        return self.unet.image_size or (side, side)

    def describe(self) -> str:
        """For people."""
        settings = self.settings()
        norm = {"batch": "batch norm", "none": "no norm"}[settings["norm"]]
        return (
            f"{settings['generator']} (depth {self.unet.depth}) of TF.js, {norm}, "
            f"{settings['base_filters']} filters, "
            f"{self.input_channels} to {self.output_channels} channels"
        )

    def settings(self) -> dict[str, Any]:
        """The settings that describe the same network here, by name."""
        return self.unet.settings()

    def defaults(self) -> dict[str, Any]:
        """Settings that the weights leave open, to predict as the model itself does: with moving
        averages and without dropout, unless it calls its norms or its dropout with training=True.
        """
        return self.unet.defaults()

    def set_weights(self, model: keras.Model) -> None:
        """Gives its weights to a network that the settings describe."""
        layers = {layer.name: layer for layer in model.layers if layer.weights}
        if layers.keys() != self.weights.keys():
            raise ValueError(f"the network has other layers: {layers.keys() ^ self.weights.keys()}")
        for name, arrays in self.weights.items():
            layers[name].set_weights(arrays)


def read_tfjs(path: Path) -> TfjsGenerator:
    """Reads the generator in a TF.js layers-model.

    Args:
        path: of model.json, or of its folder; the shards lie beside it.

    Raises:
        UserError: a file is missing, damaged or of another kind, or the model is no U-Net that
            the settings can describe; the file and the layer are named.
    """
    file = model_file(path)
    if file is None:
        raise UserError(f"there is no {MODEL_FILE} at {path}: {EXPECTED}")
    topology, arrays = read_files(file)
    try:
        unet = recognize_unet(unfold(topology))
        layers = unet.layers()
        unet.settings(), unet.defaults()
    except TopologyError as error:
        raise UserError(f"{file}: {error}; {SUPPORTED}") from error
    left = _Weights(arrays, file)
    weights = {name: left.of(*layer) for name, layer in layers.items()}
    left.check_all_taken()
    return TfjsGenerator(unet, weights)


class _Weights:
    """The weights of the files, taken one by one for the layers they belong to."""

    def __init__(self, weights: dict[str, np.ndarray], file: Path):
        self._left = dict(weights)
        self._file = file

    def of(self, layer: Node, shape: Shape) -> list[np.ndarray]:
        """A layer's arrays, in Keras' order."""
        if layer.kind in NORMS:
            return [self._of_norm(layer, name, shape) for name in _NORM_VARIABLES]
        kernel = self._take(layer, "kernel", shape)
        if not layer.config.get("use_bias", True):
            return [kernel]
        return [kernel, self._take(layer, "bias", (layer.config["filters"],))]

    def check_all_taken(self) -> None:
        """Refuses weights that no layer has."""
        for name in self._left:
            raise UserError(f"{self._file}: {name} is a weight of no layer of the model")

    def _of_norm(self, norm: Node, variable: str, shape: Shape) -> np.ndarray:
        switch, value = _NORM_VARIABLES[variable]
        if switch and not norm.config.get(switch, True):
            return np.full(shape, value, np.float32)
        return self._take(norm, variable, shape)

    def _take(self, layer: Node, variable: str, shape: Shape) -> np.ndarray:
        name = self._name(layer.name, variable)
        array = self._left.pop(name)
        if array.shape != shape:
            raise UserError(
                f"{self._file}: {name} has the shape {list(array.shape)}: expected {list(shape)}"
            )
        return array

    def _name(self, layer: str, variable: str) -> str:
        """Names may hold those of the models around the layer, or some of them, or none."""
        full = f"{layer}/{variable}"
        if full in self._left:
            return full
        ending = f"{layer.rpartition('/')[2]}/{variable}"
        names = [name for name in self._left if f"/{name}".endswith(f"/{ending}")]
        if len(names) != 1:
            found = f"there are {', '.join(names)}" if names else "it is missing"
            raise UserError(f"{self._file}: expected one weight {full} in weightsManifest: {found}")
        return names[0]


# What switches a norm's variable off in Keras, and what it is then.
_NORM_VARIABLES: dict[str, tuple[str | None, float]] = {
    "gamma": ("scale", 1.0),
    "beta": ("center", 0.0),
    "moving_mean": (None, 0.0),
    "moving_variance": (None, 1.0),
}
