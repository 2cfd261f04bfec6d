"""LPIPS (Zhang et al. 2018, equation 1): how different two images look, by what VGG16 sees.

The standard variant: VGG16 of torchvision with the published linear heads, version 0.1. Both are
files that the user has:

- VGG16: the state dict of torchvision's vgg16, such as vgg16-397923af.pth. Keras' own VGG16 has
  other weights (its authors' of 2014), to which the heads do not belong, so it is not taken.
- the heads: `weights/v0.1/vgg.pth` of the authors' code, with keys lin0.model.1.weight to lin4.

PyTorch reads .pth files; an .npz file of the same arrays by the same keys needs no PyTorch:
`numpy.savez(FILE, **{key: tensor.numpy() for key, tensor in state.items()})`.
"""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tfpix2pix.errors import UserError
from tfpix2pix.evaluation.archives import read_arrays
from tfpix2pix.evaluation.channels import with_channels
from tfpix2pix.evaluation.metrics import ImageMetric
from tfpix2pix.models.exchange.torch_files import Weights, read_weights

# What is taken from RGB in [-1, 1], and what that is divided by.
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
# By their number in torchvision's `features`; those after which relu is compared, and those
# before which the image is halved.
CONVOLUTIONS = {
    0: 64, 2: 64, 5: 128, 7: 128, 10: 256, 12: 256, 14: 256,
    17: 512, 19: 512, 21: 512, 24: 512, 26: 512, 28: 512,
}  # fmt: skip
COMPARED = (2, 7, 14, 21, 28)
POOLED = (5, 10, 17, 24)
SMALLEST_SIDE = 2 ** len(POOLED)
EPSILON = 1e-10


def lpips_metric(vgg_weights: str | Path, lpips_weights: str | Path) -> ImageMetric:
    """LPIPS as a metric of RGB or gray images in [0, 1], at least 16x16; 0 is perfect.

    Args:
        vgg_weights: the file of torchvision's VGG16, .pth or .npz.
        lpips_weights: the file of the linear heads, .pth or .npz.

    Raises:
        UserError: a file is missing, damaged, or holds something else. The metric's function
            raises it for images that are neither RGB nor gray.
    """
    vgg_weights, lpips_weights = Path(vgg_weights), Path(lpips_weights)
    vgg, linear = _read(vgg_weights, "vgg_weights"), _read(lpips_weights, "lpips_weights")
    heads, features = _heads(linear, lpips_weights), _vgg16_features(vgg, vgg_weights)

    def function(target_image: tf.Tensor, generated_image: tf.Tensor) -> tf.Tensor:
        images = [with_channels(image, 3, "LPIPS") for image in (target_image, generated_image)]
        seen = features(tf.concat(images, axis=0), training=False)
        return tf.add_n([_distance(layer, head) for layer, head in zip(seen, heads, strict=True)])

    return ImageMetric(
        "LPIPS", False, 4, function=function, smallest_side=SMALLEST_SIDE, channels=(1, 3)
    )


def _distance(features: tf.Tensor, head: tf.Tensor) -> tf.Tensor:
    """One layer's share, [B], of the features of targets and answers, [2B, h, w, C]."""
    norms = tf.norm(features, axis=-1, keepdims=True)
    first, second = tf.split(features / (norms + EPSILON), 2)
    weighted = tf.tensordot(tf.math.squared_difference(first, second), head, 1)
    return tf.reduce_mean(weighted, axis=(1, 2))


def _vgg16_features(weights: Weights, path: Path) -> keras.Model:
    """VGG16 from RGB in [0, 1] to the five layers that are compared, frozen, in float32."""
    image = keras.Input([None, None, 3], dtype="float32")
    shift, scale = (ops.convert_to_tensor(v, "float32") for v in (SHIFT, SCALE))
    x, outputs = (2 * image - 1 - shift) / scale, []
    for number, filters in CONVOLUTIONS.items():
        if number in POOLED:
            x = keras.layers.MaxPooling2D(dtype="float32")(x)
        x = keras.layers.Conv2D(
            filters, 3, padding="same", activation="relu", name=f"features_{number}",
            dtype="float32",
        )(x)  # fmt: skip
        if number in COMPARED:
            outputs.append(x)
    model = keras.Model(image, outputs, name="lpips_vgg16", trainable=False)
    for number in CONVOLUTIONS:
        kernel, bias = model.get_layer(f"features_{number}").weights
        shape = (*kernel.shape[:1:-1], *kernel.shape[:2])
        kernel.assign(
            _taken(weights, f"features.{number}.weight", shape, path).transpose(2, 3, 1, 0)
        )
        bias.assign(_taken(weights, f"features.{number}.bias", tuple(bias.shape), path))
    return model


def _heads(weights: Weights, path: Path) -> list[tf.Tensor]:
    """What each channel of each compared layer counts, [C]."""
    heads = []
    for layer, number in enumerate(COMPARED):
        channels = CONVOLUTIONS[number]
        head = _taken(weights, f"lin{layer}.model.1.weight", (1, channels, 1, 1), path)
        heads.append(tf.constant(head.reshape(channels)))
    return heads


def _taken(weights: Weights, key: str, shape: tuple[int, ...], path: Path) -> np.ndarray:
    found = weights.get(key)
    if found is None or found.shape != shape:
        what = "it is missing" if found is None else f"it is of shape {found.shape}"
        raise UserError(
            f"LPIPS: {path} is of another network: expected {key} of shape {shape}, and {what}. "
            "Give vgg_weights the state dict of torchvision's vgg16, and lpips_weights the "
            "authors' weights/v0.1/vgg.pth"
        )
    return found


def _read(path: Path, setting: str) -> Weights:
    if path.suffix in (".h5", ".keras"):
        raise UserError(
            f"{setting}: {path} is a file of Keras, whose VGG16 has other weights than the one "
            "that the heads of LPIPS belong to: give torchvision's, a .pth or .npz file"
        )
    if path.suffix != ".npz":
        return read_weights(path)
    return {key: array.astype(np.float32) for key, array in read_arrays(path).items()}
