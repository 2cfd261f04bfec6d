"""Whole runs on tiny networks: what they leave behind, and that resumed ones end the same."""

import csv
import dataclasses
import io
import json
import os
import shutil
import signal
from contextlib import redirect_stderr
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import yaml

from tests.training.same_bits import assert_same_bits, checkpoint_tensors
from tfpix2pix.config import load_settings, resolve
from tfpix2pix.errors import SettingsError, UserError
from tfpix2pix.training import checkpoints as checkpoints_module
from tfpix2pix.training import device
from tfpix2pix.training import run as run_module
from tfpix2pix.training.length import run_length
from tfpix2pix.training.loop import NonFiniteLossError
from tfpix2pix.training.run import resume, train

TINY = {
    "load_size": 18,
    "crop_size": 16,
    "base_filters": 2,
    "depth": 3,
    "n_layers": 1,
    "log_every": 2,
    "sample_every": 4,
    "sample_pairs": 2,
    "validate_every": 4,
    "checkpoint_every": 2,
    "keep_checkpoints": 2,
}


@pytest.fixture(scope="module")
def settings(module_pairs_folder):
    return resolve(flags=TINY | {"data": str(module_pairs_folder), "steps": 6})


@pytest.fixture
def changing_settings(settings, pairs_folder):
    """The same, of pairs that the test may change."""
    return dataclasses.replace(
        settings, data=dataclasses.replace(settings.data, data=str(pairs_folder))
    )


@pytest.fixture(scope="module")
def whole(settings, tmp_path_factory):
    """A run that went through without a GPU, its result and log; tests leave it as it is."""
    run_dir = tmp_path_factory.mktemp("whole") / "run"
    with pytest.MonkeyPatch.context() as patch, redirect_stderr(io.StringIO()) as log:
        patch.setattr(device, "has_gpu", lambda: False)
        return run_dir, train(settings, run_dir), log.getvalue()


@pytest.fixture
def copy(whole, tmp_path):
    """A copy of that run, which the test may change."""
    return shutil.copytree(whole[0], tmp_path / "run")


def with_train(settings, **changes):
    return dataclasses.replace(settings, train=dataclasses.replace(settings.train, **changes))


def rows(run_dir):
    return list(csv.DictReader((run_dir / "metrics.csv").open()))


def test_a_run_folder_describes_itself(settings, whole):
    run_dir, result, _ = whole

    assert (result.step, result.total_steps, result.stopped_by) == (6, 6, None)
    assert load_settings(run_dir / "config.yaml") == with_train(settings, jit="off")
    assert yaml.safe_load((run_dir / "config.yaml").read_text())["train"]["beta_1"] == 0.5
    environment = json.loads((run_dir / "environment.json").read_text())
    assert environment["packages"]["tensorflow"] == tf.__version__
    assert json.loads((run_dir / "data.json").read_text())["train_pairs"] == 6
    assert [row["step"] for row in rows(run_dir)] == ["0", "2", "4", "6"]
    assert [bool(row["val_ssim"]) for row in rows(run_dir)] == [True, False, True, True]
    assert [bool(row["l1_loss"]) for row in rows(run_dir)] == [False, True, True, True]
    assert float(rows(run_dir)[-1]["val_l1"]) == pytest.approx(result.validation["l1"], rel=1e-5)
    assert tf.train.latest_checkpoint(str(run_dir / "checkpoints")).endswith("step-6")
    kept = {path.name for path in (run_dir / "checkpoints").glob("*.index")}
    assert kept == {"step-4.index", "step-6.index"}
    grids = sorted(path.name for path in (run_dir / "samples").glob("*.png"))
    assert grids == ["latest.png", "step_0000000.png", "step_0000004.png", "step_0000006.png"]
    assert len(list((run_dir / "samples" / "inputs").glob("*.png"))) == 2
    assert (run_dir / "pairs.png").read_bytes().startswith(b"\x89PNG")
    assert (run_dir / "losses.png").read_bytes().startswith(b"\x89PNG")
    assert list((run_dir / "tensorboard").glob("events*"))


def test_the_sample_grid_shows_input_generated_target(whole):
    samples = whole[0] / "samples"
    grid = tf.io.decode_png((samples / "latest.png").read_bytes()).numpy()
    assert grid.shape == (2 * 16 + 4, 3 * 16 + 2 * 4, 3)
    inputs = sorted((samples / "inputs").glob("*.png"))
    first = tf.io.decode_png(inputs[0].read_bytes()).numpy()
    np.testing.assert_array_equal(grid[:16, :16], first)
    assert not np.array_equal(grid[:16, 20:36], first)


