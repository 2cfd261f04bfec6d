"""`tfpix2pix data-service`."""

import argparse
import signal
import socket
import threading
from types import FrameType

from tfpix2pix.cli.parsing import Parser, address, count, port
from tfpix2pix.cli.quiet import tensorflow_imported_quietly
from tfpix2pix.errors import SettingsError, UserError

SUMMARY = "Decode and resize pairs for training runs, in processes or on machines of their own."

EXAMPLES = """examples:
  tfpix2pix data-service --host host0 --port 5050 --workers 2   on one machine
  tfpix2pix data-service --host host1 --join host0:5050         on others: more workers
  tfpix2pix-train --data PATH --data-service host0:5050         the run

PATH must be a folder that all of them reach. Runs have the same bits with the service as without,
however many workers there are. It is worth it where a run waits for its pairs: see
docs/many_machines.md.
"""

PORT = 5050
EXIT_SIGNAL = 128


def add_arguments(parser: Parser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        "--host",
        default="localhost",
        metavar="HOST",
        help="this machine's name, as the others call it [localhost]",
    )
    parser.add_argument("--port", type=port, metavar="N", help=f"of the service [{PORT}]")
    parser.add_argument("--workers", type=count, default=1, metavar="N", help="to start here [1]")
    parser.add_argument(
        "--join",
        type=address,
        metavar="HOST:PORT",
        help="a service on another machine, for which workers are started here",
    )


def run(arguments: argparse.Namespace) -> int:
    """Serves until a signal comes; returns 128 and its number."""
    if arguments.join and arguments.port:
        raise SettingsError("--port is of a service that is started: leave it out with --join")
    try:
        socket.getaddrinfo(arguments.host, None)
    except (OSError, UnicodeError) as error:
        raise SettingsError(
            f"--host {arguments.host}: there is no such machine: expected the name by which the "
            "others reach this one"
        ) from error
    with tensorflow_imported_quietly():
        import tensorflow as tf

    service = tf.data.experimental.service
    asked = threading.Event()
    numbers: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        numbers.append(number)
        asked.set()

    before = {n: signal.signal(n, stop) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        servers = []
        place = arguments.join
        if place is None:
            port = arguments.port or PORT
            place = f"{arguments.host}:{port}"
            servers.append(service.DispatchServer(service.DispatcherConfig(port=port)))
        for _ in range(arguments.workers):
            servers.append(
                service.WorkerServer(
                    service.WorkerConfig(
                        dispatcher_address=place, worker_address=f"{arguments.host}:%port%"
                    )
                )
            )
        print(f"workers: {arguments.workers}, for --data-service {place}", flush=True)
        asked.wait()
    except tf.errors.OpError as error:
        raise UserError(f"cannot serve at {place}: {error.message}") from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return EXIT_SIGNAL + numbers[0]
