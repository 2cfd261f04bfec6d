"""What the page with a server and the one without have in common: their parts, what they are told.

Both are a document and scripts that ask one function, `server.respond`, for answers. Its requests
and replies are those of `replies.Replies`.
"""

from importlib import resources
from typing import Any

from tfpix2pix.data.formats import PairFormat
from tfpix2pix.demo.canvas import is_drawable
from tfpix2pix.demo.swatches import Swatches

SCRIPTS = ("dom.js", "drawing.js", "tools.js", "results.js", "main.js")


def facts_of(
    title: str, formats: PairFormat, size: tuple[int, int], swatches: Swatches, origin: str
) -> dict[str, Any]:
    """What the scripts are told of a model, as JSON holds it.

    Args:
        title: of the page.
        formats: of the model's images.
        size: height and width of the canvas.
        swatches: what can be drawn with.
        origin: of the examples, for people.
    """
    return {
        "title": title,
        "about": f"{formats.input.describe()} to {formats.target.describe()}",
        "size": list(size),
        "drawable": is_drawable(formats.input),
        "isLabels": formats.input.palette is not None,
        "isGray": formats.input.channels == 1,
        "colours": [[name, list(rgb)] for name, rgb in swatches.colours.items()],
        "paper": list(swatches.paper),
        "origin": origin,
    }


def drawing_script() -> str:
    """What the page does, for a place where `element`, `props`, `server` and `upload` are given."""
    return "\n".join(['"use strict";', *map(template, SCRIPTS)])


def template(name: str) -> str:
    """The text of a file in `template/`."""
    return (resources.files("tfpix2pix.demo") / "template" / name).read_text("utf-8")
