"""The perceptual loss: differences of what VGG19, trained on ImageNet, sees in two images.

Johnson et al. 2016, with the layers and weights of pix2pixHD (Wang et al. 2018, section 3.3 and
the authors' code): relu1_1 to relu5_1.
"""

from typing import Any, Literal

import keras
from keras import ops

from tfpix2pix.models.pretrained import IMAGENET, load_pretrained

LAYER_WEIGHTS = {
    "block1_conv1": 1 / 32,
    "block2_conv1": 1 / 16,
    "block3_conv1": 1 / 8,
    "block4_conv1": 1 / 4,
    "block5_conv1": 1.0,
}
# ImageNet's mean blue, green and red, as VGG's authors subtract them from images in [0, 255].
MEAN_BGR = (103.939, 116.779, 123.68)


def vgg19_features(weights: str = IMAGENET) -> keras.Model:
    """VGG19 up to relu5_1, frozen, in float32.

    Args:
        weights: a file of VGG19's weights without its dense layers, as Keras writes them, or
            `"imagenet"`: Keras downloads them once, 80 MB.

    Returns:
        A model of preprocessed images [B, H, W, 3]; its outputs are the layers of
        `LAYER_WEIGHTS`, in their order.

    Raises:
        UserError: there is no such file, it holds something else, or the download failed.
    """
    vgg = _vgg19(weights)
    outputs = [vgg.get_layer(name).output for name in LAYER_WEIGHTS]
    features = keras.Model(vgg.inputs, outputs, name="vgg19_features")
    features.trainable = False
    return features


def perceptual_loss(
    features: keras.Model,
    target_image: Any,
    generated_image: Any,
    channel_order: Literal["rgb", "bgr"] = "rgb",
) -> Any:
    """The weighted sum of the layers' mean absolute differences.

    Args:
        features: as `vgg19_features` gives it.
        target_image: float32 [B, H, W, 3 or 1] in [-1, 1]; no gradient flows to it.
        generated_image: the same.
        channel_order: of colours; one channel is gray.

    Raises:
        ValueError: the images have neither 3 channels nor 1.
    """
    real, fake = (
        features(vgg19_input(image, channel_order), training=False)
        for image in (target_image, generated_image)
    )
    first, *others = (
        weight * ops.mean(ops.abs(ops.stop_gradient(r) - f))
        for weight, r, f in zip(LAYER_WEIGHTS.values(), real, fake, strict=True)
    )
    return sum(others, start=first)


def vgg19_input(image: Any, channel_order: Literal["rgb", "bgr"] = "rgb") -> Any:
    """An image in [-1, 1] as VGG19 takes it: BGR, 0 to 255, less the mean of ImageNet.

    Raises:
        ValueError: the image has neither 3 channels nor 1.
    """
    channels = image.shape[-1]
    if channels not in (1, 3):
        raise ValueError(f"VGG19 sees colours or gray, 3 channels or 1; the images have {channels}")
    image = ops.cast(image, "float32")
    if channels == 1:
        image = ops.repeat(image, 3, axis=-1)
    elif channel_order == "rgb":
        image = ops.flip(image, axis=-1)
    return (image + 1.0) * 127.5 - ops.convert_to_tensor(MEAN_BGR, "float32")


def _vgg19(weights: str) -> keras.Model:
    return load_pretrained(
        keras.applications.VGG19,
        weights,
        setting="vgg_weights",
        network="VGG19",
        file_name="vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
    )
