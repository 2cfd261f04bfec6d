"""The one kind of error that is the user's to mend, and the reasons that TensorFlow gives."""

from typing import Any


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
    line = message.split("\n")[last].rsplit("}}", 1)[-1]
    return line.strip(" .") or type(error).__name__
