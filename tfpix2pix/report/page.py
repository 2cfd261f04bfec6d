"""The page: one HTML file that holds all it shows and asks the network for nothing.

`template/page.html` names its parts in braces. A policy in its head lets only its own script and
style run, so that no text of the document, whatever it holds, can do more than be shown.
"""

import base64
import hashlib
import html
from importlib import resources
from typing import BinaryIO

from tfpix2pix.report.document import Document
from tfpix2pix.report.reading import to_json
from tfpix2pix.report.thumbnails import Thumbnails

# Each is a part of one function: what it declares the later ones see.
SCRIPTS = ("dom.js", "summary.js", "settings.js", "curves.js", "compare.js", "images.js", "main.js")


def write_page(file: BinaryIO, document: Document, thumbnails: Thumbnails) -> None:
    """Writes the page, with the thumbnails last: the figures show while those still load.

    Args:
        file: opened for writing.
        document: with its images.
        thumbnails: of the images, in their order: input, target, and what each run generated.
    """
    script = "\n".join(["(() => {", '"use strict";', *map(_template, SCRIPTS), "})();"])
    style = _template("page.css")
    parts = {
        "title": html.escape(document.title),
        "policy": f"default-src 'none'; img-src data:; style-src {_hash(style)}; "
        f"script-src {_hash(script)}",
        "style": style,
        "document": in_script(to_json(document)),
        "script": script,
    }
    head, tail = _template("page.html").split("{{thumbnails}}")
    file.write(_filled(head, parts).encode())
    thumbnails.copy_to(file)
    file.write(tail.encode())


def in_script(json_text: str) -> str:
    """JSON that may stand in a script element: nothing in it ends the element or begins markup."""
    return json_text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _filled(template: str, parts: dict[str, str]) -> str:
    """Puts each part in its place; braces within the parts mean nothing."""
    first, *pieces = template.split("{{")
    filled = [first]
    for piece in pieces:
        name, rest = piece.split("}}", 1)
        filled += [parts[name], rest]
    return "".join(filled)


def _template(name: str) -> str:
    return (resources.files("tfpix2pix.report") / "template" / name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