def test_other_seeds_differ(settings, whole, tmp_path):
    train(with_train(settings, seed=4), tmp_path / "other")
    first, other = (checkpoint_tensors(path) for path in (whole[0], tmp_path / "other"))
    assert any(not np.array_equal(first[name], other[name]) for name in first)


def test_a_resumed_run_ends_with_the_same_bits(settings, whole, tmp_path):
    train(with_train(settings, steps=3), tmp_path / "halves")
    result = resume(tmp_path / "halves", steps=6)
    assert result.step == 6
    assert_same_bits(tmp_path / "halves", whole[0])
    assert [row["step"] for row in rows(tmp_path / "halves")] == ["0", "2", "3", "4", "6"]
    assert load_settings(tmp_path / "halves" / "config.yaml") == with_train(settings, jit="off")


@pytest.mark.slow
def test_one_command_starts_and_goes_on_to_the_same_bits(settings, whole, tmp_path):
    run_dir = tmp_path / "run"
    train(with_train(settings, steps=4), run_dir, or_resume=True)
    result = train(settings, run_dir, or_resume=True)
    assert (result.step, result.total_steps) == (6, 6)
    assert_same_bits(run_dir, whole[0])
    # Done is done, and with other settings it would be another run.
    assert train(settings, run_dir, or_resume=True).step == 6
    assert len(rows(run_dir)) == len(rows(whole[0]))
    with pytest.raises(SettingsError, match=r"was begun with seed 0, and 3 is asked for"):
        train(with_train(settings, seed=3), run_dir, or_resume=True)


@pytest.mark.slow
def test_alternating_updates_and_a_decaying_learning_rate_resume_to_the_same_bits(
    settings, tmp_path
):
    settings = with_train(settings, update="alternating", lr_schedule="linear", decay_start=0.25)
    train(settings, tmp_path / "run")
    shutil.copytree(tmp_path / "run", tmp_path / "whole")
    # As if killed right after the checkpoint of step 4.
    checkpoints = tmp_path / "run" / "checkpoints"
    state = (checkpoints / "checkpoint").read_text()
    (checkpoints / "checkpoint").write_text(state.replace("step-6", "step-4"))
    resume(tmp_path / "run")
    assert_same_bits(tmp_path / "run", tmp_path / "whole")
    assert [row["step"] for row in rows(tmp_path / "run")] == ["0", "2", "4", "6"]
    rates = [float(row["learning_rate"]) for row in rows(tmp_path / "run")[1:]]
    assert settings.train.learning_rate > rates[0] > rates[1] > rates[2] == 0  # the next step's


@pytest.mark.slow
def test_several_steps_in_one_execution_leave_the_same_run(settings, tmp_path):
    """The rows and pictures of every step that has some, and the same bits at the end."""
    every = dict.fromkeys(("log_every", "sample_every", "checkpoint_every"), 5)
    runs = [tmp_path / "single", tmp_path / "several"]
    for run_dir, at_once in zip(runs, (1, 3), strict=True):
        train(with_train(settings, steps_per_execution=at_once, **every), run_dir)
    assert_same_bits(*runs)
    timeless, samples = (
        [[row | {"images_per_second": ""} for row in rows(run_dir)] for run_dir in runs],
        [sorted(path.name for path in (run_dir / "samples").iterdir()) for run_dir in runs],
    )
    assert timeless[0] == timeless[1]
    assert [row["step"] for row in timeless[0]] == ["0", "4", "5", "6"]
    assert samples[0] == samples[1]


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_a_run_of_mixed_precision_learns_and_resumes_to_the_same_bits(
    settings, whole, tmp_path, precision
):
    settings = with_train(settings, precision=precision)
    train(settings, tmp_path / "whole")
    train(with_train(settings, steps=4), tmp_path / "part")
    resume(tmp_path / "part", steps=6)
    mixed = checkpoint_tensors(tmp_path / "whole")
    assert_same_bits(tmp_path / "part", tmp_path / "whole")
    kernel = next(name for name in mixed if name.startswith("generator/down1_conv"))
    assert mixed[kernel].dtype == np.float32
    exact = checkpoint_tensors(whole[0])[kernel]
    assert not np.array_equal(mixed[kernel], exact)
    np.testing.assert_allclose(mixed[kernel], exact, atol=0.01)


def test_the_log_says_how_the_step_runs(whole):
    assert "float32, XLA off (jit auto: it makes the step slower on a CPU)" in whole[2]


