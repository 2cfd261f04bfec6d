"""Image files made by other means than the package's, and what tests ask of all readers."""

import contextlib
import io

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageFile

from tfpix2pix.data.reading import read_image
from tfpix2pix.errors import UserError

HEIGHT, WIDTH = 12, 20


def noise(*shape, dtype="uint8"):
    generator = np.random.default_rng(0)
    if np.dtype(dtype).kind == "f":
        return (1000 * generator.standard_normal(shape)).astype(dtype)
    limits = np.iinfo(dtype)
    return generator.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def smooth(channels):
    rows, columns = np.mgrid[:24, :40]
    waves = [np.sin(columns / 9), np.cos(rows / 7), np.sin((rows + columns) / 12)]
    return np.round(127 + 100 * np.stack(waves, axis=-1)).astype(np.uint8)[..., :channels]


def by_pillow(image, file_format, **options):
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def pillow_image(mode):
    return Image.fromarray(noise(HEIGHT, WIDTH, 3)).convert(mode)


def by_tifffile(pixels, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **options)
    return file.getvalue()


def by_numpy(save, *arrays, **named):
    file = io.BytesIO()
    save(file, *arrays, **named)
    return file.getvalue()


def read_content(folder, content, suffix):
    path = folder / f"image{suffix}"
    path.write_bytes(content)
    return read_image(path)


def assert_stored(image, expected, *, has_alpha=False):
    assert image.pixels.dtype == expected.dtype
    assert image.pixels.dtype.isnative
    assert image.pixels.flags.c_contiguous
    assert image.pixels.flags.writeable
    assert image.has_alpha is has_alpha
    np.testing.assert_array_equal(image.pixels, expected, strict=True)


def refusal(path):
    with pytest.raises(UserError) as caught:
        read_image(path)
    message = str(caught.value)
    assert message.startswith(f"cannot read {path}: ")
    assert "\n" not in message
    return message


@contextlib.contextmanager
def kindly(path):
    """A refusal is well if it names the file."""
    try:
        yield
    except UserError as error:
        if not str(error).startswith(f"cannot read {path}: "):
            raise


def assert_cut_short_is_refused_or_lacks_no_pixel(path, content):
    path.write_bytes(content)
    whole = read_image(path).pixels
    # Only padding and repeated information may go missing unnoticed.
    for part in np.linspace(0.01, 0.95, 40):
        path.write_bytes(content[: int(part * len(content))])
        assert any(word in refusal(path) for word in ("cut short", "no ", "empty"))
    for missing in range(1, 25):
        path.write_bytes(content[:-missing])
        with kindly(path):
            np.testing.assert_array_equal(read_image(path).pixels, whole)
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


def assert_damaged_is_refused_or_read(path, content):
    generator = np.random.default_rng(1)
    for _ in range(40):
        damaged = bytearray(content)
        damaged[generator.integers(min(len(content), 300))] = generator.integers(256)
        path.write_bytes(damaged)
        with kindly(path):
            assert read_image(path).pixels.ndim == 3
