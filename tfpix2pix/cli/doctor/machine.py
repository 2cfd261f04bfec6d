"""Cores, memory and folders, by the standard library."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

GIB = 1024**3
# What a container may use; it may say `max`.
CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")


@dataclass
class Folder:
    """A folder that commands write to.

    Attributes:
        what: is kept there.
        path: where it is or will be.
        free_gib: room on its disk, or None if it cannot be told.
        problem: why nothing can be written, or None.
    """

    what: str
    path: str
    free_gib: float | None
    problem: str | None


def usable_cores() -> int:
    """How many cores this process may use."""
    # Not every system tells.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_gib() -> float | None:
    """The memory that this process may use, or None if the system does not tell."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
    with contextlib.suppress(OSError, ValueError):
        memory = min(memory, int(CONTAINER_LIMIT.read_text()))
    return round(memory / GIB, 1)


def nvidia_gpus() -> list[str]:
    """The GPUs that NVIDIA's driver knows, whether or not TensorFlow sees them."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    command = [tool, "--query-gpu=name", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return done.stdout.strip().splitlines()


def look_at_folder(what: str, path: str) -> Folder:
    """Whether a folder, which need not be there yet, can be written; nothing is left behind."""
    if "://" in path:  # TFDS takes buckets
        return Folder(what, path, None, None)
    place = Path(path).absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    problem, free = None, None
    try:
        free = round(shutil.disk_usage(place).free / GIB, 1)
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"\0" * 4096)
    except OSError as error:
        problem = f"cannot be written: {error.strerror}"
    return Folder(what, str(Path(path).absolute()), free, problem)
