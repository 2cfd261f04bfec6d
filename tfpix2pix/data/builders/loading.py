"""Finds prepared sets through TFDS, ours and those of TFDS, and prepares them at the first use."""

# Else a tensorflow_datasets that lost its parts could not even be named below.
from __future__ import annotations

import contextlib
import difflib
import importlib
import io
import re
import sys
import tarfile
import textwrap
import zipfile
from collections.abc import Iterator
from pathlib import Path

import requests
import tensorflow as tf
import tensorflow_datasets as tfds
from google.protobuf.json_format import ParseError

from tfpix2pix.data.store.options import best_file_format
from tfpix2pix.data.whole_tfds import check_tfds
from tfpix2pix.errors import UserError
from tfpix2pix.files import writing
from tfpix2pix.progress import say

# Our sets, each with the module whose import registers its builder with TFDS.
BUILDERS = {
    "drawn_facades": "drawn_facades",
    "pix2pix/facades": "published",
    "pix2pix/cityscapes": "published",
    "pix2pix/maps": "published",
    "pix2pix/edges2shoes": "published",
    "pix2pix/edges2handbags": "published",
    "pix2pix/night2day": "published",
}
FORMATS = ("array_record", "tfrecord")
# NAME, NAME/CONFIG, NAME:VERSION or NAME/CONFIG:VERSION, as TFDS writes them.
NAME_PATTERN = re.compile(r"(?P<set>\w+)(/(?P<config>[\w\-.+]+))?(:(?P<version>[\d.*]+))?")
REASON_LENGTH = 400


def prepared_builder(
    name: str, data_dir: str | None = None, manual_dir: str | None = None
) -> tfds.core.DatasetBuilder:
    """Finds a set, prepares it if it is not, and gives its builder, ready to be read.

    Its records are array_record where that package is there, else tfrecord; a set prepared in
    either format is used as it is. `builder.info.splits` says which shards hold them.

    Args:
        name: one of `BUILDERS`, or what TFDS calls one of its sets, such as `oxford_iiit_pet` or
            `name/config:1.0.0`.
        data_dir: where prepared sets are kept; default: TFDS' own place.
        manual_dir: a folder with what the user downloaded by hand.

    Raises:
        UserError: there is no such set, it cannot be prepared, the place cannot be written, or
            what is there is damaged.
    """
    check_tfds()
    if manual_dir is not None and not Path(manual_dir).expanduser().is_dir():
        raise UserError(f"there is no folder {manual_dir}: expected one with the files of {name}")
    place = _place(data_dir)
    _check_name(name, place)
    builder = _find_builder(name, place)
    if not builder.info.splits:
        if builder.data_path.exists():
            raise damaged(builder)
        say(f"preparing {name} in {place}: once")
        _prepare(builder, name, place, manual_dir)
    if builder.info.file_format.value not in FORMATS:
        raise UserError(
            f"{builder.data_dir} is in the format {builder.info.file_format.value}: expected "
            f"{' or '.join(FORMATS)}. Delete that folder, and it will be prepared anew"
        )
    return builder


def is_prepared(name: str, data_dir: str | None = None) -> bool:
    """Whether `prepared_builder` finds a set as it is.

    Raises:
        UserError: there is no such set.
    """
    check_tfds()
    place = _place(data_dir)
    _check_name(name, place)
    return bool(_find_builder(name, place).info.splits)


def _place(data_dir: str | None) -> Path:
    return Path(data_dir or tfds.core.constants.DATA_DIR).expanduser()


def damaged(builder: tfds.core.DatasetBuilder) -> UserError:
    """The error to raise when a set's records cannot be read."""
    return _damaged(Path(builder.data_dir).parent)


def _damaged(folder: Path) -> UserError:
    return UserError(
        f"the prepared set in {folder} is damaged: delete that folder, and it will be prepared anew"
    )


def _check_name(name: str, place: Path) -> None:
    """Refuses what is neither ours, nor a set of TFDS, nor prepared in `place`."""
    match = NAME_PATTERN.fullmatch(name)
    if not match:
        raise UserError(f"{name!r} does not name a set: expected NAME, NAME/CONFIG or NAME:VERSION")
    of_set = [ours for ours in BUILDERS if ours.split("/")[0] == match["set"]]
    if of_set:
        wanted = "/".join(filter(None, (match["set"], match["config"])))
        if wanted not in BUILDERS:
            near = difflib.get_close_matches(wanted, of_set, n=1)
            hint = f"; did you mean {near[0]}?" if near and match["config"] else ""
            raise UserError(f"there is no set {wanted}: expected {' or '.join(of_set)}{hint}")
        importlib.import_module(f"tfpix2pix.data.builders.{BUILDERS[wanted]}")
        return
    _check_config(match["set"], match["config"], place)
    known = dict.fromkeys([*BUILDERS, *tfds.list_builders(with_community_datasets=False)])
    if match["set"] not in known and not (place / match["set"]).is_dir():
        near = difflib.get_close_matches(name, known, n=3) or list(BUILDERS)
        raise UserError(
            f"there is no prepared set {name}, neither here nor in TFDS; the nearest names: "
            f"{', '.join(near)}"
        )


