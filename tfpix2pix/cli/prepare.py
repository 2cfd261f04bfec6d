"""`tfpix2pix prepare`."""

import argparse
import shlex
from typing import TYPE_CHECKING, Any

import pydantic

from tfpix2pix.cli.check import RESIZE_MODES, check, flag
from tfpix2pix.cli.parsing import add_setting_flags, given_settings
from tfpix2pix.cli.quiet import tensorflow_imported_quietly
from tfpix2pix.config import DataSettings, resolve
from tfpix2pix.config.types import Size
from tfpix2pix.errors import SettingsError, UserError
from tfpix2pix.places import local_place
from tfpix2pix.progress import say

if TYPE_CHECKING:
    from tfpix2pix.data.store.options import StoreOptions
    from tfpix2pix.data.store.writer import StoreReport

SUMMARY = "Write a set of pairs once as a store that trains at any size, or check a set."

EXAMPLES = """examples:
  tfpix2pix prepare photos-and-maps maps-store         then train with --data maps-store
  tfpix2pix prepare --check photos-and-maps            what is in it, and what is wrong with it
  tfpix2pix prepare photos edges --derive edges        pairs made of single images
  tfpix2pix prepare photos x4 --crop square --resize 256 --derive downscale 4
  tfpix2pix prepare two-folders combined --combine     side-by-side files, for other tools

SRC is a folder of pairs or a manifest (.csv), as for tfpix2pix-train --data. With --derive it
holds single images, in train/, val/ and test/ or without: they are the targets, and the inputs
are made of them. Give SRC and DST first. What was stopped goes on when the same command is given
again; finished shards are kept. --check takes --preset, --config and the settings below, to look
at the set as it will be trained on; it writes the contact sheet and nothing else.
"""

# Of the settings, those by which pairs are read.
SETTINGS = (
    *("layout", "split", "on_bad", "input_channels", "output_channels", "value_range"),
    *("target_value_range", "input_interpolation", "target_interpolation"),
)
# Which of the images are label maps, whose colours must not be mixed.
LABELS = ("direction", "input_encoding", "target_encoding", "palette")
# How a set will be trained on, which is checked but not written.
CHECKED = ("load_size", "crop_size")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.usage = "%(prog)s SRC DST [OPTION ...]\n       %(prog)s --check SRC [OPTION ...]"
    parser.add_argument("source", metavar="SRC", help="folder of pairs, or manifest")
    parser.add_argument(
        "destination", nargs="?", type=local_place, metavar="DST", help="new folder for the store"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="look at every pair, list what is wrong, write no store",
    )
    parser.add_argument(
        "--contact-sheet",
        type=local_place,
        metavar="FILE",
        help="with --check: where the picture of some pairs goes, not in SRC [NAME_pairs.png]",
    )
    parser.add_argument("--preset", metavar="PRESET", help="with --check: settings of the training")
    parser.add_argument("--config", type=local_place, metavar="FILE", help="with --check: the same")
    _add_operations(parser.add_argument_group("what is done to the pairs, in this order"))
    _add_output(parser.add_argument_group("what is written"))
    add_setting_flags(parser, SETTINGS + LABELS + CHECKED)


def _add_operations(group: Any) -> None:
    group.add_argument("--pad", metavar="SIZE", help="with white to 256, HEIGHTxWIDTH or square")
    group.add_argument("--crop", metavar="SIZE", help="the centre: 256, HEIGHTxWIDTH or square")
    group.add_argument(
        "--resize",
        dest="resize_to",
        metavar="SIZE",
        help=f"to 256 or HEIGHTxWIDTH; with --check the setting: {', '.join(RESIZE_MODES)}",
    )
    group.add_argument(
        "--derive",
        nargs="+",
        metavar="WORD",
        help="make inputs of single images: edges [canny|hed], grayscale, downscale N, blank "
        "center, noise [SIGMA]",
    )
    group.add_argument(
        "--hed-weights", type=local_place, metavar="FILE", help="ONNX file, for --derive edges hed"
    )
    group.add_argument(
        "--seed", dest="noise_seed", type=int, metavar="INT", help="of --derive noise [0]"
    )


def _add_output(group: Any) -> None:
    group.add_argument(
        "--resplit", action="store_true", help="make new splits (--split) where there are some"
    )
    group.add_argument(
        "--combine", action="store_true", help="side-by-side files DST/SPLIT/NAME.png, no store"
    )
    group.add_argument(
        "--format",
        dest="file_format",
        choices=("array_record", "tfrecord"),
        help="of the shards [array_record where it is installed]",
    )
    group.add_argument(
        "--encoding",
        choices=("png", "jpeg"),
        help="of images that cannot stay the files they are; jpeg: smaller, but not exact [png]",
    )
    group.add_argument("--workers", type=int, metavar="N", help="processes [one for each core]")


