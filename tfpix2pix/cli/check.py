"""`tfpix2pix prepare --check`: looks at a set, and changes nothing in it."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, get_args

from tfpix2pix.cli.parsing import given_settings
from tfpix2pix.config import DataSettings, resolve
from tfpix2pix.config.types import Resize
from tfpix2pix.errors import SettingsError, UserError, one_line
from tfpix2pix.places import as_place, is_remote

if TYPE_CHECKING:
    from tfpix2pix.data.sources import Listing

# What `--resize` may say where the set is only looked at: how it will be trained on.
RESIZE_MODES = get_args(Resize)
WRITING = ("pad", "crop", "hed_weights", "combine", "resplit", "workers")
CHOICES = ("file_format", "encoding", "noise_seed")
FLAGS = {"resize_to": "resize", "file_format": "format", "noise_seed": "seed"}


def flag(name: str) -> str:
    """The flag of an argument or a setting."""
    return "--" + FLAGS.get(name, name).replace("_", "-")


def check(arguments: argparse.Namespace) -> int:
    """Looks at all pairs; returns 1 if something would break training."""
    _refuse_writing(arguments)
    settings = _settings(arguments)
    from tfpix2pix.data.checking import check_pairs
    from tfpix2pix.data.contact_sheet import write_contact_sheet
    from tfpix2pix.data.detect import detect_format
    from tfpix2pix.data.sources import RECORD_KINDS, kind_of, list_pairs, require_split

    if kind_of(settings.data) in RECORD_KINDS:
        raise UserError(
            f"{settings.data} is a set of records: --check takes a folder of pairs or a manifest"
        )
    sheet = _sheet(settings, arguments.contact_sheet)
    listing = list_pairs(settings)
    if not listing.splits:
        _refuse_empty(listing)
    pairs = listing.splits.get("train") or next(iter(listing.splits.values()))
    pair_format = detect_format(settings, pairs)
    report = check_pairs(settings, listing, pair_format, show_progress=True)
    for line in report.lines():
        print(one_line(line))
    write_contact_sheet(sheet, settings, listing, pair_format, problems=report.problems)
    print(one_line(f"pairs to look at: {sheet}"))
    require_split(listing)
    return 1 if report.problems else 0


def _refuse_writing(arguments: argparse.Namespace) -> None:
    if arguments.derive is not None:
        raise SettingsError(
            "--check looks at pairs, and --derive has single images: leave out --check; prepare "
            "SRC DST --derive ... names all images that it cannot use"
        )
    values = {name: getattr(arguments, name) for name in (*WRITING, *CHOICES)}
    given = [name for name, value in values.items() if value is not None and value is not False]
    if arguments.destination is not None or given:
        what = f"DST, {arguments.destination}" if arguments.destination else flag(given[0])
        raise SettingsError(f"--check writes no store: leave out {what}")


def _settings(arguments: argparse.Namespace) -> DataSettings:
    """As the set will be trained on: of a preset, a file and flags."""
    flags = {"data": arguments.source, **given_settings(arguments)}
    if arguments.resize_to is not None:
        if arguments.resize_to not in RESIZE_MODES:
            raise SettingsError(
                f"--check --resize {arguments.resize_to}: expected how the set will be trained on, "
                f"{', '.join(RESIZE_MODES)}; or leave out --resize"
            )
        flags["resize"] = arguments.resize_to
    return resolve(arguments.preset, arguments.config, flags, networks=False).data


def _sheet(settings: DataSettings, given: Path | None) -> Path:
    """Where the contact sheet goes: not into the set, of which it would be a part next time."""
    source = as_place(settings.data).expanduser()
    if not is_remote(source):
        source = Path(os.path.abspath(source))  # noqa: PTH100
    name = source.name if source.is_dir() else source.stem
    default = Path(f"{name}_pairs.png")
    if is_remote(source) or not source.is_dir() or not _lies_in(given or default, source):
        return given or default
    if given is not None:
        raise SettingsError(
            f"--contact-sheet {given} lies in the set itself, and would be taken for a pair: "
            "choose a place elsewhere"
        )
    return source.parent / default


def _lies_in(path: Path, folder: Path) -> bool:
    return folder.resolve() in path.expanduser().resolve().parents


def _refuse_empty(listing: "Listing") -> NoReturn:
    from tfpix2pix.data.sources import describe_problems

    for name, reason in listing.problems:
        print(one_line(f"problem: {name}: {reason}"))
    raise UserError(describe_problems(listing.problems, listing.origin))
