"""What the page asks, and what it is told: plain values, as JSON holds them. No Gradio here."""

import base64
import binascii
import dataclasses
import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfpix2pix.demo.answering import Answered, Answering, Picture, shown_png
from tfpix2pix.demo.canvas import check_upload, drawn_input, is_drawable
from tfpix2pix.demo.subject import Example
from tfpix2pix.demo.swatches import Swatches
from tfpix2pix.errors import UserError
from tfpix2pix.inference.tiling import DEFAULT_MEGAPIXELS, MEGAPIXEL

MOST_SAMPLES = 8
MOST_SEED = 2**31 - 1
MEBIBYTE = 2**20
# Of an upload; an answer that is larger is shown, but not sent.
MOST_UPLOADED = 256 * MEBIBYTE
MOST_SENT = 64 * MEBIBYTE
# A canvas is RGBA, and text is a third longer; noise does not compress.
MOST_DRAWN = math.ceil(DEFAULT_MEGAPIXELS * MEGAPIXEL * 4 * 4 / 3)
UNKNOWN = "the page asked for something that is not there: reload it"


@dataclasses.dataclass(frozen=True)
class Replies:
    """Answers the page.

    Attributes:
        answering: what answers input files.
        examples: inputs to begin with.
        swatches: the colours of a drawing.
        folder: for drawings while they are answered.
        uploads: the one folder that uploads may lie in.
    """

    answering: Answering
    examples: Sequence[Example]
    swatches: Swatches
    folder: Path
    uploads: Path

    def reply(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Answers one request.

        Args:
            request: `kind`: `drawing` with its `image`, a PNG in base64; `upload` with its `path`
                and `name`; or `example` with its `index`; and, where dropout is on, `samples` and
                `seed`.

        Returns:
            `error`, a line; or `pictures`, `size` and `seconds`, with, but for drawings, the
            `source` as the network takes it and the `target` or None. Pictures are base64.
        """
        try:
            return self._reply(request)
        except UserError as error:
            return {"error": str(error)}

    def _reply(self, request: Mapping[str, Any]) -> dict[str, Any]:
        samples = _number(request.get("samples", 1), 1, MOST_SAMPLES)
        seed = _number(request.get("seed", 0), 0, MOST_SEED)
        match request.get("kind"):
            case "drawing":
                return self._drawing(request, samples, seed)
            case "upload":
                return self._upload(request, samples, seed)
            case "example":
                index = _number(request.get("index"), 0, len(self.examples) - 1)
                return self._example(self.examples[index], samples, seed)
        raise UserError(UNKNOWN)

    def _drawing(self, request: Mapping[str, Any], samples: int, seed: int) -> dict[str, Any]:
        source = self.answering.formats.input
        if not is_drawable(source):
            raise UserError(UNKNOWN)
        content = drawn_input(_decoded(request.get("image")), source, self.swatches.paper)
        with tempfile.NamedTemporaryFile(dir=self.folder, suffix=".png") as file:
            file.write(content)
            file.flush()
            answered = self.answering.answer(Path(file.name), samples, seed)
        return self._described(answered, "drawing")

    def _upload(self, request: Mapping[str, Any], samples: int, seed: int) -> dict[str, Any]:
        name = Path(str(request.get("name", ""))).name or "upload"
        path = Path(str(request.get("path", ""))).resolve()
        # Whoever reaches the page may send any path: no file but an upload is read.
        if not path.is_relative_to(self.uploads.resolve()) or not path.is_file():
            raise UserError(UNKNOWN)
        try:
            check_upload(path)
            answered = self.answering.answer(path, samples, seed)
        except UserError as error:
            raise UserError(f"{name}: {error}") from error
        return self._described(answered, Path(name).stem) | _shown_source(answered)

    def _example(self, example: Example, samples: int, seed: int) -> dict[str, Any]:
        answered = self.answering.answer(example.file, samples, seed)
        target = None
        if example.target is not None:
            target = _base64(shown_png(example.target, self.answering.formats.target))
        described = self._described(answered, example.name)
        return described | _shown_source(answered) | {"target": target}

    def _described(self, answered: Answered, name: str) -> dict[str, Any]:
        several = len(answered.pictures) > 1
        return {
            "size": list(answered.size),
            "seconds": answered.seconds,
            "pictures": [
                self._picture(picture, f"{name}_{number}" if several else f"{name}_generated")
                for number, picture in enumerate(answered.pictures, 1)
            ],
        }

    def _picture(self, picture: Picture, name: str) -> dict[str, Any]:
        is_sent = len(picture.file) <= MOST_SENT
        return {
            "name": f"{name}{self.answering.suffix}",
            "shown": _base64(picture.shown),
            "file": _base64(picture.file) if is_sent else None,
        }


def _shown_source(answered: Answered) -> dict[str, Any]:
    return {"source": _base64(answered.source), "target": None}


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _decoded(text: object) -> bytes:
    if not isinstance(text, str):
        raise UserError(UNKNOWN)
    if len(text) > MOST_DRAWN:
        raise UserError(f"the drawing is too large: expected {DEFAULT_MEGAPIXELS:g} megapixels")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UserError(UNKNOWN) from error


def _number(value: object, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise UserError(UNKNOWN)
    return value
