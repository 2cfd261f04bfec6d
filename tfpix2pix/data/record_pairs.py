"""Pairs in TFDS sets: the published ones, the drawn facades, any other, and prepared stores."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from google.protobuf.json_format import ParseError

from tfpix2pix.config import DataSettings
from tfpix2pix.data import images
from tfpix2pix.data.builders.loading import damaged, is_prepared, prepared_builder
from tfpix2pix.data.formats import INTEGER_RANGES, DType, ImageFormat, PairFormat, pair_format
from tfpix2pix.data.pairs import ImagePair, Pairs
from tfpix2pix.data.records import (
    RecordNames,
    builder_in,
    identity,
    open_shards,
    reader,
    shard_paths,
)
from tfpix2pix.data.sources import TFDS_PREFIX, kind_of
from tfpix2pix.data.splits import SPLITS
from tfpix2pix.data.whole_tfds import check_features, check_tfds
from tfpix2pix.errors import UserError
from tfpix2pix.places import as_place, is_remote

# What a set may call our splits, and the feature that holds a pair's name.
OTHER_SPLITS = {"val": ("val", "validation", "valid", "dev")}
NAME_FEATURES = ("name", "file_name", "filename")
# What TFDS raises for a store that is damaged, or none of its own.
UNREADABLE = (
    *(OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, AssertionError),
    *(ParseError, tf.errors.OpError),
)


def open_record_splits(
    settings: DataSettings, splits: Sequence[str] | None = None
) -> dict[str, Pairs]:
    """Opens splits of a TFDS set or a store, which is prepared first if need be.

    Raises:
        UserError: no such set, split or feature, or the set is damaged.
    """
    builder = _builder(settings)
    found = _splits(builder)
    wanted = splits or list(found)
    missing = [split for split in wanted if split not in found]
    if missing or (splits is None and "train" not in found):
        raise UserError(
            f"{settings.data} has no split {(missing or ['train'])[0]}: found "
            f"{', '.join(builder.info.splits) or 'none'}"
        )
    return {split: _record_pairs(settings, builder, found[split], split) for split in wanted}


def is_at_hand(settings: DataSettings) -> bool:
    """Whether the pairs can be opened without a set being downloaded or prepared.

    Raises:
        UserError: there is no such set.
    """
    if kind_of(settings.data) != "tfds":
        return True
    return is_prepared(settings.data.removeprefix(TFDS_PREFIX), settings.data_dir)


def _builder(settings: DataSettings) -> tfds.core.DatasetBuilder:
    if kind_of(settings.data) == "tfds":
        name = settings.data.removeprefix(TFDS_PREFIX)
        return prepared_builder(name, settings.data_dir, settings.manual_dir)
    check_tfds()
    check_features(as_place(settings.data).expanduser())
    try:
        return builder_in(as_place(settings.data).expanduser())
    except UNREADABLE as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")
        raise UserError(
            f"{settings.data} is no complete store: {reason}. Write it anew with tfpix2pix prepare"
        ) from error


def _shard_paths(
    settings: DataSettings, builder: tfds.core.DatasetBuilder, stored_split: str
) -> list[str]:
    is_elsewhere = kind_of(settings.data) == "store" and is_remote(settings.data)
    return shard_paths(builder, stored_split, as_place(settings.data) if is_elsewhere else None)


def _splits(builder: tfds.core.DatasetBuilder) -> dict[str, str]:
    """The set's name for each of our splits that it has."""
    found: dict[str, str] = {}
    for split in SPLITS:
        for name in OTHER_SPLITS.get(split, (split,)):
            if name in builder.info.splits and builder.info.splits[name].num_examples:
                found.setdefault(split, name)
    return found


def _record_pairs(
    settings: DataSettings, builder: tfds.core.DatasetBuilder, stored_split: str, split: str
) -> Pairs:
    features = builder.info.features
    input_name, target_name = feature_names(settings)
    formats = pair_format(
        settings,
        _found(settings.data, features, input_name),
        _found(settings.data, features, target_name),
    )
    sides = ("input", input_name, formats.input), ("target", target_name, formats.target)
    for side, name, image_format in sides:
        _check_fits(settings.data, features, side, name, image_format)
    shards = _open_shards(settings, builder, stored_split)
    read = reader(shards)
    decode = _example_decoder(features, input_name, target_name, formats)

    def load(index: tf.Tensor) -> ImagePair:
        return decode(read(index))

    names = RecordNames(len(shards), _namer(features, shards, split))
    return Pairs(
        names,
        load,
        f"{settings.data}/{split}",
        formats,
        identity(builder, stored_split, _shard_paths(settings, builder, stored_split)),
        "Prepare the set anew without it",
    )


