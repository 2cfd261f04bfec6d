"""Writes a set as a store of shards, or as side-by-side image files; goes on where it stopped.

A store is readable by `tfds.builder_from_directory` and by `--data`. The same source, options and
versions give the same bytes, by any number of processes and with any number of stops.
"""

import contextlib
import csv
import dataclasses
import io
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from tfpix2pix import progress
from tfpix2pix.config import DataSettings
from tfpix2pix.data.sources import Listing, Problem, describe_problems
from tfpix2pix.data.store.destination import begin, complete, is_complete, kept_shards, locked
from tfpix2pix.data.store.options import StoreOptions, check_options
from tfpix2pix.data.store.plan import Finished, Plan, make_plan, write_finished
from tfpix2pix.data.store.recipe import make_recipe
from tfpix2pix.data.store.shards import ShardResult, combined_name
from tfpix2pix.data.store.source import list_source
from tfpix2pix.data.store.workers import Work, choose_workers, write_shards
from tfpix2pix.errors import UserError
from tfpix2pix.files import write_atomically
from tfpix2pix.places import local_place

LEFT_OUT = "left_out.csv"


@dataclasses.dataclass(frozen=True)
class StoreReport:
    """What lies in the destination now.

    Attributes:
        destination: the store, or the folder of image files.
        pairs: by split.
        size: of all pairs, in bytes.
        left_out: what cannot be used.
        was_complete: all was there already, and nothing was done.
    """

    destination: Path
    pairs: Mapping[str, int]
    size: int
    left_out: tuple[Problem, ...] = ()
    was_complete: bool = False


def write_store(
    settings: DataSettings,
    options: StoreOptions,
    destination: Path,
    *,
    workers: int | None = None,
    importing: Callable[[], AbstractContextManager[Any]] = contextlib.nullcontext,
) -> StoreReport:
    """Writes the pairs of a folder or a manifest; goes on with what an earlier call has begun.

    Args:
        settings: `data` names the source; of the others those in `plan.SETTINGS`, and `on_bad`.
        options: what is done to the pairs.
        destination: a new or empty folder, or one where the same was begun.
        workers: processes; default: as many as cores, or none for small sets.
        importing: gives a context in which TensorFlow is imported, where it is needed; a
            function at the top of a module.

    Raises:
        UserError: pairs cannot be used, the destination holds something else, or it cannot be
            written.
        SettingsError: the options do not fit the images.
    """
    fails = settings.on_bad == "fail"
    _refuse_inside(local_place(settings.data), destination)
    listing = list_source(settings, options)
    if listing.problems and (fails or not listing.splits):
        raise UserError(describe_problems(listing.problems, listing.origin))
    for line in listing.ignored:
        progress.say(f"warning: {line}")
    recipe = make_recipe(settings, options, listing)
    check_options(options, recipe.formats)
    if options.combine:
        _refuse_equal_names(listing)
    plan = make_plan(recipe, listing)
    with locked(destination):
        was_complete = is_complete(destination, plan, options.combine)
        if was_complete:
            finished = kept_shards(destination, plan, options.combine)
        else:
            finished = begin(destination, plan, options.combine)
            _write_rest(plan, finished, Work(recipe, destination, importing), workers)
        report = _report(destination, plan, finished, listing, was_complete, fails)
        if not was_complete:
            _write_left_out(destination, report.left_out)
            complete(destination, plan, recipe, finished)
    return report


def _refuse_inside(source: Path, destination: Path) -> None:
    source, destination = source.expanduser().resolve(), destination.expanduser().resolve()
    if source == destination or source in destination.parents:
        raise UserError(
            f"{destination} lies in the set itself, and would be read as a part of it: choose a "
            "folder elsewhere"
        )


def _refuse_equal_names(listing: Listing) -> None:
    for split, pairs in listing.splits.items():
        names = Counter(combined_name(pair.name, ".png") for pair in pairs)
        name, count = names.most_common(1)[0]
        if count > 1:
            raise UserError(
                f"--combine would write {count} pairs to {split}/{name}: their names differ only "
                "in suffix or folder; rename them, or write a store"
            )


def _write_rest(plan: Plan, finished: dict[str, Finished], work: Work, workers: int | None) -> None:
    """Writes what is not finished yet.

    Raises:
        UserError: pairs cannot be used, and may not be left out.
    """
    fails = work.recipe.settings.on_bad == "fail"
    problems = [problem for done in finished.values() for problem in done.left_out]
    rest = [shard for shard in plan.shards if shard.name not in finished]

    def conclude(result: ShardResult) -> None:
        problems.extend(result.problems)
        if result.finished is not None:
            finished[result.shard] = result.finished
            write_finished(work.folder, finished)

    steps = write_shards(rest, work, choose_workers(workers, rest), conclude)
    with contextlib.closing(steps):
        for _ in progress.track(steps, sum(len(shard.pairs) for shard in rest), "pair"):
            pass
    if problems and fails:
        for name, reason in sorted(problems):
            progress.say(f"cannot use {name}: {reason}")
        raise UserError(describe_problems(sorted(problems), plan.facts["source"]))


def _report(
    destination: Path,
    plan: Plan,
    finished: Mapping[str, Finished],
    listing: Listing,
    was_complete: bool,
    fails: bool,
) -> StoreReport:
    """Raises a `UserError` for a set without pairs, or without some that may not be left out."""
    pairs: Counter[str] = Counter()
    left_out = list(listing.problems)
    for shard in plan.shards:
        done = finished[shard.name]
        pairs[shard.split] += done.pairs
        left_out += done.left_out
    if not pairs.total():
        raise UserError(describe_problems(left_out, listing.origin))
    if left_out and fails:
        raise UserError(describe_problems(sorted(left_out), listing.origin))
    size = sum(done.size for done in finished.values())
    return StoreReport(destination, dict(pairs), size, tuple(left_out), was_complete)


def _write_left_out(destination: Path, left_out: tuple[Problem, ...]) -> None:
    if not left_out:
        return
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([Problem._fields, *left_out])
    # Names need not be text.
    write_atomically(destination / LEFT_OUT, text.getvalue().encode(errors="backslashreplace"))
