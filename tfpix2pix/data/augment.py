"""Random jitter (paper, section 6.2): one crop and one mirror or turn for each pair, both alike.

Images are [B, H, W, C], or [H, W, C] where a function takes one pair, of any type. The draws are a
function of the seed alone, so that a resumed run draws what the uninterrupted one would have drawn.
"""

import enum
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf


class Stream(enum.IntEnum):
    """What is drawn: bits 28 to 30 of the seed, lest draws of one seed go together."""

    JITTER = 0
    SYMMETRY = 1 << 30
    SINGLE_CROP = 1 << 29
    DIFF_AUGMENT = 1 << 28
    PENALTY = 3 << 28
    POOL = 5 << 28


class Draws(NamedTuple):
    """What is drawn from, and for which part of a batch.

    Attributes:
        seed: int32 or int64 [2], the first from 0 to 2**31 - 1, the second to 2**28 - 1.
        replica: which of the batch's equal parts this is, from 0.
        replicas: how many parts there are.
    """

    seed: tf.Tensor
    replica: int | tf.Tensor = 0
    replicas: int = 1

    def part(self, number: int | tf.Tensor, parts: int) -> "Draws":
        """For one of so many equal parts of this part."""
        return Draws(self.seed, self.replica * parts + number, self.replicas * parts)


def as_draws(seed: tf.Tensor | Draws) -> Draws:
    """Of a seed alone, for the whole batch."""
    return Draws(*seed) if isinstance(seed, Draws) else Draws(tf.convert_to_tensor(seed))


def random_bits(
    shape: Sequence[int | tf.Tensor],
    seed: tf.Tensor | Draws,
    stream: Stream,
    *,
    batch_axis: int = 1,
) -> tf.Tensor:
    """Draws whole numbers of 32 random bits, the same on every device, compiled or not.

    XLA splits seeds and draws floats in another way than the plain kernels; these are alike. A part
    of a batch gets what its examples would get in the whole.

    Args:
        shape: of the result.
        seed: as of `Draws`, or `Draws` for a part of a batch.
        stream: draws of one seed from different streams have nothing to do with each other.
        batch_axis: along which the examples lie, if it is a part.

    Returns:
        int32, uniform over all its values.
    """
    own, replica, replicas = as_draws(seed)
    mixed = tf.bitwise.bitwise_xor(own, tf.constant([0, stream], own.dtype))
    whole = [*shape]
    if replicas > 1:
        whole[batch_axis] *= replicas
    bits = tf.random.stateless_uniform(whole, mixed, None, None, tf.int32, alg="philox")
    if replicas == 1:
        return bits
    begin: list[int | tf.Tensor] = [0] * len(whole)
    begin[batch_axis] = replica * shape[batch_axis]
    return tf.slice(bits, begin, shape)


