"""What a model on a server must be, said by its states and its signature."""

import dataclasses
import re
from collections.abc import Collection, Sequence

from tfpix2pix.errors import UserError
from tfpix2pix.serving.address import Address

SIGNATURE = "serving_default"
IMAGE_BYTES = "image_bytes"
GENERATED_IMAGE_BYTES = "generated_image_bytes"
AVAILABLE = "AVAILABLE"

# [[{{node map/while/DecodeImage}}]], {{function_node __inference_translate_12}}, [Op:DecodeImage]
NODES = re.compile(r"\[\[[^\]]*\]\]|\{\{\w*node [^}]*\}\}|\[Op:\w+\]")

PNG_START = b"\x89PNG\r\n\x1a\n"
PNG_END = b"IEND\xaeB`\x82"


@dataclasses.dataclass(frozen=True)
class VersionState:
    """Of one version of a model: such as 3, "LOADING", and what went wrong, or ""."""

    version: int
    state: str
    error: str = ""


def no_such_model(address: Address) -> UserError:
    """The error to raise where the server does not know the model."""
    return UserError(
        f"there is no model {address}: expected the name (and version) that the server was given"
    )


def available_version(address: Address, states: Sequence[VersionState]) -> int:
    """The version that is asked where none is named: the newest that is ready.

    Raises:
        UserError: none is; with the states there are.
    """
    ready = [state.version for state in states if state.state == AVAILABLE]
    if ready:
        return max(ready)
    told = [
        f"version {s.version} is {s.state}{f' ({one_line(s.error)})' if s.error else ''}"
        for s in states
    ]
    raise UserError(
        f"{address} is not ready: {', '.join(told) or 'it has no version'}. Wait until it is "
        f"{AVAILABLE}, or see the server's log"
    )


def check_signature(address: Address, inputs: Collection[str], outputs: Collection[str]) -> None:
    """Refuses a model whose default signature is not that of an export for image files.

    Raises:
        UserError: with what was found.
    """
    found = set(inputs), set(outputs)
    if found == ({IMAGE_BYTES}, {GENERATED_IMAGE_BYTES}):
        return
    if found == ({"input_image"}, {"generated_image"}):
        raise UserError(
            f"{address} takes arrays, not files, as exports of runs on floats or on more than "
            "four channels do: predict with the run itself"
        )
    if found == ({IMAGE_BYTES, "seed"}, {GENERATED_IMAGE_BYTES}):
        raise UserError(
            f"{address} was exported with --dropout, and asks for a seed with each image, which is "
            "not sent: serve an export without --dropout, or predict with the run and --seed"
        )
    shown = [", ".join(sorted(names)) or "nothing" for names in found]
    raise UserError(
        f"{address} is not a tfpix2pix export: expected signature {SIGNATURE} of {IMAGE_BYTES} -> "
        f"{GENERATED_IMAGE_BYTES}, found {shown[0]} -> {shown[1]}"
    )


def check_png(content: bytes) -> bytes:
    """Gives an answer back if it is a whole PNG.

    Raises:
        UserError: it is not.
    """
    if content.startswith(PNG_START) and content.endswith(PNG_END):
        return content
    raise UserError(f"the server answered with {len(content)} bytes that are no whole PNG")


def one_line(text: str) -> str:
    """A server's message without its line breaks, and without the names of a graph's nodes."""
    return " ".join(NODES.sub(" ", text).split())
