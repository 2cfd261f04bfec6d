"""Stores that `prepare` writes: what is in them, what of them survives a stop, what is refused."""

import csv
import io
import os
import shutil
from pathlib import Path

import filelock
import numpy as np
import onnx
import pytest
import tensorflow_datasets as tfds
import tifffile
from PIL import Image

from tests.conftest import SIZE, complement, draw_shapes
from tfpix2pix import progress
from tfpix2pix.config import resolve
from tfpix2pix.data import operations
from tfpix2pix.data.derive import parse_derivation
from tfpix2pix.data.encoding import encode_image
from tfpix2pix.data.pairs import open_pairs
from tfpix2pix.data.reading import read_image
from tfpix2pix.data.store import plan, shards, workers, writer
from tfpix2pix.data.store.options import StoreOptions
from tfpix2pix.errors import SettingsError, UserError

FORMATS = ["array_record", "tfrecord"]
NUMBERS = range(9)
RANGE = {"value_range": "-300,300"}
RANGES = {"value_range": "0,65535", "target_value_range": "-300,300"}


def prepare(source, destination, *, count=1, options=None, **settings):
    data = resolve(flags={"data": str(source), **settings}).data
    return writer.write_store(data, options or StoreOptions(), destination, workers=count)


def contents(folder):
    """All files but what only says who writes, by name."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def loaded(data, split, **settings):
    pairs = open_pairs(str(data), split, **settings)
    return {pairs.names[i]: [image.numpy() for image in pairs.load(i)] for i in range(len(pairs))}


def assert_equal_pairs(found, expected):
    assert list(found) == list(expected)
    for name in expected:
        for image, wanted in zip(found[name], expected[name], strict=True):
            assert image.dtype == wanted.dtype
            np.testing.assert_array_equal(image, wanted)


@pytest.fixture
def small_shards(monkeypatch):
    """Shards of two pairs."""
    monkeypatch.setattr(plan, "LEAST_PAIRS", 2)


def side_by_side(root, suffix, **options):
    for split, numbers in {"train": NUMBERS[:6], "val": NUMBERS[6:]}.items():
        (root / split).mkdir(parents=True)
        for number in numbers:
            pair = operations.combine(
                draw_shapes(number), complement(draw_shapes(number)), "left_right"
            )
            Image.fromarray(pair).save(root / split / f"{number}{suffix}", **options)
    return root


def two_folders(root, make_a, make_b):
    """`make_a` and `make_b` give a file's bytes and its suffix."""
    for side, make in {"input": make_a, "target": make_b}.items():
        (root / "train" / side).mkdir(parents=True)
        for number in NUMBERS:
            content, suffix = make(number)
            (root / "train" / side / f"{number}{suffix}").write_bytes(content)
    return root


def jpeg(number):
    file = io.BytesIO()
    Image.fromarray(draw_shapes(number)).save(file, "JPEG")
    return file.getvalue(), ".jpg"


def png(number):
    return encode_image(complement(draw_shapes(number)))


def png16(number):
    rng = np.random.default_rng(number)
    return encode_image(rng.integers(0, 65536, (20, 30, 1), np.uint16))


def png12(number):
    rng = np.random.default_rng(number)
    return encode_image(rng.integers(0, 4096, (20, 30, 1), np.uint16))


def channels5(number):
    file = io.BytesIO()
    values = np.random.default_rng(number).normal(0, 50, (20, 30, 5)).astype(np.float32)
    tifffile.imwrite(file, values, photometric="minisblack", planarconfig="contig")
    return file.getvalue(), ".tif"


def gray_bmp(number):
    file = io.BytesIO()
    Image.fromarray(draw_shapes(number)).convert("L").save(file, "BMP")
    return file.getvalue(), ".bmp"


SOURCES = {
    "png pairs": (lambda root: side_by_side(root, ".png"), {}),
    "jpeg pairs": (lambda root: side_by_side(root, ".jpg", quality=80), {}),
    "jpeg and png": (lambda root: two_folders(root, jpeg, png), {}),
    "gray bmp": (lambda root: two_folders(root, gray_bmp, png), {}),
    "16 bits": (lambda root: two_folders(root, png16, png16), {}),
    "5 channels": (lambda root: two_folders(root, png16, channels5), RANGES),
    "made gray": (lambda root: side_by_side(root, ".jpg"), {"input_channels": "1"}),
}


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("source", SOURCES)
def test_a_store_holds_the_pixels_that_training_from_the_folder_sees(source, file_format, tmp_path):
    make, settings = SOURCES[source]
    folder = make(tmp_path / "source")
    store = tmp_path / "store"
    report = prepare(folder, store, options=StoreOptions(file_format=file_format), **settings)
    ranges = {k: v for k, v in settings.items() if k.endswith("value_range")}
    for split, count in report.pairs.items():
        expected = loaded(folder, split, **settings)
        assert len(expected) == count
        assert_equal_pairs(loaded(store, split, **ranges), expected)
        if file_format == "array_record":
            assert_equal_pairs(loaded_by_tfds(store, split), expected)


