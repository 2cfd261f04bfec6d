"""Shows how much of a download has arrived: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterator

from tqdm import tqdm

from tfpix2pix.progress import LINE_INTERVAL, say

MEGABYTE = 1e6


def show_bytes(chunks: Iterator[bytes], name: str, had: int, total: int | None) -> Iterator[bytes]:
    """Gives the chunks on, showing how many bytes of `name` have arrived.

    Args:
        chunks: of the file.
        name: what it is called.
        had: bytes that were there before.
        total: all its bytes, where known.
    """
    if sys.stderr.isatty():
        with tqdm(desc=name, total=total, initial=had, unit="B", unit_scale=True) as bar:
            for chunk in chunks:
                yield chunk
                bar.update(len(chunk))
        return
    shown, of_total = time.monotonic(), f"/{total / MEGABYTE:.0f}" if total else ""
    for chunk in chunks:
        yield chunk
        had += len(chunk)
        if time.monotonic() - shown > LINE_INTERVAL:
            shown = time.monotonic()
            say(f"{name}: {had / MEGABYTE:.0f}{of_total} MB")
