"""Texts and plain values, as JSON and XML can hold them."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def printable(text: Any) -> Any:
    r"""Text with escapes, such as \\x01, for what JSON or XML cannot hold.

    That is: control characters, and bytes of file names that are not UTF-8.
    """
    if not isinstance(text, str):
        return text
    return _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], text)


def plain(value: Any) -> Any:
    """Settings and versions as JSON has them: paths and other objects become text."""
    if isinstance(value, Mapping):
        return {printable(str(name)): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return printable(str(value))


Text = Annotated[str, BeforeValidator(printable)]
Plain = Annotated[dict[str, Any], BeforeValidator(plain)]
