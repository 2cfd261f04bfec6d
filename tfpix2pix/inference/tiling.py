"""At which sizes images are answered, and when they are cut into tiles. No TensorFlow here."""

import dataclasses
import math
from typing import Literal

from tfpix2pix.config import Settings
from tfpix2pix.config.network_sizes import size_multiple, smallest_side
from tfpix2pix.errors import SettingsError

# Sizes are rounded up to multiples of this, so that networks for few sizes are needed.
LEAST_MULTIPLE = 64
MEGAPIXEL = 1_000_000
# 2048x2048 and a little.
WHOLE_UP_TO = 4.2
# Of an image that an export takes, unless it is told otherwise: 8000x8000.
MOST_MEGAPIXELS = 64.0
# The larger the window, the nearer is the answer to that of the whole image: docs/large_images.md.
WINDOW = 512
TIMES_TRAINED = 4

TileStatistics = Literal["image", "tile"]


@dataclasses.dataclass(frozen=True)
class Tiling:
    """When, and how, images are cut into tiles.

    Attributes:
        whole_up_to: pixels of the largest image that is answered whole.
        window: height and width of a tile.
        overlap: of neighbouring tiles, in pixels; below `window`.
        statistics: what the norms take in tiles: those of the whole `"image"`, or of each
            `"tile"`.
    """

    whole_up_to: int
    window: int
    overlap: int
    statistics: TileStatistics = "image"


def answers_at_own_size(settings: Settings, size: str | None) -> bool:
    """Whether images are answered at their own size.

    Args:
        settings: of the run.
        size: `own`, `trained`, or None: own for runs on crops, which know one scale alone.

    Raises:
        SettingsError: a run on crops is asked for its trained size.
    """
    crops = settings.data.crops_each_pair
    if crops and size == "trained":
        raise SettingsError(
            f"--size trained: this run was trained on crops (resize {settings.data.resize}), and a "
            "resized image would not have the scale that it knows; leave it out"
        )
    return crops or size == "own"


def choose_tiling(
    settings: Settings,
    whole_up_to: float | None = None,
    window: int | None = None,
    overlap: int | None = None,
    statistics: TileStatistics = "image",
) -> Tiling:
    """A tiling for a run.

    Args:
        settings: of the run.
        whole_up_to: in megapixels; default: `WHOLE_UP_TO`.
        window: default: `WINDOW` or `TIMES_TRAINED` times the side of training, whichever is
            more, but no larger than an image that is answered whole.
        overlap: default: a quarter of the window.
        statistics: see `Tiling`.

    Raises:
        SettingsError: the network takes no such tiles, or they do not overlap less than they are
            long; with what would do.
    """
    networks = settings.model, settings.data.crop_size
    multiple, least = size_multiple(*networks), smallest_side(*networks)
    pixels = round((WHOLE_UP_TO if whole_up_to is None else whole_up_to) * MEGAPIXEL)
    if window is None:
        wanted = max(WINDOW, TIMES_TRAINED * max(settings.data.crop_size))
        window = max(least, min(wanted, math.isqrt(pixels)) // multiple * multiple)
    if window % multiple or window < least:
        fitting = max(least, round(window / multiple) * multiple)
        raise SettingsError(
            f"--window {window}: the generator of this run takes multiples of {multiple}, at "
            f"least {least}, such as {fitting}"
        )
    overlap = window // 4 if overlap is None else overlap
    if overlap >= window:
        raise SettingsError(
            f"--overlap {overlap}: expected less than the window of {window}, such as {window // 4}"
        )
    return Tiling(pixels, window, overlap, statistics)


def own_multiple(settings: Settings) -> int:
    """What the sides of images that are answered at their own size are padded to multiples of."""
    return math.lcm(size_multiple(settings.model, settings.data.crop_size), LEAST_MULTIPLE)


def smallest_own_side(settings: Settings) -> int:
    """The smallest side of an image that is large enough for the network once it is padded."""
    least = smallest_side(settings.model, settings.data.crop_size)
    return max(1, least - own_multiple(settings) + 1)


def check_image_statistics(settings: Settings, option: str) -> None:
    """Refuses an option about the norms' statistics where they take none of images.

    Raises:
        SettingsError: with the reason.
    """
    model = settings.model
    if model.norm == "none":
        reason = "its generator has no norms"
    elif model.norm == "batch" and model.norm_statistics == "moving":
        reason = "its norms take the moving averages of training, for all images"
    else:
        return
    raise SettingsError(f"{option}: it has no effect on this run, as {reason}; leave it out")
