"""The flags of `tfpix2pix export` that are about a page for static hosts."""

import argparse

from tfpix2pix.places import local_place

# As many as the page of `tfpix2pix demo` shows.
MOST_EXAMPLES = 8
# Their names; one that is not given is None.
WEB_FLAGS = ("title", "examples", "web_runtime")


def add_web_flags(parser: argparse.ArgumentParser) -> None:
    """Adds them."""
    group = parser.add_argument_group("page for static web hosts")
    group.add_argument("--title", metavar="TEXT", help="of the page [the run's name]")
    group.add_argument(
        "--examples",
        type=int,
        choices=range(1, MOST_EXAMPLES + 1),
        metavar="N",
        help="copy N pairs of the test split, or else val, into the page, 1 to 8; whoever sees "
        "the page sees them [none]",
    )
    group.add_argument(
        "--web-runtime",
        type=local_place,
        metavar="FILE",
        help="npm's package of onnxruntime-web, in place of having npm fetch it",
    )
