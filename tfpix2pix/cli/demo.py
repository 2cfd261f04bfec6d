"""`tfpix2pix demo`."""

import argparse
import contextlib
import errno
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tfpix2pix.cli.demo_subjects import find_demo_run, load_subject
from tfpix2pix.cli.parsing import Parser, add_checkpoint_flag, count, port, seed
from tfpix2pix.cli.quiet import tensorflow_imported_quietly
from tfpix2pix.cli.runs import FLAGS_OF_RUNS
from tfpix2pix.errors import UserError
from tfpix2pix.places import local_place
from tfpix2pix.progress import say

if TYPE_CHECKING:
    from tfpix2pix.demo.subject import Subject

SUMMARY = "Draw, or upload, an input in a browser, and see what a model makes of it."

EXAMPLES = """examples:
  tfpix2pix demo                                  the run that `make demo` trained
  tfpix2pix demo runs/facades --checkpoint best
  tfpix2pix demo runs/facades --samples 4         several answers, with dropout on
  tfpix2pix demo exports/facades-onnx/model.onnx --data PATH

Serves a page at http://127.0.0.1:7860 for this computer alone, until Ctrl-C; nothing is sent
elsewhere unless --share is given. Answers are those of `predict`. Needs pip install
'tfpix2pix[demo]'. See docs/demo.md.
"""

LOOPBACK = "127.0.0.1"


def add_arguments(parser: Parser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        "run_dir",
        type=local_place,
        nargs="?",
        metavar="RUN",
        help="run folder, or what `tfpix2pix export` wrote [the last of runs/demo-*]",
    )
    add_checkpoint_flag(parser)
    parser.add_argument(
        "--samples", type=count, metavar="N", help="turn dropout on, and show N answers at first"
    )
    parser.add_argument("--seed", type=seed, metavar="S", help="of dropout, where it is on [0]")
    parser.add_argument(
        "--data", metavar="PATH", help="pairs to take examples from [the run's own]"
    )
    group = parser.add_argument_group("where it is served")
    group.add_argument(
        "--host",
        default=LOOPBACK,
        metavar="ADDRESS",
        help=f"to listen at; 0.0.0.0 lets in every computer that reaches this one [{LOOPBACK}]",
    )
    group.add_argument(
        "--port", type=port, metavar="N", help="to listen at [the first free one from 7860 on]"
    )
    group.add_argument(
        "--share",
        action="store_true",
        help="lend a public address from Gradio's servers, which all that is sent then goes "
        "through: whoever knows it can use the page",
    )
    group.add_argument("--open", action="store_true", help="open the page in a browser")
    # Of `predict`: the page answers as it does without them.
    absent = {name: None for name in FLAGS_OF_RUNS if name not in ("samples", "seed")}
    parser.set_defaults(batch_size=None, **absent)


def run(arguments: argparse.Namespace) -> int:
    """Serves the page until it is stopped; returns the exit status."""
    from tfpix2pix.inference.runtimes import require

    require(["gradio"], "demo", "tfpix2pix demo")
    _check_address(arguments.host, arguments.port)
    if arguments.run_dir is None:
        arguments.run_dir = find_demo_run()
        say(f"no run is named: taking {arguments.run_dir}")
    with _stopped_by_sigterm(), tempfile.TemporaryDirectory(prefix="tfpix2pix-demo-") as folder:
        subject = load_subject(arguments, Path(folder))
        _serve(arguments, subject, Path(folder))
    return 0


@contextlib.contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """Has SIGTERM do what Ctrl-C does, so that no upload is left behind."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _serve(arguments: argparse.Namespace, subject: "Subject", folder: Path) -> None:
    # What Gradio imports may import TensorFlow.
    with tensorflow_imported_quietly():
        from tfpix2pix.demo.page import make_page, serving
    page = make_page(subject, folder)
    subject.answering.warm_up(folder, subject.size, subject.samples)
    with (
        contextlib.suppress(KeyboardInterrupt),
        serving(
            page, arguments.host, arguments.port, share=arguments.share, opens=arguments.open
        ) as (local, public),
    ):
        print(f"{subject.title} at {local} (Ctrl-C stops it)", flush=True)
        if public is not None:
            print(f"and for everyone at {public}", flush=True)
        threading.Event().wait()
    print("stopped")


def _check_address(host: str, port: int | None) -> None:
    """Refuses an address that cannot be listened at, before anything slow.

    Raises:
        UserError: with what to give instead.
    """
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host, port or 0, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(place)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UserError(
                f"--port {port} is in use: give another, or leave it out for a free one"
            ) from error
        option = f"--host {host}" if port is None else f"--host {host} --port {port}"
        raise UserError(
            f"{option}: cannot listen there: {error.strerror}; {LOOPBACK} is this computer"
        ) from error
