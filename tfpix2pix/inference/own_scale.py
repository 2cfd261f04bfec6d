"""Images before they are translated at their own size: scaled where a run asks for it, checked."""

import dataclasses

import numpy as np
import tensorflow as tf

from tfpix2pix.config.types import Interpolation
from tfpix2pix.data import images
from tfpix2pix.data.pipeline import scaled_size
from tfpix2pix.errors import UserError
from tfpix2pix.inference.own_size import OwnSize
from tfpix2pix.inference.tiling import DEFAULT_MEGAPIXELS, MEGAPIXEL


@dataclasses.dataclass(frozen=True)
class OwnScale:
    """How images are translated at their own size.

    Attributes:
        network: for images of any size.
        width: to which they are scaled first, or None.
        smallest_side: of images after that.
    """

    network: OwnSize
    width: int | None
    smallest_side: int

    def prepared(self, image: np.ndarray, interpolation: Interpolation) -> np.ndarray:
        """A stored image [h, w, C] as the network takes it: [H, W, C] of the same type.

        Raises:
            UserError: it is too large, or too small for the generator even when it is padded.
        """
        if self.width is not None:
            _check_scaled(image.shape[0], image.shape[1], self.width)
            size = scaled_size(tf.constant(image), self.width)
            image = images.resize(image, size, interpolation).numpy()
        self._check_side(image.shape[0], image.shape[1])
        return image

    def _check_side(self, height: int, width: int) -> None:
        least = self.smallest_side
        if min(height, width) < least:
            scaled = "" if self.width is None else f", scaled to a width of {self.width},"
            raise UserError(
                f"the image{scaled} is {height}x{width}: too small for the generator of this run, "
                f"which takes images of at least {least}x{least}"
            )


def _check_scaled(height: int, width: int, scaled_width: int) -> None:
    """Refuses narrow images that scaling would make enormous."""
    megapixels = height * scaled_width / width * scaled_width / MEGAPIXEL
    if width < scaled_width and megapixels > DEFAULT_MEGAPIXELS:
        raise UserError(
            f"the image is {height}x{width}, and scaled to a width of {scaled_width} would have "
            f"{megapixels:,.1f} megapixels: expected at most {DEFAULT_MEGAPIXELS:g}; cut it into "
            "shorter ones"
        )
