"""Runs keep the weights of their best validation, and end early, wherever they are stopped.

Validations are made up, so that the best one is known; all else is real.
"""

import contextlib
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfpix2pix.cli import main as cli
from tfpix2pix.config import resolve
from tfpix2pix.errors import UserError
from tfpix2pix.export.pytorch import export_pytorch
from tfpix2pix.training import best_weights, reporter
from tfpix2pix.training import run as run_module
from tfpix2pix.training.best_keeper import BestKeeper
from tfpix2pix.training.best_weights import BestWeights
from tfpix2pix.training.checkpoints import Checkpoints, load_generator
from tfpix2pix.training.kept import best_paths, find_checkpoint
from tfpix2pix.training.records import MetricsFile
from tfpix2pix.training.run import resume, train
from tfpix2pix.training.run_folder import RunFolder

TINY = {
    "load_size": 18,
    "crop_size": 16,
    "base_filters": 2,
    "depth": 3,
    "n_layers": 1,
    "steps": 6,
    "log_every": 2,
    "sample_every": 6,
    "sample_pairs": 1,
    "validate_every": 1,
    "checkpoint_every": 2,
    "keep_checkpoints": 1,
}
NEW_SETTINGS = ("best_metric", "patience")
# SSIM of each step. As of the checkpoint of step 2 the first is the best, and then the third.
COURSE = (0.1, 0.3, 0.2, 0.5, 0.4, 0.45, 0.1, 0.1, 0.1)


class KilledError(BaseException):
    """As if the process were killed there."""


@pytest.fixture
def course(monkeypatch):
    """The figures of the validations to come, which the test may change."""
    figures = list(COURSE)
    states = []
    real = run_module.TrainState

    def remembered(*arguments):
        states.append(real(*arguments))
        return states[-1]

    def made_up(*_):
        return lambda batches: {"l1": 0.5, "psnr": 9.0, "ssim": figures[states[-1].steps_done]}

    monkeypatch.setattr(run_module, "TrainState", remembered)
    monkeypatch.setattr(reporter, "validator", made_up)
    return figures


@pytest.fixture
def settings(module_pairs_folder):
    return resolve(flags=TINY | {"data": str(module_pairs_folder)})


@contextlib.contextmanager
def killed_at(owner, name, number, *, before=False):
    """Kills what runs in the block at a call of a method: `before` it does its work, or after."""
    calls = []
    real = getattr(owner, name)

    def dying(*arguments, **options):
        calls.append(None)
        if before and len(calls) == number:
            raise KilledError
        answer = real(*arguments, **options)
        if len(calls) == number:
            raise KilledError
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, dying)
        try:
            yield
        except KilledError:
            return
    pytest.fail(f"{name} was not called {number} times")


def best_tensors(run_dir):
    (path,) = best_paths(run_dir / "checkpoints").values()
    reader = tf.train.load_checkpoint(path)
    names = reader.get_variable_to_shape_map()
    graph = "_CHECKPOINTABLE_OBJECT_GRAPH"
    return {name: reader.get_tensor(name) for name in names if name != graph}


def assert_same_end(run_dir, other):
    assert list(best_paths(run_dir / "checkpoints")) == list(best_paths(other / "checkpoints"))
    assert [p.name for p in (run_dir / "checkpoints" / "best").iterdir()] == ["step-3"]
    expected, found = best_tensors(other), best_tensors(run_dir)
    assert expected.keys() == found.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(values, found[name], err_msg=name)
    timeless = [
        [
            {name: value for name, value in row.items() if name != "images_per_second"}
            for row in MetricsFile(folder / "metrics.csv").read()
        ]
        for folder in (run_dir, other)
    ]
    assert timeless[0] == timeless[1]


