"""Looks at the pairs of a folder or a manifest before anything is trained on them.

Files are read in threads, and of each pair only a small record is kept, so that half a million
pairs need no more memory than their names do. TensorFlow is not imported.
"""

import dataclasses
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from tfpix2pix import progress
from tfpix2pix.config import DataSettings
from tfpix2pix.data.check_report import CheckReport, Finding, SideFacts, how_taken
from tfpix2pix.data.detect import detect_format
from tfpix2pix.data.formats import PairFormat
from tfpix2pix.data.pair_checks import Looked, Size, look_at, root_of, scaled_to_width, shown_name
from tfpix2pix.data.sources import (
    RECORD_KINDS,
    Listing,
    Problem,
    describe_problems,
    kind_of,
    list_pairs,
    require_split,
)
from tfpix2pix.errors import UserError

# As many pairs are looked at when a training starts; all of them where bad ones are to be skipped.
QUICK_CHECK = 1000
# Pairs under way at a time, for each thread: enough that none waits for the slowest.
WINDOW = 4

T = TypeVar("T")
R = TypeVar("R")
# A pair by its split and its index there.
Place = tuple[str, int]


def usable_pairs(settings: DataSettings, only: Sequence[str] | None = None) -> Listing | None:
    """The pairs to train on, or to evaluate on, looked at, with their format.

    None for sets of records, which were checked when they were prepared.
    Warnings, and with `on_bad: skip` the pairs left out, are said on the way.

    Args:
        settings: of the data.
        only: the first of these splits that the set has, alone; default: all, with `train`.

    Raises:
        UserError: pairs cannot be used, or none is left in the split that is needed.
        SettingsError: float images without `value_range`.
    """
    if kind_of(settings.data) in RECORD_KINDS:
        return None
    listing = list_pairs(settings)
    needed = next(
        (split for split in only or () if split in listing.splits), (only or ("train",))[0]
    )
    require_split(listing, needed)
    if only:
        listing = dataclasses.replace(listing, splits={needed: listing.splits[needed]})
    limit = QUICK_CHECK if settings.on_bad == "fail" else None
    pair_format = detect_format(settings, listing.splits[needed])
    listing = dataclasses.replace(listing, format=pair_format)
    report = check_pairs(settings, listing, pair_format, limit=limit, show_progress=True)
    progress.say(report.headline())
    for finding in report.warnings:
        progress.say(f"warning: {finding.line()}")
    if not report.problems:
        return listing
    if settings.on_bad == "fail":
        raise UserError(describe_problems(report.problems, listing.origin))
    return _say_and_leave_out(listing, report, needed)


def _say_and_leave_out(listing: Listing, report: CheckReport, needed: str) -> Listing:
    for name, reason in report.problems:
        progress.say(f"left out: {name}: {reason}")
    left = without_bad_pairs(listing, report)
    require_split(left, needed)
    count = sum(len(indices) for indices in report.bad.values())
    if 2 * count > report.total:
        progress.say(
            f"warning: {count} of {report.total} pairs are left out: see whether the settings fit "
            "the set, or whether a few odd files were taken for the rule"
        )
    return left


def without_bad_pairs(listing: Listing, report: CheckReport) -> Listing:
    """The pairs in which the check found no problem."""
    splits = {
        split: tuple(
            pair for i, pair in enumerate(pairs) if i not in report.bad.get(split, frozenset())
        )
        for split, pairs in listing.splits.items()
    }
    used = {split: pairs for split, pairs in splits.items() if pairs}
    return dataclasses.replace(listing, splits=used, problems=())


def check_pairs(
    settings: DataSettings,
    listing: Listing,
    pair_format: PairFormat,
    *,
    limit: int | None = None,
    show_progress: bool = False,
) -> CheckReport:
    """Reads pairs and finds what is wrong or odd with them.

    Args:
        settings: of the data.
        listing: the pairs.
        pair_format: what the images are expected to be.
        limit: look at about as many pairs, spread evenly over each split; None: at all.
        show_progress: shows a bar, or plain lines where there is no terminal.

    Returns:
        The same report for the same files, whatever the number of threads.
    """
    root = root_of(listing)
    places = list(places_to_look_at(listing, limit))

    def look(place: Place) -> Looked:
        return look_at(listing.splits[place[0]][place[1]], settings, pair_format, root)

    looked = map_in_threads(look, places)
    if show_progress:
        looked = progress.track(looked, len(places), "pair")
    gathered = _Gathered(settings, listing)
    for place, result in zip(places, looked, strict=True):
        gathered.add(place, result)
    return gathered.report(pair_format)


