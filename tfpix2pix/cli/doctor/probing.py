"""Importing what is installed, in another process, and asking TensorFlow what it sees."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfpix2pix.cli.doctor.probe import LOOKS

PROBE = "tfpix2pix.cli.doctor.probe"
# What comes after them needs them, and would fail for the same reason, less clearly.
FOUNDATIONS = ("numpy", "tensorflow")
FIRST = ("numpy",)
LAST = ("tensorflow", "keras", "tensorflow_datasets")
TIMEOUT = 180


@dataclass
class Probed:
    """What the process found.

    Attributes:
        found: by name of a module or of something looked at.
        errors: in one line each, by the same names.
    """

    found: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


def in_order(modules: Collection[str]) -> list[str]:
    """Those that can be tried: none that needs NumPy or TensorFlow where that is missing."""
    first = [name for name in FIRST if name in modules]
    others = [name for name in modules if name not in (*FIRST, *LAST)]
    last = [name for name in LAST if name in modules] if LAST[0] in modules else []
    return [*first, *others, *last]


def probe(modules: Sequence[str], timeout: float = TIMEOUT) -> Probed:
    """Imports these modules and looks.

    What fails ends the process that tries it; another one takes the steps that are left.

    Args:
        modules: to import, in an order in which each follows what it needs.
        timeout: seconds after which a process is ended.
    """
    steps = [step for module in modules for step in (module, *_looks(module))]
    probed = Probed()
    while steps:
        found = _take(steps, timeout)
        probed.found |= found.found
        probed.errors |= found.errors
        steps = _left(steps, found)
    return probed


def _looks(module: str) -> list[str]:
    return [f"{module}:{look}" for look in LOOKS.get(module, ())]


def _left(steps: list[str], found: Probed) -> list[str]:
    """What is still to be tried: nothing if all went well, or if all else needs what failed."""
    if not found.errors or set(found.errors) & set(FOUNDATIONS):
        return []
    (failed,) = found.errors
    tried = {*found.found, failed}
    return [
        step for step in steps if step.split(":")[-1] not in tried and step not in _looks(failed)
    ]


def _take(steps: list[str], timeout: float) -> Probed:
    """Takes the steps in a process, up to the first that fails."""
    # -P, and this process' own path: it imports what the commands import, not what lies around.
    command = [sys.executable, "-P", "-m", PROBE, *steps]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            env=_environment(),
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        output = late.stdout or b""
        lines = output.decode(errors="replace") if isinstance(output, bytes) else output
        return _read(lines, f"no end after {timeout:g} s")
    return _read(done.stdout, _ending(done.returncode, done.stderr))


def _environment() -> dict[str, str]:
    path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
    # Looking must not take a GPU's memory away from a run that uses it.
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
    return os.environ | {"PYTHONPATH": path} | quiet


def _ending(status: int, messages: str) -> str:
    """Why the process ended: its last words or, if it was killed, by what."""
    if status >= 0:
        return (messages.strip().splitlines() or [f"Python ended with status {status}"])[-1]
    reason = " (an instruction that this CPU has not)" if -status == signal.SIGILL else ""
    return f"Python was ended by signal {-status}, {signal.strsignal(-status)}{reason}"


def _read(output: str, ending: str) -> Probed:
    """Takes the lines; what was begun and has no end is what ended the process."""
    probed = Probed()
    under_way = None
    for line in output.splitlines():
        try:
            answer = json.loads(line)
        except ValueError:  # cut off
            continue
        under_way = answer.get("begin")
        if "error" in answer:
            probed.errors[answer["end"]] = answer["error"]
        elif "end" in answer:
            probed.found[answer["end"]] = answer["found"]
    if under_way is not None:
        probed.errors[under_way] = ending
    return probed
