"""Prepared sets are found by name, prepared once, and refused in one line with what to do."""

import os
import re
import resource
import signal
import subprocess
import sys

import numpy as np
import pytest
import requests
import tensorflow_datasets as tfds

from tfpix2pix.data.builders import loading
from tfpix2pix.data.builders.drawn_facades import DrawnFacades
from tfpix2pix.data.builders.loading import BUILDERS, damaged, prepared_builder
from tfpix2pix.data.builders.published import Pix2pix
from tfpix2pix.errors import UserError


class LoadingTestSet(tfds.core.GeneratorBasedBuilder):
    """Stands for a set of TFDS; `FAILURE` is what preparing it raises."""

    VERSION = tfds.core.Version("2.0.0")
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name="gray"), tfds.core.BuilderConfig(name="red")]  # noqa: RUF012
    FAILURE = None

    def _info(self):
        features = tfds.features.FeaturesDict({"value": tfds.features.Scalar(np.int32)})
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        if self.FAILURE:
            raise self.FAILURE
        yield from ((number, {"value": number}) for number in range(3))


@pytest.fixture(autouse=True)
def small_drawn_facades(monkeypatch):
    monkeypatch.setattr(DrawnFacades, "SPLIT_SIZES", {"train": 3, "val": 1, "test": 1})


def refusal(name, place, **options):
    with pytest.raises(UserError) as caught:
        prepared_builder(name, str(place), **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def run_python(code, *arguments, **options):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, **options)


def test_table_names_every_set_of_ours():
    published = [f"pix2pix/{config.name}" for config in Pix2pix.BUILDER_CONFIGS]
    assert list(BUILDERS) == ["drawn_facades", *published]


@pytest.mark.parametrize("stored", ["array_record", "tfrecord"])
def test_set_is_prepared_once_in_order_and_used_in_either_format(
    tmp_path, monkeypatch, capsys, stored
):
    monkeypatch.setattr(loading, "best_file_format", lambda: stored)
    prepared_builder("drawn_facades", str(tmp_path))
    told = capsys.readouterr()
    assert told.err.splitlines() == [f"preparing drawn_facades in {tmp_path}: once"]
    assert told.out == ""

    monkeypatch.setattr(loading, "_prepare", None)  # it is not called again
    builder = prepared_builder("drawn_facades", str(tmp_path))
    assert builder.info.file_format.value == stored
    split = builder.info.splits["train"]
    assert (split.num_examples, split.shard_lengths) == (3, [3])
    assert all(path.exists() for path in split.filepaths)
    if stored == "tfrecord":
        examples = tfds.as_numpy(builder.as_dataset(split="train"))
    else:
        examples = builder.as_data_source("train")
    assert [e["name"] for e in examples] == [b"train_0001", b"train_0002", b"train_0003"]


def test_tfrecord_serves_where_array_record_is_missing(tmp_path, monkeypatch):
    assert loading.best_file_format() == "array_record"
    monkeypatch.setitem(sys.modules, "array_record.python.array_record_module", None)
    assert prepared_builder("drawn_facades", str(tmp_path)).info.file_format.value == "tfrecord"


@pytest.mark.parametrize("name", ["loading_test_set", "loading_test_set/red:2.0.0"])
def test_sets_of_tfds_are_prepared_too(tmp_path, name):
    builder = prepared_builder(name, str(tmp_path))
    assert builder.info.splits["train"].num_examples == 3
    assert builder.builder_config.name == ("red" if "red" in name else "gray")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("facades", "nearest names: drawn_facades, pix2pix/facades"),
        ("oxford_iit_pet", "nearest names: oxford_iiit_pet"),
        ("qqqqqq", "nearest names: drawn_facades, pix2pix/facades"),
        ("pix2pix", "expected pix2pix/facades or pix2pix/cityscapes or"),
        ("pix2pix/facade", "did you mean pix2pix/facades?"),
        ("drawn_facades/x", "there is no set drawn_facades/x: expected drawn_facades"),
        ("pix2pix/maps:9.0.0", "cannot be loaded at version 9.0.0, only: 1.0.0"),
        ("loading_test_set/rad", "expected loading_test_set/red or loading_test_set/gray"),
        ("mnist/rad", "there is no configuration rad of mnist: it has none"),
        ("loading_test_set:1.0.0", "cannot be loaded at version 1.0.0, only: 2.0.0"),
        ("huggingface:mnist", "does not name a set: expected NAME, NAME/CONFIG or"),
        ("mnist/x/split=3", "does not name a set"),
        ("../mnist", "does not name a set"),
    ],
)
def test_unknown_name_is_answered_with_what_there_is(tmp_path, name, expected):
    assert re.search(expected, refusal(name, tmp_path))
    assert list(tmp_path.iterdir()) == []


