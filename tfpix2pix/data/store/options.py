"""What `prepare` is told to do, besides the settings that it shares with training."""

import dataclasses
import importlib
from typing import Any, Literal

from tfpix2pix.config import DataSettings
from tfpix2pix.data.derive import Derivation
from tfpix2pix.data.formats import ImageFormat, PairFormat
from tfpix2pix.data.operations import Size
from tfpix2pix.errors import SettingsError

FileFormat = Literal["array_record", "tfrecord"]
Encoding = Literal["png", "jpeg"]
SizeOrSquare = Size | Literal["square"]

JPEG_CHANNELS = (1, 3)
PNG_CHANNELS = (1, 3, 4)


@dataclasses.dataclass(frozen=True)
class StoreOptions:
    """What is done to the pairs, and how they are written; can be pickled.

    Attributes:
        pad, crop, resize: done in this order, to both images alike; height and width.
        derivation: the source holds single images, the targets, of which inputs are made.
        encoding: of images that are not kept as the files they are.
        combine: write side-by-side image files instead of a store.
        resplit: make new splits where the source has some.
        file_format: of a store's shards; default: the best there is.
    """

    pad: SizeOrSquare | None = None
    crop: SizeOrSquare | None = None
    resize: Size | None = None
    derivation: Derivation | None = None
    encoding: Encoding = "png"
    combine: bool = False
    resplit: bool = False
    file_format: FileFormat = dataclasses.field(default_factory=lambda: best_file_format())

    def to_plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        sizes = {name: _size_text(getattr(self, name)) for name in ("pad", "crop", "resize")}
        return {
            **sizes,
            "derive": self.derivation and self.derivation.describe(),
            "encoding": self.encoding,
            "combine": self.combine,
            "resplit": self.resplit,
            "format": None if self.combine else self.file_format,
        }


def best_file_format() -> FileFormat:
    """array_record reads any record without those before it; the package is not everywhere."""
    try:
        importlib.import_module("array_record.python.array_record_module")
    except ImportError:
        return "tfrecord"
    return "array_record"


def settings_by_side(settings: DataSettings) -> DataSettings:
    """What is said of the input and of the target, said of A and B; label maps keep their colours.

    A store has no direction: these settings are the same for either.
    """
    for side in ("input", "target"):
        if getattr(settings, f"{side}_encoding") == "labels":
            nearest: Any = {f"{side}_interpolation": "nearest"}
            settings = dataclasses.replace(settings, **nearest)
    if settings.direction == "AtoB":
        return settings
    return dataclasses.replace(
        settings,
        direction="AtoB",
        input_channels=settings.output_channels,
        output_channels=settings.input_channels,
        value_range=settings.target_value_range or settings.value_range,
        target_value_range=settings.value_range,
        input_encoding=settings.target_encoding,
        target_encoding=settings.input_encoding,
        input_interpolation=settings.target_interpolation,
        target_interpolation=settings.input_interpolation,
    )


def check_options(options: StoreOptions, formats: PairFormat) -> None:
    """Refuses what these images cannot be written as.

    Raises:
        SettingsError: with what to choose instead.
    """
    for side, image_format in (("inputs", formats.input), ("targets", formats.target)):
        _check_labels(options, image_format)
        shown = f"the {side} are {image_format.describe()}"
        if options.encoding == "jpeg" and not is_jpeg_format(image_format):
            raise SettingsError(f"--encoding jpeg: {shown}; JPEG holds gray and RGB of 8 bits only")
        if options.combine and not is_png_format(image_format):
            raise SettingsError(
                f"--combine: {shown}; PNG holds 1, 3 or 4 channels of 8 or 16 bits: leave it out, "
                "to write a store"
            )
    a, b = formats.input, formats.target
    if options.combine and (a.dtype != b.dtype or {a.channels, b.channels} - {1, 3, a.channels}):
        raise SettingsError(
            f"--combine: the inputs are {a.describe()} and the targets {b.describe()}, which one "
            "file cannot hold: give --input-channels or --output-channels, or write a store"
        )


def _check_labels(options: StoreOptions, image_format: ImageFormat) -> None:
    if image_format.palette is None:
        return
    if options.derivation is not None:
        raise SettingsError(
            "--derive takes and makes no label maps: leave out --input-encoding and "
            "--target-encoding"
        )
    if options.encoding == "jpeg":
        raise SettingsError("--encoding jpeg: it would mix the colours of label maps; use png")
    if options.pad is not None and (255, 255, 255) not in image_format.palette:
        raise SettingsError("--pad: white is no colour of the palette; pad the label maps yourself")


def is_png_format(image_format: ImageFormat) -> bool:
    """Whether TFDS and TensorFlow read such images as PNG."""
    return image_format.dtype != "float32" and image_format.channels in PNG_CHANNELS


def is_jpeg_format(image_format: ImageFormat) -> bool:
    """Whether JPEG holds such images."""
    return image_format.dtype == "uint8" and image_format.channels in JPEG_CHANNELS


def _size_text(size: SizeOrSquare | None) -> str | None:
    return size if size is None or isinstance(size, str) else f"{size[0]}x{size[1]}"
