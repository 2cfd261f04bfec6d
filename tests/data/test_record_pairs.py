"""Pairs come out of any TFDS set as they went in, whatever it calls its features and splits."""

import functools
import json
import re
import shutil

import numpy as np
import pytest
import tensorflow_datasets as tfds

from tests.data import loaded_pairs
from tests.data.loaded_pairs import eagerly
from tfpix2pix.config import resolve
from tfpix2pix.data.builders import loading
from tfpix2pix.data.formats import RGB, ImageFormat, PairFormat
from tfpix2pix.data.pairs import open_pairs, open_splits
from tfpix2pix.errors import SettingsError, UserError

GRAY_WORDS = ImageFormat(1, "uint16", (0.0, 65535.0))
DEPTH = ImageFormat(1, "float32", (-4.0, 4.0))
SIZES = {"train": 3, "validation": 2}

in_tf_data = functools.partial(loaded_pairs.in_tf_data, sizes_may_be_known=True)
assert_loads = functools.partial(loaded_pairs.assert_loads, sizes_may_be_known=True)


def example(split, number):
    """What the set holds, of every kind of feature that can be an image."""
    rng = np.random.default_rng([len(split), number])
    height = 4 + number
    return {
        "photo": rng.integers(0, 256, (height, 6, 3), np.uint8),
        "gray": rng.integers(0, 256, (height, 6, 1), np.uint8),
        "words": rng.integers(0, 65536, (height, 6, 1), np.uint16),
        "heights": rng.normal(size=(height, 6, 1)).astype(np.float32),
        "depth": rng.normal(size=(5, 7)).astype(np.float32),
        "bands": rng.integers(0, 65536, (5, 7, 4), np.uint16),
        "counts": rng.integers(-1000, 1000, (5, 7, 1), np.int32),
        "file_name": f"{split} ä {number}",
        "label": number,
    }


FEATURES = {
    "photo": tfds.features.Image(shape=(None, None, 3)),
    "gray": tfds.features.Image(shape=(None, None, 1)),
    "words": tfds.features.Image(shape=(None, None, 1), dtype=np.uint16, encoding_format="png"),
    "heights": tfds.features.Image(shape=(None, None, 1), dtype=np.float32),
    "depth": tfds.features.Tensor(shape=(5, 7), dtype=np.float32),
    "bands": tfds.features.Tensor(shape=(5, 7, 4), dtype=np.uint16, encoding="zlib"),
    "counts": tfds.features.Tensor(shape=(5, 7, 1), dtype=np.int32),
    "file_name": tfds.features.Text(),
    "label": tfds.features.Scalar(np.int64),
}


