"""Commands in processes of their own, cheaply: a process that has imported all forks one for each.

It has run no operation of TensorFlow, and so has no threads that a fork would lose. Requests and
answers are lines of JSON.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.faults import preparations

TIME_LIMIT = 300  # seconds for any wait


class Zygote:
    """The process that forks, as the tests see it."""

    def __init__(self):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"},
        )
        self.cpu = 0.0

    def start(self, log, command, prepare=()):
        """Starts a command in a process, whose output goes to a file; returns its number.

        `prepare` are names of functions in `preparations`, with arguments, called before.
        """
        return self._ask(log=str(log), command=[str(c) for c in command], prepare=prepare)["pid"]

    def wait(self, pid):
        """The exit status of a process, the number of a signal with a minus."""
        answer = self._ask(wait=pid)
        self.cpu += answer["cpu"]
        return answer["status"]

    def run(self, log, command, prepare=()):
        """The exit status of a command, and what it said."""
        status = self.wait(self.start(log, command, prepare))
        return status, log.read_text()

    def close(self):
        self._process.stdin.close()
        self._process.wait(TIME_LIMIT)
        self._process.stdout.close()

    def _ask(self, **request):
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def _serve():
    import tensorflow  # noqa: F401

    import tfpix2pix.cli.train
    import tfpix2pix.export.savedmodel
    import tfpix2pix.training.run  # noqa: F401
    from tfpix2pix.training.records import plot_losses

    with tempfile.TemporaryDirectory() as place:  # Matplotlib has much to do at the first figure
        plot_losses([], Path(place) / "losses.png")

    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            answer = _wait(request["wait"])
        else:
            pid = os.fork()
            if pid == 0:
                _be_command(**request)
            answer = {"pid": pid}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _wait(pid):
    end = time.monotonic() + TIME_LIMIT
    while True:
        done, status, usage = os.wait4(pid, os.WNOHANG)
        if done:
            cpu = usage.ru_utime + usage.ru_stime
            return {"status": os.waitstatus_to_exitcode(status), "cpu": cpu}
        if time.monotonic() > end:
            os.kill(pid, 9)
        time.sleep(0.01)


def _be_command(log, command, prepare):
    status = 99
    try:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for number, file in ((0, os.open(os.devnull, os.O_RDONLY)), (1, output), (2, output)):
            os.dup2(file, number)
        from tfpix2pix.cli import main

        with contextlib.ExitStack() as stack:
            for name, *arguments in prepare:
                getattr(preparations, name)(stack, *arguments)
            status = main.main(command)
    except BaseException:  # noqa: BLE001
        # A process that was forked must not go on as its parent does.
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    _serve()
