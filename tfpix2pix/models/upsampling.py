"""How decoders double a map, by name. Feature maps are float32 [B, H, W, C].

`transposed`: a transposed convolution of stride 2, as in the paper. `resize`: every value four
times, then a 3x3 convolution (Odena et al., "Deconvolution and Checkerboard Artifacts", 2016).
`subpixel`: a 3x3 convolution to four times the channels, which become 2x2 pixels (Shi et al.,
"Real-Time Single Image and Video Super-Resolution", 2016), and starts as a nearest resize does
(ICNR; Aitken et al., "Checkerboard artifact free sub-pixel convolution", 2017).
"""

from typing import Any

import keras
from keras import ops

from tfpix2pix.models.blocks import DEFAULTS, convolution, normal_kernel, relu
from tfpix2pix.models.convolutions import Conv2DTranspose, SpectralConv2DTranspose
from tfpix2pix.models.dropout import Dropout
from tfpix2pix.models.norms import normalization
from tfpix2pix.models.options import BlockOptions


@keras.saving.register_keras_serializable(package="tfpix2pix")
class DepthToSpace(keras.layers.Layer):
    """[B, H, W, 4 C] -> [B, 2H, 2W, C]: channels (2 y + x) C + c become pixel (y, x) of 2x2."""

    def call(self, inputs: Any) -> Any:
        """Rearranges [B, H, W, 4 C] features."""
        _, height, width, channels = ops.shape(inputs)
        x = ops.reshape(inputs, (-1, height, width, 2, 2, channels // 4))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        return ops.reshape(x, (-1, 2 * height, 2 * width, channels // 4))


@keras.saving.register_keras_serializable(package="tfpix2pix")
class ICNR(keras.initializers.Initializer):
    """Draws a kernel for one pixel of each 2x2, and gives it to the other three too."""

    def __init__(self, initializer: keras.initializers.Initializer):
        self.initializer = keras.initializers.get(initializer)

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        """A kernel [h, w, in, 4 C]."""
        drawn = self.initializer((*shape[:-1], shape[-1] // 4), dtype=dtype)
        return ops.tile(drawn, (1, 1, 1, 4))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"initializer": keras.initializers.serialize(self.initializer)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "ICNR":
        """The same once more."""
        return cls(keras.initializers.deserialize(config["initializer"]))


def double(
    x: Any,
    filters: int,
    *,
    kernel_size: int = 4,
    normed: bool = False,
    last: bool = False,
    options: BlockOptions = DEFAULTS,
    name: str,
) -> Any:
    """Doubles a map in the way that the options name; the convolution is `{name}_conv`.

    Args:
        x: [B, H, W, C] features.
        filters: channels of the result.
        kernel_size: of a transposed convolution: 4, or 3 (as in the PyTorch ResNet).
        normed: the network's plan has a norm after it.
        last: it is the network's last convolution.
        options: of the network.
        name: of the block.

    Returns:
        [B, 2H, 2W, filters] features.
    """
    use = {"normed": normed, "last": last, "options": options, "name": name}
    return UPSAMPLINGS[options.upsampling](x, filters, kernel_size, use)


def upsample(
    x: Any,
    filters: int,
    *,
    kernel_size: int = 4,
    norm: bool = True,
    dropout: float = 0.0,
    dropout_at_prediction: bool = False,
    options: BlockOptions = DEFAULTS,
    name: str,
) -> Any:
    """The decoder's CDk: a 4x4 transposed convolution of stride 2, norm, dropout, ReLU.

    Args:
        x: [B, H, W, C] features.
        filters: k.
        kernel_size: see `double`.
        norm: whether the options' norm follows the transposed convolution.
        dropout: rate, 0 for none (the paper: 0.5 in the first three layers).
        dropout_at_prediction: see `Dropout`.
        options: of the network.
        name: of the block; its layers are `{name}_conv`, `{name}_norm`, and so on.

    Returns:
        [B, 2H, 2W, filters] features.
    """
    x = double(x, filters, kernel_size=kernel_size, normed=norm, options=options, name=name)
    if norm:
        x = normalization(x, options, name=name)
    if dropout:
        x = Dropout(dropout, at_prediction=dropout_at_prediction, name=f"{name}_dropout")(x)
    return relu(x, name=name)


def _transposed(x: Any, filters: int, kernel_size: int, use: dict[str, Any]) -> Any:
    options, name = use["options"], use["name"]
    kind = SpectralConv2DTranspose if options.spectral_norm else Conv2DTranspose
    x = kind(
        filters,
        kernel_size,
        2,
        "same" if kernel_size == 4 else "valid",
        use_bias=options.has_bias(normed=use["normed"], last=use["last"]),
        kernel_initializer=normal_kernel(),
        name=f"{name}_conv",
    )(x)
    if kernel_size == 4:
        return x
    # PyTorch's padding=1, output_padding=1 for 3x3: of 2 H + 1 rows the first goes.
    return keras.layers.Cropping2D(((1, 0), (1, 0)), name=f"{name}_crop")(x)


def _resized(x: Any, filters: int, _: int, use: dict[str, Any]) -> Any:
    x = keras.layers.UpSampling2D(2, name=f"{use['name']}_resize")(x)
    return convolution(x, filters, kernel_size=3, **use)


def _subpixel(x: Any, filters: int, _: int, use: dict[str, Any]) -> Any:
    kernel = ICNR(normal_kernel())
    x = convolution(x, 4 * filters, kernel_size=3, kernel_initializer=kernel, **use)
    return DepthToSpace(name=f"{use['name']}_subpixel")(x)


UPSAMPLINGS = {"transposed": _transposed, "resize": _resized, "subpixel": _subpixel}
