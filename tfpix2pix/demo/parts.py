"""What the page with a server and the one without have in common: their parts, what they are told.

Both are a document and scripts that ask one function, `server.respond`, for answers. Its requests
and replies are those of `replies.Replies`.
"""

from collections.abc import Sequence
from importlib import resources
from typing import Any

from tfpix2pix.data import arrays
from tfpix2pix.data.formats import ImageFormat, PairFormat
from tfpix2pix.data.reading import read_image
from tfpix2pix.demo.answering import MOST_SHOWN, to_look_at
from tfpix2pix.demo.canvas import is_drawable
from tfpix2pix.demo.subject import Example
from tfpix2pix.demo.swatches import Swatches, swatches_of

# What is said of a page with a server; the one without has other words.
WORDS = {
    "upload": "Upload a picture",
    "uploading": "Uploading \N{HORIZONTAL ELLIPSIS}",
    "notArrived": "did not arrive at the server",
    "failed": "the server cannot be reached, or failed: its terminal may say why",
}
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
        "words": WORDS,
    }


def swatches_for(examples: Sequence[Example], source: ImageFormat) -> Swatches:
    """What can be drawn with, from the examples as they are stored."""
    stored = (arrays.as_wanted(read_image(example.file), source) for example in examples)
    return swatches_of(source, [to_look_at(pixels, source, MOST_SHOWN) for pixels in stored])


def drawing_script() -> str:
    """What the page does, for a place where `element`, `props`, `server` and `upload` are given."""
    return "\n".join(map(template, SCRIPTS))


def template(name: str) -> str:
    """The text of a file in `template/`."""
    return (resources.files("tfpix2pix.demo") / "template" / name).read_text("utf-8")
