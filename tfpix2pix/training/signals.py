"""Stopping on SIGINT and SIGTERM after the step under way, not in its middle."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class StopRequest:
    """Says whether a signal asked the run to stop, and which."""

    def __init__(self) -> None:
        self.signal: int | None = None


@contextlib.contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Notes SIGINT and SIGTERM instead of dying of them; a second one acts as usual.

    Outside the main thread, where Python takes no signals, nothing is noted.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    def note(number: int, frame: FrameType | None) -> None:
        request.signal = number
        restore()
        # os.write: in a signal handler, print could meet itself half-way.
        os.write(2, b"\nstopping after this step; once more to stop at once\n")

    for number in previous:
        signal.signal(number, note)
    try:
        yield request
    finally:
        restore()