def feature_names(settings: DataSettings) -> tuple[str, str]:
    """Of the input and the target: those that were named or, by `direction`, A and B."""
    if settings.input_feature or settings.target_feature:
        return settings.input_feature or "A", settings.target_feature or "B"
    return ("A", "B") if settings.direction == "AtoB" else ("B", "A")


def _open_shards(
    settings: DataSettings, builder: tfds.core.DatasetBuilder, stored_split: str
) -> Sequence[bytes]:
    """All records of a split.

    Raises:
        UserError: some are not there.
    """
    try:
        paths = _shard_paths(settings, builder, stored_split)
        shards = open_shards(paths, builder.info.file_format.value)
        if len(shards) == builder.info.splits[stored_split].num_examples:
            return shards
        reason: Exception | str = f"{len(shards)} records"
    except (OSError, ValueError, RuntimeError) as error:
        reason = error
    if kind_of(settings.data) == "tfds":
        raise damaged(builder)
    raise UserError(
        f"the store {settings.data} is damaged: {str(reason).splitlines()[0]}. Delete it, and "
        "write it anew with tfpix2pix prepare"
    )


def _found(data: str, features: tfds.features.FeaturesDict, name: str) -> tuple[int, DType]:
    """Channels and type of an image feature.

    Raises:
        UserError: there is no such feature, or it is no image.
    """
    shapes = {
        key: feature.shape
        for key, feature in features.items()
        if isinstance(feature, (tfds.features.Image, tfds.features.Tensor))
        and len(feature.shape) in (2, 3)
    }
    if name not in shapes:
        raise UserError(
            f"{data} has no image feature {name!r}: name the input and the target with "
            f"--input-feature and --target-feature; its images are {', '.join(shapes) or 'none'}"
        )
    dtype = np.dtype(features[name].np_dtype).name
    kept: DType = dtype if dtype in ("uint8", "uint16") else "float32"
    return (shapes[name][2] or 3) if len(shapes[name]) == 3 else 1, kept


def _check_fits(
    data: str,
    features: tfds.features.FeaturesDict,
    side: str,
    name: str,
    image_format: ImageFormat,
) -> None:
    """Refuses what the settings ask for and the images cannot become."""
    channels, dtype = _found(data, features, name)
    if dtype != image_format.dtype:
        raise UserError(
            f"{data}: {name} holds {dtype} images, and label maps must be uint8: leave out "
            f"--{side}-encoding"
        )
    fits = channels == image_format.channels or (channels, image_format.channels) == (1, 3)
    if not fits and not _is_encoded(features[name]):
        raise UserError(
            f"{data}: {name} holds arrays of {channels} channels, which cannot become "
            f"{image_format.channels}: leave out --input-channels and --output-channels"
        )


def _is_encoded(feature: tfds.features.FeatureConnector) -> bool:
    """Whether it is stored as JPEG or PNG of its values; TFDS hides floats in a PNG of bytes."""
    is_image = isinstance(feature, tfds.features.Image)
    return is_image and np.dtype(feature.np_dtype).name in INTEGER_RANGES


def _example_decoder(
    features: tfds.features.FeaturesDict, input_name: str, target_name: str, formats: PairFormat
) -> Callable[[tf.Tensor], ImagePair]:
    encoded = {
        name: tfds.decode.SkipDecoding()
        for name in {input_name, target_name}
        if _is_encoded(features[name])
    }

    def decode(record: tf.Tensor) -> ImagePair:
        example = features.deserialize_example(record, decoders=encoded)
        return tuple(
            _image(example[name], name in encoded, image_format)
            for name, image_format in ((input_name, formats.input), (target_name, formats.target))
        )

    return decode


def _image(value: tf.Tensor, is_encoded: bool, image_format: ImageFormat) -> tf.Tensor:
    if is_encoded:
        return images.decode_image(value, image_format)
    value = value if len(value.shape) == 3 else value[..., tf.newaxis]
    image = tf.cast(value, tf.as_dtype(image_format.dtype))
    if image.shape[-1] == 1:
        image = tf.repeat(image, image_format.channels, axis=-1)
    return tf.ensure_shape(image, [None, None, image_format.channels])


def _namer(
    features: tfds.features.FeaturesDict, shards: Sequence[bytes], split: str
) -> Callable[[int], str]:
    texts = {key for key, feature in features.items() if isinstance(feature, tfds.features.Text)}
    feature = next((name for name in NAME_FEATURES if name in texts), None)

    def name_of(index: int) -> str:
        if feature is None:
            return f"{split}_{index:06d}"
        wanted = {feature: tf.io.FixedLenFeature([], tf.string)}
        return os.fsdecode(tf.io.parse_single_example(shards[index], wanted)[feature].numpy())

    return name_of
