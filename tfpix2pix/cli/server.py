"""The flags of a model on a server, which takes the place of a run."""

import argparse
from typing import TYPE_CHECKING

from tfpix2pix.cli.parsing import Parser, count, positive, whole
from tfpix2pix.errors import SettingsError

if TYPE_CHECKING:
    from tfpix2pix.serving.answerer import RemoteAnswerer

# Flag -> default, where --server is given.
DEFAULTS = {"concurrency": 4, "timeout": 60.0, "retries": 6}
# Of runs alone, as a model on a server answers as it was exported.
OF_RUNS = (
    *("samples", "seed", "batch_size", "size", "whole_up_to", "window", "overlap"),
    *("statistics", "fixed_statistics"),
)
LATEST = "latest"  # --checkpoint, where none is given


def add_server_flags(parser: Parser, run_argument: argparse.Action) -> None:
    """Adds --server, with which `run_argument` is left out, and the flags that belong to it."""
    group = parser.add_argument_group("a model on a server, in place of RUN")
    group.add_argument(
        "--server",
        metavar="URL",
        help="grpc://HOST:PORT/NAME or http(s)://HOST:PORT/v1/models/NAME, with /versions/N behind "
        "NAME for one version: an export behind TensorFlow Serving, or what speaks as it does",
    )
    parser.stands_in("--server", run_argument)
    group.add_argument(
        "--concurrency",
        type=count,
        metavar="N",
        help=f"requests under way at once [{DEFAULTS['concurrency']}]",
    )
    group.add_argument(
        "--timeout",
        type=positive,
        metavar="S",
        help="seconds without an answer after which a request has failed "
        f"[{DEFAULTS['timeout']:g}]",
    )
    group.add_argument(
        "--retries",
        type=whole,
        metavar="N",
        help="attempts after a failed one, where the server is busy or away; the first after half "
        f"a second, each further one after twice as long [{DEFAULTS['retries']}]",
    )


def check_server_flags(arguments: argparse.Namespace) -> None:
    """Refuses flags that go with a server where there is none, and those of runs where there is.

    Raises:
        SettingsError: with what to leave out.
    """
    if arguments.server is None:
        for name in DEFAULTS:
            if getattr(arguments, name) is not None:
                raise SettingsError(f"--{name} goes with --server: leave it out, or name a server")
        return
    given = [name for name in OF_RUNS if getattr(arguments, name) is not None]
    given += [] if arguments.checkpoint == LATEST else ["checkpoint"]
    if given:
        raise SettingsError(
            f"--{given[0].replace('_', '-')} needs a run: a model on a server answers as it was "
            "exported; leave it out"
        )
    for path in arguments.images:
        if (path / "config.yaml").is_file():
            raise SettingsError(f"--server takes the place of the run: leave {path} out")


def connect_to_server(arguments: argparse.Namespace) -> "RemoteAnswerer":
    """What answers files by the model that --server names, to be closed at the end.

    Raises:
        SettingsError: the address has a form that is not known.
        UserError: the server cannot be reached, or has no such model.
    """
    from tfpix2pix.serving.address import parse_address
    from tfpix2pix.serving.answerer import connect
    from tfpix2pix.serving.retries import Retries

    given = {name: getattr(arguments, name) for name in DEFAULTS}
    values = {name: DEFAULTS[name] if value is None else value for name, value in given.items()}
    return connect(
        parse_address(arguments.server),
        int(values["concurrency"]),
        values["timeout"],
        Retries(int(values["retries"])),
    )