def loaded_by_tfds(store, split):
    builder = tfds.builder_from_directory(store)
    decoders = {side: tfds.decode.SkipDecoding() for side in "AB"}
    found = {}
    for record in builder.as_data_source(split=split, decoders=decoders):
        images = []
        for side in "AB":
            feature = builder.info.features[side]
            images.append(np.asarray(feature.decode_example(record[side])))
        found[record["name"].decode()] = images
        assert [record["height"], record["width"]] == list(images[0].shape[:2])
    return found


def test_tfds_reads_a_tfrecord_store(module_pairs_folder, tmp_path):
    prepare(module_pairs_folder, tmp_path / "store", options=StoreOptions(file_format="tfrecord"))
    builder = tfds.builder_from_directory(tmp_path / "store")
    examples = builder.as_dataset(split="val")
    found = {e["name"].decode(): (e["A"], e["B"]) for e in examples.as_numpy_iterator()}
    assert_equal_pairs(found, loaded(module_pairs_folder, "val"))


def test_files_are_kept_byte_by_byte_where_they_will_do(tmp_path):
    folder = two_folders(tmp_path / "source", jpeg, png)
    prepare(folder, tmp_path / "store")
    source = tfds.builder_from_directory(tmp_path / "store").as_data_source(
        split="train", decoders={side: tfds.decode.SkipDecoding() for side in "AB"}
    )
    for number, record in zip(NUMBERS, source, strict=True):
        assert record["A"] == (folder / "train" / "input" / f"{number}.jpg").read_bytes()
        assert record["B"] == (folder / "train" / "target" / f"{number}.png").read_bytes()


def test_gray_files_of_a_colour_set_are_stored_in_colour(pairs_folder, tmp_path):
    path = pairs_folder / "train" / "0.png"
    Image.open(path).convert("L").save(path)
    folder = tmp_path / "two"
    for side in ("input", "target"):
        (folder / "train" / side).mkdir(parents=True)
        for source in (pairs_folder / "train").iterdir():
            (folder / "train" / side / source.name).write_bytes(source.read_bytes())
    prepare(folder, tmp_path / "store")
    records = tfds.builder_from_directory(tmp_path / "store").as_data_source(
        split="train", decoders={side: tfds.decode.SkipDecoding() for side in "AB"}
    )
    assert Image.open(io.BytesIO(records[0]["A"])).mode == "RGB"
    assert_equal_pairs(loaded(tmp_path / "store", "train"), loaded(folder, "train"))


def test_jpeg_is_smaller_and_close(module_pairs_folder, tmp_path):
    exact = prepare(module_pairs_folder, tmp_path / "exact")
    options = StoreOptions(encoding="jpeg")
    lossy = prepare(module_pairs_folder, tmp_path / "lossy", options=options)
    found, expected = (loaded(tmp_path / n, "train") for n in ("lossy", "exact"))
    differences = [np.abs(found[n][0].astype(int) - expected[n][0]).mean() for n in expected]
    assert 0 < max(differences) < 3
    assert lossy.pairs == exact.pairs


def test_shards_are_runs_of_the_names_in_order(module_pairs_folder, tmp_path, small_shards):
    prepare(module_pairs_folder, tmp_path / "store")
    info = tfds.builder_from_directory(tmp_path / "store").info
    assert info.splits["train"].shard_lengths == [2, 2, 2]
    assert info.splits["val"].num_examples == 3
    assert list(loaded(tmp_path / "store", "train")) == [f"{number}.png" for number in range(6)]


def test_large_sets_make_more_shards(module_pairs_folder, tmp_path, monkeypatch):
    size = sum(path.stat().st_size for path in (module_pairs_folder / "train").iterdir())
    monkeypatch.setattr(plan, "SHARD_BYTES", size / 3.5)
    prepare(module_pairs_folder, tmp_path / "store")
    info = tfds.builder_from_directory(tmp_path / "store").info
    assert info.splits["train"].num_shards == 4


# Stopping, going on, doing it at once