def _check_config(name: str, config: str | None, place: Path) -> None:
    if config is None or (place / name / config).is_dir():
        return
    try:
        configs = list(tfds.builder_cls(name).builder_configs)
    except (tfds.core.DatasetNotFoundError, ImportError):
        return  # said where it is known what else was looked for
    if config not in configs:
        near = difflib.get_close_matches(config, configs, n=5, cutoff=0.0)
        expected = f"expected {' or '.join(f'{name}/{c}' for c in near)}" if near else "it has none"
        raise UserError(f"there is no configuration {config} of {name}: {expected}")


def _find_builder(name: str, place: Path) -> tfds.core.DatasetBuilder:
    try:
        return tfds.builder(name, data_dir=str(place))
    except (tfds.core.DatasetNotFoundError, AssertionError, ImportError) as error:
        raise UserError(f"TFDS cannot open {name}: {_reason(error)}") from error
    except (tf.errors.OpError, ParseError, ValueError, KeyError, RuntimeError, OSError) as error:
        # TFDS says no to a wrong config in the same way in which it stumbles over broken files.
        folder = place / name.partition(":")[0]
        if any(folder.glob("*/*")):
            raise _damaged(folder) from error
        raise UserError(f"TFDS cannot open {name}: {_reason(error)}") from error


# What goes wrong while TFDS prepares a set of its own, besides refusals to write.
TFDS_FAILURES: tuple[type[Exception], ...] = (
    (
        AssertionError,
        EOFError,
        FileNotFoundError,
        ImportError,
        LookupError,
        RuntimeError,
        ValueError,
        requests.RequestException,
        tarfile.TarError,
        zipfile.BadZipFile,
        tfds.download.DownloadError,
        tfds.download.download_manager.NonMatchingChecksumError,
        tfds.download.extractor.ExtractError,
        tfds.download.extractor.UnsafeArchiveError,
    )
    if hasattr(tfds, "load")
    else ()
)


def _prepare(
    builder: tfds.core.DatasetBuilder, name: str, place: Path, manual_dir: str | None
) -> None:
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    by_hand = Path(manual_dir).expanduser().absolute() if manual_dir else None
    config = tfds.download.DownloadConfig(manual_dir=by_hand and str(by_hand))
    # TFDS speaks of downloads on stdout, where there may be none; its bars are on stderr.
    with (
        writing(place, tf.errors.OpError),
        _failed_reading_explained(by_hand, place.absolute()),
        contextlib.redirect_stdout(io.StringIO()),
        _failures_explained(name),
        _failed_writing_as_os_error(),
    ):
        builder.download_and_prepare(download_config=config, file_format=best_file_format())


@contextlib.contextmanager
def _failed_reading_explained(by_hand: Path | None, place: Path) -> Iterator[None]:
    """Nothing is written into the folder of the user's own files; it may hold `place`, though."""
    try:
        yield
    except OSError as error:
        parents = Path(error.filename or place / "file").absolute().parents
        if next((p for p in parents if p in (by_hand, place)), place) == place:
            raise
        raise UserError(f"cannot read {error.filename}: {error.strerror}") from error


@contextlib.contextmanager
def _failures_explained(name: str) -> Iterator[None]:
    # In our own builders such errors are defects, which need their traceback.
    failures = () if name.partition(":")[0] in BUILDERS else TFDS_FAILURES
    try:
        yield
    except failures as error:
        raise UserError(
            f"TFDS cannot prepare {name}: {_reason(error)}. {_advice(error)}"
        ) from error


@contextlib.contextmanager
def _failed_writing_as_os_error() -> Iterator[None]:
    """TFDS wraps what its writers say, of a full disk for one, into a RuntimeError."""
    try:
        yield
    except RuntimeError as error:
        _, finishing, reason = _reason(error).partition("Failed to finalize writing of split ")
        if not finishing:
            raise
        raise OSError(reason.partition(": ")[2]) from error


def _advice(error: Exception) -> str:
    if isinstance(error, ImportError):
        return "Install the package that it names"
    return (
        "If it needs files fetched by hand, pass their folder with --manual-dir FOLDER; else try "
        "again later"
    )


def _reason(error: Exception) -> str:
    """In one line: TFDS' own messages come with lists and instructions below each other."""
    text = " ".join(str(error).split()) or type(error).__name__
    return textwrap.shorten(text, REASON_LENGTH, placeholder=" ...").rstrip(".")
