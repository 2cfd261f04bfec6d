"""`tfpix2pix COMMAND`, and `tfpix2pix-train` for `tfpix2pix train`."""

import argparse
import importlib.metadata
import io
import itertools
import os
import signal
import sys
from collections.abc import Sequence
from types import ModuleType

from tfpix2pix.cli import (
    ablate,
    data_service,
    demo,
    doctor,
    evaluate,
    export,
    import_,
    launch,
    predict,
    prepare,
    presets,
    train,
)
from tfpix2pix.cli.completion import add_completion_flag
from tfpix2pix.cli.parsing import Parser
from tfpix2pix.cli.quiet import tensorflow_imported_quietly
from tfpix2pix.errors import SettingsError, UserError, one_line
from tfpix2pix.places import RemotePath, is_remote

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_SIGNAL = 128

COMMANDS = {
    "train": train,
    "predict": predict,
    "evaluate": evaluate,
    "export": export,
    "demo": demo,
    "prepare": prepare,
    "import": import_,
    "launch": launch,
    "data-service": data_service,
    "ablate": ablate,
    "presets": presets,
    "doctor": doctor,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit status.

    0: done; 1: failed; 2: wrong usage or settings; 128 + number: stopped by a signal.
    """
    parser = Parser(
        prog="tfpix2pix",
        description="Learn to translate one kind of image into another from pairs (pix2pix).",
    )
    version = importlib.metadata.version("tfpix2pix")
    parser.add_argument("--version", action="version", version=version)
    add_completion_flag(parser)
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        _describe(subparsers.add_parser(name, help=command.SUMMARY), command)
    return _run(parser, argv)


def train_main(argv: Sequence[str] | None = None) -> int:
    """Runs `tfpix2pix-train`."""
    parser = Parser(prog="tfpix2pix-train")
    add_completion_flag(parser)
    _describe(parser, train)
    return _run(parser, argv)


def _describe(parser: argparse.ArgumentParser, command: ModuleType) -> None:
    """Gives a parser the help, the arguments and the action of a command."""
    parser.description = command.SUMMARY
    parser.epilog = command.EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    command.add_arguments(parser)
    parser.set_defaults(run=command.run, parser=parser)


def _run(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> int:
    _allow_any_name()
    try:
        arguments = parser.parse_args(argv)
        if _names_addresses(arguments):  # TensorFlow reads them: its log lines are held back here
            with tensorflow_imported_quietly():
                pass
        return arguments.run(arguments)
    except SystemExit as stop:  # argparse, after --help or wrong usage
        return int(stop.code or 0)
    except SettingsError as error:
        print(f"error: {one_line(str(error))}", file=sys.stderr)
        return EXIT_USAGE
    except UserError as error:
        print(f"error: {one_line(str(error))}", file=sys.stderr)
        return EXIT_FAILURE
    except BrokenPipeError:  # the reader went away, as in `tfpix2pix presets | head -1`
        # Python flushes stdout once more at its end, and must not meet the closed pipe again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_SIGNAL + signal.SIGPIPE
    except KeyboardInterrupt as stop:
        print(str(stop) or "stopped", file=sys.stderr)
        return EXIT_SIGNAL + signal.SIGINT


def _names_addresses(arguments: argparse.Namespace) -> bool:
    given = vars(arguments)
    values = itertools.chain.from_iterable(
        value if isinstance(value, list) else [value] for value in given.values()
    )
    data = [given[name] for name in ("data", "source") if given.get(name)]
    return any(isinstance(value, RemotePath) for value in values) or any(map(is_remote, data))


def _allow_any_name() -> None:
    """Lets names of files be shown that are not UTF-8, which a strict stream refuses."""
    for stream in (sys.stdout, sys.stderr):
        # Streams put in their place by a caller need not have it.
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    sys.exit(main())
