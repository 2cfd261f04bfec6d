"""Any record of any shard is read alone, the same bytes as TensorFlow's own reader gives."""

import hashlib
import os
import resource
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from array_record.python.array_record_module import ArrayRecordWriter

from tfpix2pix.data.records import RecordNames, TFRecordShards, identity, open_shards, reader
from tfpix2pix.errors import UserError

SHARDS = ([b"a", b"", b"b" * 5000], [], [os.urandom(100_000), b"\x00\xff"], [b"last"])
RECORDS = [record for shard in SHARDS for record in shard]


def write_tfrecord(path, records):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)


def write_array_record(path, records):
    writer = ArrayRecordWriter(str(path), "group_size:1")
    for record in records:
        writer.write(record)
    writer.close()


WRITERS = {"tfrecord": write_tfrecord, "array_record": write_array_record}


@pytest.fixture(params=WRITERS)
def file_format(request):
    return request.param


def write_shards(folder, file_format, shards=SHARDS):
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{number}.{file_format}" for number in range(len(shards))]
    for path, records in zip(paths, shards, strict=True):
        WRITERS[file_format](path, records)
    return [str(path) for path in paths]


# Reading


def test_records_are_read_by_number_over_all_shards(tmp_path, file_format):
    shards = open_shards(write_shards(tmp_path, file_format), file_format)
    assert len(shards) == len(RECORDS) == 6
    for index in (5, 0, 3, 1, 4, 2, 3):
        assert shards[index] == RECORDS[index]


def test_tfrecords_are_what_tensorflow_reads(tmp_path):
    paths = write_shards(tmp_path, "tfrecord")
    expected = list(tf.data.TFRecordDataset(paths).as_numpy_iterator())
    shards = TFRecordShards(paths)
    assert [shards[index] for index in range(len(shards))] == expected == RECORDS


def test_records_are_read_in_parallel_inside_tf_data(tmp_path, file_format):
    read = reader(open_shards(write_shards(tmp_path, file_format), file_format))
    indices = np.random.default_rng(0).integers(0, len(RECORDS), 200)
    dataset = tf.data.Dataset.from_tensor_slices(indices).map(read, num_parallel_calls=8)
    assert dataset.element_spec == tf.TensorSpec([], tf.string)
    assert list(dataset.as_numpy_iterator()) == [RECORDS[index] for index in indices]
    assert read(tf.constant(4, tf.int64)).numpy() == RECORDS[4]


def test_more_shards_than_files_may_be_open(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    paths = write_shards(tmp_path, "tfrecord", [[bytes([number])] for number in range(100)])
    in_use = len(list(Path("/proc/self/fd").iterdir()))
    resource.setrlimit(resource.RLIMIT_NOFILE, (in_use + 20, hard))
    try:
        shards = TFRecordShards(paths)
        assert [shards[index] for index in range(100)] == [bytes([n]) for n in range(100)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# What is damaged


@pytest.mark.parametrize("left", [3, 11, 12, 15, -1, -4])
def test_a_tfrecord_that_is_cut_short_is_named(tmp_path, left):
    """In a length, before a record, in it, and in its checksum."""
    paths = write_shards(tmp_path, "tfrecord", [[b"first"], [b"second"]])
    content = (tmp_path / "1.tfrecord").read_bytes()
    (tmp_path / "1.tfrecord").write_bytes(content[:left])
    with pytest.raises(ValueError, match=f"{paths[1]} is cut short"):
        open_shards(paths, "tfrecord")


def test_an_array_record_that_is_cut_short_is_refused(tmp_path):
    [path] = write_shards(tmp_path, "array_record", [RECORDS])
    content = (tmp_path / "0.array_record").read_bytes()
    (tmp_path / "0.array_record").write_bytes(content[:-10_000])
    with pytest.raises((ValueError, RuntimeError)):
        len(open_shards([path], "array_record"))


def test_a_missing_shard_is_refused(tmp_path, file_format):
    paths = write_shards(tmp_path, file_format)
    Path(paths[1]).unlink()
    with pytest.raises((OSError, ValueError, RuntimeError), match="No such file"):
        len(open_shards(paths, file_format))


def test_a_shard_that_goes_while_it_is_read_is_named(tmp_path):
    paths = write_shards(tmp_path, "tfrecord")
    shards = TFRecordShards(paths)
    Path(paths[0]).unlink()
    with pytest.raises(FileNotFoundError, match=paths[0]):
        shards[0]
    assert shards[5] == b"last"


def test_other_formats_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"a\.x: riegeli files: expected array_record or tfrecord"):
        open_shards(["a.x"], "riegeli")


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    paths = write_shards(tmp_path, "array_record")
    monkeypatch.setitem(sys.modules, "array_record.python.array_record_data_source", None)
    with pytest.raises(UserError, match=r"needs the package array_record.*prepare the set as tfre"):
        open_shards(paths, "array_record")


# Names


def test_names_are_read_when_they_are_asked_for():
    asked = []

    def name_of(index):
        asked.append(index)
        return f"pair {index}"

    names = RecordNames(1000, name_of)
    assert (len(names), asked) == (1000, [])
    assert names[7] == "pair 7"
    assert names[np.int64(3)] == "pair 3"
    assert names[998:] == ["pair 998", "pair 999"]
    assert names[:3:2] == ["pair 0", "pair 2"]
    assert asked == [7, 3, 998, 999, 0, 2]
    assert names[-1] == "pair 999"
    assert list(RecordNames(2, name_of)) == ["pair 0", "pair 1"]


@pytest.mark.parametrize("index", [3, 1000, -4])
def test_a_name_beyond_the_last_is_refused(index):
    with pytest.raises(IndexError):
        RecordNames(3, str)[index]


# Identity


def identity_of(folder, file_format, shards, name="set/1.0.0"):
    split = SimpleNamespace(
        filepaths=write_shards(folder, file_format, shards),
        shard_lengths=[len(shard) for shard in shards],
    )
    return identity(
        SimpleNamespace(info=SimpleNamespace(full_name=name, splits={"train": split})), "train"
    )


def test_identity_changes_with_the_contents_alone(tmp_path, file_format):
    def images(seed, count=8):
        return [np.random.default_rng([seed, n]).bytes(3000) for n in range(count)]

    shards = [images(0), images(1)]
    same = identity_of(tmp_path / "a", file_format, shards)
    assert identity_of(tmp_path / "b", file_format, shards) == same
    others = [
        identity_of(tmp_path / "c", file_format, [images(0), images(2)]),
        identity_of(tmp_path / "d", file_format, [images(1), images(0)]),
        identity_of(tmp_path / "e", file_format, [images(0)]),
        identity_of(tmp_path / "f", file_format, [images(0), images(1, 9)]),
        identity_of(tmp_path / "g", file_format, shards, "set/1.0.1"),
    ]
    assert len({same, *others}) == 6
    assert len(same) == len(hashlib.sha256().hexdigest()[:16])


def test_identity_changes_with_the_size_where_both_ends_stay(tmp_path):
    end = bytes(100_000)
    identities = [
        identity_of(tmp_path / str(size), "tfrecord", [[end, bytes(size), end]])
        for size in (10, 20)
    ]
    assert identities[0] != identities[1]
