"""Serves an export on this computer: by TensorFlow Serving where it is, or by a stand-in."""

import atexit
import contextlib
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import IO

from tfpix2pix.errors import UserError
from tfpix2pix.export.loading import find_exported
from tfpix2pix.serving.address import parse_address
from tfpix2pix.serving.answerer import connect
from tfpix2pix.serving.retries import Retries

PROGRAM = "tensorflow_model_server"
STAND_IN = "stand-in"
POLL_S = 0.2


class LocalServer:
    """A server of one export, until `stop` or the end of a `with` block, or of this process.

    Attributes:
        program: what answers: `"tensorflow_model_server"` or `"stand-in"`.
        rest: `http://127.0.0.1:PORT/v1/models/NAME`
        grpc: `grpc://127.0.0.1:PORT/NAME`
    """

    def __init__(self, program: str, rest: str, grpc: str, running: contextlib.ExitStack):
        """Args: the attributes, and what ends it when it is closed."""
        self.program, self.rest, self.grpc = program, rest, grpc
        self._running = running
        atexit.register(self.stop)

    def stop(self) -> None:
        """Ends the server; once it has ended, does nothing."""
        self._running.close()

    def __repr__(self) -> str:
        return f"{self.program} at {self.rest} and {self.grpc}"

    def __enter__(self) -> "LocalServer":
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()


def serve_locally(
    model_dir: str | Path, *, rest_port: int = 0, grpc_port: int = 0, timeout: float = 120.0
) -> LocalServer:
    """Serves the newest version of a SavedModel over REST and gRPC, for this computer alone.

    `tensorflow_model_server` is started if it is installed. Else a stand-in in this process
    answers the same requests: to try clients with, not made for load or for the public.

    Args:
        model_dir: the folder of versions that `tfpix2pix export RUN --output MODEL_DIR` writes;
            its name is the model's.
        rest_port: for REST; 0: a free one.
        grpc_port: the same for gRPC.
        timeout: seconds that `tensorflow_model_server` may take to load the model.

    Raises:
        UserError: there is no such export, a port is taken, or the server does not come up.
    """
    version_dir = find_exported(Path(model_dir).resolve())
    if version_dir is None or not version_dir.name.isdecimal():
        raise UserError(
            f"{model_dir} holds no version 1, 2, ... of a SavedModel: make one with "
            f"tfpix2pix export RUN --output {model_dir}"
        )
    program = shutil.which(PROGRAM)
    with contextlib.ExitStack() as running:
        if program is None:
            bound = _start_stand_in(version_dir, (rest_port, grpc_port), running)
        else:
            bound = (rest_port or _free_port(), grpc_port or _free_port())
            _start_program(program, version_dir, bound, timeout, running)
        rest, grpc = _addresses(version_dir.parent.name, bound)
        return LocalServer(PROGRAM if program else STAND_IN, rest, grpc, running.pop_all())


def _start_stand_in(
    version_dir: Path, ports: tuple[int, int], running: contextlib.ExitStack
) -> tuple[int, int]:
    """The ports at which it listens."""
    from tfpix2pix.serving.local.grpc_server import start_grpc
    from tfpix2pix.serving.local.model import LocalModel
    from tfpix2pix.serving.local.rest_server import RestServer

    model = LocalModel(version_dir, version_dir.parent.name)
    try:
        rest = running.enter_context(RestServer(model, ports[0]))
        grpc_server, grpc_port = start_grpc(model, ports[1])
    except (OSError, RuntimeError) as error:
        raise UserError(
            f"cannot listen at ports {ports[0]} and {ports[1]} ({error}): give free ones, or 0"
        ) from error
    running.callback(lambda: grpc_server.stop(None).wait())
    threading.Thread(target=rest.serve_forever, args=(POLL_S,), daemon=True).start()
    running.callback(rest.shutdown)
    return rest.server_address[1], grpc_port


def _start_program(
    program: str,
    version_dir: Path,
    ports: tuple[int, int],
    timeout: float,
    running: contextlib.ExitStack,
) -> None:
    """Starts TensorFlow Serving, and waits until both of its interfaces answer."""
    log = running.enter_context(tempfile.TemporaryFile("w+"))  # noqa: SIM115 - it is
    name = version_dir.parent.name
    flags = {
        "rest_api_port": ports[0],
        "port": ports[1],
        "model_name": name,
        "model_base_path": version_dir.parent,
    }
    process = subprocess.Popen(
        [program, *(f"--{flag}={value}" for flag, value in flags.items())],
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    running.callback(process.wait)
    running.callback(process.terminate)
    _wait_until_ready(_addresses(name, ports), process, timeout, log)


def _wait_until_ready(
    addresses: tuple[str, str], process: subprocess.Popen[bytes], timeout: float, log: IO[str]
) -> None:
    deadline = time.monotonic() + timeout
    for address in addresses:
        while (reason := _not_ready(address, timeout)) is not None:
            if process.poll() is not None:
                raise UserError(f"{PROGRAM} ended: {_last_line(log)}")
            if time.monotonic() > deadline:
                raise UserError(f"{PROGRAM} was not ready within {timeout:g} s: {reason}")
            time.sleep(POLL_S)


def _not_ready(address: str, timeout: float) -> str | None:
    try:
        connect(parse_address(address), 1, timeout, Retries(0)).close()
    except UserError as error:
        return str(error)
    return None


def _addresses(name: str, ports: tuple[int, int]) -> tuple[str, str]:
    """Of REST and gRPC."""
    return f"http://127.0.0.1:{ports[0]}/v1/models/{name}", f"grpc://127.0.0.1:{ports[1]}/{name}"


def _last_line(log: IO[str]) -> str:
    log.seek(0)
    return (log.read().strip().splitlines() or ["it said nothing"])[-1]


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
