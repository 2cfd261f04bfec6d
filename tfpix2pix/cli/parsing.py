"""The argument parser: flags from the settings' definitions, and suggestions for wrong ones."""

import argparse
import difflib
import math
from collections.abc import Collection, Mapping
from typing import Any, NoReturn

from tfpix2pix.config.loading import DEFAULTS, SECTION_OF, SECTIONS, all_settings
from tfpix2pix.config.types import MOST_PORT, parse_address
from tfpix2pix.errors import one_line
from tfpix2pix.places import local_place

# --checkpoint, where none is given.
LATEST = "latest"


class Parser(argparse.ArgumentParser):
    """argparse, with the nearest known flag named for an unknown one."""

    def __init__(self, **kwargs: Any):
        super().__init__(allow_abbrev=False, **kwargs)
        self._stand_ins: dict[str, argparse.Action] = {}

    def stands_in(self, flag: str, positional: argparse.Action) -> None:
        """Where `flag` is given, `positional` is not expected, and None."""
        self._stand_ins[flag] = positional

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse, which has no way of its own for an option to replace a positional."""
        for flag, positional in self._stand_ins.items():
            is_given = any(arg == flag or arg.startswith(f"{flag}=") for arg in args)
            # What argparse itself does to positionals that are not to take anything.
            positional.nargs = argparse.SUPPRESS if is_given else None
            positional.required = not is_given
        return super().parse_known_args(args, namespace)

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parses, or exits with 2."""
        parsed, unknown = self.parse_known_args(args, namespace)
        if unknown:
            self._refuse(unknown[0], parsed.parser)
        return parsed

    def error(self, message: str) -> NoReturn:
        """Says what is wrong in one line, and exits with 2."""
        self.exit(2, f"error: {one_line(message)} (see {self.prog} --help)\n")

    def _refuse(self, unknown: str, parser: argparse.ArgumentParser) -> NoReturn:
        known = list(parser._option_string_actions)
        close = difflib.get_close_matches(unknown.split("=")[0], known, n=1)
        hint = f": did you mean {close[0]}?" if close else ""
        parser.error(f"unknown argument {unknown}{hint}")


def add_setting_flags(
    parser: argparse.ArgumentParser,
    names: Collection[str] = tuple(SECTION_OF),
    defaults: Mapping[str, Any] = DEFAULTS,
) -> None:
    """Adds a flag for every setting, or for those named, grouped by section.

    Args:
        parser: that they are added to.
        names: of the settings.
        defaults: by name, to be shown in the help.
    """
    used = {SECTION_OF[name] for name in names}
    groups = {
        section: parser.add_argument_group(f"{section} settings")
        for section in SECTIONS
        if section in used
    }
    for setting in all_settings():
        if setting.name not in names:
            continue
        flag = "--" + setting.name.replace("_", "-")
        default = _shown(defaults[setting.name])
        options: dict[str, Any] = {
            "dest": setting.name,
            "default": argparse.SUPPRESS,
            # argparse formats its help with %.
            "help": f"{setting.help} [{default}]".replace("%", "%%"),
        }
        if setting.is_switch:
            options["action"] = argparse.BooleanOptionalAction
        else:
            options["metavar"] = setting.metavar
        groups[setting.section].add_argument(flag, **options)


def given_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """The settings that were given as flags."""
    return {name: value for name, value in vars(arguments).items() if name in SECTION_OF}


def add_checkpoint_flag(parser: argparse._ActionsContainer) -> None:
    """Adds --checkpoint, of commands that use a trained run."""
    parser.add_argument(
        "--checkpoint",
        type=_checkpoint,
        default=LATEST,
        metavar="WHICH",
        help="weights to use: latest, best (of the validations, by the run's best_metric), or "
        "the step of a checkpoint that is kept [latest]",
    )


def add_judge_flags(parser: argparse._ActionsContainer, palette: str = "palette") -> None:
    """Adds --fcn-score, and the colours of a .keras judge's classes under the name `palette`."""
    parser.add_argument(
        "--fcn-score",
        type=local_place,
        metavar="JUDGE",
        help="the paper's FCN-score, by a run of preset segmenter or a .keras "
        "model of RGB in [0, 1]",
    )
    parser.add_argument(
        f"--{palette.replace('_', '-')}",
        metavar="COLOURS",
        help="of the label maps, for a .keras judge: cmp, or #RRGGBB,#RRGGBB,...",
    )


def count(text: str) -> int:
    """The type of a flag that takes a whole number of at least 1."""
    return _whole_number(text, least=1)


def several(text: str) -> int:
    """The type of a flag that takes a whole number of at least 2."""
    return _whole_number(text, least=2)


def seed(text: str) -> int:
    """The type of a flag that takes a seed: a whole number of at least 0."""
    return whole(text)


def whole(text: str) -> int:
    """The type of a flag that takes a whole number of at least 0."""
    return _whole_number(text, least=0)


def length(text: str) -> int:
    """The type of a flag that takes a number of pixels, 0 or more."""
    return whole(text)


def address(text: str) -> str:
    """The type of a flag that takes HOST:PORT."""
    try:
        return parse_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}, got {text}") from None


def port(text: str) -> int:
    """The type of a flag that takes the number of a port."""
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text[:9]) <= MOST_PORT:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to {MOST_PORT}, got {text}")
    return int(text)


def positive(text: str) -> float:
    """The type of a flag that takes a number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
    return value


def _whole_number(text: str, least: int) -> int:
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least {least}, got {text}")
    return int(text)


def _checkpoint(text: str) -> str:
    if text not in ("latest", "best") and not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected latest, best or a step, got {text}")
    return text if not text.isdecimal() else str(int(text))


def _shown(default: Any) -> str:
    if isinstance(default, tuple) and len(default) == 2:
        return str(default[0]) if len(set(default)) == 1 else "x".join(map(str, default))
    if isinstance(default, tuple):
        return "/".join(map(str, default)) or "none"
    if isinstance(default, bool):
        return "on" if default else "off"
    return "none" if default is None else str(default)
