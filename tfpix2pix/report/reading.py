"""The document as JSON, and back."""

from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from tfpix2pix.errors import UserError
from tfpix2pix.report.document import FORMAT, Document

_ADAPTER = TypeAdapter(Document)


def to_json(document: Document, indent: int | None = None) -> str:
    """The document as JSON: indented by `indent` spaces, or on one line."""
    return _ADAPTER.dump_json(document, indent=indent).decode()


def from_json(text: str | bytes, origin: str = "the document") -> Document:
    """The document that `to_json` wrote.

    Args:
        text: JSON.
        origin: what to call it in a message.

    Raises:
        UserError: it is no such document, or of a later version's form.
    """
    try:
        document = _ADAPTER.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise UserError(
            f"{origin} is not a report that this version reads: {place}: {first['msg']}. "
            "Evaluate again, or upgrade tfpix2pix"
        ) from error
    if document.format != FORMAT:
        raise UserError(
            f"{origin} has format {document.format}, expected {FORMAT}: evaluate again, "
            "or upgrade tfpix2pix"
        )
    return document


def read_document(path: Path) -> Document:
    """The document of an evaluation.json.

    Raises:
        UserError: it cannot be read, or is no such document.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise UserError(
            f"cannot read {path}: {error.strerror}. Expected the evaluation.json of an evaluation"
        ) from error
    return from_json(text, str(path))
