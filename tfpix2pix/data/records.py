"""Random access to the shards of a TFDS set, so that a set of any size is shuffled as a whole.

Only the records asked for are read; what stays in memory is the operating system's to decide.
"""

# Else a tensorflow_datasets that lost its parts could not even be named below.
from __future__ import annotations

import hashlib
import json
import os
import struct
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_datasets as tfds

from tfpix2pix.errors import UserError
from tfpix2pix.places import RemotePath, as_place, is_remote

# A TFRecord file is a chain of: length (8 bytes), its checksum (4), the record, its checksum (4).
TFRECORD_HEADER = 12
TFRECORD_FOOTER = 4
# Bytes at each end of a file that tell whether it is another.
LOOKED_AT = 1 << 16


class TFRecordShards:
    """The records of some TFRecord files; finds where each lies when opened."""

    def __init__(self, paths: Sequence[str]):
        """Reads the lengths of all records.

        Raises:
            OSError: a file is missing.
            ValueError: a file is cut short.
        """
        self._places = [
            (path, start, length) for path in paths for start, length in _record_places(path)
        ]

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> bytes:
        path, start, length = self._places[index]
        # Opened anew: a set may have more files than a process may hold open.
        with as_place(path).open("rb", buffering=0) as file:
            file.seek(start)
            return file.read(length)


def _record_places(path: str) -> Iterator[tuple[int, int]]:
    with as_place(path).open("rb", buffering=0) as file:
        place, size = 0, file.seek(0, os.SEEK_END)
        while place < size:
            file.seek(place)
            header = file.read(TFRECORD_HEADER)
            length = struct.unpack("<Q", header[:8])[0] if len(header) == TFRECORD_HEADER else size
            start = place + TFRECORD_HEADER
            place = start + length + TFRECORD_FOOTER
            if place > size:
                raise ValueError(f"{path} is cut short")
            yield start, length


def open_shards(paths: Sequence[str], file_format: str) -> Any:
    """The records of some shards, by number: has `len()` and `[index]`, which gives bytes.

    Raises:
        UserError: they are of a format that has no random access here.
        OSError, ValueError, RuntimeError: they cannot be opened.
    """
    if file_format == "tfrecord":
        return TFRecordShards(paths)
    if file_format == "array_record" and is_remote(paths[0]):
        raise UserError(
            f"{paths[0]}: array_record files are read from a disk alone: write the store with "
            "prepare --format tfrecord, or copy it to this machine"
        )
    if file_format != "array_record":
        raise UserError(f"{paths[0]}: {file_format} files: expected array_record or tfrecord")
    try:
        from array_record.python.array_record_data_source import ArrayRecordDataSource
    except ImportError as error:
        raise UserError(
            "reading array_record files needs the package array_record, which this platform may "
            "lack: prepare the set as tfrecord"
        ) from error
    return ArrayRecordDataSource(list(paths))


class RecordNames(Sequence):
    """The names of pairs in records, each read when it is asked for."""

    def __init__(self, length: int, name_of: Callable[[int], str]):
        self._length = length
        self._name_of = name_of

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: Any) -> Any:
        chosen = range(self._length)[index]
        return [self[i] for i in chosen] if isinstance(index, slice) else self._name_of(chosen)


def builder_in(folder: Path) -> tfds.core.DatasetBuilder:
    """The builder of a store; elsewhere from its description alone: TFDS reaches few places."""
    if not isinstance(folder, RemotePath):
        return tfds.builder_from_directory(folder)
    with tempfile.TemporaryDirectory(prefix="tfpix2pix-store-") as copied:
        for path in folder.glob("*.json"):
            (Path(copied) / path.name).write_bytes(path.read_bytes())
        return tfds.builder_from_directory(copied)


def shard_paths(
    builder: tfds.core.DatasetBuilder, split: str, folder: Path | None = None
) -> list[str]:
    """The files of a split, in order: where the builder is, or in another folder."""
    paths = builder.info.splits[split].filepaths
    return [os.fspath(path if folder is None else folder / path.name) for path in paths]


def identity(
    builder: tfds.core.DatasetBuilder, split: str, paths: Sequence[str] | None = None
) -> str:
    """Changes when a set is prepared anew with other contents; moving it changes nothing.

    Both ends of each file are looked at: images stored as they are differ without differing in
    size.

    Args:
        builder: of the set.
        split: as the set calls it.
        paths: of its files; default: those of `shard_paths`.
    """
    facts = [builder.info.full_name, builder.info.splits[split].shard_lengths]
    digest = hashlib.sha256(json.dumps(facts).encode())
    for path in shard_paths(builder, split) if paths is None else paths:
        with as_place(path).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            digest.update(size.to_bytes(8, "big"))
            for end in (0, max(size - LOOKED_AT, 0)):
                file.seek(end)
                digest.update(file.read(LOOKED_AT))
    return digest.hexdigest()[:16]


def reader(shards: Any) -> Callable[[tf.Tensor], tf.Tensor]:
    """int64 scalar index -> its record, scalar string; runs inside tf.data."""

    def read(index: tf.Tensor) -> tf.Tensor:
        record = tf.numpy_function(lambda i: shards[int(i)], [index], tf.string, stateful=False)
        return tf.ensure_shape(record, [])

    return read
