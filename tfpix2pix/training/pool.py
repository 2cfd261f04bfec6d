"""A pool of earlier answers for the discriminator, lest it forget what it has seen.

Shrivastava et al. 2017, "Learning from Simulated and Unsupervised Images through Adversarial
Training", section 2.3, as in CycleGAN (Zhu et al. 2017, section 4): 50 images there.
"""

import tensorflow as tf

from tfpix2pix.data.augment import Draws, Stream, random_bits


class ImagePool:
    """Keeps pairs of input and generated image; hands out kept ones for half of the new ones.

    Until it is full, each new pair is kept and handed on. From then on, each with probability 1/2
    takes the place of a random one, which is handed on instead; the others are just handed on.
    """

    def __init__(
        self, size: int, image_size: tuple[int, int], input_channels: int, output_channels: int
    ):
        """Makes an empty pool; call it inside the strategy's scope.

        Args:
            size: how many pairs it holds.
            image_size: height and width.
            input_channels: C of the input images.
            output_channels: C of the generated images.
        """
        self.size = size
        self._inputs = _variable(tf.zeros([size, *image_size, input_channels]), "inputs")
        self._generated = _variable(tf.zeros([size, *image_size, output_channels]), "generated")
        self._held = _variable(tf.zeros([], tf.int64), "held")

    @property
    def variables(self) -> dict[str, tf.Variable]:
        """What a checkpoint must hold, by name."""
        return {"inputs": self._inputs, "generated": self._generated, "held": self._held}

    def exchange(
        self, input_image: tf.Tensor, generated_image: tf.Tensor, seed: tf.Tensor | Draws
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Keeps some of a batch's pairs, one after the other, and gives earlier ones for them.

        Args:
            input_image: float32 [B, H, W, C], B known when traced.
            generated_image: float32 [B, H, W, C'].
            seed: as of `random_bits`.

        Returns:
            A pair for each, in the same shapes; no gradient flows through them.
        """
        new = tf.stop_gradient(input_image), tf.stop_gradient(generated_image)
        bits = random_bits([2, input_image.shape[0]], seed, Stream.POOL)
        given = [
            self._exchange_one((new[0][i], new[1][i]), bits[:, i])
            for i in range(input_image.shape[0])
        ]
        inputs, generated = zip(*given, strict=True)
        return tf.stack(inputs), tf.stack(generated)

    def _exchange_one(
        self, new: tuple[tf.Tensor, tf.Tensor], bits: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        held = self._held.read_value()
        is_full = held >= self.size
        place = tf.where(is_full, tf.cast(bits[1] % self.size, tf.int64), held)
        swaps = is_full & (bits[0] < 0)
        kept = tuple(tf.gather(pool, place) for pool in (self._inputs, self._generated))
        for pool, image, old in zip((self._inputs, self._generated), new, kept, strict=True):
            # In place: the whole pool may be large.
            tf.raw_ops.ResourceScatterUpdate(
                resource=pool.handle,
                indices=place,
                updates=tf.where(is_full & ~swaps, old, image),
            )
        self._held.assign(tf.minimum(held + 1, self.size))
        given = [tf.where(swaps, old, image) for image, old in zip(new, kept, strict=True)]
        return given[0], given[1]


def _variable(value: tf.Tensor, name: str) -> tf.Variable:
    # Each replica has a pool of its own; a checkpoint keeps the first's.
    return tf.Variable(
        value,
        trainable=False,
        name=f"pool_{name}",
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )
