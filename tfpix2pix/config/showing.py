"""Values from files of strangers in messages: short, and in no time, whatever they are."""

import difflib
import reprlib
from collections.abc import Iterable
from typing import Any

MOST_CHARACTERS = 100
# Longer numbers cost seconds to write down, or are refused by Python.
MOST_BITS = 1024


class _Short(reprlib.Repr):
    """Cuts what is long or deep: a few lines of YAML whose parts repeat may hold billions."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother = 3, MOST_CHARACTERS, MOST_CHARACTERS

    def repr_int(self, x: int, level: int) -> str:
        if x.bit_length() > MOST_BITS:
            return f"a number of {x.bit_length()} bits"
        return super().repr_int(x, level)


def shown(value: Any) -> str:
    """As `repr`, in one line of about a hundred characters at the most."""
    text = _Short().repr(value)
    return text if len(text) <= 2 * MOST_CHARACTERS else f"{text[: 2 * MOST_CHARACTERS]}..."


def nearest(name: Any, known: Iterable[str]) -> str:
    """For error messages: the known name most like `name`, as a question; empty if none is."""
    is_text = isinstance(name, str)
    close = difflib.get_close_matches(name, list(known), n=1) if is_text else []
    return f": did you mean {close[0]!r}?" if close else ""
