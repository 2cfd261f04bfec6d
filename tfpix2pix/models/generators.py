"""Generators: [B, H, W, input_channels] -> [B, H, W, output_channels], float32 in [-1, 1]."""

from typing import Any, Literal

import keras

from tfpix2pix.models.blocks import (
    downsample,
    layer_width,
    relu,
    transposed_convolution,
    upsample,
)

Skip = Literal["preactivation", "relu", "postactivation"]
ImageSize = int | tuple[int, int]

MAX_DEFAULT_DEPTH = 8
DROPOUT_LAYERS = 3


def unet_generator(
    image_size: ImageSize = 256,
    input_channels: int = 3,
    output_channels: int = 3,
    base_filters: int = 64,
    *,
    depth: int | None = None,
    skip: Skip = "preactivation",
    dropout: float = 0.5,
) -> keras.Model:
    """The paper's U-Net (section 6.1.1): an encoder-decoder with skips between mirror layers.

    Encoder: `depth` stride-2 convolutions, C64-C128-C256-C512-C512-..., without BatchNorm on the
    first layer and on the innermost one (where it would zero a 1x1 map at batch size 1).
    Decoder: the mirror image; after each layer comes the mirror encoder layer's output.

    Args:
        image_size: H and W, or one number for both; each a multiple of 2**depth.
        input_channels: channels of the input image.
        output_channels: channels of the generated image.
        base_filters: filters of the first layer; deeper layers double up to 8 times that.
        depth: stride-2 layers; default: as many as reach 1x1, but 8 at most.
        skip: the encoder's half of each concatenation: `"preactivation"`: its output before the
            activation, joined to the decoder's output after its own; `"relu"`: the same under a
            ReLU, as in the authors' and the PyTorch code, whose innermost activation is a ReLU
            too; `"postactivation"`: its output after the leaky ReLU, as in the TensorFlow tutorial.
        dropout: rate in the first three decoder layers (those of full width).

    Returns:
        A functional model.

    Raises:
        ValueError: the depth does not divide the image size; the message names sizes that fit.
    """
    if skip not in ("preactivation", "relu", "postactivation"):
        raise ValueError(f"skip must be preactivation, relu or postactivation, not {skip!r}")
    return _generator(
        image_size, input_channels, output_channels, base_filters, depth, skip, dropout, "unet"
    )


def encoder_decoder_generator(
    image_size: ImageSize = 256,
    input_channels: int = 3,
    output_channels: int = 3,
    base_filters: int = 64,
    *,
    depth: int | None = None,
    dropout: float = 0.5,
) -> keras.Model:
    """The paper's encoder-decoder (section 6.1.1): the U-Net without its skips.

    Args, returns and raises: see `unet_generator`.
    """
    return _generator(
        image_size,
        input_channels,
        output_channels,
        base_filters,
        depth,
        None,
        dropout,
        "encoder_decoder",
    )


def _generator(
    image_size: ImageSize,
    input_channels: int,
    output_channels: int,
    base_filters: int,
    depth: int | None,
    skip: Skip | None,
    dropout: float,
    name: str,
) -> keras.Model:
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    depth = checked_depth(height, width, depth)
    widths = [layer_width(base_filters, layer) for layer in range(1, depth + 1)]

    inputs = keras.Input((height, width, input_channels), name="input_image")
    x, skips = _encode(inputs, widths, skip)
    for layer, filters in enumerate(reversed(widths[:-1]), start=1):
        full_width = layer <= DROPOUT_LAYERS and filters == widths[-1]
        x = upsample(x, filters, dropout=dropout if full_width else 0.0, name=f"up{layer}")
        if skip:
            x = keras.layers.Concatenate(name=f"up{layer}_skip")([x, skips[-layer]])
    x = transposed_convolution(x, output_channels, name=f"up{depth}")
    outputs = keras.layers.Activation("tanh", dtype="float32", name="generated_image")(x)
    return keras.Model(inputs, outputs, name=name)


def _encode(x: Any, widths: list[int], skip: Skip | None) -> tuple[Any, list[Any]]:
    """Returns the innermost features and, outermost first, what the skips carry."""
    depth = len(widths)
    skips: list[Any] = []
    for layer, filters in enumerate(widths, start=1):
        name = f"down{layer}"
        x, preactivation = downsample(x, filters, norm=1 < layer < depth, name=name)
        if layer == depth:
            continue
        if skip == "relu":
            skips.append(relu(preactivation, name=f"{name}_skip"))
        elif skip:
            skips.append(preactivation if skip == "preactivation" else x)
    # The authors' innermost activation is the decoder's ReLU, not a leaky one.
    return (relu(preactivation, name=name) if skip == "relu" else x), skips


def default_depth(height: int, width: int) -> int:
    """Stride-2 layers that bring the smaller side to 1, but 8 at most (256 -> 1)."""
    return max(1, min(MAX_DEFAULT_DEPTH, min(height, width).bit_length() - 1))


def checked_depth(height: int, width: int, depth: int | None) -> int:
    """The depth of a generator of this image size, by default as deep as `default_depth` says.

    Raises:
        ValueError: so many halvings do not divide the size; the message names sizes that fit.
    """
    if depth is not None and depth < 1:
        raise ValueError(f"depth must be at least 1, not {depth}")
    wanted = default_depth(height, width) if depth is None else depth
    if min(height, width) >= 2 and _divides(height, width, wanted):
        return wanted
    fitting = "x".join(map(str, _fitting_size(max(height, 2), max(width, 2), depth)))
    depths = [d for d in range(2, wanted) if _divides(height, width, d)]
    hint = f" (this size works with depth={depths[-1]})" if depths else ""
    raise ValueError(
        f"image size {height}x{width} does not fit a generator of depth {wanted}: height and "
        f"width must be multiples of {2**wanted}, such as {fitting}{hint}"
    )


def _divides(height: int, width: int, depth: int) -> bool:
    return height % 2**depth == 0 and width % 2**depth == 0


def _fitting_size(height: int, width: int, depth: int | None) -> tuple[int, int]:
    """The nearest size that fits; where no depth is given, one that fits its own default."""
    while True:
        multiple = 2 ** (depth or default_depth(height, width))
        if height % multiple == 0 and width % multiple == 0:
            return height, width
        height = max(multiple, round(height / multiple) * multiple)
        width = max(multiple, round(width / multiple) * multiple)
