"""The blocks that the networks are made of. Feature maps are float32 [B, H, W, C]."""

from typing import Any, Literal, get_args

import keras

from tfpix2pix.models.convolutions import Conv2D, SpectralConv2D
from tfpix2pix.models.norms import normalization
from tfpix2pix.models.options import BlockOptions, check_choice

OutputActivation = Literal["tanh", "softmax"]

# The authors' initialisation (paper, section 6.2).
KERNEL_STDDEV = 0.02
DEFAULTS = BlockOptions()


def layer_width(base_filters: int, layer: int) -> int:
    """Filters of stride-2 layer 1, 2, ...: C64-C128-C256-C512-C512-... (paper, section 6.1)."""
    return base_filters * min(2 ** (layer - 1), 8)


def image_sides(image_size: int | tuple[int, int]) -> tuple[int, int]:
    """Height and width of an image size, which may be one number for both."""
    return (image_size, image_size) if isinstance(image_size, int) else image_size


def convolution(
    x: Any,
    filters: int,
    *,
    kernel_size: int = 4,
    strides: int = 1,
    padding: str = "same",
    normed: bool = False,
    last: bool = False,
    options: BlockOptions = DEFAULTS,
    kernel_initializer: keras.initializers.Initializer | None = None,
    dtype: str | None = None,
    name: str,
) -> Any:
    """A convolution `{name}_conv` with weights N(0, 0.02).

    Args:
        x: [B, H, W, C] features.
        filters: channels of the result.
        kernel_size: of both sides.
        strides: of both sides.
        padding: `"same"` or `"valid"`.
        normed: the network's plan has a norm after it.
        last: it is the network's last convolution.
        options: of the network.
        kernel_initializer: default: N(0, 0.02).
        dtype: default: Keras' own.
        name: of the block.
    """
    kind = SpectralConv2D if options.spectral_norm else Conv2D
    return kind(
        filters,
        kernel_size,
        strides,
        padding,
        use_bias=options.has_bias(normed=normed, last=last),
        kernel_initializer=kernel_initializer or normal_kernel(),
        dtype=dtype,
        name=f"{name}_conv",
    )(x)


def normal_kernel() -> keras.initializers.Initializer:
    """N(0, 0.02); one for each layer, since each is drawn anew."""
    return keras.initializers.RandomNormal(0.0, KERNEL_STDDEV)


def leaky_relu(x: Any, *, options: BlockOptions = DEFAULTS, name: str) -> Any:
    """Leaky ReLU, by default of the paper's slope, 0.2 (Keras' own default is 0.3)."""
    return keras.layers.LeakyReLU(options.leaky_slope, name=f"{name}_leaky_relu")(x)


def relu(x: Any, *, name: str) -> Any:
    """Plain ReLU."""
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def generated_image(x: Any, activation: OutputActivation = "tanh") -> Any:
    """A generator's last layer, in float32, whatever the precision of the features.

    Args:
        x: [B, H, W, C] features.
        activation: `"tanh"`: an image in [-1, 1]; `"softmax"`: the probability of each of C
            classes.

    Raises:
        ValueError: another word.
    """
    check_choice("output_activation", activation, get_args(OutputActivation))
    return keras.layers.Activation(activation, dtype="float32", name="generated_image")(x)


def downsample(
    x: Any, filters: int, *, norm: bool = True, options: BlockOptions = DEFAULTS, name: str
) -> tuple[Any, Any]:
    """The paper's Ck: 4x4 convolution of stride 2, norm, leaky ReLU.

    Args:
        x: [B, H, W, C] features, H and W even.
        filters: k.
        norm: whether the options' norm follows the convolution.
        options: of the network.
        name: of the block; its layers are `{name}_conv`, `{name}_norm`, `{name}_leaky_relu`.

    Returns:
        The features after and before the activation, both [B, H/2, W/2, filters].
    """
    x = convolution(x, filters, strides=2, normed=norm, options=options, name=name)
    if norm:
        x = normalization(x, options, name=name)
    return leaky_relu(x, options=options, name=name), x
