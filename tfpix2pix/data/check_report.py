"""What a check found, for people and for programs."""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tfpix2pix.data.formats import PairFormat
from tfpix2pix.data.pair_checks import Size
from tfpix2pix.data.sources import Listing, Problem
from tfpix2pix.places import as_place

SHOWN_NAMES = 4
SHOWN_KINDS = 3


class Finding(NamedTuple):
    """What one may want to look at, and the files or pairs where it was found, if it is in some."""

    what: str
    names: tuple[str, ...] = ()

    def line(self, shown: int = SHOWN_NAMES) -> str:
        """One line: what, in how many, and the first names."""
        if not self.names:
            return self.what
        more = f" and {len(self.names) - shown} more" if len(self.names) > shown else ""
        return f"{self.what} ({len(self.names)}): {', '.join(self.names[:shown])}{more}"


@dataclasses.dataclass(frozen=True)
class SideFacts:
    """What the input or the target images are as stored.

    Attributes:
        sizes: how many images have which height and width.
        kinds: how many have which channels and type, such as `RGB uint8`.
    """

    sizes: Mapping[Size, int]
    kinds: Mapping[str, int]

    def line(self) -> str:
        """`RGB uint8, 256x256`, or the commonest of several."""
        return f"{_commonest(self.kinds, 'kinds')}, {self._sizes()}" if self.sizes else "none read"

    def _sizes(self) -> str:
        shown = {f"{height}x{width}": count for (height, width), count in self.sizes.items()}
        if len(shown) == 1:
            return next(iter(shown))
        lowest, highest = (f"{size[0]}x{size[1]}" for size in self._extremes())
        return f"{_commonest(shown, 'sizes')}, all within {lowest} to {highest}"

    def _extremes(self) -> tuple[Size, Size]:
        heights, widths = zip(*self.sizes, strict=True)
        return (min(heights), min(widths)), (max(heights), max(widths))


@dataclasses.dataclass(frozen=True)
class CheckReport:
    """What was found in a set of pairs.

    Attributes:
        origin: the folder or manifest.
        pairs: how many each split holds.
        looked_at: how many pairs were read.
        made_splits: whether the splits were made by the names' hash.
        taken: which two images make a pair, for people.
        pair_format: what the images were expected to be.
        inputs, targets: what they are as stored.
        problems: what breaks training or makes a wrong pair.
        warnings: what one may want to look at.
        bad: the indices of the pairs with problems, by split.
    """

    origin: str
    pairs: Mapping[str, int]
    looked_at: int
    made_splits: bool
    taken: str
    pair_format: PairFormat
    inputs: SideFacts
    targets: SideFacts
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Finding, ...] = ()
    bad: Mapping[str, frozenset[int]] = dataclasses.field(default_factory=dict)

    @property
    def total(self) -> int:
        """All pairs, looked at or not."""
        return sum(self.pairs.values())

    def headline(self) -> str:
        """How many pairs, in which splits, how many of them were looked at, and what a pair is."""
        splits = ", ".join(f"{split} {count}" for split, count in self.pairs.items())
        made = ", split by a hash of their names" if self.made_splits else ""
        all_ = self.looked_at == self.total
        looked = "all looked at" if all_ else f"{self.looked_at} of them looked at"
        return f"{self.origin}: {self.total} pairs ({splits}{made}), {looked}; {self.taken}"

    def lines(self) -> list[str]:
        """For people, with every problem."""
        return [
            self.headline(),
            f"inputs: {self.inputs.line()}",
            f"targets: {self.targets.line()}",
            *(f"warning: {finding.line()}" for finding in self.warnings),
            *(f"problem: {name}: {reason}" for name, reason in self.problems),
            f"{len(self.problems) or 'no'} problem{'s' * (len(self.problems) != 1)}",
        ]


def how_taken(listing: Listing, layout: str) -> str:
    """For people: which two images make a pair."""
    if not as_place(listing.origin).is_dir():
        return "manifest"
    first = "A left" if layout == "left_right" else "A on top"
    words = {True: f"each file holds both images, {first}", False: "two folders"}
    kinds = {pair.b is None for pairs in listing.splits.values() for pair in pairs}
    return " or ".join(words[kind] for kind in sorted(kinds, reverse=True))


def _commonest(counts: Mapping[str, int], what: str) -> str:
    if len(counts) == 1:
        return next(iter(counts))
    most: Sequence[tuple[str, int]] = Counter(counts).most_common(SHOWN_KINDS)
    shown = ", ".join(f"{name} ({count})" for name, count in most)
    return shown if len(counts) <= SHOWN_KINDS else f"{len(counts)} {what}, mostly {shown}"
