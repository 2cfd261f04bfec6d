"""From pairs to batches: decode -> resize -> keep -> order -> batch -> prefetch.

Batches are pairs of [B, H, W, C] in the type they are stored in; jitter and scaling follow in the
compiled step.
"""

import dataclasses
from collections.abc import Callable
from typing import Literal

import tensorflow as tf

from tfpix2pix.config.types import Interpolation
from tfpix2pix.data import images
from tfpix2pix.data.augment import center_crop, random_crop
from tfpix2pix.data.formats import ImageFormat, PairFormat
from tfpix2pix.data.order import WHOLE, Share, shuffled_index
from tfpix2pix.data.pair_checks import ASPECT_TOLERANCE
from tfpix2pix.data.pairs import ImagePair, Pairs
from tfpix2pix.data.service import served_parts

Fetch = Callable[[tf.Tensor], ImagePair]


@dataclasses.dataclass(frozen=True)
class Resizing:
    """What is done to every pair once.

    Attributes:
        size: height and width that every pair comes out with; None: as each pair happens to be.
        input_interpolation, target_interpolation: `"bicubic"`, `"area"` or `"nearest"`; label
            maps are always `"nearest"`.
        fit: `"stretch"`: to `size`; `"width"`: to `width`, the height follows; `"keep"`: not at
            all. The last two refuse pairs that do not come out with `size`.
        width: for `"width"`.
        crop: height and width cut from the middle in the end, or None.
    """

    size: tuple[int, int] | None
    input_interpolation: Interpolation = "bicubic"
    target_interpolation: Interpolation = "bicubic"
    fit: Literal["stretch", "width", "keep"] = "stretch"
    width: int | None = None
    crop: tuple[int, int] | None = None


def fetcher(pairs: Pairs, resizing: Resizing, cache_gib: float = 4.0) -> Fetch:
    """Gives a function from an index to its pair, resized: [H, W, C] each; label maps as numbers.

    A set of one size that fits in `cache_gib` is decoded now, in parallel, and kept in memory, so
    that each image is decoded and resized once; a larger one is decoded anew each time.

    Raises:
        UserError: an image cannot be decoded; the message names it.
    """

    def fetch(index: tf.Tensor) -> ImagePair:
        return resize_pair(pairs.load(index), pairs.format, resizing)

    size = resizing.size
    if size is None:
        return fetch
    formats = (pairs.format.input, pairs.format.target)
    pixel_bytes = sum(f.pipeline_channels * f.itemsize for f in formats)
    if len(pairs) * size[0] * size[1] * pixel_bytes > cache_gib * 2**30:
        return fetch
    inputs, targets = _decode_all(pairs, fetch, size)
    return lambda index: (tf.gather(inputs, index), tf.gather(targets, index))


def resize_pair(pair: ImagePair, formats: PairFormat, resizing: Resizing) -> ImagePair:
    """Brings a loaded pair to the size the networks or the random crop want.

    Raises:
        tf.errors.InvalidArgumentError: the images do not fit each other, or not the set.
    """
    input_image, target_image = pair
    if resizing.fit == "keep":
        _check_equal_sizes(input_image, target_image)
        input_image = images.as_fetched(input_image, formats.input)
        target_image = images.as_fetched(target_image, formats.target)
    else:
        _check_shapes(input_image, target_image)
        size = resizing.size
        if resizing.fit == "width":
            assert resizing.width is not None, "given with this fit"
            size = scaled_size(input_image, resizing.width)
        input_image = resize_stored(input_image, formats.input, size, resizing.input_interpolation)
        target_image = resize_stored(
            target_image, formats.target, size, resizing.target_interpolation
        )
    if resizing.crop:
        input_image, target_image = center_crop(input_image, target_image, resizing.crop)
    if resizing.size is None:
        return input_image, target_image
    return (
        _with_size(input_image, resizing.size, formats.input),
        _with_size(target_image, resizing.size, formats.target),
    )


def resize_stored(
    image: tf.Tensor,
    image_format: ImageFormat,
    size: tf.Tensor | tuple[int, int],
    interpolation: Interpolation,
) -> tf.Tensor:
    """Resizes one side; of a label map, whose colours do not mix, gives the class numbers."""
    method = image_format.resized_by(interpolation)
    return images.as_fetched(images.resize(image, size, method), image_format)


def scaled_size(image: tf.Tensor, width: int) -> tf.Tensor:
    """The size, int32 [2], at which an image is so wide and keeps its shape."""
    height, width_now = tf.unstack(tf.cast(tf.shape(image)[:2], tf.float64))
    scaled = tf.maximum(tf.round(height * width / width_now), 1)
    return tf.stack([tf.cast(scaled, tf.int32), width])