def test_what_auto_came_to_is_kept_for_a_resumed_run(settings, copy, monkeypatch, capsys):
    """With XLA for one half of a run only, its bits would differ."""
    assert settings.train.jit == "auto"
    assert load_settings(copy / "config.yaml").train.jit == "off"
    monkeypatch.setattr(device, "JIT_MIN_STEPS", 3)
    monkeypatch.setattr(device, "has_gpu", lambda: True)
    monkeypatch.setattr(run_module, "choose_strategy", lambda *given: tf.distribute.get_strategy())
    resume(copy, steps=7)
    assert "XLA off" in capsys.readouterr().err


def test_a_run_killed_before_its_first_checkpoint_does_the_same_from_its_seed(whole, tmp_path):
    (tmp_path / "config.yaml").write_text((whole[0] / "config.yaml").read_text())
    resume(tmp_path)
    assert_same_bits(tmp_path, whole[0])


def test_resuming_a_finished_run_changes_nothing(whole, copy):
    assert resume(copy).step == 6
    assert_same_bits(copy, whole[0])


def test_a_run_cannot_be_shortened(whole):
    config = (whole[0] / "config.yaml").read_bytes()
    with pytest.raises(UserError, match="has done 6 steps already, more than the 3"):
        resume(whole[0], steps=3)
    assert (whole[0] / "config.yaml").read_bytes() == config


def test_a_folder_that_holds_a_run_is_refused(settings, whole):
    config = (whole[0] / "config.yaml").read_bytes()
    with pytest.raises(UserError, match=r"already holds a run.*--resume"):
        train(settings, whole[0])
    assert (whole[0] / "config.yaml").read_bytes() == config


def test_settings_that_build_no_network_leave_no_run_behind(settings, tmp_path):
    impossible = dataclasses.replace(settings, model=dataclasses.replace(settings.model, depth=9))
    with pytest.raises(UserError, match="crop_size: image size 16x16"):
        train(impossible, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_resuming_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="not a run folder"):
        resume(tmp_path)


def test_changed_pairs_are_noticed(settings, copy, pairs_folder):
    config = (copy / "config.yaml").read_text()
    assert settings.data.data in config
    (copy / "config.yaml").write_text(config.replace(settings.data.data, str(pairs_folder)))
    assert resume(copy).step == 6
    sorted((pairs_folder / "train").iterdir())[0].unlink()
    with pytest.raises(UserError, match="6 pairs then, 5 now"):
        resume(copy, steps=8)


def test_from_a_damaged_checkpoint_it_goes_on_from_the_one_before_to_the_same_bits(
    whole, copy, capsys
):
    (damaged,) = (copy / "checkpoints").glob("step-6.data*")
    damaged.write_bytes(damaged.read_bytes()[:100])
    assert resume(copy).step == 6
    said = capsys.readouterr().err
    assert f"{damaged} is damaged (it is not what step-6.sha256 says was written)" in said
    assert "going on from the checkpoint before it, of step 4\nresuming at step 4\n" in said
    assert_same_bits(copy, whole[0])
    assert [row["step"] for row in rows(copy)] == ["0", "2", "4", "6"]
    kept = sorted(path.name for path in (copy / "checkpoints").iterdir() if path.is_file())
    files = [f"step-{n}.{kind}" for n in (4, 6) for kind in ("data-00000-of-00001", "index")]
    assert kept == sorted([*files, "checkpoint", "step-4.sha256", "step-6.sha256"])


def test_where_no_checkpoint_is_whole_one_is_named(copy):
    metrics = (copy / "metrics.csv").read_bytes()
    for data in (copy / "checkpoints").glob("step-*.data*"):
        data.write_bytes(data.read_bytes()[:100])
    with pytest.raises(UserError, match=r"step-4.data.* no checkpoint before it: put it back"):
        resume(copy, steps=8)
    assert (copy / "metrics.csv").read_bytes() == metrics


def test_nan_stops_the_run_and_names_step_losses_and_checkpoint(settings, tmp_path, monkeypatch):
    real = run_module.make_train_step

    def breaking(*args, **kwargs):
        train_step = real(*args, **kwargs)

        def step_with_nan(batch, step):
            losses = train_step(batch, step)
            return losses | {"l1_loss": tf.constant(np.nan)} if int(step) == 4 else losses

        return step_with_nan

    monkeypatch.setattr(run_module, "make_train_step", breaking)
    with pytest.raises(NonFiniteLossError) as error:
        train(settings, tmp_path / "run")
    message = str(error.value)
    assert "step 5" in message
    assert "l1_loss nan" in message
    assert "generator_loss" in message
    assert str(tmp_path / "run" / "checkpoints" / "step-4") in message


def test_weights_that_are_no_numbers_never_reach_a_checkpoint(settings, tmp_path):
    exploding = with_train(settings, learning_rate=1e38)
    with pytest.raises(NonFiniteLossError, match="The last good checkpoint is none"):
        train(exploding, tmp_path / "run")
    assert tf.train.latest_checkpoint(str(tmp_path / "run" / "checkpoints")) is None


