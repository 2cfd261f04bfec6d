"""The one kind of error that is the user's to mend, and the reasons that TensorFlow gives."""

import re
from typing import Any

# Of an error in a graph with several: (0) INVALID_ARGUMENT: ...
_SEVERAL = re.compile(r"^\(\d+\) [A-Z_]+: *")
# What an assertion in a graph was given: a reason, and often values.
_ASSERTED = re.compile(r"^assertion failed: \[([^\]]*)\](.*)$")


# Line ends, what moves a terminal's cursor or changes its colours, and what turns the direction of
# writing round: file names may hold all of it.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def one_line(text: str) -> str:
    r"""Text for a terminal: what is no letter but an order to it becomes an escape, such as \n."""
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class UserError(Exception):
    """Bad input, settings or surroundings: the message says what was expected and what to do.

    Commands print it as one line without a traceback and exit with 1; any other exception is a
    defect of this package.
    """


class SettingsError(UserError):
    """A setting, a flag or a settings file that cannot be used; commands exit with 2."""


def plain_reason(error: Any) -> str:
    """What a `tf.errors.OpError` says, in one line without the names of a graph's nodes."""
    message = error.message.split("[[{{")[0].split("[Op:")[0].strip()
    if "UserError: " in message:  # from a Python function in the graph
        message = message.split("UserError: ", 1)[1]
    # Of a graph, the reason stands after its stack.
    last = -1 if message.startswith("Graph execution error") else 0
    line = message.split("\n")[last].rsplit("}}", 1)[-1].strip()
    line = _SEVERAL.sub("", line)
    asserted = _ASSERTED.match(line)
    if asserted:
        line = asserted[1] + asserted[2].split(" [Condition ")[0]
    return line.rstrip(" .") or type(error).__name__
