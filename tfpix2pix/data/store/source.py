"""What `prepare` reads: the pairs of a folder or a manifest, or single images to make pairs of."""

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

from tfpix2pix.config import DataSettings
from tfpix2pix.data.folders import PairFiles
from tfpix2pix.data.reading import SUFFIXES
from tfpix2pix.data.scanning import image_names
from tfpix2pix.data.sources import RECORD_KINDS, Listing, Problem, kind_of, list_pairs
from tfpix2pix.data.splits import SPLIT_NAMES, SPLITS, split_of
from tfpix2pix.data.store.options import StoreOptions
from tfpix2pix.errors import UserError


def list_source(settings: DataSettings, options: StoreOptions) -> Listing:
    """Lists what is to be written, by split.

    Raises:
        UserError: there is no such place, or it holds nothing that can be prepared.
    """
    kind = kind_of(settings.data)
    if kind in RECORD_KINDS:
        raise UserError(
            f"{settings.data} is a set of records already: train on it with --data {settings.data}"
        )
    if options.derivation is None:
        listing = list_pairs(settings)
    elif kind == "folder":
        listing = _list_images(settings)
    else:
        raise UserError(f"--derive takes a folder of images, not the manifest {settings.data}")
    return _resplit(listing, settings.split) if options.resplit else listing


def _list_images(settings: DataSettings) -> Listing:
    """Single images in SPLIT/ folders, or in a folder without splits."""
    root = Path(settings.data).expanduser()
    folders: dict[str, str] = {}
    for name, split in SPLIT_NAMES.items():
        # As where there are pairs, val/ goes before validation/.
        if (root / name).is_dir() and split not in folders.values():
            folders[name] = split
    found: dict[str, list[PairFiles]] = {}
    problems = []
    for path in image_names(root):
        folder, _, name = path.partition("/") if folders else ("", "", path)
        if folder not in folders and folders:
            problems.append(Problem(path, f"it lies beside {_shown(folders)}, in none of them"))
            continue
        image = PairFiles(name, str(root / path))
        found.setdefault(folders.get(folder) or split_of(name, settings.split), []).append(image)
    if not found:
        raise UserError(f"{root} holds no images: expected {', '.join(SUFFIXES)} files")
    return Listing(str(root), _in_order(found), tuple(sorted(problems)), made_splits=not folders)


def _shown(folders: Iterable[str]) -> str:
    return ", ".join(f"{folder}/" for folder in folders)


def _resplit(listing: Listing, shares: Sequence[int]) -> Listing:
    """The same pairs in new splits, by the hash of their names."""
    is_folder = Path(listing.origin).is_dir()
    if listing.made_splits and is_folder:
        return listing
    found: dict[str, list[PairFiles]] = {}
    for old, pairs in listing.splits.items():
        for pair in pairs:
            # train/1.png and val/1.png may meet in one split now; names in a manifest are paths.
            name = f"{old}/{pair.name}" if is_folder else pair.name
            found.setdefault(split_of(name, shares), []).append(pair._replace(name=name))
    return dataclasses.replace(listing, splits=_in_order(found), made_splits=True)


def _in_order(found: dict[str, list[PairFiles]]) -> dict[str, tuple[PairFiles, ...]]:
    return {split: tuple(sorted(found[split])) for split in SPLITS if split in found}