def test_processes_write_the_same_bytes_as_one(
    module_pairs_folder, tmp_path, small_shards, monkeypatch
):
    shown = []

    def track(steps, total, unit):
        shown.append((len(list(steps)), total, unit))
        return ()

    monkeypatch.setattr(progress, "track", track)
    prepare(module_pairs_folder, tmp_path / "one")
    prepare(module_pairs_folder, tmp_path / "two", count=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert shown == [(9, 9, "pair")] * 2


def test_what_goes_wrong_in_a_process_is_said(pairs_folder, tmp_path, small_shards):
    (pairs_folder / "train" / "3.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"1 of the pairs .* 3\.png: .*it is empty"):
        prepare(pairs_folder, tmp_path / "store", count=2)
    assert len(list((tmp_path / "store").glob("pairs-*"))) == 3


def interrupt(files, recipe):
    raise KeyboardInterrupt


@pytest.fixture
def whole(module_pairs_folder, tmp_path, small_shards):
    """A finished store, and its contents."""
    prepare(module_pairs_folder, tmp_path / "whole")
    return contents(tmp_path / "whole")


def test_missing_shards_are_written_again(whole, module_pairs_folder, tmp_path):
    for name in ("dataset_info.json", "pairs-train.array_record-00001-of-00003"):
        (tmp_path / "whole" / name).unlink()
    kept = tmp_path / "whole" / "pairs-train.array_record-00000-of-00003"
    before = kept.stat().st_mtime_ns
    report = prepare(module_pairs_folder, tmp_path / "whole")
    assert not report.was_complete
    assert contents(tmp_path / "whole") == whole
    assert kept.stat().st_mtime_ns == before


def test_a_store_that_lost_a_shard_is_not_complete(
    whole, module_pairs_folder, tmp_path, monkeypatch
):
    (tmp_path / "whole" / "pairs-train.array_record-00001-of-00003").unlink()
    with monkeypatch.context() as patched:
        patched.setattr(shards, "make_pair", interrupt)
        with pytest.raises(KeyboardInterrupt):
            prepare(module_pairs_folder, tmp_path / "whole")
    assert not (tmp_path / "whole" / "dataset_info.json").exists()
    assert not prepare(module_pairs_folder, tmp_path / "whole").was_complete
    assert contents(tmp_path / "whole") == whole


@pytest.mark.parametrize("combine", [False, True])
@pytest.mark.parametrize("stop_at", [1, 4, 9])
def test_a_stopped_run_looks_unfinished_and_goes_on(
    combine, stop_at, module_pairs_folder, tmp_path, monkeypatch, small_shards
):
    options = StoreOptions(combine=combine)
    prepare(module_pairs_folder, tmp_path / "whole", options=options)
    make_pair, seen = shards.make_pair, []

    def stop(files, recipe):
        seen.append(files.name)
        if len(seen) == stop_at:
            raise KeyboardInterrupt
        return make_pair(files, recipe)

    monkeypatch.setattr(shards, "make_pair", stop)
    store = tmp_path / "store"
    with pytest.raises(KeyboardInterrupt):
        prepare(module_pairs_folder, store, options=options)
    assert not (store / "dataset_info.json").exists()
    assert not (store / "train").exists()
    assert not prepare(module_pairs_folder, store, options=options).was_complete
    # What was done of whole shards was not done again.
    assert len(seen) < stop_at + 9 or stop_at < 3
    assert contents(store) == contents(tmp_path / "whole")


def test_what_a_killed_run_leaves_is_taken_away(whole, module_pairs_folder, tmp_path):
    store = tmp_path / "whole"
    (store / ".partial-pairs-train.array_record-00000-of-00003").write_bytes(b"half")
    (store / "pairs-train.array_record-00002-of-00003").write_bytes(b"cut short")
    (store / "pairs-train.array_record-00000-of-00009").write_bytes(b"of another plan")
    (store / ".metadata").mkdir()
    (store / ".metadata" / "features.json").write_text("{")
    (store / "dataset_info.json").unlink()
    prepare(module_pairs_folder, store)
    assert contents(store) == whole


def test_a_complete_store_is_left_as_it_is(whole, module_pairs_folder, tmp_path):
    report = prepare(module_pairs_folder, tmp_path / "whole")
    assert report.was_complete
    assert report.pairs == {"train": 6, "val": 3}
    assert contents(tmp_path / "whole") == whole


def test_another_plan_is_refused_with_what_differs(whole, module_pairs_folder, tmp_path):
    for options, settings, words in [
        (StoreOptions(resize=(32, 32)), {}, "resize: was none, now 32x32"),
        (StoreOptions(file_format="tfrecord"), {}, "format: was array_record, now tfrecord"),
        (StoreOptions(), {"layout": "top_bottom"}, "layout: was left_right, now top_bottom"),
        (StoreOptions(), {"input_channels": "1"}, "channels: was 3, now 1"),
    ]:
        with pytest.raises(UserError, match=f"{words}.* Delete it, or choose another"):
            prepare(module_pairs_folder, tmp_path / "whole", options=options, **settings)
    assert contents(tmp_path / "whole") == whole


def test_a_complete_store_of_files_that_changed_is_refused(pairs_folder, tmp_path):
    prepare(pairs_folder, tmp_path / "store")
    os.utime(pairs_folder / "train" / "0.png", ns=(0, 0))
    with pytest.raises(UserError, match="have changed since"):
        prepare(pairs_folder, tmp_path / "store")


def test_a_manifest_with_other_targets_is_another_plan(tmp_path):
    manifest = tmp_path / "pairs.csv"
    for name in "abc":
        (tmp_path / f"{name}.png").write_bytes(png(0)[0])
        os.utime(tmp_path / f"{name}.png", ns=(0, 0))
    manifest.write_text("input,target,split\na.png,b.png,train\n")
    prepare(manifest, tmp_path / "store")
    assert prepare(manifest, tmp_path / "store").was_complete
    manifest.write_text("input,target,split\na.png,c.png,train\n")
    with pytest.raises(UserError, match="have changed since"):
        prepare(manifest, tmp_path / "store")


# Pairs that cannot be used


def break_some(folder):
    (folder / "train" / "1.png").write_bytes(b"no image")
    Image.new("RGB", (31, 16)).save(folder / "train" / "4.png")
    content = (folder / "val" / "7.png").read_bytes()
    (folder / "val" / "7.png").write_bytes(content[:100])


def test_all_bad_pairs_are_named_and_mending_them_is_enough(pairs_folder, tmp_path, small_shards):
    prepare(pairs_folder, tmp_path / "whole")
    good = contents(pairs_folder)
    times = {path: path.stat().st_mtime_ns for path in pairs_folder.rglob("*.png")}
    break_some(pairs_folder)
    store = tmp_path / "store"
    with pytest.raises(UserError, match=r"3 of the pairs in .*1\.png: .*4\.png: .*7\.png: "):
        prepare(pairs_folder, store)
    assert not (store / "dataset_info.json").exists()
    assert len(list(store.glob("pairs-*"))) == 1  # 0 1 | 2 3 | 4 5 || 6 7 8
    assert not list(store.glob(".partial-*"))
    for name, content in good.items():
        (pairs_folder / name).write_bytes(content)
    for path, time in times.items():
        os.utime(path, ns=(time, time))
    prepare(pairs_folder, store)
    assert contents(store) == contents(tmp_path / "whole")


def test_bad_pairs_are_left_out_and_listed_if_so_wanted(pairs_folder, tmp_path, small_shards):
    break_some(pairs_folder)
    store = tmp_path / "store"
    report = prepare(pairs_folder, store, on_bad="skip")
    assert report.pairs == {"train": 4, "val": 2}
    rows = list(csv.reader((store / "left_out.csv").read_text().splitlines()))
    assert [row[0] for row in rows] == ["name", "1.png", "4.png", "7.png"]
    assert "must have an even width" in rows[2][1]
    assert sorted(loaded(store, "train")) == ["0.png", "2.png", "3.png", "5.png"]
    again = prepare(pairs_folder, store, on_bad="skip")
    assert again.was_complete
    assert again.left_out == report.left_out


def test_pairs_that_failed_are_refused_again_without_being_read(
    pairs_folder, tmp_path, small_shards
):
    break_some(pairs_folder)
    prepare(pairs_folder, tmp_path / "store", on_bad="skip")
    (tmp_path / "store" / "dataset_info.json").unlink()
    with pytest.raises(UserError, match="3 of the pairs"):
        prepare(pairs_folder, tmp_path / "store")


def test_what_was_left_out_is_no_success_where_all_must_be_there(pairs_folder, tmp_path):
    break_some(pairs_folder)
    prepare(pairs_folder, tmp_path / "store", on_bad="skip")
    with pytest.raises(UserError, match=r"3 of the pairs in .*1\.png: .*4\.png: .*7\.png: "):
        prepare(pairs_folder, tmp_path / "store")
    assert prepare(pairs_folder, tmp_path / "store", on_bad="skip").was_complete


def test_names_that_are_not_utf8_are_finished_once(pairs_folder, tmp_path):
    for number in range(2):
        path = pairs_folder / "train" / f"{number}.png"
        path.rename(path.with_name(f"{number}\udcff.png"))
    (pairs_folder / "train" / "1\udcff.png").write_bytes(b"")
    assert prepare(pairs_folder, tmp_path / "store", on_bad="skip").pairs["train"] == 5
    again = prepare(pairs_folder, tmp_path / "store", on_bad="skip")
    assert again.was_complete
    assert [problem.name for problem in again.left_out] == ["1\udcff.png"]


def test_a_set_without_one_good_pair_is_refused(pairs_folder, tmp_path):
    for path in pairs_folder.rglob("*.png"):
        Image.new("RGB", (31, 16)).save(path)
    with pytest.raises(UserError, match="even width"):
        prepare(pairs_folder, tmp_path / "store", on_bad="skip")
    assert not (tmp_path / "store" / "dataset_info.json").exists()


def test_files_without_a_partner_are_listed(tmp_path):
    folder = two_folders(tmp_path / "source", jpeg, png)
    (folder / "train" / "input" / "3.jpg").unlink()
    with pytest.raises(UserError, match="no file of that name"):
        prepare(folder, tmp_path / "store")
    assert not (tmp_path / "store").exists()
    report = prepare(folder, tmp_path / "store", on_bad="skip")
    assert report.pairs == {"train": 8}
    assert "3.png" in (tmp_path / "store" / "left_out.csv").read_text()


def test_a_manifest_of_missing_files_is_refused(tmp_path):
    (tmp_path / "pairs.csv").write_text("input,target\na.png,b.png\n")
    with pytest.raises(UserError, match="no such file"):
        prepare(tmp_path / "pairs.csv", tmp_path / "store", on_bad="skip")


def test_values_that_are_no_numbers_are_refused(tmp_path):
    values = np.zeros((16, 32, 1), np.float32)
    (tmp_path / "source" / "train").mkdir(parents=True)
    np.save(tmp_path / "source" / "train" / "good.npy", values)
    values[3, 4] = np.nan
    np.save(tmp_path / "source" / "train" / "bad.npy", values)
    with pytest.raises(UserError, match=r"bad\.npy: .*NaN"):
        prepare(tmp_path / "source", tmp_path / "store", **RANGE)


def test_floats_need_their_range(tmp_path):
    folder = two_folders(tmp_path / "source", png16, channels5)
    with pytest.raises(SettingsError, match="value_range"):
        prepare(folder, tmp_path / "store")


def test_pairs_of_two_sizes_are_not_cropped(tmp_path):
    folder = two_folders(
        tmp_path / "source", png16, lambda n: encode_image(np.full((40, 60, 1), n, np.uint8))
    )
    with pytest.raises(UserError, match="20x30 and 40x60: to pad or crop both alike"):
        prepare(folder, tmp_path / "store", options=StoreOptions(crop="square"))
    report = prepare(folder, tmp_path / "other", options=StoreOptions(resize=(32, 32)))
    assert report.pairs == {"train": 9}


# What is done to pairs


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"pad": (70, 80)}, lambda i: operations.pad(i, (70, 80))),
        ({"crop": (32, 48)}, lambda i: operations.crop(i, (32, 48))),
        ({"resize": (40, 24)}, lambda i: operations.resize(i, (40, 24), "bicubic")),
        (
            {"pad": (64, 96), "crop": "square", "resize": (16, 16)},
            lambda i: operations.resize(
                operations.crop(operations.pad(i, (64, 96)), "square"), (16, 16), "bicubic"
            ),
        ),
        (
            {"crop": (32, 32), "resize": (64, 64)},  # back to the size that it had
            lambda i: operations.resize(operations.crop(i, (32, 32)), (64, 64), "bicubic"),
        ),
        (
            {"crop": (32, 48), "pad": "square"},  # padded first: it is square already
            lambda i: operations.crop(i, (32, 48)),
        ),
    ],
)
def test_operations_are_done_in_order_to_both_images(
    options, expected, module_pairs_folder, tmp_path
):
    prepare(module_pairs_folder, tmp_path / "store", options=StoreOptions(**options))
    source, found = (loaded(data, "val") for data in (module_pairs_folder, tmp_path / "store"))
    wanted = {name: [expected(image) for image in pair] for name, pair in source.items()}
    assert_equal_pairs(found, wanted)