def _check_equal_sizes(input_image: tf.Tensor, target_image: tf.Tensor) -> None:
    tf.debugging.assert_equal(
        tf.shape(input_image)[:2],
        tf.shape(target_image)[:2],
        "input and target differ in size, and resize says to leave them as they are",
    )


def _check_shapes(input_image: tf.Tensor, target_image: tf.Tensor) -> None:
    """The target may be larger than the input, but not another section of the picture."""
    (h, w), (height, width) = (
        tf.unstack(tf.cast(tf.shape(image)[:2], tf.float32))
        for image in (input_image, target_image)
    )
    # A pixel more or less comes of rounding when one was made from the other.
    allowed = ASPECT_TOLERANCE * h * width + tf.maximum(w, width)
    tf.debugging.assert_less_equal(
        tf.abs(h * width - w * height),
        allowed,
        "input and target differ in shape (height to width), so that they cannot match",
    )


def _with_size(image: tf.Tensor, size: tuple[int, int], image_format: ImageFormat) -> tf.Tensor:
    tf.debugging.assert_equal(
        tf.shape(image)[:2],
        size,
        f"it does not come out at {size[0]}x{size[1]} as the others: with pairs of several sizes, "
        "set resize to scale_width_and_crop or crop",
    )
    return tf.ensure_shape(image, [*size, image_format.pipeline_channels])


def _decode_all(
    pairs: Pairs, fetch: Fetch, size: tuple[int, int]
) -> tuple[tf.Variable, tf.Variable]:
    """All pairs, [N, *size, C] each; variables, which tf.data refers to and never copies."""
    with tf.device("cpu"):
        inputs, targets = (
            tf.Variable(tf.zeros((len(pairs), *size, f.pipeline_channels), f.dtype))
            for f in (pairs.format.input, pairs.format.target)
        )
    dataset = tf.data.Dataset.range(len(pairs)).map(fetch, num_parallel_calls=tf.data.AUTOTUNE)
    done = 0
    try:
        for input_image, target_image in dataset:
            inputs[done].assign(input_image)
            targets[done].assign(target_image)
            done += 1
    except tf.errors.OpError as error:
        # The map keeps its order, so the first pair that has not arrived is the broken one.
        raise (pairs.find_broken([done], fetch) or error) from error
    return inputs, targets


def training_batches(
    fetch: Fetch,
    pairs: int,
    *,
    batch_size: int,
    seed: int,
    first_step: int,
    steps: int,
    crop_size: tuple[int, int] | None = None,
    share: Share = WHOLE,
    service: str | None = None,
) -> tf.data.Dataset:
    """Batches for the steps `first_step` to `steps`: ([B, H, W, C], [B, H, W, C']).

    Shared, all parts of a batch together hold its pairs, in its order: first those of the first
    pipeline's devices.

    Args:
        fetch: from an index to its pair.
        pairs: how many there are.
        batch_size: pairs in a batch.
        seed: of the order and the crops.
        first_step, steps: the first step to make a batch for, and that to end before.
        crop_size: where pairs are of many sizes, the size that is cut from each at random, here
            and not in the compiled step, which takes but one size.
        share: which part of the batches is made; batch_size is that of all parts together, of
            which the replicas' number is a divisor.
        service: HOST:PORT of a data service that makes them, the same.
    """
    mine = batch_size // share.pipelines

    def fetch_at(position: tf.Tensor) -> ImagePair:
        pair = fetch(shuffled_index(position, pairs, seed))
        if crop_size is None:
            return pair
        return random_crop(*pair, crop_size, tf.stack([tf.constant(seed, tf.int64), position]))

    def position(number: tf.Tensor) -> tf.Tensor:
        return number // mine * batch_size + share.pipeline * mine + number % mine

    part = batch_size // share.replicas

    def parts(first: tf.Tensor | int, last: tf.Tensor | int) -> tf.data.Dataset:
        pairs = tf.data.Dataset.range(first, last).map(
            lambda number: fetch_at(position(number)), num_parallel_calls=tf.data.AUTOTUNE
        )
        return pairs.batch(part, drop_remainder=True)

    if service is None:
        dataset = parts(first_step * mine, steps * mine)
    else:
        numbers = range(first_step * mine // part, steps * mine // part)
        dataset = served_parts(
            lambda number: parts(number * part, (number + 1) * part).get_single_element(),
            numbers,
            service,
        )
    return dataset.prefetch(tf.data.AUTOTUNE)


def evaluation_batches(
    fetch: Fetch, pairs: int, *, batch_size: int = 1, stride: int = 1
) -> tf.data.Dataset:
    """All pairs, or each `stride`-th, in their own order; the last batch is perhaps smaller."""
    dataset = tf.data.Dataset.range(0, pairs, stride).map(
        fetch, num_parallel_calls=tf.data.AUTOTUNE
    )
    return dataset.batch(batch_size).prefetch(tf.data.AUTOTUNE)
