"""The flags of `tfpix2pix export` that are about a SavedModel for servers."""

import argparse
from typing import TYPE_CHECKING, get_args

from tfpix2pix.config.types import SizeHandling
from tfpix2pix.inference.tiling import MOST_MEGAPIXELS

if TYPE_CHECKING:
    from tfpix2pix.inference.served import ServingOptions

# Their names; one that is not given is None.
SERVING_FLAGS = ("size_handling", "max_megapixels", "dropout")


def add_serving_flags(parser: argparse.ArgumentParser) -> None:
    """Adds them."""
    group = parser.add_argument_group("SavedModel")
    group.add_argument(
        "--size-handling",
        choices=get_args(SizeHandling),
        help="images of another size than the network's: fixed: resized, and answered at its size; "
        "resize: and the answer resized back; pad: mirrored on, and the answer cut back [as "
        "predict does: pad of runs on crops, else fixed]",
    )
    group.add_argument(
        "--max-megapixels",
        type=_megapixels,
        metavar="M",
        help="images of more million pixels are refused before they are decoded "
        f"[{MOST_MEGAPIXELS:g}]",
    )
    group.add_argument(
        "--dropout",
        action="store_true",
        default=None,
        help="leave dropout on; requests then carry a seed for each image",
    )


def serving_options(arguments: argparse.Namespace) -> "ServingOptions":
    """What they say. Imports TensorFlow."""
    from tfpix2pix.inference.served import ServingOptions

    return ServingOptions(
        arguments.size_handling,
        arguments.max_megapixels or MOST_MEGAPIXELS,
        bool(arguments.dropout),
    )


def _megapixels(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    # A million megapixels are more than any file can have; not a number is refused too.
    if not 1e-6 <= value <= 1e6:
        raise argparse.ArgumentTypeError(f"expected megapixels, such as 64 or 0.5, got {text}")
    return value
