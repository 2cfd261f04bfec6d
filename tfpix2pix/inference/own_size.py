"""Answers at each image's own size: whole where it fits, else in tiles.

The network is laid over the whole image, as convolutions allow: the scale is that of the image,
and norms take their statistics over all of it. Images are mirrored on at the right and below up to
a size that the network takes, and answers cut back.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

from tfpix2pix.data import images
from tfpix2pix.data.formats import PairFormat
from tfpix2pix.inference.tiles import Side, blended, cut, spread
from tfpix2pix.inference.tiling import Tiling
from tfpix2pix.inference.translator import Translator
from tfpix2pix.models.statistics import (
    Statistics,
    as_statistics,
    give,
    has_image_statistics,
    measuring_model,
    with_given_statistics,
)

# Graphs for so many sizes are kept; sizes are rounded up, so that there are not too many.
SIZES_KEPT = 16
Size = tuple[int, int]
# From what the network sees of one or more images, float32 [B, H, W, C].
Measure = Callable[[tf.Tensor], Statistics]


@dataclasses.dataclass(frozen=True)
class _Tiler:
    """The network for tiles of one size, and what measures the statistics of its norms.

    Attributes:
        network: of tiles.
        generator: that of the network.
        measure: None where tiles need no statistics that are measured.
    """

    network: Translator
    generator: keras.Model
    measure: Measure | None


class OwnSize:
    """A network for images of any size.

    Args:
        generator_at: gives the generator for a height and width.
        formats: of the images.
        multiple: of which height and width must be.
        tiling: when, and how, images are cut into tiles.
        statistics: of the norms, for all images; None: of each image.
    """

    def __init__(
        self,
        generator_at: Callable[[Size], keras.Model],
        formats: PairFormat,
        multiple: int,
        tiling: Tiling,
        statistics: Statistics | None = None,
    ):
        self._generator_at = generator_at
        self._formats = formats
        self._multiple = multiple
        self._tiling = tiling
        self._statistics = statistics
        self._whole = functools.lru_cache(SIZES_KEPT)(self._make_whole)
        self._tiler = functools.lru_cache(SIZES_KEPT)(self._make_tiler)
        self._measurer = functools.lru_cache(SIZES_KEPT)(self._make_measurer)

    def translate(self, image: np.ndarray, seed: int) -> np.ndarray:
        """Stored images [N, H, W, C] -> [N, H, W, C'], dropout by the first draw of the seed."""
        size = self._padded(image.shape[1:3])
        if not self._fits(size):
            return np.stack([self._in_tiles(one, seed) for one in image])
        network = self._whole(size)
        network.choose_draw(seed, 0)
        rows, columns = _mirrored(image.shape[1:3], size)
        padded = tf.constant(image[:, rows][:, :, columns])
        answer = network.translate_images(padded)["generated_image"].numpy()
        return answer[:, : image.shape[1], : image.shape[2]]

    def values(self, image: np.ndarray, seed: int, draw: int) -> np.ndarray:
        """One draw of the answer to one image [H, W, C], in the targets' values, not rounded."""
        size = self._padded(image.shape[:2])
        height, width = image.shape[:2]
        target = self._formats.target
        if not self._fits(size):
            bands = [
                images.unrounded_from_network_range(tf.constant(band, tf.float32), target).numpy()
                for _, band in self._bands(image, seed, draw)
            ]
            return np.concatenate(bands)[:height, :width]
        network = self._whole(size)
        network.choose_draw(seed, draw)
        rows, columns = _mirrored((height, width), size)
        return network.values(tf.constant(image[rows][:, columns][np.newaxis])).numpy()[
            0, :height, :width
        ]

    def measured(self, image: np.ndarray) -> Statistics:
        """The statistics of the norms for one stored image [H, W, C]."""
        size = self._padded(image.shape[:2])
        window = size if self._fits(size) else _window(size, self._tiling.window)
        seen = self._tile_reader(image, size, window)
        return self._measurer(window)(self._sampled(seen, size, window))

    def _in_tiles(self, image: np.ndarray, seed: int) -> np.ndarray:
        """One stored image [H, W, C] -> [H, W, C'].

        Beside the two, no more is held than two rows of tiles.
        """
        height, width = image.shape[:2]
        target = self._formats.target
        answer = np.empty((height, width, target.channels), target.dtype)
        for start, band in self._bands(image, seed, 0):
            rows = tf.constant(band[: max(0, height - start), :width], tf.float32)
            stored = images.as_in_files(images.from_network_range(rows, target), target)
            answer[start : start + len(rows)] = stored.numpy()
        return answer

    def _bands(self, image: np.ndarray, seed: int, draw: int) -> Iterator[tuple[int, np.ndarray]]:
        """Rows of the blended answer, of the padded image, as the network gives them."""
        size = self._padded(image.shape[:2])
        window = _window(size, self._tiling.window)
        tiler = self._tiler(window)
        tiler.network.choose_draw(seed, draw)
        seen = self._tile_reader(image, size, window)
        if tiler.measure is not None:
            give(tiler.generator, tiler.measure(self._sampled(seen, size, window)))

        def answer(row: int, column: int) -> np.ndarray:
            return tiler.network.generate(seen(row, column))["generated_image"].numpy()[0]

        yield from blended(*self._sides(size, window), answer)

    def _tile_reader(
        self, image: np.ndarray, size: Size, window: Size
    ) -> Callable[[int, int], tf.Tensor]:
        """A function of the first row and column of a tile: what the network sees of it."""
        all_rows, all_columns = _mirrored(image.shape[:2], size)

        def seen(row: int, column: int) -> tf.Tensor:
            rows = all_rows[row : row + window[0], np.newaxis]
            tile = image[rows, all_columns[column : column + window[1]]]
            fetched = images.as_fetched(tf.constant(tile[np.newaxis]), self._formats.input)
            return images.to_network_range(fetched, self._formats.input)

        return seen

    def _sampled(
        self, seen: Callable[[int, int], tf.Tensor], size: Size, window: Size
    ) -> tf.Tensor:
        """The tiles over which statistics are taken together, as a batch."""
        return tf.concat([seen(*place) for place in self._sample(size, window)], axis=0)

    def _sides(self, size: Size, window: Size) -> tuple[Side, Side]:
        overlap = self._tiling.overlap
        height, width = (
            cut(side, length, min(overlap, length - 1))
            for side, length in zip(size, window, strict=True)
        )
        return height, width

    def _sample(self, size: Size, window: Size) -> list[Size]:
        """Where these tiles are: spread evenly, as many as hold the pixels of a whole image."""
        most = max(1, self._tiling.whole_up_to // math.prod(window))
        counts = [math.ceil(s / w) for s, w in zip(size, window, strict=True)]
        while math.prod(counts) > most:
            counts[counts.index(max(counts))] -= 1
        rows, columns = (
            spread(side, length, count)
            for side, length, count in zip(size, window, counts, strict=True)
        )
        return [(row, column) for row in rows for column in columns]

    def _padded(self, size: Size) -> Size:
        height, width = (-(-side // self._multiple) * self._multiple for side in size)
        return height, width

    def _fits(self, size: Size) -> bool:
        return math.prod(size) <= max(self._tiling.whole_up_to, self._multiple**2)

    def _make_whole(self, size: Size) -> Translator:
        generator = self._generator_at(size)
        if self._statistics is not None:
            generator = with_statistics(generator, self._statistics)
        return Translator(generator, formats=self._formats, resizes=False)

    def _make_tiler(self, window: Size) -> _Tiler:
        generator, measure = self._generator_at(window), None
        if self._statistics is not None:
            generator = with_statistics(generator, self._statistics)
        elif self._tiling.statistics == "image" and has_image_statistics(generator):
            measure = self._measurer(window)
            generator = with_given_statistics(generator)
        network = Translator(generator, formats=self._formats, resizes=False)
        return _Tiler(network, generator, measure)

    def _make_measurer(self, window: Size) -> Measure:
        return measurer(self._generator_at(window))


def measurer(generator: keras.Model) -> Measure:
    """Measures the statistics of a generator's norms, over all images that it sees at once."""
    model = measuring_model(generator)
    # As a graph, which lets go of each layer's features when the next ones have used them.
    compute = tf.function(
        lambda seen: model(seen, training=False),
        input_signature=[tf.TensorSpec(generator.input_shape, tf.float32)],
    )
    return lambda seen: as_statistics(compute(seen))


def with_statistics(generator: keras.Model, statistics: Statistics) -> keras.Model:
    """The same generator, with these statistics for all images."""
    given = with_given_statistics(generator)
    give(given, statistics)
    return given


def _window(size: Size, window: int) -> Size:
    return min(size[0], window), min(size[1], window)


def _mirrored(size: Size, padded: Size) -> tuple[np.ndarray, np.ndarray]:
    """Which row and column of an image is seen at each place of the mirrored one."""
    rows, columns = (
        np.pad(np.arange(side), (0, whole - side), "reflect" if side > 1 else "edge")
        for side, whole in zip(size, padded, strict=True)
    )
    return rows, columns
