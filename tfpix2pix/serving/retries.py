"""What is tried again, after how long, and when a server counts as gone."""

import dataclasses
import random
import threading
from collections.abc import Iterator

from tfpix2pix.errors import UserError

# So many files in a row that all their attempts could not bring to the server, and no answer to
# any other file in between. More than one, as a single file may be what brings a server down.
FILES_UNTIL_GONE = 3


class PassingError(UserError):
    """The server did not answer, or said that it cannot now: it may at another attempt."""


@dataclasses.dataclass(frozen=True)
class Retries:
    """How a request is tried again; the defaults outlast a restart of half a minute.

    Attributes:
        count: of attempts after the first.
        first_pause: seconds before the second attempt, on average; twice as long after each.
        longest_pause: seconds.
    """

    count: int = 6
    first_pause: float = 0.5
    longest_pause: float = 30.0

    def pauses(self) -> Iterator[float]:
        """Seconds before each attempt after the first, spread so that clients do not go in step."""
        for attempt in range(self.count):
            pause = min(self.longest_pause, self.first_pause * 2**attempt)
            yield pause * random.uniform(0.5, 1.5)


class Outage:
    """Whether the server still answers, told by several threads.

    Attributes:
        reason: why it counts as gone, or None.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._in_a_row = 0
        self._over = threading.Event()
        self.reason: str | None = None

    def answered(self) -> None:
        """The server has answered a request, be it by a refusal."""
        with self._lock:
            self._in_a_row = 0

    def gave_up(self, error: PassingError) -> None:
        """All attempts for a file have failed."""
        with self._lock:
            self._in_a_row += 1
            if self._in_a_row >= FILES_UNTIL_GONE and self.reason is None:
                self.reason = str(error)
                self._over.set()

    def stop(self) -> None:
        """Ends all pauses: nobody waits for answers any more."""
        self._over.set()

    def pause(self, seconds: float) -> bool:
        """Waits; False, at once, where a further attempt has no point."""
        return not self._over.wait(seconds)
