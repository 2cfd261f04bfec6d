"""Sample grids: a row for each pair, input | generated | target."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import keras
import numpy as np
import tensorflow as tf

from tfpix2pix.data.encoding import to_display
from tfpix2pix.data.formats import RGB_PAIRS, ImageFormat, PairFormat
from tfpix2pix.data.images import as_in_files, from_network_range, to_network_range

GUTTER = 4
WHITE = 255


def sample_grid(
    generator: keras.Model,
    input_images: np.ndarray,
    target_images: np.ndarray,
    formats: PairFormat = RGB_PAIRS,
) -> np.ndarray:
    """Translates the inputs and lays out the grid.

    Args:
        generator: run as at inference.
        input_images: [N, H, W, C], as fetched.
        target_images: [N, H, W, C].
        formats: of the images.

    Returns:
        uint8 [N * (H + gutter) - gutter, 3 * (W + gutter) - gutter, 3].
    """
    generated = [
        from_network_range(
            generator(to_network_range(image[np.newaxis], formats.input), training=False),
            formats.target,
        )[0].numpy()
        for image in input_images
    ]
    return image_grid(
        [
            np.stack([shown(image, formats.input) for image in input_images]),
            np.stack([shown(image, formats.target) for image in generated]),
            np.stack([shown(image, formats.target) for image in target_images]),
        ]
    )


def samples_spacing(step: int, every: int, most: int) -> int:
    """How far apart the steps of the grids that are kept lie, so that they are no more than `most`.

    The grids of step 0 and of the last step come on top.

    Args:
        step: steps done.
        every: steps between grids.
        most: 1 or more.

    Returns:
        `every` times a power of 2.
    """
    spacing = every
    while step // spacing > most:
        spacing *= 2
    return spacing


def drop_samples(folder: Path, step: int, spacing: int) -> None:
    """Drops the grids `step_N.png` of other steps than `step` and the multiples of the spacing."""
    for path in folder.glob("step_*.png"):
        number = path.stem.removeprefix("step_")
        if number.isdecimal() and int(number) != step and int(number) % spacing:
            path.unlink(missing_ok=True)


def file_names(names: Sequence[str]) -> list[str]:
    """Names of pairs as names of files without suffixes: relative, and no two alike.

    A pair's name may be anything, and files must be written in one folder and nowhere else.
    """
    inner = [
        PurePosixPath(*(part for part in PurePosixPath(name).parts if part not in ("/", "..")))
        for name in names
    ]
    short = [path.with_suffix("") for path in inner]
    counts = Counter(short)
    unique = [s if counts[s] == 1 else path for s, path in zip(short, inner, strict=True)]
    counts = Counter(unique)
    return [
        str(path) if counts[path] == 1 else f"{path}_{number}" for number, path in enumerate(unique)
    ]


def label_colours(image: np.ndarray, image_format: ImageFormat) -> np.ndarray:
    """A fetched image as a file of its set would hold it: class numbers as their colours."""
    return np.asarray(as_in_files(image, image_format))


def shown(image: np.ndarray, image_format: ImageFormat) -> np.ndarray:
    """A fetched image as a picture: [H, W, C] -> uint8 [H, W, 3]."""
    return stored_shown(label_colours(image, image_format), image_format)


def stored_shown(image: np.ndarray, image_format: ImageFormat) -> np.ndarray:
    """An image as files hold it as a picture: [H, W, C] -> uint8 [H, W, 3]."""
    return image if image_format.palette else to_display(image, image_format.value_range)


def image_grid(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Lays columns of N images each, uint8 [N, H, W, 3], side by side on white."""
    count, height, width, channels = np.shape(columns[0])
    full_height = count * (height + GUTTER) - GUTTER
    full_width = len(columns) * (width + GUTTER) - GUTTER
    grid = np.full((full_height, full_width, channels), WHITE, np.uint8)
    for c, column in enumerate(columns):
        for r, image in enumerate(column):
            top, left = r * (height + GUTTER), c * (width + GUTTER)
            grid[top : top + height, left : left + width] = image
    return grid


def png_bytes(image: np.ndarray) -> bytes:
    """uint8 [H, W, 3] as PNG."""
    return tf.io.encode_png(image).numpy()
