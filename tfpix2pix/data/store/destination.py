"""The folder that is written: whose it is, what of it is done, and when it is whole.

plan.json, finished.json   see `plan`
pairs-train....            the shards of a store
dataset_info.json          appears last, and makes a store of them
.unfinished/               image files of `combine`, whose folders are moved out at the end
"""

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from tfpix2pix import files
from tfpix2pix.data.sources import STORE_MARK
from tfpix2pix.data.splits import SPLITS
from tfpix2pix.data.store.plan import (
    PLAN,
    SET_NAME,
    Finished,
    Plan,
    differences,
    read_finished,
    read_plan,
    write_finished,
)
from tfpix2pix.data.store.recipe import Recipe
from tfpix2pix.data.store.shards import PARTIAL, UNFINISHED
from tfpix2pix.errors import UserError
from tfpix2pix.files import write_atomically, writing

LOCK = ".lock"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps other processes from writing here; the system unlocks it when this one dies.

    Raises:
        UserError: another one does, the folder holds something else, or cannot be written.
    """
    if folder.is_dir():
        with writing(folder):
            _refuse_foreign(folder)
    in_use = f"{folder} is being written by another process: wait for it, or choose another folder"
    with files.locked(folder / LOCK, in_use):
        yield


def _refuse_foreign(folder: Path) -> None:
    is_ours = (folder / PLAN).exists()
    if not is_ours and any(path.name != LOCK for path in folder.iterdir()):
        raise UserError(f"{folder} holds other files: choose a new or an empty folder")


def is_complete(folder: Path, plan: Plan, combines: bool) -> bool:
    """Whether this very set was written here.

    Raises:
        UserError: another one was, or something else is here.
    """
    _refuse_foreign(folder)
    old = read_plan(folder)
    if old is None:
        return False
    changes = differences(old, plan.facts)
    is_whole = _is_whole(folder, plan, combines)
    # What is not whole yet may still change; then the shards of changed files are written anew.
    if is_whole and not changes and not _is_planned(folder, plan):
        changes = [f"the files in {plan.facts['source']} have changed since"]
    if changes:
        raise UserError(
            f"{folder} was {'written' if is_whole else 'begun'} otherwise: {'; '.join(changes)}. "
            "Delete it, or choose another folder"
        )
    return is_whole and set(kept_shards(folder, plan, combines)) == {s.name for s in plan.shards}


def _is_planned(folder: Path, plan: Plan) -> bool:
    return (folder / PLAN).exists() and (folder / PLAN).read_text() == plan.text()


def _is_whole(folder: Path, plan: Plan, combines: bool) -> bool:
    if not combines:
        return (folder / STORE_MARK).exists()
    has_all = all((folder / split).is_dir() for split in _splits(plan))
    return has_all and not (folder / UNFINISHED).exists()


def kept_shards(folder: Path, plan: Plan, combines: bool) -> dict[str, Finished]:
    """The shards that are done and still there."""
    finished = read_finished(folder, plan)
    if combines:
        return _kept_files(folder, plan, finished) if _is_planned(folder, plan) else {}
    return {
        name: done
        for name, done in finished.items()
        if (folder / name).exists() and (folder / name).stat().st_size == done.size
    }


def _kept_files(folder: Path, plan: Plan, finished: Mapping[str, Finished]) -> dict[str, Finished]:
    """Without the shards of the splits that have lost files."""
    kept: dict[str, Finished] = {}
    for split in _splits(plan):
        names = [shard.name for shard in plan.shards if shard.split == split]
        noted = {name: finished[name] for name in names if name in finished}
        if _count_files(folder, split) >= sum(done.pairs for done in noted.values()):
            kept |= noted
    return kept


def _count_files(folder: Path, split: str) -> int:
    places = (folder / UNFINISHED / split, folder / split)
    return sum(len(files) for place in places for _, _, files in os.walk(place))


def _splits(plan: Plan) -> list[str]:
    """The plan's splits, in order."""
    return list(dict.fromkeys(shard.split for shard in plan.shards))


def begin(folder: Path, plan: Plan, combines: bool) -> dict[str, Finished]:
    """Notes the plan, takes away what is not a part of it, and gives the finished shards."""
    finished = kept_shards(folder, plan, combines)
    with writing(folder):
        if combines:
            _gather_files(folder, plan)
        else:
            _remove_others(folder, finished)
    write_atomically(folder / PLAN, plan.text())
    write_finished(folder, finished)
    return finished


def _remove_others(folder: Path, finished: Mapping[str, Finished]) -> None:
    # First of all what says that the set is whole.
    (folder / STORE_MARK).unlink(missing_ok=True)
    for path in folder.iterdir():
        is_shard = path.name.startswith((PARTIAL, f"{SET_NAME}-"))
        if is_shard and path.name not in finished:
            path.unlink()


def _gather_files(folder: Path, plan: Plan) -> None:
    """Image files are kept if nothing at all has changed: no trace is left of other plans."""
    unfinished, keeps = folder / UNFINISHED, _is_planned(folder, plan)
    if not keeps:
        # Besides what is unfinished, folders that a run had moved out when it was stopped.
        for old in (unfinished, *(folder / split for split in SPLITS)):
            shutil.rmtree(old, ignore_errors=True)
    unfinished.mkdir(exist_ok=True)
    for split in _splits(plan):
        if keeps and (folder / split).exists():
            # Stopped between the last pair and the last folder.
            (folder / split).rename(unfinished / split)
        (unfinished / split).mkdir(exist_ok=True)


def complete(folder: Path, plan: Plan, recipe: Recipe, finished: Mapping[str, Finished]) -> None:
    """The last step, by which the set becomes one."""
    if not recipe.options.combine:
        # TFDS takes a third of a second to import, and image files do without it.
        from tfpix2pix.data.store.records import write_metadata

        write_metadata(folder, recipe, plan, [finished[shard.name] for shard in plan.shards])
        return
    with writing(folder):
        # Training needs train/: it appears last.
        for split in reversed(_splits(plan)):
            (folder / UNFINISHED / split).rename(folder / split)
        (folder / UNFINISHED).rmdir()
