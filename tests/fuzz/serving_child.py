"""Serves the export in a folder, its argument, by the stand-in until its stdin is closed.

Prints its two addresses and, for each line on stdin, resident bytes, open files and threads.
"""

import gc
import json
import os
import sys
from pathlib import Path


def main(model_dir):
    os.environ["PATH"] = ""  # the stand-in, whatever is installed
    from tfpix2pix.serving.local.server import serve_locally

    with serve_locally(model_dir) as server:
        say({"rest": server.rest, "grpc": server.grpc})
        for _ in sys.stdin:
            gc.collect()
            own = Path("/proc/self")
            pages = int((own / "statm").read_text().split()[1])
            say(
                {
                    "resident": pages * os.sysconf("SC_PAGESIZE"),
                    "files": len(list((own / "fd").iterdir())),
                    "threads": len(list((own / "task").iterdir())),
                }
            )


def say(plain):
    sys.stdout.write(json.dumps(plain) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