def places_to_look_at(listing: Listing, limit: int | None) -> Iterator[Place]:
    """All pairs or, evenly spread, each split's share of `limit`; the first of each always."""
    total = sum(len(pairs) for pairs in listing.splits.values())
    for split, pairs in listing.splits.items():
        count = len(pairs)
        if limit is not None and total > limit:
            count = max(1, limit * count // total)
        for index in np.unique(np.linspace(0, len(pairs) - 1, count).astype(int)):
            yield split, int(index)


def map_in_threads(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """The results in order; only a few are under way at a time, however many items there are."""
    threads = _threads()
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= WINDOW * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _threads() -> int:
    """Decoding runs outside Python's lock; a few more than there are cores wait for the disk."""
    return min(32, (os.cpu_count() or 1) + 2)


class _Gathered:
    """What was found so far."""

    def __init__(self, settings: DataSettings, listing: Listing):
        self._settings = settings
        self._listing = listing
        self._root = root_of(listing)
        self._problems = [
            Problem(shown_name(name, self._root), reason) for name, reason in listing.problems
        ]
        self._bad: dict[str, set[int]] = {split: set() for split in listing.splits}
        self._notes: dict[str, list[str]] = {}
        self._first_with: dict[bytes, Place] = {}
        self._sizes: dict[Place, Size] = {}
        self._counts: list[Counter] = [Counter() for _ in range(4)]
        self._looked_at = 0

    def add(self, place: Place, looked: Looked) -> None:
        self._looked_at += 1
        if looked.problems:
            self._problems += looked.problems
            self._bad[place[0]].add(place[1])
        for what, name in looked.notes:
            self._notes.setdefault(what, []).append(name)
        if looked.digest:
            self._compare(place, looked.digest)
        if looked.sizes and looked.kinds:
            for counter, value in zip(self._counts, looked.sizes + looked.kinds, strict=True):
                counter[value] += 1
            self._keep_size(place, looked.sizes[0])

    def _compare(self, place: Place, digest: bytes) -> None:
        first = self._first_with.setdefault(digest, place)
        if first == place:
            return
        where = "in two splits" if first[0] != place[0] else f"twice in {place[0]}"
        both = f"{self._name(first)} = {self._name(place)}"
        self._notes.setdefault(f"the same pair {where}", []).append(both)

    def _keep_size(self, place: Place, size: Size) -> None:
        """Only where all pairs must come out at one size."""
        if self._settings.resize == "scale_width":
            size = scaled_to_width(size, self._settings.load_size[1])
        if self._settings.resize in ("scale_width", "none"):
            self._sizes[place] = size

    def _name(self, place: Place) -> str:
        return shown_name(self._listing.splits[place[0]][place[1]].a, self._root)

    def _find_odd_sizes(self) -> None:
        """Names the pairs that do not come out as most training pairs do."""
        usable = {p: s for p, s in self._sizes.items() if p[1] not in self._bad[p[0]]}
        train = Counter(size for place, size in usable.items() if place[0] == "train")
        for most, count in (train or Counter(usable.values())).most_common(1):
            for place, size in usable.items():
                if size != most:
                    self._bad[place[0]].add(place[1])
                    self._problems.append(Problem(self._name(place), self._odd(size, most, count)))

    def _odd(self, size: Size, most: Size, count: int) -> str:
        resize = self._settings.resize
        scaled = " after scaling" if resize == "scale_width" else ""
        return (
            f"it is {size[0]}x{size[1]}{scaled}, most others {most[0]}x{most[1]} ({count}): with "
            f"pairs of several sizes, set resize to scale_width_and_crop or crop, not {resize}"
        )

    def report(self, pair_format: PairFormat) -> CheckReport:
        self._find_odd_sizes()
        input_sizes, target_sizes, input_kinds, target_kinds = self._counts
        return CheckReport(
            origin=self._listing.origin,
            pairs={split: len(pairs) for split, pairs in self._listing.splits.items()},
            looked_at=self._looked_at,
            made_splits=self._listing.made_splits,
            taken=how_taken(self._listing, self._settings.layout),
            pair_format=pair_format,
            inputs=SideFacts(input_sizes, input_kinds),
            targets=SideFacts(target_sizes, target_kinds),
            problems=tuple(self._problems),
            warnings=(
                *(Finding(line) for line in self._listing.ignored),
                *(Finding(what, tuple(names)) for what, names in self._notes.items()),
            ),
            bad={split: frozenset(indices) for split, indices in self._bad.items() if indices},
        )
