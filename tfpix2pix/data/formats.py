"""What images of a set are: channels, integer or float type, value range. No TensorFlow here.

As stored, and through the pipeline, images keep their type: uint8, uint16 or float32. In the
networks they are float32 in [-1, 1]; a label map becomes one channel of 0 and 1 for each class, and
one that is generated a probability of each.
Colours are RGB everywhere but in the networks, where they may be BGR.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np

from tfpix2pix.config import DataSettings
from tfpix2pix.config.types import MOST_CLASSES, Interpolation
from tfpix2pix.data.drawn_facades.palette import PALETTE as CMP_PALETTE
from tfpix2pix.errors import SettingsError

MAX_CHANNELS = 512
DType = Literal["uint8", "uint16", "float32"]
Range = tuple[float, float]
Colour = tuple[int, int, int]

INTEGER_RANGES: dict[str, Range] = {"uint8": (0.0, 255.0), "uint16": (0.0, 65535.0)}


@dataclasses.dataclass(frozen=True)
class ImageFormat:
    """What the images of one side of the pairs are.

    Attributes:
        channels: as decoded.
        dtype: as decoded.
        value_range: the values that become -1 and 1 in the networks.
        palette: of a label map, RGB colours by class number, or None.
        reversed_channels: whether the networks see RGB as BGR.
    """

    channels: int = 3
    dtype: DType = "uint8"
    value_range: Range = INTEGER_RANGES["uint8"]
    palette: tuple[Colour, ...] | None = None
    reversed_channels: bool = False

    @property
    def pipeline_channels(self) -> int:
        """As fetched: a label map is one channel of class numbers."""
        return 1 if self.palette else self.channels

    @property
    def network_channels(self) -> int:
        """As the networks see them: a label map has a channel for each class."""
        return len(self.palette) if self.palette else self.channels

    @property
    def itemsize(self) -> int:
        """Bytes of one value."""
        return np.dtype(self.dtype).itemsize

    def resized_by(self, interpolation: Interpolation) -> Interpolation:
        """How such images are resized: colours of label maps do not mix."""
        return "nearest" if self.palette else interpolation

    def describe(self) -> str:
        """For people: `RGB uint8`, `gray uint16`, `5 channels float32 from -1 to 1`."""
        return f"{self._describe_values()}{', in the networks BGR' * self.reversed_channels}"

    def _describe_values(self) -> str:
        if self.palette:
            return f"label maps of {len(self.palette)} classes"
        names = {1: "gray", 3: "RGB", 4: "RGBA"}
        shown = f"{names.get(self.channels, f'{self.channels} channels')} {self.dtype}"
        if self.value_range == INTEGER_RANGES.get(self.dtype):
            return shown
        return f"{shown} from {self.value_range[0]:g} to {self.value_range[1]:g}"


RGB = ImageFormat()


@dataclasses.dataclass(frozen=True)
class PairFormat:
    """What the input and the target images are."""

    input: ImageFormat = RGB
    target: ImageFormat = RGB

    def to_plain(self) -> dict[str, Any]:
        """As JSON holds it. `reversed_channels` only if set: older files lack it."""
        plain = dataclasses.asdict(self)
        for side in plain.values():
            if not side["reversed_channels"]:
                del side["reversed_channels"]
        return plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "PairFormat":
        """The inverse of `to_plain`, also after JSON made lists of its tuples."""
        return cls(*(_image_format(plain[side]) for side in ("input", "target")))


RGB_PAIRS = PairFormat()


def checked_whole(value: Any, least: int, most: int) -> int:
    """A whole number as a file has it.

    Raises:
        ValueError: it is another thing, or not within the limits.
    """
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"expected a whole number of {least} to {most}")
    return value


def _image_format(plain: Mapping[str, Any]) -> ImageFormat:
    """As a file has it, which may be another's: nothing else is believed.

    Raises:
        ValueError, TypeError, LookupError: there is something else.
    """
    if plain["dtype"] not in get_args(DType):
        raise ValueError("no type of images")
    low, high = (float(value) for value in plain["value_range"])
    if not -math.inf < low < high < math.inf:
        raise ValueError("no range of values")
    return ImageFormat(
        checked_whole(plain["channels"], 1, MAX_CHANNELS),
        plain["dtype"],
        (low, high),
        _palette(plain["palette"]),
        plain.get("reversed_channels", False) is True,
    )


def _palette(plain: Any) -> tuple[Colour, ...] | None:
    if not plain:
        return None
    if not 2 <= len(plain) <= MOST_CLASSES:
        raise ValueError("no palette")
    colours = [tuple(checked_whole(level, 0, 255) for level in colour) for colour in plain]
    return tuple((red, green, blue) for red, green, blue in colours)


def pair_format(
    settings: DataSettings,
    found_input: tuple[int, DType],
    found_target: tuple[int, DType],
    extremes: str = "",
) -> PairFormat:
    """The format of a set, from the settings and from what its images are.

    Args:
        settings: of the data.
        found_input, found_target: channels and type of the stored images.
        extremes: which values were found, for the message on a missing value_range.

    Raises:
        SettingsError: float images without `value_range`, or a range or `channel_order` that no
            image uses.
    """
    _refuse_unused_ranges(settings, found_input[1], found_target[1])
    target_range = settings.target_value_range or settings.value_range
    sides = (
        (settings.input_encoding, settings.input_channels, settings.value_range, found_input),
        (settings.target_encoding, settings.output_channels, target_range, found_target),
    )
    source, target = (
        ImageFormat(palette=palette_colours(settings))
        if encoding == "labels"
        else ImageFormat(channels or found[0], found[1], _range(found[1], given, extremes))
        for encoding, channels, given, found in sides
    )
    formats = PairFormat(source, target)
    return formats if settings.channel_order == "rgb" else _with_reversed_colours(formats)


def _with_reversed_colours(formats: PairFormat) -> PairFormat:
    """Of both sides, if they are RGB; one that is gray or a label map stays as it is."""
    sides = formats.input, formats.target
    coloured = [side.channels == 3 and side.palette is None for side in sides]
    if not any(coloured):
        raise SettingsError(
            "channel_order bgr is about RGB images, and there are none here: the inputs are "
            f"{sides[0].describe()}, the targets {sides[1].describe()}; leave it out"
        )
    return PairFormat(
        *(
            dataclasses.replace(side, reversed_channels=is_reversed)
            for side, is_reversed in zip(sides, coloured, strict=True)
        )
    )


def _refuse_unused_ranges(settings: DataSettings, input_dtype: DType, target_dtype: DType) -> None:
    """Images of 8 bits and label maps have their own range: one that was given has no effect."""
    # Label maps are read as 8 bits, whatever they are.
    input_dtype = "uint8" if settings.input_encoding == "labels" else input_dtype
    target_dtype = "uint8" if settings.target_encoding == "labels" else target_dtype
    if settings.target_value_range is not None and target_dtype == "uint8":
        raise SettingsError(
            "target_value_range: the targets are label maps or integers of 8 bits, which have "
            "their own range; leave it out"
        )
    users = [input_dtype] + ([target_dtype] if settings.target_value_range is None else [])
    if settings.value_range is not None and all(dtype == "uint8" for dtype in users):
        raise SettingsError(
            "value_range: no images here use it: label maps and integers of 8 bits have their own "
            "range, and targets may have target_value_range; leave it out"
        )


def _range(dtype: DType, given: Range | None, extremes: str) -> Range:
    if dtype == "uint8":
        return INTEGER_RANGES["uint8"]
    if given is None and dtype == "float32":
        found = f" (found {extremes})" if extremes else ""
        raise SettingsError(
            f"value_range: float images need one{found}: the values that become the darkest and "
            "the brightest, such as --value-range 0,1 or, with a minus, --value-range=-1,1"
        )
    return given or INTEGER_RANGES[dtype]


def palette_colours(settings: DataSettings) -> tuple[Colour, ...]:
    """The colours of the classes, in the order of their numbers."""
    if settings.palette == "cmp":
        return tuple((int(r), int(g), int(b)) for r, g, b in CMP_PALETTE)
    assert settings.palette is not None, "the settings' own check"
    return settings.palette