FAILURES = {
    "download": (tfds.download.DownloadError("Failed to get url x.\nHTTP code: 404."), "code: 404"),
    "network": (requests.ConnectionError("no route to host"), "no route to host"),
    "checksum": (
        tfds.download.download_manager.NonMatchingChecksumError("wrong\nchecksum"),
        "wrong checksum",
    ),
    "manual": (AssertionError("Manual directory x does not exist.\n\n  Create it"), "Create it"),
    "package": (ModuleNotFoundError("No module named 'pretty_midi'"), "Install the package"),
    "missing file": (FileNotFoundError("x.zip"), "x.zip"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_failures_of_tfds_are_told_in_one_line(tmp_path, monkeypatch, failure):
    error, expected = FAILURES[failure]
    monkeypatch.setattr(LoadingTestSet, "FAILURE", error)
    message = refusal("loading_test_set", tmp_path)
    assert message.startswith("TFDS cannot prepare loading_test_set: ")
    assert expected in message
    assert not list(tmp_path.rglob("*2.0.0*"))
    monkeypatch.setattr(LoadingTestSet, "FAILURE", None)
    prepared_builder("loading_test_set", str(tmp_path))


def test_defects_of_our_own_builders_are_not_disguised(tmp_path, monkeypatch):
    def fail(*args):
        raise ValueError("a defect")

    monkeypatch.setattr(DrawnFacades, "_generate_examples", fail)
    with pytest.raises(ValueError, match="a defect"):
        prepared_builder("drawn_facades", str(tmp_path))


def test_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    place = tmp_path / "file" / "sets"
    assert f"cannot write {place}: Not a directory. Choose" in refusal("drawn_facades", place)


FULL_DISK = """
import sys
from tfpix2pix.data.builders import loading
from tfpix2pix.data.builders.drawn_facades import DrawnFacades
from tfpix2pix.errors import UserError
DrawnFacades.SPLIT_SIZES = {"train": 3, "val": 1, "test": 1}
loading.best_file_format = lambda: sys.argv[2]
try:
    loading.prepared_builder("drawn_facades", sys.argv[1])
except UserError as error:
    sys.exit(f"refused: {error}")
"""


@pytest.mark.parametrize("stored", ["array_record", "tfrecord"])
def test_disk_that_takes_no_more_is_named(tmp_path, stored):
    """Limited in file size, so that it is the operating system that refuses."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    result = run_python(FULL_DISK, tmp_path, stored, preexec_fn=limit)
    last = result.stderr.splitlines()[-1]
    assert re.match(rf"refused: cannot write {tmp_path}: .*File too large.* make room", last), last
    assert not list(tmp_path.rglob("*1.1.0*"))
    prepared_builder("drawn_facades", str(tmp_path))


@pytest.mark.parametrize("name", ["drawn_facades", "loading_test_set/red"])
@pytest.mark.parametrize("damage", ["cut", "missing", "not json"])
def test_damaged_set_is_named(tmp_path, name, damage):
    prepared_builder(name, str(tmp_path))
    [info] = tmp_path.rglob("dataset_info.json")
    if damage == "missing":
        info.unlink()
    else:
        text = info.read_text()
        info.write_text(text[: len(text) // 2] if damage == "cut" else "{{")
    folder = tmp_path / name
    message = refusal(name, tmp_path)
    assert message.startswith(f"the prepared set in {folder} is damaged: delete that folder")


def test_damaged_records_are_told_in_the_same_words(tmp_path):
    error = damaged(prepared_builder("drawn_facades", str(tmp_path)))
    assert str(error) == (
        f"the prepared set in {tmp_path}/drawn_facades is damaged: delete that folder, and it "
        "will be prepared anew"
    )


def test_other_format_is_refused(tmp_path):
    pytest.importorskip("pyarrow")
    DrawnFacades(data_dir=tmp_path).download_and_prepare(file_format="parquet")
    message = refusal("drawn_facades", tmp_path)
    assert "is in the format parquet: expected array_record or tfrecord" in message


@pytest.mark.parametrize("manual", ["by hand", "sets/by hand", "."])
def test_file_of_the_manual_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch, manual):
    folder = tmp_path / manual
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "images" / "1.jpg"
    monkeypatch.setattr(LoadingTestSet, "FAILURE", PermissionError(13, "Not allowed", str(file)))
    message = refusal("loading_test_set", tmp_path / "sets", manual_dir=str(folder))
    assert message == f"cannot read {file}: Not allowed"


@pytest.mark.parametrize("file", ["sets/1", None])
def test_place_in_the_manual_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch, file):
    error = OSError(28, "No space", file and str(tmp_path / file))
    monkeypatch.setattr(LoadingTestSet, "FAILURE", error)
    message = refusal("loading_test_set", tmp_path / "sets", manual_dir=str(tmp_path))
    assert message.startswith(f"cannot write {tmp_path}/sets: No space.")


def test_manual_folder_that_is_not_there_is_named(tmp_path):
    message = refusal("pix2pix/maps", tmp_path, manual_dir=str(tmp_path / "none"))
    assert f"there is no folder {tmp_path}/none" in message


HALF_IMPORTED = """
import sys
from pathlib import Path
sys.modules["promise"] = None  # which TFDS needs
import tfpix2pix
import tfpix2pix.export.savedmodel  # runs on folders are exported without TFDS
from tfpix2pix.cli.main import main
place = Path(sys.argv[1])
store = place / "store"
store.mkdir()
(store / "dataset_info.json").touch()
for data in ("drawn_facades", str(store)):
    try:
        tfpix2pix.open_pairs(data, "train", data_dir=str(place))
    except tfpix2pix.UserError as error:
        print("refused:", error)
print("prepare:", main(["prepare", sys.argv[2], str(place / "new")]))
"""


def test_half_imported_tfds_is_found_out(tmp_path, module_pairs_folder):
    result = run_python(HALF_IMPORTED, tmp_path, module_pairs_folder)
    reason = "tensorflow_datasets is installed but does not work: see what"
    of_set, of_store, of_prepare = result.stdout.splitlines()
    assert of_set.startswith(f"refused: {reason}"), result.stderr
    assert of_store == of_set
    assert of_prepare == "prepare: 1"
    assert f"error: {reason}" in result.stderr