def run(arguments: argparse.Namespace) -> int:
    """Prepares or checks; returns the exit status."""
    if arguments.check:
        return check(arguments)
    _refuse_checking(arguments)
    flags = {"data": arguments.source, **given_settings(arguments)}
    settings = resolve(flags=flags, networks=False).data
    if arguments.destination is None:
        raise SettingsError("prepare SRC DST: where to? Give a new folder, or --check to look only")
    options = _options(arguments)
    from tfpix2pix.data.store.writer import write_store

    try:
        report = write_store(
            settings,
            options,
            arguments.destination,
            workers=arguments.workers,
            importing=tensorflow_imported_quietly,
        )
    except KeyboardInterrupt:
        say("give the same command again to go on: finished shards are kept")
        raise
    _conclude(report, arguments, settings)
    return 0


def _refuse_checking(arguments: argparse.Namespace) -> None:
    for name in ("contact_sheet", "preset", "config"):
        if getattr(arguments, name) is not None:
            raise SettingsError(f"{flag(name)} goes with --check")
    given = given_settings(arguments)
    for name in CHECKED:
        if name in given:
            raise SettingsError(f"{flag(name)} goes with --check: it is chosen anew at training")
    encodings = given.get("input_encoding"), given.get("target_encoding")
    if "direction" in given and "labels" not in encodings:
        raise SettingsError(
            "--direction goes with --check, or with --input-encoding or --target-encoding labels: "
            "it is chosen anew at training"
        )


def _options(arguments: argparse.Namespace) -> "StoreOptions":
    if arguments.workers is not None and arguments.workers < 1:
        raise SettingsError(f"--workers: expected 1 or more, got {arguments.workers}")
    if arguments.combine and arguments.file_format:
        raise SettingsError("--format is for stores: leave it out with --combine")
    sizes = {name: _size(name, getattr(arguments, name)) for name in ("pad", "crop")}
    if arguments.resize_to in RESIZE_MODES:
        raise SettingsError(
            f"--resize {arguments.resize_to}: that is chosen anew at training, or goes with "
            "--check; expected a size, 256 or HEIGHTxWIDTH"
        )
    resize = _size("resize", arguments.resize_to, square=False)
    derivation = _derivation(arguments)
    # Imported here: NumPy takes a moment, and wrong usage is said without it.
    from tfpix2pix.data.store.options import StoreOptions, best_file_format

    return StoreOptions(
        **sizes,
        resize=resize,
        derivation=derivation,
        encoding=arguments.encoding or "png",
        combine=arguments.combine,
        resplit=arguments.resplit,
        file_format=arguments.file_format or best_file_format(),
    )


def _size(name: str, value: str | None, square: bool = True) -> Any:
    if value is None or (square and value == "square"):
        return value
    try:
        return pydantic.TypeAdapter(Size).validate_python(value)
    except pydantic.ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise SettingsError(f"--{name} {value}: {reason}{' or square' * square}") from error


def _derivation(arguments: argparse.Namespace) -> Any:
    if arguments.derive is None:
        for name in ("hed_weights", "noise_seed"):
            if getattr(arguments, name) is not None:
                raise SettingsError(f"{flag(name)} goes with --derive")
        return None
    if arguments.noise_seed is not None and arguments.derive[0] != "noise":
        raise SettingsError(f"--seed goes with --derive noise, got {' '.join(arguments.derive)}")
    from tfpix2pix.data.derive import parse_derivation

    weights = arguments.hed_weights and arguments.hed_weights.expanduser().absolute()
    derivation = parse_derivation(
        arguments.derive, hed_weights=weights, seed=arguments.noise_seed or 0
    )
    if weights and not weights.is_file():
        raise UserError(f"--hed-weights: there is no file {weights}")
    derivation.check()
    return derivation


def _conclude(report: "StoreReport", arguments: argparse.Namespace, settings: DataSettings) -> None:
    """Says what lies where, and what to do next."""
    for name, reason in report.left_out:
        print(f"left out: {name}: {reason}")
    done = "is complete already" if report.was_complete else "written"
    counts = ", ".join(f"{split} {count}" for split, count in report.pairs.items())
    print(f"{report.destination} {done}: {counts} pairs, {_bytes(report.size)}")
    if report.left_out:
        print(f"left out     {len(report.left_out)}, see {report.destination / 'left_out.csv'}")
    command = f"tfpix2pix-train --data {shlex.quote(str(report.destination))}"
    for name in ("value_range", "target_value_range"):
        if limits := getattr(settings, name):
            command += f" {flag(name)}={','.join(map(_number, limits))}"
    if arguments.combine and settings.layout != "left_right":
        command += f" --layout {settings.layout}"
    for name in LABELS:
        if value := given_settings(arguments).get(name):
            command += f" {flag(name)} {shlex.quote(value)}"
    print(f"next         {command}")


def _number(value: float) -> str:
    """The shortest text of this very number."""
    return repr(float(value)).removesuffix(".0")


def _bytes(size: int) -> str:
    number, unit = float(size), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if number < 1024:
            break
        number, unit = number / 1024, larger
    return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
