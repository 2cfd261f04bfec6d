"""Image files as a server's TensorFlow decodes them."""

from pathlib import Path

from tfpix2pix.data.encoding import PNG, encode_image, image_suffix
from tfpix2pix.data.reading import is_left_to_tensorflow, read_image
from tfpix2pix.errors import UserError


def image_bytes(source: Path) -> bytes:
    """A file as it is, or, where TensorFlow does not read its kind, as a PNG of the same pixels.

    Raises:
        OSError: it cannot be read.
        UserError: it is empty or no image, or a PNG does not hold it: floats, more than four
            channels, or a channel of data where a PNG has transparency.
    """
    if is_left_to_tensorflow(source):
        content = source.read_bytes()
        if not content:
            raise UserError("the file is empty")
        return content
    image = read_image(source)
    channels, dtype = image.pixels.shape[-1], image.pixels.dtype.name
    held_by_png = image_suffix(channels, dtype) == PNG
    if not held_by_png or (channels in (2, 4) and not image.has_alpha):
        raise UserError(
            f"it holds {channels} channels of {dtype}, which a server does not take: expected "
            "8 or 16 bits, gray or RGB. Predict with the run itself"
        )
    return encode_image(image.pixels)[0]