def test_each_side_has_its_own_interpolation(module_pairs_folder, tmp_path):
    options = StoreOptions(resize=(40, 40))
    prepare(module_pairs_folder, tmp_path / "s", options=options, input_interpolation="nearest")
    for name, (a, b) in loaded(module_pairs_folder, "val").items():
        found = loaded(tmp_path / "s", "val")[name]
        np.testing.assert_array_equal(found[0], operations.resize(a, (40, 40), "nearest"))
        np.testing.assert_array_equal(found[1], operations.resize(b, (40, 40), "bicubic"))


def test_16_bit_images_are_padded_with_the_white_of_their_range(tmp_path):
    folder = two_folders(tmp_path / "source", png12, channels5)
    options = StoreOptions(pad=(40, 40))
    ranges = {"value_range": "0,4095", "target_value_range": "-300,300"}
    prepare(folder, tmp_path / "store", options=options, **ranges)
    (a, b), *_ = loaded(tmp_path / "store", "train", **ranges).values()
    assert (a[0] == 4095).all()
    assert (b[0] == 300).all()


def test_derivations_know_the_range(tmp_path):
    folder = single_images(tmp_path / "source", png12)
    options = StoreOptions(derivation=parse_derivation(["blank", "center"]))
    prepare(folder, tmp_path / "store", options=options, value_range="0,4095")
    (a, _), *_ = loaded(tmp_path / "store", "train", value_range="0,4095").values()
    assert a[10, 15] == 2048