class RecordPairsSet(tfds.core.GeneratorBasedBuilder):
    """Stands for a set of TFDS that knows nothing of pairs."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(FEATURES))

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(split) for split in SIZES}

    def _generate_examples(self, split):
        for number in range(SIZES[split]):
            yield number, example(split, number)


class RecordPairsNamelessSet(tfds.core.GeneratorBasedBuilder):
    """Has the features A and B, no names, and no training split where it is told so."""

    VERSION = tfds.core.Version("1.0.0")
    SPLITS = ("train", "test")
    SHIFT = 0

    def _info(self):
        image = tfds.features.Image(shape=(None, None, 3))
        features = tfds.features.FeaturesDict({"A": image, "B": image})
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples() for split in self.SPLITS}

    def _generate_examples(self):
        image = np.arange(72, dtype=np.uint8).reshape(4, 6, 3)
        for number in range(2):
            yield number, {"A": image + np.uint8(number + self.SHIFT), "B": 255 - image}


SET, NAMELESS = "tfds:record_pairs_set", "tfds:record_pairs_nameless_set"


@pytest.fixture(scope="module", params=["array_record", "tfrecord"])
def data_dir(request, tmp_path_factory):
    """Where both sets are prepared, in each format."""
    place = tmp_path_factory.mktemp(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "best_file_format", lambda: request.param)
        for name in (SET, NAMELESS):
            loading.prepared_builder(name.removeprefix("tfds:"), str(place))
    return place


@pytest.fixture
def opened(data_dir):
    def opened(input_feature, target_feature, split="train", **settings):
        features = {"input_feature": input_feature, "target_feature": target_feature}
        return open_pairs(SET, split, data_dir=str(data_dir), **features, **settings)

    return opened


def stored(split, *features):
    """The features of all examples, in the order of TFDS, which shuffles them when preparing."""
    examples = [example(split, number) for number in range(SIZES[split])]
    return {e["file_name"]: [np.atleast_3d(e[feature]) for feature in features] for e in examples}


def in_order(pairs, expected):
    assert sorted(pairs.names) == sorted(expected)
    return [expected[name] for name in pairs.names]


# What is read


@pytest.mark.parametrize(
    ("features", "settings", "formats"),
    [
        (("photo", "gray"), {}, PairFormat(RGB, ImageFormat(1))),
        (("words", "photo"), {}, PairFormat(GRAY_WORDS, RGB)),
        (("photo", "depth"), {"value_range": (-4, 4)}, PairFormat(RGB, DEPTH)),
        (("heights", "words"), {"value_range": (-4, 4)}, None),
        (("bands", "depth"), {"target_value_range": (-4, 4)}, None),
    ],
    ids=lambda features: "-".join(features) if isinstance(features, tuple) else "",
)
def test_features_of_any_kind_are_loaded_as_they_were_stored(opened, features, settings, formats):
    pairs = opened(*features, **settings)
    assert formats in (None, pairs.format)
    assert_loads(pairs, in_order(pairs, stored("train", *features)))


def test_integers_of_other_sizes_are_floats(opened):
    pairs = opened("counts", "photo", value_range=(-1000, 1000))
    assert pairs.format.input == ImageFormat(1, "float32", (-1000.0, 1000.0))
    expected = stored("train", "counts", "photo")
    assert_loads(
        pairs, in_order(pairs, {n: [c.astype(np.float32), p] for n, (c, p) in expected.items()})
    )


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_a_named_input_is_the_input_whatever_direction_a_preset_has(opened, direction):
    pairs = opened("words", "photo", direction=direction)
    assert pairs.format == PairFormat(GRAY_WORDS, RGB)
    assert_loads(pairs, in_order(pairs, stored("train", "words", "photo")))


def test_direction_turns_a_and_b_round(data_dir):
    for direction, first in (("AtoB", "A"), ("BtoA", "B")):
        pairs = open_pairs(NAMELESS, "train", data_dir=str(data_dir), direction=direction)
        start = [int(pair[0][0, 0, 0]) for pair in eagerly(pairs)]
        assert start == ([0, 1] if first == "A" else [255, 255])


def test_one_feature_may_be_both(opened):
    pairs = opened("photo", "photo", input_channels=1)
    assert pairs.format == PairFormat(ImageFormat(1), RGB)
    for (gray, photo), (same, _) in zip(
        in_tf_data(pairs), in_order(pairs, stored("train", "photo", "photo")), strict=True
    ):
        np.testing.assert_allclose(
            gray, (same @ np.array([0.2989, 0.587, 0.114]))[..., np.newaxis], atol=1.01
        )
        np.testing.assert_array_equal(photo, same)


def test_gray_becomes_colour_where_that_was_asked_for(opened):
    """Stored as PNG, or as an array."""
    pairs = opened("gray", "depth", input_channels=3, output_channels=3, target_value_range=(-4, 4))
    expected = stored("train", "gray", "depth")
    assert_loads(
        pairs, [[image.repeat(3, axis=-1) for image in pair] for pair in in_order(pairs, expected)]
    )


def test_label_maps_are_loaded_as_colours(opened):
    pairs = opened("gray", "photo", input_encoding="labels", palette="0,128,255")
    assert pairs.format.input.network_channels == 3
    expected = {
        name: [gray.repeat(3, axis=-1), photo]
        for name, (gray, photo) in stored("train", "gray", "photo").items()
    }
    assert_loads(pairs, in_order(pairs, expected))


def test_targets_may_be_label_maps(opened):
    pairs = opened("photo", "gray", target_encoding="labels", palette="0,128,255")
    assert pairs.format.target.network_channels == 3
    expected = {
        name: [photo, gray.repeat(3, axis=-1)]
        for name, (photo, gray) in stored("train", "photo", "gray").items()
    }
    assert_loads(pairs, in_order(pairs, expected))


def test_a_and_b_are_the_features_unless_others_are_named(data_dir):
    pairs = open_pairs(NAMELESS, "train", data_dir=str(data_dir))
    image = np.arange(72, dtype=np.uint8).reshape(4, 6, 3)
    assert pairs.format == PairFormat(RGB, RGB)
    found = sorted(in_tf_data(pairs), key=lambda pair: int(pair[0].flat[0]))
    for number, (a, b) in enumerate(found):
        np.testing.assert_array_equal(a, image + number)
        np.testing.assert_array_equal(b, 255 - image)


# Names, splits, identity


def test_names_are_those_in_the_set(opened):
    pairs = opened("photo", "gray")
    assert len(pairs) == 3
    assert sorted(pairs.names) == ["train ä 0", "train ä 1", "train ä 2"]
    assert pairs.origin == f"{SET}/train"


def test_pairs_without_names_are_numbered(data_dir):
    pairs = open_pairs(NAMELESS, "test", data_dir=str(data_dir))
    assert list(pairs.names) == ["test_000000", "test_000001"]


def test_validation_is_val(data_dir, opened):
    pairs = opened("photo", "words", "val")
    assert_loads(pairs, in_order(pairs, stored("validation", "photo", "words")))
    flags = {"input_feature": "photo", "target_feature": "gray", "data_dir": str(data_dir)}
    splits = open_splits(resolve(flags={"data": SET, **flags}).data, None)
    assert {split: len(pairs) for split, pairs in splits.items()} == {"train": 3, "val": 2}


def test_a_missing_split_says_which_there_are(data_dir, opened):
    with pytest.raises(UserError, match=f"^{SET} has no split test: found train, validation$"):
        opened("photo", "gray", "test")
    with pytest.raises(UserError, match=f"^{NAMELESS} has no split val: found train, test$"):
        open_pairs(NAMELESS, "val", data_dir=str(data_dir))


def test_a_set_without_a_training_split_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(RecordPairsNamelessSet, "SPLITS", ("test",))
    settings = resolve(flags={"data": NAMELESS, "data_dir": str(tmp_path)}).data
    with pytest.raises(UserError, match=f"^{NAMELESS} has no split train: found test$"):
        open_splits(settings, None)
    assert len(open_pairs(NAMELESS, "test", data_dir=str(tmp_path))) == 2


def test_fingerprint_changes_with_contents_and_splits(data_dir, tmp_path, monkeypatch):
    def fingerprint(place, split="train"):
        return open_pairs(NAMELESS, split, data_dir=str(place)).fingerprint()

    stored_format = data_dir.name.rstrip("0123456789")
    monkeypatch.setattr(loading, "best_file_format", lambda: stored_format)
    assert fingerprint(tmp_path / "same") == fingerprint(data_dir)
    monkeypatch.setattr(RecordPairsNamelessSet, "SHIFT", 100)
    assert fingerprint(tmp_path / "other") != fingerprint(data_dir)


# What is refused


@pytest.mark.parametrize(
    ("features", "named"),
    [
        ((None, None), "'A'"),
        (("photo", None), "'B'"),
        (("photo", "mask"), "'mask'"),
        (("label", "photo"), "'label'"),
        (("photo", "file_name"), "'file_name'"),
    ],
)
def test_features_that_are_no_images_are_refused_with_those_that_are(opened, features, named):
    with pytest.raises(UserError) as caught:
        opened(*features)
    assert str(caught.value) == (
        f"{SET} has no image feature {named}: name the input and the target with --input-feature "
        "and --target-feature; its images are photo, gray, words, heights, depth, bands, counts"
    )


@pytest.mark.parametrize("features", [("depth", "photo"), ("photo", "counts")])
def test_floats_need_a_range(opened, features):
    with pytest.raises(SettingsError, match="value_range: float images need one: the values"):
        opened(*features)


@pytest.mark.parametrize(
    ("features", "settings"),
    [
        (("bands", "photo"), {"input_channels": 3}),
        (("bands", "photo"), {"input_channels": 1}),
        (("photo", "bands"), {"output_channels": 1}),
    ],
)
def test_arrays_of_other_channels_are_refused(opened, features, settings):
    with pytest.raises(UserError, match="bands holds arrays of 4 channels, which cannot become"):
        opened(*features, **settings)


def test_label_maps_of_16_bits_are_refused(opened):
    with pytest.raises(UserError, match="words holds uint16 images, and label maps must be uint8"):
        opened("words", "photo", input_encoding="labels", palette="cmp")
    with pytest.raises(UserError, match=r"words holds uint16.*leave out --target-encoding"):
        opened("photo", "words", target_encoding="labels", palette="cmp")


# Folders of records


@pytest.fixture
def store(data_dir, tmp_path):
    """A copy of the prepared set that the test may damage."""
    return shutil.copytree(data_dir / "record_pairs_set" / "1.0.0", tmp_path / "store")


CHOICE = {"input_feature": "photo", "target_feature": "words"}


@pytest.mark.parametrize("data", ["{store}", "~/store", "store"])
def test_a_folder_of_records_is_opened_where_it_lies(store, monkeypatch, data):
    monkeypatch.setenv("HOME", str(store.parent))
    monkeypatch.chdir(store.parent)
    pairs = open_pairs(data.format(store=store), "train", **CHOICE)
    assert_loads(pairs, in_order(pairs, stored("train", "photo", "words")))


@pytest.mark.parametrize("damage", ["cut short", "missing", "empty"])
def test_damaged_records_are_refused_with_what_to_do(store, damage):
    [shard] = store.glob("*train*")
    content = shard.read_bytes()
    shard.write_bytes(b"" if damage == "empty" else content[: len(content) - 500])
    if damage == "missing":
        shard.unlink()
    message = f"^the store {store} is damaged: .* Delete it, and write it anew with tfpix2pix"
    with pytest.raises(UserError, match=message) as caught:
        open_pairs(str(store), "train", **CHOICE)
    assert "\n" not in str(caught.value)


def test_damaged_records_of_a_named_set_are_refused_with_what_to_do(data_dir, tmp_path):
    place = shutil.copytree(data_dir, tmp_path / "sets")
    [shard] = place.glob("record_pairs_nameless_set/1.0.0/*train*")
    shard.unlink()
    with pytest.raises(UserError, match=r"the prepared set in .*nameless_set is damaged: delete"):
        open_pairs(NAMELESS, "train", data_dir=str(place))


def test_records_that_were_left_out_are_missed(store):
    """A shard of another set of the same name, say."""
    [train], [validation] = store.glob("*train*"), store.glob("*validation*")
    shutil.copy(validation, train)
    with pytest.raises(UserError, match=f"the store {store} is damaged: 2 records"):
        open_pairs(str(store), "train", **CHOICE)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("dataset_info.json", ""),
        ("dataset_info.json", "{"),
        ("dataset_info.json", "[]"),
        ("dataset_info.json", "{}"),
        ("features.json", ""),
        ("features.json", "{}"),
        ("features.json", None),
    ],
)
def test_a_folder_that_is_no_complete_store_is_refused(store, file, content):
    if content is None:
        (store / file).unlink()
    else:
        (store / file).write_text(content)
    with pytest.raises(UserError) as caught:
        open_pairs(str(store), "train", **CHOICE)
    message = str(caught.value)
    assert message.startswith(f"{store} is no complete store: ")
    assert re.search(r"[^.]\. Write it anew with tfpix2pix prepare$", message)
    assert "\n" not in message


def test_a_store_in_a_format_without_random_access_is_refused(store):
    info = json.loads((store / "dataset_info.json").read_text())
    (store / "dataset_info.json").write_text(json.dumps(info | {"fileFormat": "riegeli"}))
    with pytest.raises(UserError, match="riegeli files: expected array_record or tfrecord"):
        open_pairs(str(store), "train", **CHOICE)