@pytest.mark.slow
def test_killed_anywhere_and_resumed_it_has_the_same_best(course, settings, tmp_path):
    whole = tmp_path / "whole"
    result = train(settings, whole)
    assert (result.standing.best_step, result.standing.best, result.best_is_kept) == (3, 0.5, True)
    moments = [
        (BestWeights, "save", 1, False),  # before there is a checkpoint
        (BestWeights, "save", 3, True),  # step 3: the best is known, its weights are not written
        (BestWeights, "save", 3, False),  # they are written, the row is not
        (MetricsFile, "append", 4, False),  # the row is, the checkpoint of step 4 is not
        (Checkpoints, "save", 2, False),  # that of step 4 is: the old best is still there
        (best_weights.shutil, "rmtree", 3, True),  # while that is being removed
    ]
    for number, (owner, name, count, before) in enumerate(moments):
        run_dir = tmp_path / str(number)
        with killed_at(owner, name, count, before=before):
            train(settings, run_dir)
        result = resume(run_dir)
        assert (result.standing.best_step, result.standing.idle) == (3, 3), moments[number]
        assert_same_end(run_dir, whole)


@pytest.mark.slow
def test_a_best_that_the_resumed_run_does_not_reach_is_forgotten(course, settings, tmp_path):
    """As on a GPU, where a step done again may come out otherwise."""
    run_dir = tmp_path / "run"
    with killed_at(BestKeeper, "take", 4):  # of step 3
        train(settings, run_dir)
    assert list(best_paths(run_dir / "checkpoints")) == [1, 3]
    course[3:] = [0.2, 0.2, 0.2, 0.2]
    result = resume(run_dir)
    assert result.standing.describe_best() == "ssim 0.3 at step 1"
    assert (result.best_is_kept, list(best_paths(run_dir / "checkpoints"))) == (True, [1])


@pytest.mark.slow
def test_a_run_ends_early_is_finished_and_goes_on_when_told_to(course, settings, tmp_path, capsys):
    settings = resolve(
        flags=TINY | {"data": settings.data.data, "patience": 2, "steps": 9, "log_every": 2}
    )
    run_dir = tmp_path / "run"
    result = train(settings, run_dir)
    shutil.copytree(run_dir, tmp_path / "ended")
    assert (result.step, result.ended_early, result.stopped_by) == (5, True, None)
    assert result.standing.idle == 2
    assert result.baseline  # as at the end of any run
    assert find_checkpoint(run_dir / "checkpoints", "latest")[0].endswith("step-5")
    assert (run_dir / "samples" / "step_0000005.png").exists()
    # The losses since step 4 are there, though no row was due.
    assert MetricsFile(run_dir / "metrics.csv").read()[-1].keys() >= {"l1_loss", "val_ssim"}
    metrics = (run_dir / "metrics.csv").read_bytes()

    again = resume(run_dir)
    assert (again.step, again.ended_early) == (5, True)
    assert (run_dir / "metrics.csv").read_bytes() == metrics

    # Killed after a step, it still knows that it was told to train on.
    with killed_at(MetricsFile, "append", 2):
        resume(run_dir, steps=8)
    assert resume(run_dir).step > 5
    shutil.rmtree(run_dir)
    shutil.move(tmp_path / "ended", run_dir)
    assert cli.main(["train", "--run-dir", str(run_dir), "--resume", "--steps", "8"]) == 0
    shown = capsys.readouterr().out
    # Two more: the patience begins anew.
    assert "done: ended early at step 7 of 8: 2 validations without a better ssim" in shown
    assert "--resume --steps N" in shown
    assert (
        "ssim 0.5 at step 3; use it with predict, export and evaluate: --checkpoint best" in shown
    )
    assert list(best_paths(run_dir / "checkpoints")) == [3]


@pytest.mark.slow
def test_the_best_outlives_a_metrics_file_that_was_lost(course, settings, tmp_path):
    run_dir = tmp_path / "run"
    train(settings, run_dir)
    assert list(best_paths(run_dir / "checkpoints")) == [3]
    (run_dir / "metrics.csv").unlink()
    resume(run_dir)
    assert list(best_paths(run_dir / "checkpoints")) == [3]


