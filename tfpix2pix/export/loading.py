"""An exported file as what `predict` drives; no TensorFlow but for its own formats."""

from pathlib import Path

from tfpix2pix.errors import UserError
from tfpix2pix.export.description import FILE_NAME, read_description
from tfpix2pix.export.formats import NETWORK_FORMATS
from tfpix2pix.inference.exported import ExportedTranslator, StoredTranslator
from tfpix2pix.inference.runtimes import (
    RUNTIMES,
    check_network,
    is_network,
    load_network,
    load_signature,
)
from tfpix2pix.places import as_place
from tfpix2pix.places.trees import on_this_machine


def find_exported(path: Path) -> Path | None:
    """What `load_exported` takes, at or in a path; costs no import.

    Args:
        path: of an exported file or the folder that `export` wrote it to, of a SavedModel's version
            or of the folder of its versions, of which the newest is meant.

    Returns:
        None where there is no export; a path that ends as an exported file does is returned even if
        it is not there.
    """
    if path.suffix.lower() in RUNTIMES:
        return path
    try:
        return _exported_in(path) if path.is_dir() else None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error


def _exported_in(path: Path) -> Path | None:
    if is_network(path):
        return path
    for chosen in NETWORK_FORMATS.values():
        if (path / chosen.file_name).is_file():
            return path / chosen.file_name
    versions = [entry for entry in path.iterdir() if entry.name.isdecimal() and is_network(entry)]
    return max(versions, key=lambda version: int(version.name), default=None)


def load_exported(path: str | Path) -> StoredTranslator:
    """The translator of what `tfpix2pix export` wrote.

    Args:
        path: a .tflite, .onnx, .xml (OpenVINO) or .keras file, or the folder of a version of a
            SavedModel. `tfpix2pix.json` lies beside the file or in the folder.

    Raises:
        UserError: it is none of these, is damaged, has no description, or its runtime is missing.
    """
    with on_this_machine(as_place(path)) as local:
        return _of_saved_model(local) if local.is_dir() else _of_network(local)


def _of_network(path: Path) -> StoredTranslator:
    network = load_network(path)
    description = read_description(path.parent / FILE_NAME)
    return ExportedTranslator(
        network,
        description.formats,
        description.size,
        description.input_interpolation,
        resizes=description.size_handling is not None,
    )


def _of_saved_model(version: Path) -> StoredTranslator:
    """Images go in and come out as stored: it brings them to its size itself."""
    check_network(version)
    description = read_description(version / FILE_NAME)
    if description.serving.get("dropout"):
        raise UserError(
            f"{version} was exported with dropout on, and takes a seed with each image: serve it, "
            "or predict with the run"
        )
    formats = description.formats
    return StoredTranslator(load_signature(version, formats.input.dtype), formats)
