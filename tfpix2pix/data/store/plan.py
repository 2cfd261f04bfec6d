"""What is to be written where, and what of it is done: a run that was stopped goes on from there.

plan.json      what the set is made of and how, and its shards; written first
finished.json  the shards that are whole; written after each of them
"""

import dataclasses
import hashlib
import itertools
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfpix2pix.data.folders import PairFiles
from tfpix2pix.data.pair_checks import root_of, shown_name
from tfpix2pix.data.sources import Listing, Problem
from tfpix2pix.data.store.recipe import Recipe
from tfpix2pix.errors import UserError
from tfpix2pix.files import write_atomically

PLAN = "plan.json"
FINISHED = "finished.json"
SET_NAME = "pairs"

SHARD_BYTES = 128 * 2**20
# What a JPEG grows by when its pixels are written as PNG, about.
PNG_GROWTH = 4
# Enough shards for as many processes, where there is something to share out.
LEAST_SHARDS = 8
LEAST_PAIRS = 32

# What pairs are read by; the other settings are for training.
SETTINGS = (
    *("layout", "split", "input_channels", "output_channels", "value_range"),
    *("target_value_range", "input_interpolation", "target_interpolation"),
)


@dataclasses.dataclass(frozen=True)
class Shard:
    """A run of pairs that is written by one process.

    Attributes:
        split: of the pairs.
        name: of the file.
        pairs: in order.
        fingerprint: of the pairs' names and their files' paths, sizes and times.
    """

    split: str
    name: str
    pairs: tuple[PairFiles, ...]
    fingerprint: str


@dataclasses.dataclass(frozen=True)
class Finished:
    """What is known of a shard when it is written.

    Attributes:
        fingerprint: of the shard.
        pairs: written.
        size: in bytes.
        left_out: pairs that cannot be used.
    """

    fingerprint: str
    pairs: int
    size: int
    left_out: tuple[Problem, ...] = ()


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is to be written.

    Attributes:
        facts: what the set is made of and how, as JSON holds it.
        shards: of all splits, in order.
    """

    facts: Mapping[str, Any]
    shards: tuple[Shard, ...]

    def text(self) -> str:
        """As `plan.json` holds it."""
        shards = {
            shard.name: {"pairs": len(shard.pairs), "fingerprint": shard.fingerprint}
            for shard in self.shards
        }
        return json.dumps({**self.facts, "shards": shards}, indent=1) + "\n"


def make_plan(recipe: Recipe, listing: Listing) -> Plan:
    """Deals the pairs out to shards."""
    settings, options = recipe.settings, recipe.options
    facts = {
        "source": str(Path(listing.origin).absolute()),
        # Through JSON, so that they compare equal to what is read back.
        "settings": _plain({name: getattr(settings, name) for name in SETTINGS}),
        "options": options.to_plain(),
        "format": _plain(recipe.formats.to_plain()),
    }
    root = root_of(listing)
    keeps_files = options.derivation is None and not (options.pad or options.crop or options.resize)
    shards = itertools.chain.from_iterable(
        _shards(split, pairs, root, None if options.combine else options.file_format, keeps_files)
        for split, pairs in listing.splits.items()
    )
    return Plan(facts, tuple(shards))


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _shards(
    split: str, pairs: Sequence[PairFiles], root: str, file_format: str | None, keeps_files: bool
) -> Iterator[Shard]:
    stats = [_stat_files(pair, root) for pair in pairs]
    weight = sum(
        size * (1 if keeps_files and pair.b else _growth(pair))
        for pair, (_, size) in zip(pairs, stats, strict=True)
    )
    count = max(math.ceil(weight / SHARD_BYTES), min(LEAST_SHARDS, len(pairs) // LEAST_PAIRS), 1)
    count = min(count, len(pairs))
    bounds = [len(pairs) * i // count for i in range(count + 1)]
    for number, (start, end) in enumerate(itertools.pairwise(bounds)):
        digest = hashlib.sha256()
        for line, _ in stats[start:end]:
            digest.update(line)
        name = f"{number:05d}-of-{count:05d}"
        suffix = f".{file_format}" if file_format else ""
        yield Shard(
            split, f"{SET_NAME}-{split}{suffix}-{name}", tuple(pairs[start:end]), digest.hexdigest()
        )


def _stat_files(pair: PairFiles, root: str) -> tuple[bytes, int]:
    """A line that changes when the files do, or which they are, and their size."""
    facts: list[Any] = [pair.name]
    total = 0
    for path in (pair.a, pair.b):
        try:
            stat = os.stat(path) if path is not None else None  # noqa: PTH116
        except OSError:  # said with its reason when the pair is read
            stat = None
        shown = path and shown_name(path, root)
        facts += [shown, stat and stat.st_size, stat and stat.st_mtime_ns]
        total += stat.st_size if stat else 0
    return os.fsencode(repr(facts)) + b"\n", total


def _growth(pair: PairFiles) -> int:
    return PNG_GROWTH if pair.a.lower().endswith((".jpg", ".jpeg")) else 1


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What differs between two plans' facts, each as `name: was this, now that`."""
    found = []
    for name in new:
        before, now = old.get(name), new[name]
        if isinstance(before, dict) and isinstance(now, dict):
            found += differences(before, now)
        elif before != now:
            found.append(f"{name}: was {_text(before)}, now {_text(now)}")
    return found


def _text(value: Any) -> str:
    return "none" if value is None else value if isinstance(value, str) else json.dumps(value)


def read_plan(folder: Path) -> dict[str, Any] | None:
    """The plan in a folder as plain values, or None.

    Raises:
        UserError: there is one that cannot be read.
    """
    if not (folder / PLAN).exists():
        return None
    try:
        plan = json.loads((folder / PLAN).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(
            f"cannot read {folder / PLAN}: delete {folder}, or choose another folder"
        ) from error
    return plan if isinstance(plan, dict) else {}


def read_finished(folder: Path, plan: Plan) -> dict[str, Finished]:
    """The shards of the plan that are noted as finished, of files that have not changed since."""
    try:
        plain = json.loads((folder / FINISHED).read_text(encoding="utf-8"))
        noted = {name: _finished(note) for name, note in plain.items()}
    # They are written anew then.
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}
    wanted = {shard.name: shard.fingerprint for shard in plan.shards}
    return {name: note for name, note in noted.items() if wanted.get(name) == note.fingerprint}


def _finished(note: Mapping[str, Any]) -> Finished:
    # Not by pydantic, which refuses names that are not UTF-8.
    left_out = tuple(Problem(name, reason) for name, reason in note["left_out"])
    return Finished(note["fingerprint"], int(note["pairs"]), int(note["size"]), left_out)


def write_finished(folder: Path, finished: Mapping[str, Finished]) -> None:
    """Notes which shards are finished."""
    plain = {name: dataclasses.asdict(finished[name]) for name in sorted(finished)}
    write_atomically(folder / FINISHED, json.dumps(plain, indent=1) + "\n")
