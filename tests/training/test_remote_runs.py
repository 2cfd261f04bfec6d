"""Data, runs and what is made of them in storage that is no disk: TensorFlow's own memory."""

import json

import numpy as np
import pytest
import tensorflow as tf

from tests.training.same_bits import assert_same_bits
from tfpix2pix.cli.main import main, train_main
from tfpix2pix.places import as_place
from tfpix2pix.places.trees import copy_tree
from tfpix2pix.training.records import MetricsFile

TINY = ("--load-size=36", "--crop-size=32", "--base-filters=4", "--depth=3", "--n-layers=1")
pytestmark = pytest.mark.slow

ARGUMENTS = (*TINY, "--steps=2", "--sample-pairs=1", "--log-every=1", "--checkpoint-every=1")
# What differs from run to run.
TIMED = "images_per_second"


def trained(data, run_dir):
    """Two steps, and two more of the resumed run."""
    assert train_main([*ARGUMENTS, "--data", str(data), "--run-dir", str(run_dir)]) == 0
    assert train_main(["--run-dir", str(run_dir), "--resume", "--steps", "4"]) == 0
    return run_dir


@pytest.fixture(scope="module")
def remote_pairs(module_pairs_folder):
    data = as_place("ram://storage/pairs")
    copy_tree(module_pairs_folder, data)
    return data


@pytest.fixture(scope="module")
def runs(module_pairs_folder, remote_pairs, tmp_path_factory):
    """The same run on a disk and elsewhere."""
    local = tmp_path_factory.mktemp("local") / "a"
    remote = as_place("ram://storage/runs/a")
    return trained(module_pairs_folder, local), trained(remote_pairs, remote)


def listed(folder, root=None):
    """All files below a folder, but hidden ones and TensorBoard's."""
    root = root or folder
    found = set()
    for path in folder.iterdir():
        if path.is_dir():
            found |= set() if path.name == "tensorboard" else listed(path, root)
        elif not path.name.startswith("."):
            found.add(path.relative_to(root).as_posix())
    return found


def test_the_run_is_that_on_a_disk_to_the_bit(runs, tmp_path):
    local, remote = runs
    assert listed(remote) == listed(local)
    copy_tree(remote / "checkpoints", tmp_path / "checkpoints")
    assert_same_bits(tmp_path, local)


def test_figures_and_pictures_are_those_on_a_disk(runs):
    local, remote = (
        [row | {TIMED: 0} for row in MetricsFile(r / "metrics.csv").read()] for r in runs
    )
    assert [row["step"] for row in remote] == [0, 1, 2, 3, 4]
    assert remote == local
    for name in ("samples/latest.png", "pairs.png"):
        assert (runs[1] / name).read_bytes() == (runs[0] / name).read_bytes()


def test_the_settings_name_the_data_where_they_are(runs):
    assert "data: ram://storage/pairs\n" in (runs[1] / "config.yaml").read_text()


def test_best_weights_are_kept_alone(runs):
    local, remote = (sorted(p.name for p in (r / "checkpoints/best").iterdir()) for r in runs)
    assert remote == local
    assert len(remote) == 1


def test_a_run_is_not_overwritten(runs, remote_pairs, capsys):
    arguments = [*ARGUMENTS, "--data", str(remote_pairs), "--run-dir", str(runs[1])]
    assert train_main(arguments) == 1
    assert "ram://storage/runs/a already holds a run" in capsys.readouterr().err


def test_predict_reads_and_writes_there(runs, remote_pairs, tmp_path):
    outputs = tmp_path / "answers", as_place("ram://storage/answers")
    for run, output in zip(runs, outputs, strict=True):
        arguments = [str(run), str(remote_pairs / "val"), "--output", str(output)]
        assert main(["predict", *arguments, "--checkpoint", "best"]) == 0
    local, remote = outputs
    assert listed(remote) == listed(local) == {"6.png", "7.png", "8.png", "predict.json"}
    for name in ("6.png", "7.png", "8.png"):
        assert (remote / name).read_bytes() == (local / name).read_bytes()


def test_evaluate_writes_its_page_there(runs):
    for run in runs:
        assert main(["evaluate", str(run)]) == 0
    (local,), (remote,) = ([*(run / "evaluation").iterdir()] for run in runs)
    assert listed(remote) == listed(local)
    assert (remote / "figures.csv").read_bytes() == (local / "figures.csv").read_bytes()
    assert json.loads((remote / "evaluation.json").read_text())["facts"]["data"].startswith("ram:")


def test_an_export_is_whole_and_answers(runs, remote_pairs, tmp_path):
    output = as_place("ram://storage/exports/a")
    assert main(["export", str(runs[1]), "--output", str(output)]) == 0
    assert {"saved_model.pb", "tfpix2pix.json", "variables/variables.index"} <= listed(output / "1")
    image = str(remote_pairs / "val" / "6.png")
    for model, answers in ((output, "of_export"), (runs[0], "of_run")):
        assert main(["predict", str(model), image, "--output", str(tmp_path / answers)]) == 0
    pictures = [
        tf.io.decode_png((tmp_path / n / "6.png").read_bytes()) for n in ("of_export", "of_run")
    ]
    assert np.abs(np.subtract(*(np.array(p, int) for p in pictures))).max() <= 1


def test_a_set_is_checked_there(remote_pairs, tmp_path, capsys):
    sheet = tmp_path / "sheet.png"
    assert main(["prepare", "--check", str(remote_pairs), "--contact-sheet", str(sheet)]) == 0
    assert "no problems" in capsys.readouterr().out
    assert sheet.exists()


def test_what_needs_a_disk_says_so(remote_pairs, tmp_path, capsys):
    assert main(["prepare", str(remote_pairs), str(tmp_path / "store")]) == 2
    assert "ram://storage/pairs is not on this machine" in capsys.readouterr().err
    assert not (tmp_path / "store").exists()


def test_a_store_of_tfrecords_is_trained_on_there(module_pairs_folder, tmp_path):
    from tfpix2pix.data.pairs import open_pairs

    local, remote = tmp_path / "store", as_place("ram://storage/store")
    assert main(["prepare", str(module_pairs_folder), str(local), "--format", "tfrecord"]) == 0
    copy_tree(local, remote)
    expected, found = (open_pairs(str(place), "train") for place in (local, remote))
    assert found.names[:] == expected.names[:]
    assert found.fingerprint() == expected.fingerprint()
    for images in zip(
        found.load(tf.constant(3, tf.int64)), expected.load(tf.constant(3, tf.int64)), strict=True
    ):
        np.testing.assert_array_equal(*images)
