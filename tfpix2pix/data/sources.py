"""What `--data` may name, and the pairs that lie there as files: no TensorFlow is imported here.

A set is a folder of side-by-side images, two folders, a manifest, a store that `tfpix2pix
prepare` wrote, or a TFDS set. A is the left or upper image, that in `input/`, `A/` or `trainA/`,
or that in a manifest's first column; B the other.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from tfpix2pix.config import DataSettings
from tfpix2pix.data.folders import PairFiles, check_layout, find_pairs
from tfpix2pix.data.formats import PairFormat
from tfpix2pix.data.manifest import check_manifest, read_manifest
from tfpix2pix.data.splits import SPLITS, split_of
from tfpix2pix.errors import UserError
from tfpix2pix.places import as_place, local_place

TFDS_PREFIX = "tfds:"
DRAWN_FACADES = "drawn_facades"
# What runs that were imported as weights have for data until they are given some.
IMPORTED = "imported"
# What TFDS writes last into a store.
STORE_MARK = "dataset_info.json"

Kind = Literal["tfds", "store", "manifest", "folder"]
RECORD_KINDS = ("tfds", "store")


class Problem(NamedTuple):
    """Why a file or pair cannot be used."""

    name: str
    reason: str


@dataclasses.dataclass(frozen=True)
class Listing:
    """All pairs of a set of files, by split.

    Attributes:
        origin: the folder or manifest.
        splits: pairs by split, sorted by name; only splits that hold some.
        problems: files without a partner and the like.
        made_splits: whether the splits were made here, by the names' hash.
        ignored: lines on what lies there and was not taken.
        format: what the images are, once they have been looked at.
    """

    origin: str
    splits: Mapping[str, tuple[PairFiles, ...]]
    problems: tuple[Problem, ...] = ()
    made_splits: bool = False
    ignored: tuple[str, ...] = ()
    format: PairFormat | None = None


def kind_of(data: str) -> Kind:
    """What kind of set `--data` names.

    Raises:
        UserError: there is none, or it cannot be read.
    """
    if data == DRAWN_FACADES or data.startswith(TFDS_PREFIX):
        return "tfds"
    if data == IMPORTED:
        raise UserError(
            f"data: the word {IMPORTED} stands for imported weights that have no data yet: give "
            f"--data PATH (a folder of that name: ./{IMPORTED})"
        )
    place = as_place(data).expanduser()
    try:
        if place.is_dir():
            return "store" if (place / STORE_MARK).exists() else "folder"
        if place.is_file() and place.suffix.lower() == ".csv":
            return "manifest"
        there = place.exists()
    except OSError as error:
        raise UserError(f"data: cannot read {error.filename}: {error.strerror}") from error
    if there:
        raise UserError(f"data: {place} is neither a folder nor a .csv manifest")
    hint = f" (or {TFDS_PREFIX}{data}, a TFDS set?)" if "/" not in data.strip("/") else ""
    raise UserError(
        f"data: there is no folder {place}{hint}, nor a set of that name ({DRAWN_FACADES})"
    )


def absolute_data(settings: DataSettings) -> DataSettings:
    """With places that are found from any working folder, so that a run can be resumed there."""
    return dataclasses.replace(
        settings,
        data=absolute_source(settings.data),
        data_dir=settings.data_dir and absolute_place(settings.data_dir),
        manual_dir=settings.manual_dir and absolute_place(settings.manual_dir),
    )


def absolute_source(data: str) -> str:
    """The same data set, named so that it is found from any working folder."""
    stays = data == IMPORTED or kind_of(data) == "tfds"
    return data if stays else str(as_place(data).expanduser().absolute())


def absolute_place(place: str) -> str:
    """The same file or folder of this machine, named so that it is found from any working folder.

    Raises:
        SettingsError: it is not of this machine.
    """
    return str(local_place(place).expanduser().absolute())


def list_pairs(settings: DataSettings) -> Listing:
    """Lists the pairs of a folder or a manifest.

    Raises:
        UserError: there is no such place, it holds no pairs, or names there are ambiguous.
    """
    place = as_place(settings.data).expanduser()
    found = read_manifest(place) if kind_of(settings.data) == "manifest" else find_pairs(place)
    splits = {split: list(pairs) for split, pairs in found.splits.items()}
    unsplit = splits.pop(None, [])
    for pair in unsplit:
        splits.setdefault(split_of(pair.name, settings.split), []).append(pair)
    return Listing(
        str(place),
        {split: tuple(sorted(splits[split])) for split in SPLITS if splits.get(split)},
        tuple(Problem(*problem) for problem in found.problems),
        made_splits=bool(unsplit),
        ignored=found.ignored,
    )


def check_source(settings: DataSettings) -> None:
    """Refuses data that are not there or not laid out for training, before anything slow.

    It lists no folder to its end: `usable_pairs` does so, and looks at the files.

    Raises:
        UserError: with what was expected.
    """
    kind = kind_of(settings.data)
    place = as_place(settings.data).expanduser()
    if kind == "manifest":
        check_manifest(place)
    elif kind == "folder":
        check_layout(place, "train")


def usable_listing(settings: DataSettings, split: str = "train") -> Listing:
    """Lists the pairs, and refuses a set without that split or, unless told to skip, with problems.

    Raises:
        UserError: with what was expected.
    """
    listing = list_pairs(settings)
    if listing.problems and settings.on_bad == "fail":
        raise UserError(describe_problems(listing.problems, listing.origin))
    require_split(listing, split)
    return listing


def require_split(listing: Listing, split: str = "train") -> None:
    """Refuses a listing without pairs in that split.

    Raises:
        UserError: with the splits that there are.
    """
    if split in listing.splits:
        return
    if listing.made_splits and listing.splits:
        found = ", ".join(f"{name} {len(pairs)}" for name, pairs in listing.splits.items())
        raise UserError(
            f"{listing.origin} has no {split} pairs: its splits were made by "
            f"--split, by a hash of the names, which gave {found}; give {split} a larger share"
        )
    found = ", ".join(f"{name}/" for name in listing.splits) or "none of them"
    raise UserError(
        f"{listing.origin} has no {split}/ pairs: expected {', '.join(SPLITS)}; found {found}"
    )


def describe_problems(problems: Iterable[Problem], origin: str) -> str:
    """One line that names each problem (the first few of many) and says what to do."""
    problems = list(problems)
    shown = "; ".join(f"{problem.name}: {problem.reason}" for problem in problems[:5])
    more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
    return (
        f"{len(problems)} of the pairs in {origin} cannot be used: {shown}{more}. Mend them or "
        "take them out, or leave them out with --on-bad skip; "
        f"`tfpix2pix prepare --check {origin}` lists them all"
    )
