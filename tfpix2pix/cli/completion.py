"""Scripts by which a shell completes commands, flags, presets and files, made by shtab."""

import argparse
from collections.abc import Collection
from typing import Any

from tfpix2pix.config.loading import all_settings, preset_names
from tfpix2pix.places import as_place, local_place

SHELLS = ("bash", "zsh", "fish")
# What stands for a folder in the help of arguments that take nothing else; other paths are files,
# of which a shell shows the folders too.
FOLDERS = ("DIR", "RUN")
FILES = ("FILE", "PATH")


class PrintCompletion(argparse.Action):
    """Prints the script for a shell, and exits."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Does so."""
        print(completion_script(parser, values))
        parser.exit(0)


def add_completion_flag(parser: argparse.ArgumentParser) -> None:
    """Adds --print-completion."""
    parser.add_argument(
        "--print-completion",
        choices=SHELLS,
        action=PrintCompletion,
        help="print a script for the shell that completes these commands, see docs/install.md",
    )


def completion_script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The script.

    Args:
        parser: with all its flags; it is of no use for parsing afterwards.
        shell: one of `SHELLS`.
    """
    import shtab

    _say_what_values_are(parser)
    # Else tfpix2pix-train would take the names of the functions for `tfpix2pix train`.
    return shtab.complete(parser, shell, root_prefix=parser.prog.replace("-", ""))


def _say_what_values_are(parser: argparse.ArgumentParser) -> None:
    choices = {setting.name: setting.choices for setting in all_settings() if setting.choices}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for subparser in action.choices.values():
                _say_what_values_are(subparser)
        elif action.nargs != 0 and action.choices is None:
            _say_what_value_is(action, choices)


def _say_what_value_is(action: argparse.Action, choices: dict[str, tuple[str, ...]]) -> None:
    import shtab

    by_metavar: dict[Any, Collection[str]] = {
        "PRESET": preset_names(),
        "WHICH": ("latest", "best"),
    }
    if action.dest in choices:
        action.choices = choices[action.dest]
    elif action.metavar in by_metavar:
        action.choices = by_metavar[action.metavar]
    elif action.metavar in FOLDERS:
        action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
    elif action.type in (as_place, local_place) or action.metavar in FILES:
        action.complete = shtab.FILE  # type: ignore[attr-defined]
