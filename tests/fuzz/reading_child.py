"""Reads every file of a folder in a process of little memory, and prints what went wrong.

    python -m tests.fuzz.reading_child FOLDER python|tensorflow

Prints JSON: how many were `read` and `refused`, and `wrong`, by name. If the process dies, the file
FOLDER.now names the file that it died of.
"""

import json
import os
import resource
import signal
import sys
from pathlib import Path

from tfpix2pix.errors import UserError

SECONDS = 60
MEMORY = 4 * 2**30  # of address space, beyond what the libraries take
GROWTH = 600 * 2**20  # of resident memory for one file; those here have a few thousand pixels
LONGEST_MESSAGE = 600


def reader(kind):
    if kind == "python":
        import imagecodecs  # noqa: F401 - what a reader imports is no growth of the file's
        import PIL.Image  # noqa: F401
        import tifffile  # noqa: F401

        from tfpix2pix.data.reading import read_image

        return lambda path: read_image(path).pixels
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    from tfpix2pix.data.formats import RGB
    from tfpix2pix.inference.image_files import read_input

    return lambda path: read_input(path, RGB)


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def one(read, path, starts):
    """What is wrong with how a file is taken, or None, and whether it was read."""
    before = peak()
    try:
        pixels = read(path)
        is_read, wrong = True, None
        if pixels.ndim != 3 or not pixels.size or pixels.dtype not in ("uint8", "uint16", "f4"):
            wrong = f"{pixels.shape} {pixels.dtype}"
    except UserError as error:
        is_read, text = False, str(error)
        fits = text.startswith(starts) and len(text.splitlines()) == 1
        wrong = None if fits and len(text) < LONGEST_MESSAGE else text[:200]
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is what is looked for
        is_read, wrong = False, f"{type(error).__name__}: {error}"[:300]
    if (grown := peak() - before) > GROWTH:
        wrong = wrong or f"took {grown / 2**20:.0f} MiB"
    return is_read, wrong


def main(folder, kind):
    read = reader(kind)
    paths = sorted(folder.iterdir())
    one(read, paths[0], "")
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, taken + MEMORY))
    counts, wrong = [0, 0], {}
    now = Path(f"{folder}.now")
    for path in paths:
        now.write_text(path.name)
        signal.alarm(SECONDS)
        is_read, reason = one(read, path, f"cannot read {path}: " if kind == "python" else "")
        signal.alarm(0)
        counts[is_read] += 1
        if reason:
            wrong[path.name] = reason
    sys.stdout.write(json.dumps({"read": counts[True], "refused": counts[False], "wrong": wrong}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