# Label maps

LABELS = {"input_encoding": "labels", "palette": "#ff0000,#00ff00,#0000ff"}
COLOURS = {(255, 0, 0), (0, 255, 0), (0, 0, 255)}


def label_map(number):
    places = np.random.default_rng(number).integers(0, 3, (4, 6)).repeat(8, 0).repeat(8, 1)
    return encode_image(np.uint8(255) * np.eye(3, dtype=np.uint8)[places])


def photo(number):
    return encode_image(np.random.default_rng(number).integers(0, 256, (32, 48, 3), np.uint8))


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
@pytest.mark.parametrize("side", ["input", "target"])
@pytest.mark.parametrize("side_by_side_files", [False, True])
def test_label_maps_keep_their_colours(direction, side, side_by_side_files, tmp_path):
    sides = (label_map, photo) if direction == "AtoB" else (photo, label_map)
    folder = two_folders(tmp_path / "source", *sides)
    if side_by_side_files:
        prepare(folder, tmp_path / "files", options=StoreOptions(combine=True))
        folder = tmp_path / "files"
    options = StoreOptions(resize=(20, 30))
    if side == "target":
        # What is the input in one direction is the target in the other.
        opposite = "BtoA" if direction == "AtoB" else "AtoB"
        said = {"target_encoding": "labels", "palette": LABELS["palette"], "direction": opposite}
    else:
        said = LABELS | {"direction": direction}
    prepare(folder, tmp_path / "store", options=options, **said)
    for pair in loaded(tmp_path / "store", "train").values():
        labels, other = pair if direction == "AtoB" else pair[::-1]
        assert set(map(tuple, labels.reshape(-1, 3))) <= COLOURS
        assert len(np.unique(other.reshape(-1, 3), axis=0)) > 100


