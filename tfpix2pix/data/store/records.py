"""The records of a store, and its files: what TFDS reads. TensorFlow is needed for tfrecord only.

Features: `A` and `B` (images), `name`, and `height` and `width` of A.
"""

# Else a tensorflow_datasets that lost its parts could not even be named below.
from __future__ import annotations

import functools
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tfpix2pix.data.formats import ImageFormat, PairFormat
from tfpix2pix.data.sources import STORE_MARK
from tfpix2pix.data.store.options import StoreOptions, is_png_format
from tfpix2pix.data.store.plan import SET_NAME, Finished, Plan
from tfpix2pix.data.store.recipe import Recipe, Side, encode
from tfpix2pix.data.whole_tfds import check_tfds
from tfpix2pix.errors import UserError
from tfpix2pix.files import writing

# Any record can be read without the others.
ARRAY_RECORD_OPTIONS = "group_size:1"
DESCRIPTION = "Pairs of images A and B, written by tfpix2pix prepare."


def features_of(formats: PairFormat) -> tfds.features.FeaturesDict:
    """What a record holds."""
    size = "of A, in pixels"
    return tfds.features.FeaturesDict(
        {
            "A": _image_feature(formats.input),
            "B": _image_feature(formats.target),
            "name": tfds.features.Text(doc="of the pair, in its set"),
            "height": tfds.features.Scalar(np.int32, doc=size),
            "width": tfds.features.Scalar(np.int32, doc=size),
        }
    )


def _image_feature(image_format: ImageFormat) -> tfds.features.FeatureConnector:
    shape, dtype = (None, None, image_format.channels), np.dtype(image_format.dtype).type
    if is_png_format(image_format):
        return tfds.features.Image(shape=shape, dtype=dtype)
    return tfds.features.Tensor(shape=shape, dtype=dtype, encoding="zlib")


@functools.lru_cache(maxsize=1)
def _serializer(formats: PairFormat) -> tuple[tfds.features.FeaturesDict, Any]:
    check_tfds()
    from tensorflow_datasets.core.example_serializer import ExampleSerializer

    features = features_of(formats)
    return features, ExampleSerializer(features.get_serialized_info())


def make_record(name: bytes, a: Side, b: Side, recipe: Recipe) -> bytes:
    """A pair as its record; equal pairs give equal bytes in any process."""
    features, serializer = _serializer(recipe.formats)
    example = features.encode_example(
        {
            "A": _stored(a, recipe.formats.input, recipe.options),
            "B": _stored(b, recipe.formats.target, recipe.options),
            "name": name,
            "height": a.pixels.shape[0],
            "width": a.pixels.shape[1],
        }
    )
    # Not serialize_example: the order of a protocol buffer's map differs from run to run.
    return serializer.get_tf_example(example).SerializeToString(deterministic=True)


def _stored(side: Side, image_format: ImageFormat, options: StoreOptions) -> Any:
    return encode(side, options)[0] if is_png_format(image_format) else side.pixels


class RecordFile:
    """A shard that is being written."""

    def __init__(self, path: Path, file_format: str):
        self._path = path
        self._refusals = _refusals(file_format)
        with writing(path, *self._refusals):
            self._writer = _open_writer(path, file_format)

    def write(self, record: bytes) -> None:
        """Adds a record.

        Raises:
            UserError: the disk is full.
        """
        with writing(self._path, *self._refusals):
            self._writer.write(record)

    def close(self) -> None:
        """Writes what is still held back.

        Raises:
            UserError: the disk is full.
        """
        with writing(self._path, *self._refusals):
            self._writer.close()


def _open_writer(path: Path, file_format: str) -> Any:
    if file_format == "tfrecord":
        import tensorflow as tf

        return tf.io.TFRecordWriter(str(path))
    try:
        from array_record.python.array_record_module import ArrayRecordWriter
    except ImportError as error:
        raise UserError(
            "array_record files need the package array_record, which this platform may lack: "
            "choose --format tfrecord"
        ) from error
    path.touch()  # refuses what the writer would find out at its end
    return ArrayRecordWriter(str(path), ARRAY_RECORD_OPTIONS)


def _refusals(file_format: str) -> tuple[type[Exception], ...]:
    """What the writers raise when the disk is full."""
    if file_format != "tfrecord":
        return (RuntimeError,)
    import tensorflow as tf

    return (tf.errors.OpError,)


def write_metadata(folder: Path, recipe: Recipe, plan: Plan, finished: Sequence[Finished]) -> None:
    """Makes a store of a folder of shards: what marks it as one appears last.

    Args:
        folder: with all shards.
        recipe: of the pairs.
        plan: of the shards.
        finished: what each of them holds.
    """
    temporary = folder / ".metadata"
    with writing(folder):
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        # TFDS finds the splits by the files' names, and writes beside them.
        for shard in plan.shards:
            (temporary / shard.name).touch()
        tfds.folder_dataset.write_metadata(
            data_dir=temporary,
            features=features_of(recipe.formats),
            split_infos=_split_infos(temporary, recipe, plan, finished),
            version="1.0.0",
            check_data=False,
            description=DESCRIPTION,
        )
        for shard in plan.shards:
            (temporary / shard.name).unlink()
        for path in sorted(temporary.iterdir(), key=lambda path: path.name == STORE_MARK):
            path.replace(folder / path.name)
        temporary.rmdir()


def _split_infos(
    folder: Path, recipe: Recipe, plan: Plan, finished: Sequence[Finished]
) -> list[tfds.core.SplitInfo]:
    splits: dict[str, list[Finished]] = {}
    for shard, done in zip(plan.shards, finished, strict=True):
        splits.setdefault(shard.split, []).append(done)
    return [
        tfds.core.SplitInfo(
            name=split,
            shard_lengths=[shard.pairs for shard in shards],
            num_bytes=sum(shard.size for shard in shards),
            filename_template=tfds.core.ShardedFileTemplate(
                data_dir=folder,
                dataset_name=SET_NAME,
                split=split,
                filetype_suffix=recipe.options.file_format,
            ),
        )
        for split, shards in splits.items()
    ]
