"""How an image of any size is brought to what a network takes, and its answer back: in a graph."""

import dataclasses

import tensorflow as tf

from tfpix2pix.config.types import Interpolation, SizeHandling
from tfpix2pix.data import images
from tfpix2pix.data.formats import RGB_PAIRS, PairFormat
from tfpix2pix.data.headers import refuse_large
from tfpix2pix.data.pipeline import scaled_size
from tfpix2pix.inference.tiling import DEFAULT_MEGAPIXELS, LEAST_MULTIPLE, MEGAPIXEL


@dataclasses.dataclass(frozen=True)
class Fitting:
    """What is done to images of another size than the network's.

    Attributes:
        size: height and width of the network.
        handling: `"fixed"`: resized, answered at the network's size; `"resize"`: and the answer
            resized back; `"pad"`: mirrored on to a multiple, the answer cut back.
        formats: of the images.
        input_interpolation, target_interpolation: how inputs are resized, and answers back; label
            maps always by `"nearest"`.
        multiple: with `"pad"`, of which height and width are made.
        smallest_side: with `"pad"`, of images before that.
        scaled_width: with `"pad"`, to which images are scaled before, or None; the answer has
            the size of the scaled image.
        most_pixels: of an image, and of what is made of it by `"pad"`.
    """

    size: tuple[int, int]
    handling: SizeHandling = "fixed"
    formats: PairFormat = RGB_PAIRS
    input_interpolation: Interpolation = "bicubic"
    target_interpolation: Interpolation = "bicubic"
    multiple: int = LEAST_MULTIPLE
    smallest_side: int = 1
    scaled_width: int | None = None
    most_pixels: int = round(DEFAULT_MEGAPIXELS * MEGAPIXEL)

    def fit(self, image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """An image as the network takes it, and the size that its answer is brought to.

        Args:
            image: [h, w, C] of any type, stored or as the network sees it.

        Raises:
            tf.errors.InvalidArgumentError: it is too large or too small, or has no pixel.
        """
        shape = tf.shape(image)[:2]
        with tf.control_dependencies(self._checks(shape)):
            image = tf.identity(image)
        method = self.formats.input.resized_by(self.input_interpolation)
        if self.handling != "pad":
            return images.resize(image, self.size, method), shape
        size = shape
        if self.scaled_width is not None:
            size = scaled_size(image, self.scaled_width)
            image = images.resize(image, size, method)
        return mirrored_on(image, size + -size % self.multiple), size

    def restore(self, answer: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
        """An answer of the network [H, W, C'] of any type at the size that `fit` gave."""
        if self.handling == "fixed":
            return answer
        if self.handling == "pad":
            return answer[: size[0], : size[1]]
        method = self.formats.target.resized_by(self.target_interpolation)
        return images.resize(answer, size, method)

    def _checks(self, shape: tf.Tensor) -> list[tf.Operation]:
        size = tf.cast(shape, tf.int64)
        has_pixels = tf.debugging.Assert(
            tf.reduce_min(size) > 0, ["an image without a pixel; its height and width are", size]
        )
        checks = [has_pixels, refuse_large(size, self.most_pixels)]
        if self.handling != "pad":
            return checks
        if self.scaled_width is not None:
            # In floats: a narrow image may be scaled to more rows than an integer counts.
            height, width = tf.unstack(tf.cast(shape, tf.float64))
            rows = height * self.scaled_width / tf.maximum(width, 1)
            most_rows = float(self.most_pixels // self.scaled_width)
            size = tf.stack([tf.cast(tf.minimum(rows, most_rows + 1), tf.int64), self.scaled_width])
        padded = size + -size % self.multiple
        large_enough = tf.debugging.Assert(
            tf.reduce_min(size) >= self.smallest_side,
            [
                f"an image that is too small: this model takes {self.smallest_side} pixels a side "
                "at least; its height and width are",
                size,
            ],
        )
        return [*checks, large_enough, refuse_large(padded, self.most_pixels)]


def mirrored_on(image: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """[h, w, C] -> [*size, C], mirrored on at the right and below as often as it takes.

    The border itself is not repeated, as in `numpy.pad(mode="reflect")`, unless a side is a single
    pixel.
    """
    shape = tf.shape(image)[:2]
    for axis in (0, 1):
        last = shape[axis] - 1
        place = tf.range(size[axis])
        back_and_forth = last - tf.abs(place % tf.maximum(2 * last, 1) - last)
        image = tf.gather(image, back_and_forth, axis=axis)
    return image
