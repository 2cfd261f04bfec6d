"""How alike the colours of two sets are: the paper's Figure 7.

Histograms of L, a and b, each alone, over all pixels of all images, and how much of them two sets
share. Bins are one unit wide: 100 of L in [0, 100], 256 of a and of b in [-128, 128).
"""

import numpy as np
import tensorflow as tf

from tfpix2pix.errors import UserError
from tfpix2pix.evaluation.channels import with_channels

# Linear sRGB to XYZ (ITU-R BT.709 primaries, white D65), and XYZ of white.
RGB_TO_XYZ = (
    (0.412453, 0.357580, 0.180423),
    (0.212671, 0.715160, 0.072169),
    (0.019334, 0.119193, 0.950227),
)
WHITE = (0.95047, 1.0, 1.08883)

BINS = 256
# Of L, a and b: what is added to values, for bins to begin at 0, and the last bin.
OFFSETS = (0.0, 128.0, 128.0)
LAST_BINS = (99, 255, 255)


def srgb_to_lab(images: tf.Tensor) -> tf.Tensor:
    """sRGB in [0, 1] -> CIE L*a*b* (D65, 2 degrees): L in [0, 100], a and b about -108 to 98.

    IEC 61966-2-1 and CIE 15.

    Args:
        images: float32 [..., 3].
    """
    is_dark = images <= 0.04045
    power = ((tf.maximum(images, 0.04045) + 0.055) / 1.055) ** 2.4
    linear = tf.where(is_dark, images / 12.92, power)
    xyz = tf.tensordot(linear, tf.transpose(tf.constant(RGB_TO_XYZ)), 1) / tf.constant(WHITE)
    edge = 6 / 29
    roots = tf.maximum(xyz, edge**3) ** (1 / 3)
    f = tf.where(xyz > edge**3, roots, xyz / (3 * edge**2) + 4 / 29)
    x, y, z = tf.unstack(f, axis=-1)
    return tf.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


class LabHistograms:
    """Histograms of L, a and b of images that come in batches; memory does not grow.

    Attributes:
        counts: int64 [3, 256], of L, a and b.
    """

    def __init__(self) -> None:
        self.counts = np.zeros((3, BINS), np.int64)

    def add(self, images: tf.Tensor) -> None:
        """Takes in float32 [B, H, W, 3 or 1] in [0, 1]; gray has a and b of 0.

        Raises:
            UserError: the images are neither RGB nor gray, or hold NaN.
        """
        images = with_channels(tf.convert_to_tensor(images), 3, "the Lab histogram")
        if not np.isfinite(images).all():
            raise UserError("the Lab histogram: the images hold NaN or infinite values")
        self.counts += _count(images).numpy()

    def intersections(self, other: "LabHistograms") -> dict[str, float]:
        """The sum of the smaller share of each bin: 1 for equal colours, 0 for none in common.

        Returns:
            `lab_l`, `lab_a` and `lab_b`.

        Raises:
            UserError: one of the two has no images.
        """
        totals = [counts.sum(axis=1, keepdims=True) for counts in (self.counts, other.counts)]
        if not all(total.all() for total in totals):
            raise UserError("Lab histograms are compared of one image or more on each side")
        shared = np.minimum(self.counts / totals[0], other.counts / totals[1]).sum(axis=1)
        return dict(zip(("lab_l", "lab_a", "lab_b"), shared.tolist(), strict=True))


@tf.function(reduce_retracing=True)
def _count(images: tf.Tensor) -> tf.Tensor:
    """How many pixels are in each bin, int64 [3, 256]."""
    values = tf.floor(tf.reshape(srgb_to_lab(images), [-1, 3]) + tf.constant(OFFSETS))
    bins = tf.clip_by_value(tf.cast(values, tf.int32), 0, tf.constant(LAST_BINS))
    return tf.stack(
        [
            tf.math.bincount(bins[:, channel], minlength=BINS, maxlength=BINS, dtype=tf.int64)
            for channel in range(3)
        ]
    )