def test_a_set_without_held_out_pairs_trains_without_validation(
    changing_settings, tmp_path, pairs_folder
):
    for file in (pairs_folder / "val").iterdir():
        file.unlink()
    (pairs_folder / "val").rmdir()
    result = train(with_train(changing_settings, steps=2), tmp_path / "run")
    assert (result.validation, result.baseline) == ({}, {})
    assert (tmp_path / "run" / "samples" / "latest.png").exists()


def test_a_pair_that_breaks_on_the_way_is_named(changing_settings, tmp_path, pairs_folder):
    data = dataclasses.replace(changing_settings.data, cache_gib=0)
    settings = dataclasses.replace(changing_settings, data=data)
    broken = sorted((pairs_folder / "train").iterdir())[3]
    broken.write_bytes(broken.read_bytes()[:60])
    with pytest.raises(UserError, match=broken.name):
        train(settings, tmp_path / "run")


def test_a_pair_that_breaks_within_an_execution_is_named(changing_settings, tmp_path, pairs_folder):
    every = ("log_every", "validate_every", "sample_every", "checkpoint_every")
    settings = with_train(
        changing_settings, steps_per_execution=3, steps=12, **dict.fromkeys(every, 12)
    )
    settings = dataclasses.replace(settings, data=dataclasses.replace(settings.data, cache_gib=0))
    (pairs_folder / "train" / "3.png").write_bytes(b"not an image")
    with pytest.raises(UserError, match=r"3\.png"):
        train(settings, tmp_path / "run")


def test_run_length():
    train_settings = resolve(flags={"epochs": 1.5, "batch_size": 4}).train
    assert run_length(train_settings, pairs=10) == 4
    assert run_length(resolve(flags={"steps": 7}).train, pairs=10) == 7
    with pytest.raises(UserError, match="--steps"):
        run_length(resolve().train, pairs=10)


def test_a_step_is_saved_once(settings, tmp_path, monkeypatch):
    """To write a complete checkpoint again would put it at risk."""
    saved = []
    real = checkpoints_module.write_checksums

    def count(path):
        saved.append(path)
        os.kill(os.getpid(), signal.SIGTERM)  # asks to stop right at a checkpoint
        real(path)

    monkeypatch.setattr(checkpoints_module, "write_checksums", count)
    result = train(settings, tmp_path / "run")
    assert saved == [str(tmp_path / "run" / "checkpoints" / "step-2")]
    assert (result.step, result.stopped_by) == (2, signal.SIGTERM)


def test_checkpoints_without_the_file_that_names_the_last_are_not_passed_over(copy):
    metrics = (copy / "metrics.csv").read_bytes()
    for sums in (copy / "checkpoints").glob("*.sha256"):  # as an earlier version left it
        sums.unlink()
    (copy / "checkpoints" / "checkpoint").unlink()
    with pytest.raises(UserError, match="file `checkpoint` that names the last"):
        resume(copy, steps=8)
    assert (copy / "metrics.csv").read_bytes() == metrics


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("data.json", b"{"),
        ("data.json", b"{}"),
        ("metrics.csv", b"step\nx,y\n"),
        ("metrics.csv", bytes(range(256)) + b"\n"),
        ("config.yaml", b"{"),
    ],
)
def test_a_garbled_file_is_named(name, content, copy):
    (copy / name).write_bytes(content)
    with pytest.raises(UserError, match=name):
        resume(copy, steps=8)


@pytest.mark.slow
def test_a_run_resumes_from_another_working_folder(settings, tmp_path, monkeypatch):
    source = Path(settings.data.data)
    monkeypatch.chdir(source.parent)
    data = dataclasses.replace(settings.data, data=source.name)
    train(dataclasses.replace(with_train(settings, steps=1), data=data), tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    assert resume(tmp_path / "run", steps=2).step == 2


def test_a_broken_validation_pair_is_named_when_decoded_on_the_way(
    changing_settings, tmp_path, pairs_folder
):
    data = dataclasses.replace(changing_settings.data, cache_gib=0)
    broken = sorted((pairs_folder / "val").iterdir())[1]
    broken.write_bytes(b"no image")
    with pytest.raises(UserError, match=broken.name):
        train(dataclasses.replace(changing_settings, data=data), tmp_path / "run")


def test_a_link_to_nothing_is_named(changing_settings, tmp_path, pairs_folder):
    (pairs_folder / "train" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (pairs_folder / "train" / "folder.png").mkdir()  # no file: passed over
    with pytest.raises(UserError, match=r"gone\.png"):
        train(changing_settings, tmp_path / "run")