def test_what_is_said_of_input_and_target_is_said_by_direction(tmp_path):
    folder = two_folders(tmp_path / "source", photo, label_map)
    settings = {"direction": "BtoA", "output_channels": "1", **LABELS}
    prepare(folder, tmp_path / "store", **settings)
    (a, b), *_ = loaded(tmp_path / "store", "train").values()
    assert (a.shape[2], b.shape[2]) == (1, 3)


def test_label_maps_of_other_colours_are_refused(tmp_path):
    gray = encode_image(np.full((32, 48, 3), 90, np.uint8))
    folder = two_folders(tmp_path / "source", label_map, lambda number: gray)
    with pytest.raises(UserError, match="of no colour of the palette"):
        prepare(folder, tmp_path / "store", input_encoding="labels", palette="#ff0000,#00ff00")
    with pytest.raises(UserError, match="of no colour of the palette"):
        prepare(folder, tmp_path / "other", direction="BtoA", **LABELS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoding": "jpeg"}, "would mix the colours of label maps"),
        ({"pad": (64, 64)}, "white is no colour of the palette"),
        (
            {"derivation": parse_derivation(["blank", "center"])},
            "--derive takes and makes no label",
        ),
    ],
)
def test_what_would_spoil_label_maps_is_refused(options, message, tmp_path):
    folder = two_folders(tmp_path / "source", label_map, photo)
    with pytest.raises(SettingsError, match=message):
        prepare(folder, tmp_path / "store", options=StoreOptions(**options), **LABELS)


def single_images(root, make=jpeg, splits=("train", "val")):
    for split in splits:
        (root / split).mkdir(parents=True)
        for number in NUMBERS[:3]:
            content, suffix = make(number)
            (root / split / f"{number}{suffix}").write_bytes(content)
    return root


@pytest.mark.parametrize(
    "words", ["edges", "edges canny", "grayscale", "downscale 4", "blank center", "noise 20"]
)
def test_inputs_are_derived_from_single_images(words, tmp_path):
    folder = single_images(tmp_path / "source")
    derivation = parse_derivation(words.split(" "), seed=3)
    options = StoreOptions(derivation=derivation, resize=(48, 40))
    report = prepare(folder, tmp_path / "store", options=options)
    assert report.pairs == {"train": 3, "val": 3}
    for name, (a, b) in loaded(tmp_path / "store", "train").items():
        assert b.shape == (48, 40, 3)
        np.testing.assert_array_equal(a, derivation.derive(b, name))


def test_inputs_are_derived_by_hed(tmp_path):
    ends = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, channels, "h", "w"])
        for name, channels in {"photo": 3, "fused": 1}.items()
    ]
    nodes = [
        onnx.helper.make_node("ReduceMean", ["photo"], ["mean"], axes=[1], keepdims=1),
        onnx.helper.make_node("Sigmoid", ["mean"], ["fused"]),
    ]
    graph = onnx.helper.make_graph(nodes, "hed", ends[:1], ends[1:])
    versions = [onnx.helper.make_opsetid("", 13)]
    weights = tmp_path / "hed.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=versions, ir_version=8), weights)
    derivation = parse_derivation(["edges", "hed"], hed_weights=weights)
    folder = single_images(tmp_path / "source")
    prepare(folder, tmp_path / "store", options=StoreOptions(derivation=derivation))
    for name, (a, b) in loaded(tmp_path / "store", "val").items():
        np.testing.assert_array_equal(a, derivation.derive(b, name))
        assert set(np.unique(a)) == {0, 255}


def test_a_derived_set_keeps_its_photos_as_they_are(tmp_path):
    folder = single_images(tmp_path / "source")
    options = StoreOptions(derivation=parse_derivation(["grayscale"]))
    prepare(folder, tmp_path / "store", options=options, input_channels="3")
    (record, *_) = tfds.builder_from_directory(tmp_path / "store").as_data_source(
        split="train", decoders={side: tfds.decode.SkipDecoding() for side in "AB"}
    )
    assert record["B"] == jpeg(0)[0]
    (a, b), *_ = loaded(tmp_path / "store", "train").values()
    assert a.shape == b.shape == (SIZE, SIZE, 3)
    np.testing.assert_array_equal(a[..., :1], operations.grayscale(b))


def test_16_bit_images_stay_so_when_derived(tmp_path):
    folder = single_images(tmp_path / "source", png16)
    options = StoreOptions(derivation=parse_derivation(["downscale", "2"]))
    prepare(folder, tmp_path / "store", options=options)
    (a, b), *_ = loaded(tmp_path / "store", "train").values()
    assert a.dtype == b.dtype == np.uint16


def test_single_images_lie_in_folders_of_any_name_of_a_split(tmp_path):
    folder = single_images(tmp_path / "source", splits=("train", "validation"))
    options = StoreOptions(derivation=parse_derivation(["grayscale"]))
    assert prepare(folder, tmp_path / "s", options=options).pairs == {"train": 3, "val": 3}
    single_images(folder, png, splits=("more",))
    (folder / "lost.png").write_bytes(png(0)[0])
    with pytest.raises(UserError, match=r"4 of .* lost\.png: it lies beside train/, validation/"):
        prepare(folder, tmp_path / "t", options=options)
    report = prepare(folder, tmp_path / "t", options=options, on_bad="skip")
    assert report.pairs == {"train": 3, "val": 3}
    assert len(report.left_out) == 4


