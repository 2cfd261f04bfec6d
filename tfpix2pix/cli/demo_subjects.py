"""What `tfpix2pix demo` shows: a run or an export, opened as `predict` opens it, with examples."""

import argparse
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from tfpix2pix.cli.predictors import open_export, open_run
from tfpix2pix.cli.quiet import tensorflow_imported_quietly
from tfpix2pix.cli.train import DEFAULT_PRESET, RUNS
from tfpix2pix.config import resolve
from tfpix2pix.errors import SettingsError, UserError

if TYPE_CHECKING:
    from tfpix2pix.demo.subject import Subject


def find_demo_run() -> Path:
    """The last run of drawn facades that was trained as `make demo` does, and has a checkpoint.

    Raises:
        SettingsError: there is none.
    """
    from tfpix2pix.data.sources import DRAWN_FACADES
    from tfpix2pix.training.kept import find_checkpoint
    from tfpix2pix.training.run_folder import RunFolder

    prefix = f"{DEFAULT_PRESET}-"
    found = [path for path in RUNS.glob(f"{prefix}*") if path.name[len(prefix) :].isdecimal()]
    for path in sorted(found, key=lambda path: int(path.name[len(prefix) :]), reverse=True):
        with contextlib.suppress(UserError):
            folder = RunFolder(path)
            find_checkpoint(folder.checkpoints, "latest")
            # Runs on pairs of one's own may be called so too.
            if folder.settings().data.data == DRAWN_FACADES:
                return path
    raise SettingsError(
        f"there is no trained {RUNS}/{prefix}N here: name a run folder or an export, or train one "
        "in minutes with tfpix2pix-train"
    )


def load_subject(arguments: argparse.Namespace, folder: Path) -> "Subject":
    """Opens what was named, with its examples.

    Args:
        arguments: of `demo`.
        folder: where the examples' inputs are written.

    Raises:
        UserError: there is no such thing, the options do not fit it, or there are no such examples.
    """
    from tfpix2pix.data.sources import kind_of
    from tfpix2pix.export.loading import find_exported

    if arguments.data is not None:
        kind_of(arguments.data)  # raises where there is nothing of that name
    exported = find_exported(arguments.run_dir)
    if exported is None:
        return _of_run(arguments, folder)
    return _of_export(arguments, exported, folder)


def _of_run(arguments: argparse.Namespace, folder: Path) -> "Subject":
    from tfpix2pix.training.run_folder import RunFolder

    opened = open_run(arguments)
    from tfpix2pix.demo.answering import Answering
    from tfpix2pix.demo.subject import Subject

    run_folder = RunFolder(arguments.run_dir)
    formats = run_folder.formats()
    # As of `predict`: the answers of label maps are not drawn one by one.
    draws = opened.translator.draws and formats.target.palette is None
    inputs = run_folder.samples / "inputs"
    with tensorflow_imported_quietly():
        from tfpix2pix.demo.examples import find_examples
    data = opened.settings.data
    examples, origin = find_examples(data, formats, folder, inputs, named=arguments.data)
    return Subject(
        _title(arguments.run_dir),
        opened.settings.data.crop_size,
        Answering(opened.translator, formats, opened.translator if draws else None),
        examples,
        origin,
        arguments.samples or 1,
        arguments.seed or 0,
    )


def _of_export(arguments: argparse.Namespace, path: Path, folder: Path) -> "Subject":
    from tfpix2pix.export.description import FILE_NAME, read_description

    translator = open_export(arguments, path)
    from tfpix2pix.demo.answering import Answering
    from tfpix2pix.demo.subject import Subject

    described = read_description((path if path.is_dir() else path.parent) / FILE_NAME)
    data = None
    if described.settings:
        data = resolve(layers={str(path): described.settings}, networks=False).data
    with tensorflow_imported_quietly():
        from tfpix2pix.demo.examples import find_examples
    examples, origin = find_examples(data, described.formats, folder, named=arguments.data)
    answering = Answering(translator, described.formats)
    return Subject(_title(arguments.run_dir), described.size, answering, examples, origin)


def _title(place: Path) -> str:
    return f"tfpix2pix demo: {place.name or place.resolve().name}"
