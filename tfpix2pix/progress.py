"""The progress of long work: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TextIO, TypeVar

from tqdm import tqdm

from tfpix2pix.errors import one_line

T = TypeVar("T")

# Seconds between the plain lines of `track`.
LINE_INTERVAL = 10.0


def track(
    items: Iterable[T],
    total: int,
    unit: str,
    stream: TextIO | None = None,
    size: Callable[[T], int] = lambda _: 1,
) -> Iterator[T]:
    """Gives the items on, showing how many of `total` are done; an item counts as its `size`."""
    stream = stream or sys.stderr
    if stream.isatty():
        with tqdm(total=total, unit=unit, file=stream) as bar:
            for item in items:
                yield item
                bar.update(size(item))
        return
    start = shown = time.monotonic()
    done = 0
    for item in items:
        yield item
        done += size(item)
        if time.monotonic() - shown > LINE_INTERVAL:
            shown = time.monotonic()
            rate = done / (shown - start)
            left = _clock((total - done) / rate)
            print(f"{done}/{total} {unit}s {rate:.3g}/s {left} left", file=stream, flush=True)


def say(message: str) -> None:
    """Prints a line about the progress of work that has no bar."""
    print(one_line(message), file=sys.stderr, flush=True)


class Progress:
    """Shows step, losses, images/s, the last validation and the time left."""

    def __init__(self, first_step: int, total_steps: int, stream: TextIO | None = None):
        self._stream = stream or sys.stderr
        self._total = total_steps
        self._first = first_step
        self._start = time.monotonic()
        self._bar = (
            tqdm(total=total_steps, initial=first_step, unit="step", file=self._stream, leave=True)
            if self._stream.isatty()
            else None
        )
        self._validation = ""

    def advance(self, steps: int = 1) -> None:
        """Counts steps."""
        if self._bar is not None:
            self._bar.update(steps)

    def losses(self, step: int, losses: dict[str, float], images_per_second: float) -> None:
        """Shows the mean losses since the last call."""
        shown = " ".join(f"{short_name(name)} {value:.3f}" for name, value in losses.items())
        shown += self._validation
        rate = f"{images_per_second:.1f} images/s"
        if self._bar is not None:
            self._bar.set_postfix_str(f"{rate} {shown}", refresh=False)
            return
        elapsed = time.monotonic() - self._start
        left = elapsed / max(1, step - self._first) * (self._total - step)
        shown += "," if self._validation else ""
        self.say(f"step {step}/{self._total} {shown} {rate} {_clock(left)} left")

    def validation(self, shown: str) -> None:
        """Takes what is to be shown of the last validation, beside the losses from now on."""
        self._validation = f", {shown}"

    def say(self, message: str) -> None:
        """Prints a line, above the bar if there is one."""
        if self._bar is not None:
            self._bar.write(message, file=self._stream)
        else:
            print(message, file=self._stream, flush=True)

    def close(self) -> None:
        """Ends the bar."""
        if self._bar is not None:
            self._bar.close()


def short_name(name: str) -> str:
    """generator_loss -> G, and so on: the bar is narrow."""
    return {
        "generator_loss": "G",
        "adversarial_loss": "GAN",
        "l1_loss": "L1",
        "l2_loss": "L2",
        "charbonnier_loss": "Charbonnier",
        "cross_entropy_loss": "CE",
        "feature_matching_loss": "features",
        "perceptual_loss": "VGG",
        "discriminator_loss": "D",
        "gradient_penalty": "GP",
        "r1_penalty": "R1",
    }.get(name, name)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