def test_replaced_weights_are_another_plan(tmp_path):
    weights = tmp_path / "hed.onnx"
    options = StoreOptions(derivation=parse_derivation(["edges", "hed"], hed_weights=weights))
    weights.write_bytes(b"one")
    before = options.to_plain()
    weights.write_bytes(b"two")
    assert options.to_plain() != before


def test_a_manifest_holds_no_single_images(tmp_path):
    (tmp_path / "pairs.csv").write_text("input,target\na.png,b.png\n")
    options = StoreOptions(derivation=parse_derivation(["grayscale"]))
    with pytest.raises(UserError, match="--derive takes a folder of images"):
        prepare(tmp_path / "pairs.csv", tmp_path / "store", options=options)


def test_an_empty_folder_holds_no_single_images(tmp_path):
    (tmp_path / "set" / "train").mkdir(parents=True)
    options = StoreOptions(derivation=parse_derivation(["grayscale"]))
    with pytest.raises(UserError, match="holds no images"):
        prepare(tmp_path / "set", tmp_path / "store", options=options)


@pytest.mark.parametrize("derives", [False, True])
def test_sets_without_splits_get_them_by_name(derives, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for number in range(40):
        Image.fromarray(np.full((16, 32), number, np.uint8)).save(source / f"{number}.png")
    derivation = parse_derivation(["grayscale"]) if derives else None
    options = StoreOptions(derivation=derivation)
    report = prepare(source, tmp_path / "store", options=options, split="50/25/25")
    assert sum(report.pairs.values()) == 40
    assert 10 < report.pairs["train"] < 30
    assert set(report.pairs) == {"train", "val", "test"}


def test_splits_are_made_anew_when_asked(module_pairs_folder, tmp_path):
    options = StoreOptions(resplit=True)
    report = prepare(module_pairs_folder, tmp_path / "store", options=options, split="40/30/30")
    assert sum(report.pairs.values()) == 9
    names = [name for split in report.pairs for name in loaded(tmp_path / "store", split)]
    assert sorted(names) == [f"train/{n}.png" for n in range(6)] + [
        f"val/{n}.png" for n in range(6, 9)
    ]


def test_manifests_with_some_splits_are_split_anew_too(tmp_path):
    rows = ["input,target,split"]
    for number in range(40):
        (tmp_path / f"{number}.png").write_bytes(encode_image(np.full((4, 4, 1), number, "u1"))[0])
        rows.append(f"{number}.png,{number}.png,{'train' if number else ''}")
    (tmp_path / "pairs.csv").write_text("\n".join(rows))
    options, manifest = StoreOptions(resplit=True), tmp_path / "pairs.csv"
    report = prepare(manifest, tmp_path / "store", options=options, split="40/30/30")
    assert sum(report.pairs.values()) == 40
    assert report.pairs["train"] < 30
    assert set(report.pairs) == {"train", "val", "test"}


# Image files for other tools


def test_pairs_are_combined_into_files(tmp_path):
    folder = two_folders(tmp_path / "source", jpeg, gray_bmp)
    report = prepare(folder, tmp_path / "out", options=StoreOptions(combine=True))
    assert report.pairs == {"train": 9}
    assert not (tmp_path / "out" / "dataset_info.json").exists()
    assert_equal_pairs(
        {n.replace("png", "jpg"): p for n, p in loaded(tmp_path / "out", "train").items()},
        loaded(folder, "train", output_channels=3),
    )
    assert prepare(folder, tmp_path / "out", options=StoreOptions(combine=True)).was_complete


def test_combined_files_of_pairs_that_went_away_do_not_stay(
    pairs_folder, tmp_path, monkeypatch, small_shards
):
    options, make_pair = StoreOptions(combine=True), shards.make_pair

    def stop_late(files, recipe):
        return interrupt(files, recipe) if files.name == "7.png" else make_pair(files, recipe)

    with monkeypatch.context() as patched:
        patched.setattr(shards, "make_pair", stop_late)
        with pytest.raises(KeyboardInterrupt):
            prepare(pairs_folder, tmp_path / "out", options=options)
    (pairs_folder / "train" / "3.png").unlink()
    assert prepare(pairs_folder, tmp_path / "out", options=options).pairs == {"train": 5, "val": 3}
    names = [path.name for path in (tmp_path / "out").rglob("*.png")]
    assert sorted(names) == [f"{number}.png" for number in (0, 1, 2, 4, 5, 6, 7, 8)]


@pytest.mark.parametrize("lost", ["train/3.png", "val"])
def test_combined_files_that_went_away_are_written_again(lost, pairs_folder, tmp_path):
    options, out = StoreOptions(combine=True), tmp_path / "out"
    prepare(pairs_folder, out, options=options)
    whole = contents(out)
    path = out / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert not prepare(pairs_folder, out, options=options).was_complete
    assert contents(out) == whole
    assert prepare(pairs_folder, out, options=options).was_complete


@pytest.mark.parametrize("touched", [False, True])
def test_a_run_stopped_between_the_last_folders_goes_on(
    touched, pairs_folder, tmp_path, monkeypatch
):
    options, out = StoreOptions(combine=True), tmp_path / "out"
    rename = Path.rename

    def stop(path, target):
        if path.name == "train":
            raise KeyboardInterrupt
        return rename(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", stop)
        with pytest.raises(KeyboardInterrupt):
            prepare(pairs_folder, out, options=options)
    # What is trained on comes last.
    assert (out / "val").is_dir()
    assert not (out / "train").exists()
    if touched:
        (pairs_folder / "val" / "7.png").unlink()
    report = prepare(pairs_folder, out, options=options)
    assert report.pairs == {"train": 6, "val": 3 - touched}
    assert len(list(out.rglob("*.png"))) == 9 - touched


def test_combined_files_have_16_bits_and_stand_as_the_layout_says(tmp_path):
    folder = two_folders(tmp_path / "source", png16, png16)
    options = StoreOptions(combine=True)
    prepare(folder, tmp_path / "out", options=options, layout="top_bottom")
    found = read_image(tmp_path / "out" / "train" / "3.png").pixels
    one = read_image(folder / "train" / "input" / "3.png").pixels
    np.testing.assert_array_equal(found, np.concatenate([one, one]))


def test_combined_files_stay_below_their_folder_and_apart(tmp_path):
    source = tmp_path / "set" / "lists"
    source.mkdir(parents=True)
    for folder in (source, source.parent):
        (folder / "a.png").write_bytes(png(0)[0])
    manifest, out = source / "pairs.csv", tmp_path / "out"
    manifest.write_text("input,target,split\n../a.png,a.png,train\n")
    prepare(manifest, out, options=StoreOptions(combine=True))
    assert [path.name for path in out.rglob("*.png")] == ["a.png"]
    (source / "a.bmp").write_bytes(gray_bmp(0)[0])
    manifest.write_text("input,target,split\na.png,a.png,train\na.bmp,a.png,train\n")
    with pytest.raises(UserError, match=r"would write 2 pairs to train/a\.png"):
        prepare(manifest, tmp_path / "other", options=StoreOptions(combine=True))


@pytest.mark.parametrize(
    ("make_b", "settings", "options", "message"),
    [
        (channels5, RANGES, {"combine": True}, "--combine: the targets are 5 channels float32"),
        (channels5, RANGES, {"encoding": "jpeg"}, "--encoding jpeg: the inputs are gray uint16"),
        (png, {}, {"combine": True}, "which one file cannot hold"),
    ],
)
def test_what_files_cannot_hold_is_refused(make_b, settings, options, message, tmp_path):
    folder = two_folders(tmp_path / "source", png16, make_b)
    with pytest.raises(SettingsError, match=message):
        prepare(folder, tmp_path / "store", options=StoreOptions(**options), **settings)


# Places


def test_a_destination_with_other_files_is_refused(module_pairs_folder, tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "thesis.tex").write_text("precious")
    with pytest.raises(UserError, match="holds other files"):
        prepare(module_pairs_folder, tmp_path / "store")
    assert [path.name for path in (tmp_path / "store").iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("below", ["", "store", "train/store"])
def test_a_destination_in_the_set_is_refused(below, pairs_folder):
    with pytest.raises(UserError, match="lies in the set itself"):
        prepare(pairs_folder, pairs_folder / below)


def test_a_destination_that_is_being_written_is_refused(module_pairs_folder, tmp_path):
    (tmp_path / "store").mkdir()
    with (
        filelock.FileLock(tmp_path / "store" / ".lock"),
        pytest.raises(UserError, match="being written by another process"),
    ):
        prepare(module_pairs_folder, tmp_path / "store")


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_full_disk_is_said_and_leaves_nothing(
    file_format, module_pairs_folder, tmp_path, monkeypatch
):
    from tfpix2pix.data.store import records

    open_writer = records._open_writer
    full = lambda path, format: open_writer(type(path)("/dev/full"), format)  # noqa: E731
    monkeypatch.setattr(records, "_open_writer", full)
    options = StoreOptions(file_format=file_format)
    with pytest.raises(UserError, match=r"cannot write .*make room"):
        prepare(module_pairs_folder, tmp_path / "store", options=options)
    assert not list((tmp_path / "store").glob("*record*"))


def test_a_file_in_the_way_is_said(module_pairs_folder, tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "store"):
        with pytest.raises(UserError, match="cannot write"):
            prepare(module_pairs_folder, place)


@pytest.mark.parametrize("data", ["drawn_facades", "tfds:pix2pix/facades"])
def test_sets_of_records_are_refused(data, tmp_path):
    with pytest.raises(UserError, match="is a set of records already"):
        prepare(data, tmp_path / "store")


def test_small_sets_are_written_without_processes(module_pairs_folder, tmp_path, small_shards):
    data = resolve(flags={"data": str(module_pairs_folder)}).data
    listing = writer.list_source(data, StoreOptions())
    recipe = writer.make_recipe(data, StoreOptions(), listing)
    planned = writer.make_plan(recipe, listing).shards
    assert workers.choose_workers(None, planned) == 1
    assert workers.choose_workers(3, planned) == 3
    assert workers.choose_workers(30, planned) == len(planned)
