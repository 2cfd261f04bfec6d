"""What a page without a server is told of its model, and the examples that it shows."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfpix2pix.config import DataSettings
from tfpix2pix.config.types import Interpolation
from tfpix2pix.data import arrays, operations
from tfpix2pix.data.formats import INTEGER_RANGES, ImageFormat, PairFormat
from tfpix2pix.data.reading import read_image
from tfpix2pix.demo.answering import shown_png
from tfpix2pix.demo.canvas import EMPTY
from tfpix2pix.demo.examples import examples_of_pairs, find_examples
from tfpix2pix.demo.parts import WORDS, facts_of, swatches_for
from tfpix2pix.demo.replies import MOST_UPLOADED
from tfpix2pix.demo.subject import Example
from tfpix2pix.demo.web import runtime
from tfpix2pix.errors import UserError
from tfpix2pix.inference.tiling import DEFAULT_MEGAPIXELS, MEGAPIXEL

# What browsers open; the pixels that they give have 8 bits.
ACCEPTED = ".png,.jpg,.jpeg,.webp,.bmp"
# Nothing is sent anywhere, and no server can fail.
OWN_WORDS = {
    "upload": "Open a picture",
    "uploading": "Reading \N{HORIZONTAL ELLIPSIS}",
    "notArrived": "cannot be read",
    "failed": "the model failed: reload the page",
}


def refuse_others(data: DataSettings, formats: PairFormat) -> None:
    """Refuses runs that a browser cannot answer as `predict` does.

    Raises:
        UserError: with what can.
    """
    for side, images in (("inputs", formats.input), ("targets", formats.target)):
        is_shown = images.channels in (1, 3) and images.value_range == INTEGER_RANGES["uint8"]
        if not is_shown or images.dtype != "uint8":
            raise UserError(
                f"--format web: the {side} are {images.describe()}, and browsers give and show "
                "gray, RGB and label maps of 8 bits: choose --format onnx, or tfpix2pix demo"
            )
    if data.resize == "scale_width_and_crop":
        raise UserError(
            "--format web: with resize scale_width_and_crop images are scaled first and then keep "
            "their size, and a page has one size: choose --format savedmodel, or tfpix2pix demo"
        )


def find_pairs(
    data: DataSettings, formats: PairFormat, folder: Path, kept: Path, count: int, where: str | None
) -> tuple[list[Example], str]:
    """The pairs that the page is to show, or some inputs that its colours are chosen by.

    Args:
        data: of the run.
        formats: of its images.
        folder: where the inputs are written.
        kept: the folder of the inputs that the run kept.
        count: how many pairs are to be shown; 0: none.
        where: the pairs are, if not where they were.

    Returns:
        The pairs or inputs, and where they are from, for people.

    Raises:
        UserError: pairs are to be shown, and there are none that fit the network.
    """
    if not count:
        return find_examples(data, formats, folder, kept, named=where)
    try:
        found, origin = examples_of_pairs(data, formats, folder)
    except UserError as error:
        raise UserError(f"no --examples to show: {error}; say where pairs are by --data") from error
    return found, origin


def model_facts(data: DataSettings, formats: PairFormat) -> dict[str, Any]:
    """What the script has to know to answer, but for the files."""
    return {
        "input": _plain(formats.input),
        "target": _plain(formats.target),
        "interpolation": formats.input.resized_by(data.input_interpolation),
        "resizes": not data.crops_each_pair,
    }


def page_facts(
    title: str, data: DataSettings, formats: PairFormat, examples: Sequence[Example], origin: str
) -> dict[str, Any]:
    """What the script is told, but for the model and the examples."""
    # Names of folders may hold what is no text.
    title = title.encode("utf-8", "replace").decode()
    swatches = swatches_for(examples, formats.input)
    return facts_of(title, formats, data.crop_size, swatches, origin) | {
        "draws": False,
        "mostUploaded": MOST_UPLOADED,
        "mostPixels": round(DEFAULT_MEGAPIXELS * MEGAPIXEL),
        "accept": ACCEPTED,
        "empty": EMPTY,
        "words": WORDS | OWN_WORDS,
    }


def _plain(images: ImageFormat) -> dict[str, Any]:
    return {
        "networkChannels": images.network_channels,
        "palette": images.palette,
        "reversedChannels": images.reversed_channels,
    }


def write_examples(
    examples: Sequence[Example], count: int, page: Path, data: DataSettings, formats: PairFormat
) -> list[dict[str, str | None]]:
    """Writes inputs and targets at the network's size, and says where they are.

    They are called by numbers: names of files may tell more than their owners want to.

    Raises:
        UserError: all are smaller than the network's crop.
    """
    if not count:
        return []
    (page / "examples").mkdir()
    told: list[dict[str, str | None]] = []
    for source, target in _sized(examples, data, formats):
        number = len(told) + 1
        file, target_file = f"examples/{number}.png", f"examples/{number}_target.png"
        (page / file).write_bytes(source)
        (page / target_file).write_bytes(target)
        told.append({"name": str(number), "shown": file, "source": file, "target": target_file})
        if number == count:
            break
    if not told:
        height, width = data.crop_size
        raise UserError(f"no --examples to show: all pairs are smaller than {height}x{width}")
    return told


def _sized(
    examples: Sequence[Example], data: DataSettings, formats: PairFormat
) -> Iterator[tuple[bytes, bytes]]:
    """Inputs and targets as PNGs, without pairs that are too small."""
    for example in examples:
        assert example.target is not None, "of pairs"
        source = arrays.as_wanted(read_image(example.file), formats.input)
        if data.crops_each_pair and any(np.less(source.shape[:2], data.crop_size)):
            continue
        yield (
            _png(source, formats.input, data.input_interpolation, data),
            _png(example.target, formats.target, data.target_interpolation, data),
        )


def _png(
    pixels: np.ndarray, images: ImageFormat, interpolation: Interpolation, data: DataSettings
) -> bytes:
    """A picture as the network takes it; runs on crops see its middle."""
    if data.crops_each_pair:
        sized = operations.crop(pixels, data.crop_size)
    else:
        sized = arrays.resize(pixels, data.crop_size, images.resized_by(interpolation))
    return shown_png(sized, images, max(data.crop_size))


def runtime_facts(files: dict[str, bytes]) -> dict[str, Any]:
    """Of what runs the model: where it is, and how large."""
    packed = files[runtime.PACKED_BINARY]
    return {
        "module": f"runtime/{runtime.MODULE}",
        "binary": {
            "file": f"runtime/{runtime.PACKED_BINARY}",
            "size": len(packed),
            # The last four bytes of a gzip file.
            "unpackedSize": int.from_bytes(packed[-4:], "little"),
        },
    }
