"""A process that does one contender's task as often as it is told, and says how long it took.

Its argument is JSON: module, task, arguments and the time at which it was started. It answers
with a line of JSON when it is ready, and one for each number of calls that it reads.
"""

import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any, TextIO


def peak_gib() -> float:
    """The most memory this process has had so far (Linux; getrusage counts its parent's too)."""
    return _gib("VmHWM")


def resident_gib() -> float:
    """The memory this process has now (Linux)."""
    return _gib("VmRSS")


def _gib(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 2**20


def main() -> None:
    """Serves until its input ends."""
    # Whatever libraries print must not come between the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    order = json.loads(sys.argv[1])
    module = importlib.import_module(order["module"])
    after_import = peak_gib()
    once = getattr(module, order["task"])(**order["arguments"])
    # What a task needs done before each time, and what is not a part of it.
    before = getattr(once, "before", lambda: None)
    before()
    once()
    first = time.time() - order["started"]
    before()
    once()
    _answer(answers, first=first, imported_gib=after_import)
    for line in sys.stdin:
        # The first call finds the caches full of the other processes' data.
        before()
        once()
        seconds = []
        for _ in range(int(line)):
            before()
            start = time.perf_counter()
            once()
            seconds.append(time.perf_counter() - start)
        _answer(answers, seconds=seconds, peak_gib=peak_gib())


def _answer(stream: TextIO, **values: Any) -> None:
    stream.write(json.dumps(values) + "\n")
    stream.flush()


if __name__ == "__main__":
    main()
