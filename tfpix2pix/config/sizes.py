"""Which image sizes networks take, by plain numbers; the networks refuse others by them too."""

ImageSize = tuple[int, int]

MAX_DEFAULT_DEPTH = 8
# Smallest sides of the deepest map: U-Nets go down to one pixel, reflections of ResNets need two.
UNET_DEEPEST_SIDE = 1
RESNET_DEEPEST_SIDE = 2
# VGG19 up to relu5_1, as Keras takes it without its dense layers.
VGG19_SMALLEST_SIDE = 32


class ImageSizeError(ValueError):
    """Images of this size are too small for a network, or do not divide as it wants."""


def default_depth(height: int, width: int) -> int:
    """Stride-2 layers that bring the smaller side to 1, but 8 at most (256 -> 1)."""
    return max(1, min(MAX_DEFAULT_DEPTH, min(height, width).bit_length() - 1))


def checked_depth(height: int, width: int, depth: int | None, *, remedy: str = "depth={}") -> int:
    """The depth of a U-Net of this image size, by default as deep as `default_depth` says.

    Args:
        height: of the image.
        width: of the image.
        depth: stride-2 layers, or None.
        remedy: how to ask for another depth, for the message.

    Raises:
        ImageSizeError: so many halvings do not divide the size; the message names sizes that fit.
        ValueError: the depth is below 1.
    """
    _check_depth(depth)
    wanted = default_depth(height, width) if depth is None else depth
    if min(height, width) >= 2 and _divides(height, width, wanted):
        return wanted
    fitting = _fitting_size(max(height, 2), max(width, 2), depth)
    depths = [d for d in range(2, wanted) if _divides(height, width, d)]
    hint = f" (this size works with {remedy.format(depths[-1])})" if depths else ""
    raise ImageSizeError(_refusal((height, width), wanted, 2**wanted, fitting, hint))


def check_resnet_size(height: int, width: int, depth: int, *, halvings: int | None = None) -> None:
    """Refuses images that a ResNet generator does not give back at their size.

    Args:
        height: of the image.
        width: of the image.
        depth: stride-2 layers of the generator.
        halvings: of the image down to the deepest map, where they are more than `depth`.

    Raises:
        ImageSizeError: too small, or no multiple; the message names a size that fits.
        ValueError: the depth is below 1.
    """
    _check_depth(depth)
    multiple = 2 ** (depth if halvings is None else halvings)
    least = RESNET_DEEPEST_SIDE
    sides = [max(least, round(side / multiple)) * multiple for side in (height, width)]
    if sides == [height, width]:
        return
    if height % multiple == width % multiple == 0:
        raise ImageSizeError(
            f"image size {height}x{width} is too small for a generator of depth {depth}: "
            f"use at least {least * multiple}x{least * multiple}"
        )
    raise ImageSizeError(_refusal((height, width), depth, multiple, (sides[0], sides[1]), ""))


def check_patchgan_size(height: int, width: int, n_layers: int, scales: int = 1) -> None:
    """Refuses images that leave the last layers of a PatchGAN's coarsest scale nothing to see.

    Args:
        height: of the image.
        width: of the image.
        n_layers: stride-2 layers.
        scales: how many discriminators, each for images of half the size of the one before.

    Raises:
        ImageSizeError: with the smallest size that works.
    """
    size = height, width
    if min(size) >= _smallest_side(n_layers, scales):
        return
    fewer_layers = [n for n in range(1, n_layers) if min(size) >= _smallest_side(n, scales)]
    fewer_scales = [n for n in range(1, scales) if min(size) >= _smallest_side(n_layers, n)]
    hints = [
        f", or {words} for this one"
        for words, fitting in (
            (f"n_layers up to {max(fewer_layers, default=0)}", fewer_layers),
            (f"up to {max(fewer_scales, default=0)} discriminator scales", fewer_scales),
        )
        if fitting
    ]
    side = _smallest_side(n_layers, scales)
    asked = f"n_layers={n_layers}" + (f" at {scales} scales" if scales > 1 else "")
    raise ImageSizeError(
        f"images of {size[0]}x{size[1]} are too small for {asked}: "
        f"use at least {side}x{side}{''.join(hints)}"
    )


def _refusal(
    size: tuple[int, int], depth: int, multiple: int, fitting: tuple[int, int], hint: str
) -> str:
    return (
        f"image size {size[0]}x{size[1]} does not fit a generator of depth {depth}: height and "
        f"width must be multiples of {multiple}, such as {fitting[0]}x{fitting[1]}{hint}"
    )


def _check_depth(depth: int | None) -> None:
    if depth is not None and depth < 1:
        raise ValueError(f"depth must be at least 1, not {depth}")


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


def _smallest_side(n_layers: int, scales: int) -> int:
    # Three pixels must be left for the two stride-1 layers, which take off one each; each halving,
    # by a stride or of the images, rounds up.
    return 2 * 2 ** (n_layers + scales - 1) + 1
