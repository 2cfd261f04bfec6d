"""Where the commands start: an installation that is not whole is told of in one line."""

import argparse
import importlib
import sys

from tfpix2pix.errors import UserError


def main() -> int:
    """Runs `tfpix2pix`; returns the exit status."""
    return _start("main")


def train_main() -> int:
    """Runs `tfpix2pix-train`; returns the exit status."""
    return _start("train_main")


def _start(name: str) -> int:
    try:
        commands = importlib.import_module("tfpix2pix.cli.main")
    except ImportError as error:
        return _without_commands(name, error)
    return getattr(commands, name)()


def _without_commands(name: str, error: ImportError) -> int:
    """Something that all commands import is missing: only `doctor` works without it."""
    if name == "main" and sys.argv[1:2] == ["doctor"]:
        return _doctor(sys.argv[2:])
    print(f"error: {error}; `tfpix2pix doctor` says what is missing", file=sys.stderr)
    return 1


def _doctor(argv: list[str]) -> int:
    from tfpix2pix.cli import doctor

    parser = argparse.ArgumentParser(prog="tfpix2pix doctor", description=doctor.SUMMARY)
    doctor.add_arguments(parser)
    try:
        return doctor.run(parser.parse_args(argv))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