@pytest.mark.slow
def test_patience_counts_on_after_a_kill(course, settings, tmp_path):
    settings = resolve(flags=TINY | {"data": settings.data.data, "patience": 3, "steps": 9})
    with killed_at(Checkpoints, "save", 2):  # step 4, one validation after the best
        train(settings, tmp_path / "run")
    result = resume(tmp_path / "run")
    assert (result.step, result.ended_early, result.standing.idle) == (6, True, 3)


def test_patience_without_held_out_pairs_is_refused(settings, pairs_folder, tmp_path):
    shutil.rmtree(pairs_folder / "val")
    flags = TINY | {"data": str(pairs_folder), "patience": 2}
    with pytest.raises(UserError, match="patience counts validations"):
        train(resolve(flags=flags), tmp_path / "run")
    assert not (tmp_path / "run" / "config.yaml").exists()


def test_which_checkpoint_predicts_and_is_exported(course, settings, tmp_path, capsys):
    run_dir = tmp_path / "run"
    train(settings, run_dir)
    run = RunFolder(run_dir)
    weights = {
        which: load_generator(run.settings(), run.checkpoints, checkpoint=which).get_weights()
        for which in ("latest", "best", 3, "6")
    }

    def same(one, other):
        return all(np.array_equal(*pair) for pair in zip(weights[one], weights[other], strict=True))

    assert same("latest", "6")
    assert same("best", 3)
    assert not same("best", "latest")

    photo = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)).save(photo)
    predict = ["predict", str(run_dir), str(photo), "--output", str(tmp_path / "out")]
    export = ["export", str(run_dir), "--output", str(tmp_path / "exports")]
    assert cli.main([*predict, "--checkpoint", "best"]) == 0
    capsys.readouterr()
    for command in (predict, export):
        assert cli.main([*command, "--checkpoint", "4"]) == 1
        shown = capsys.readouterr().err
        assert "no checkpoint 4; it has latest (step 6), best (step 3), 3, 6" in shown
    assert cli.main([*predict, "--checkpoint", "first"]) == 2
    assert "expected latest, best or a step, got first" in capsys.readouterr().err

    whole = sum(file.stat().st_size for file in run.checkpoints.glob("step-6.*"))
    best = sum(file.stat().st_size for file in (run.checkpoints / "best" / "step-3").iterdir())
    assert best < whole / 2


def test_the_best_checkpoint_holds_no_discriminator_to_be_exported(settings, tmp_path):
    flags = TINY | {"data": settings.data.data, "skip": "relu", "steps": 1}
    train(resolve(flags=flags), tmp_path / "run")
    with pytest.raises(UserError, match=r"best holds the generator alone: .*--only-generator"):
        export_pytorch(tmp_path / "run", tmp_path / "out", checkpoint="best")


@pytest.mark.slow
def test_a_run_of_an_earlier_version_has_a_best_from_the_next_better_validation_on(
    course, settings, tmp_path
):
    """It had no best weights, no columns of the balance, and no such settings."""
    run_dir = tmp_path / "run"
    train(settings, run_dir)
    shutil.rmtree(run_dir / "checkpoints" / "best")
    rows = MetricsFile(run_dir / "metrics.csv").read()
    kept = ("step", "l1_loss", "val_l1", "val_psnr", "val_ssim")
    lines = [",".join(str(row.get(name, "")) for name in kept) for row in rows]
    (run_dir / "metrics.csv").write_text("\n".join([",".join(kept), *lines, ""]))
    config = (run_dir / "config.yaml").read_text().splitlines()
    config = [line for line in config if line.split(":")[0].strip() not in NEW_SETTINGS]
    (run_dir / "config.yaml").write_text("\n".join(config) + "\n")

    result = resume(run_dir, steps=7)
    assert (result.standing.best_step, result.best_is_kept) == (3, False)
    with pytest.raises(UserError, match=r"no checkpoint best; it has latest \(step 7\), 7$"):
        find_checkpoint(run_dir / "checkpoints", "best")
    assert MetricsFile(run_dir / "metrics.csv").read()[-1]["real_accuracy"] >= 0
    course[8] = 0.9
    result = resume(run_dir, steps=8)
    assert (result.standing.best_step, result.best_is_kept) == (8, True)
