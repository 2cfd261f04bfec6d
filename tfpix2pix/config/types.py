"""The types of settings that are more than a number or a word, and how text is read as them."""

import contextlib
import math
import re
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BeforeValidator, Field

from tfpix2pix.config.showing import shown

# OverflowError: of infinity, or a whole number of hundreds of digits.
NO_NUMBERS = (TypeError, ValueError, OverflowError)

# Label maps keep the number of a class in 8 bits.
MOST_CLASSES = 256


def _parse_size(value: Any) -> Any:
    """Reads 256 as 256x256, and "256x512" or [256, 512] as height x width."""
    parts = value.lower().split("x") if isinstance(value, str) else value
    parts = [parts] if isinstance(parts, int) else parts
    try:
        sides = [int(part) for part in parts]
    except NO_NUMBERS:
        sides = []
    if len(sides) not in (1, 2):
        raise ValueError("expected 256 or HEIGHTxWIDTH, such as 256x512")
    return sides[0], sides[-1]


Pixels = Annotated[int, Field(ge=16, le=16384)]
Size = Annotated[tuple[Pixels, Pixels], BeforeValidator(_parse_size)]
Interpolation = Literal["bicubic", "area", "nearest"]
Layout = Literal["left_right", "top_bottom"]
OnBad = Literal["fail", "skip"]
SizeHandling = Literal["fixed", "resize", "pad"]
Resize = Literal["resize_and_crop", "scale_width", "scale_width_and_crop", "crop", "none"]
Norm = Literal["batch", "instance", "group", "none"]
Bias = Literal["unnormalized", "output", "all"]
Generator = Literal[
    "unet",
    "unet_128",
    "unet_256",
    "unet_512",
    "encoder_decoder",
    "resnet_6",
    "resnet_9",
    "global",
    "local_enhancer",
]
Channels = Annotated[int, Field(ge=1, le=512)]
Every = Annotated[int, Field(ge=1, le=10**12)]


def _parse_range(value: Any) -> Any:
    """Reads "0,4095" and [0, 4095]."""
    parts = value.split(",") if isinstance(value, str) else value
    try:
        low, high = (float(part) for part in parts)
    except NO_NUMBERS:
        raise ValueError("expected LOW,HIGH, such as 0,4095 (or --NAME=-1,1)") from None
    if not -math.inf < low < high < math.inf:
        raise ValueError("expected LOW,HIGH with LOW below HIGH")
    return low, high


Range = Annotated[tuple[float, float], BeforeValidator(_parse_range)]


def _parse_split(value: Any) -> Any:
    """Reads "80/10/10" and [80, 10, 10]: shares of train, val and test."""
    parts = value.split("/") if isinstance(value, str) else value
    try:
        shares = [int(part) for part in parts]
    except NO_NUMBERS:
        shares = []
    if len(shares) != 3 or min(shares) < 0 or sum(shares) != 100:
        raise ValueError("expected TRAIN/VAL/TEST in percent, such as 80/10/10")
    return tuple(shares)


Shares = Annotated[tuple[int, int, int], BeforeValidator(_parse_split)]


def _parse_palette(value: Any) -> Any:
    """Reads "cmp", "#0000aa,#0000ff", and lists of such colours, [R, G, B] or gray levels."""
    if value in (None, "cmp"):
        return value
    colours = value.split(",") if isinstance(value, str) else value
    if not isinstance(colours, (list, tuple)) or len(colours) < 2:
        raise ValueError("expected cmp or at least two colours, such as #0000aa,#0000ff")
    parsed = tuple(_parse_colour(colour) for colour in colours)
    for i, colour in enumerate(parsed):
        if colour in parsed[:i]:
            shown = "#" + bytes(colour).hex()
            raise ValueError(f"{shown} is there twice: expected a colour of its own for each class")
    if len(parsed) > MOST_CLASSES:
        raise ValueError(f"found {len(parsed)} colours: expected {MOST_CLASSES} at the most")
    return parsed


def _parse_colour(colour: Any) -> tuple[int, ...]:
    if isinstance(colour, str) and re.fullmatch("#[0-9a-fA-F]{6}", colour.strip()):
        return tuple(bytes.fromhex(colour.strip()[1:]))
    with contextlib.suppress(*NO_NUMBERS):
        levels = colour if isinstance(colour, (list, tuple)) else 3 * [int(colour)]
        if len(levels) == 3 and all(0 <= int(level) <= 255 for level in levels):
            return tuple(int(level) for level in levels)
    raise ValueError(f"{shown(colour)} is no colour: expected #RRGGBB, a gray level or [R, G, B]")


# What runs are validated by: images, and label maps.
ImageMetric = Literal["ssim", "psnr", "l1"]
LabelMetric = Literal["pixel_accuracy", "class_accuracy", "class_iou"]
BestMetric = Literal[ImageMetric, LabelMetric]
Palette = Annotated[
    Literal["cmp"] | tuple[tuple[int, int, int], ...], BeforeValidator(_parse_palette)
]


def _parse_switch(value: Any) -> Any:
    """Reads on, yes and true, which are one and the same in YAML, and their opposites."""
    words = {"on": "on", "yes": "on", "true": "on", "off": "off", "no": "off", "false": "off"}
    return words.get(str(value).lower(), value) if isinstance(value, (str, bool)) else value


Switch = Annotated[Literal["auto", "on", "off"], BeforeValidator(_parse_switch)]


def _split_words(value: Any) -> Any:
    """Reads "color,cutout" as a list."""
    if isinstance(value, str):
        return [word for word in value.split(",") if word not in ("", "none")]
    return value


Augmentations = Annotated[
    tuple[Literal["color", "translation", "cutout"], ...], BeforeValidator(_split_words)
]


MOST_PORT = 65535


def parse_address(value: Any) -> Any:
    """Reads HOST:PORT, with or without the protocol's name, which is always the same.

    Raises:
        ValueError: it is something else.
    """
    if value is None:
        return None
    text = str(value).removeprefix("grpc://")
    found = re.fullmatch(r"[^/:\s]+:(\d{1,5})", text, re.ASCII)
    if not found or not 1 <= int(found[1]) <= MOST_PORT:
        raise ValueError(f"expected HOST:PORT, with a port up to {MOST_PORT}")
    return text


Address = Annotated[str, BeforeValidator(parse_address)]


def words_of(annotation: Any) -> tuple[str, ...]:
    """The words that a value may be; it may be something else where the type says so."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    if get_origin(annotation) is tuple:
        return ()
    return tuple(word for part in get_args(annotation) for word in words_of(part))