def random_jitter(
    input_image: tf.Tensor,
    target_image: tf.Tensor,
    crop_size: tuple[int, int],
    mirror: bool,
    seed: tf.Tensor | Draws,
    *,
    vertical_mirror: bool = False,
    rotate: bool = False,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Crops each pair at a random place, mirrors every other pair and turns it, both images alike.

    Each option has draws of its own: switching one on changes nothing of what the others do.

    Args:
        input_image: [B, H, W, C], of any type and values, which are moved and never changed.
        target_image: [B, H, W, C'], the same B, H and W; its type may be another.
        crop_size: height and width of the crop, at most H and W.
        mirror: whether to exchange left and right, half the time.
        seed: as of `random_bits`.
        vertical_mirror: whether to exchange top and bottom, half the time.
        rotate: whether to turn by 0, 90, 180 or 270 degrees, each a quarter of the time.

    Returns:
        The two images, [B, *crop_size, C] and [B, *crop_size, C'].

    Raises:
        ValueError: the crop is larger than the images, or not square, and pairs are to be rotated.
    """
    _check_crop_size(input_image.shape[1:3], crop_size, rotate)
    shape = tf.shape(input_image)
    pixels = _pixel_indices(shape, crop_size, mirror, vertical_mirror, rotate, seed)

    def take(image: tf.Tensor) -> tf.Tensor:
        flat = tf.reshape(image, [shape[0], shape[1] * shape[2], tf.shape(image)[3]])
        jittered = tf.gather(flat, pixels, axis=1, batch_dims=1)
        return tf.ensure_shape(jittered, [image.shape[0], *crop_size, image.shape[-1]])

    return take(input_image), take(target_image)


def _check_crop_size(size: tf.TensorShape, crop_size: tuple[int, int], rotate: bool) -> None:
    height, width = crop_size
    if any(known is not None and known < crop for known, crop in zip(size, crop_size, strict=True)):
        raise ValueError(f"crop_size {height}x{width} is larger than the images, {size}")
    if rotate and height != width:
        raise ValueError(f"rotate needs a square crop_size, not {height}x{width}")


def _pixel_indices(
    shape: tf.Tensor,
    crop_size: tuple[int, int],
    mirror: bool,
    vertical_mirror: bool,
    rotate: bool,
    seed: tf.Tensor | Draws,
) -> tf.Tensor:
    """Which of the H * W pixels goes where: [B, *crop_size].

    Mirrored rows or columns run backwards. A turn is made of the same: half a turn runs both
    backwards, and a quarter transposes an image of which one runs backwards.
    """
    batch, height, width = shape[0], *crop_size
    # Taken modulo a few dozen places, 32 random bits are as good as uniform.
    bits = random_bits([3, batch, 1], seed, Stream.JITTER)
    leftward = bits[2] < 0 if mirror else tf.constant(False)
    upward, turns = _symmetry(batch, vertical_mirror, rotate, seed)
    upward ^= turns >= 2
    leftward ^= (turns == 1) | (turns == 2)
    rows = bits[0] % (shape[1] - height + 1) + _run(height, upward)
    columns = bits[1] % (shape[2] - width + 1) + _run(width, leftward)
    pixels = rows[:, :, tf.newaxis] * shape[2] + columns[:, tf.newaxis, :]
    if rotate:
        # Of the numbers: transposing the images themselves doubles the time of it all.
        quarter = turns[..., tf.newaxis] % 2 == 1
        transposed = rows[:, tf.newaxis, :] * shape[2] + columns[:, :, tf.newaxis]
        pixels = tf.where(quarter, transposed, pixels)
    return pixels


def _symmetry(
    batch: tf.Tensor, vertical_mirror: bool, rotate: bool, seed: tf.Tensor | Draws
) -> tuple[tf.Tensor, tf.Tensor]:
    """Who is upside down, and turned by how many quarters counterclockwise: [B, 1], or scalars."""
    upward, turns = tf.constant(False), tf.constant(0)
    if vertical_mirror or rotate:
        bits = random_bits([2, batch, 1], seed, Stream.SYMMETRY)
        upward = bits[0] < 0 if vertical_mirror else upward
        turns = bits[1] % 4 if rotate else turns
    return upward, turns


def _run(length: int, backwards: tf.Tensor) -> tf.Tensor:
    """0, 1, 2... or the reverse: [length] or, where `backwards` is [B, 1], [B, length]."""
    forwards = tf.range(length)
    return tf.where(backwards, length - 1 - forwards, forwards)


def random_crop(
    input_image: tf.Tensor,
    target_image: tf.Tensor,
    crop_size: tuple[int, int],
    seed: tf.Tensor | Draws,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Crops both images of one pair at one random place. For tf.data, where sizes may vary.

    Args:
        input_image: [H, W, C], of any type.
        target_image: [H, W, C'], of any type.
        crop_size: height and width of the crop.
        seed: as of `random_bits`.

    Returns:
        The two images, [*crop_size, C] and [*crop_size, C'].

    Raises:
        tf.errors.InvalidArgumentError: the images differ in size, or are smaller than the crop.
    """
    places = _pair_size(input_image, target_image, crop_size) - crop_size + 1
    place = random_bits([2], seed, Stream.SINGLE_CROP) % places
    return _crop(input_image, place, crop_size), _crop(target_image, place, crop_size)


def center_crop(
    input_image: tf.Tensor, target_image: tf.Tensor, crop_size: tuple[int, int]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Crops both images of one pair in the middle; otherwise as `random_crop`.

    Where the margins cannot be equal, the ones at the top and left are a pixel smaller.
    """
    place = (_pair_size(input_image, target_image, crop_size) - crop_size) // 2
    return _crop(input_image, place, crop_size), _crop(target_image, place, crop_size)


def _pair_size(
    input_image: tf.Tensor, target_image: tf.Tensor, crop_size: tuple[int, int]
) -> tf.Tensor:
    """Height and width of both images, int32 [2], once they are checked."""
    size, target_size = tf.shape(input_image)[:2], tf.shape(target_image)[:2]
    differ = tf.strings.format(
        "input {}x{} and target {}x{} differ in size", [*tf.unstack(size), *tf.unstack(target_size)]
    )
    height, width = crop_size
    small = tf.strings.format(
        "the image is {}x{}, smaller than crop_size " + f"{height}x{width}", tf.unstack(size)
    )
    # The size waits for the checks: otherwise the crop could fail first, less kindly.
    with tf.control_dependencies(
        [tf.debugging.Assert(tf.reduce_all(size == target_size), [differ])]
    ):
        size = tf.identity(size)
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(size >= crop_size), [small])]):
        return tf.identity(size)


def _crop(image: tf.Tensor, place: tf.Tensor, crop_size: tuple[int, int]) -> tf.Tensor:
    cropped = tf.slice(image, [place[0], place[1], 0], [*crop_size, -1])
    return tf.ensure_shape(cropped, [*crop_size, image.shape[-1]])
