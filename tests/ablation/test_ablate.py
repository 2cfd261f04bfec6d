"""Whole sets of tiny runs: what they leave behind, and that stopped ones go on."""

import csv
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.training.same_bits import assert_same_bits
from tfpix2pix.ablation import running
from tfpix2pix.cli import main as cli
from tfpix2pix.training.loop import LossRecorder
from tfpix2pix.training.run_folder import RunFolder

# The middle one ends in NaN at its second step.
SET = """
settings:
  data: {load_size: 36, crop_size: 32}
  model: {base_filters: 8, depth: 3}
  train: {steps: 4, log_every: 1, validate_every: 2, checkpoint_every: 2, sample_pairs: 2}
options:
  kind:
    plain: {model: {generator: encoder_decoder}}
    broken: {train: {learning_rate: 1.0e+30}}
    U-Net: {}
  patch:
    1: {model: {discriminator: pixelgan}}
    16: {model: {n_layers: 1}}
runs:
  - {kind: plain, patch: 1}
  - {kind: broken}
  - {kind: U-Net, patch: 16}
"""
NAMES = ["plain_1", "broken", "U-Net_16"]


def write_set(folder, text=SET):
    path = folder / "set.yaml"
    path.write_text(text)
    return path


def ablate(path, pairs_folder, output, *flags):
    places = ["--output", str(output), "--data", str(pairs_folder)]
    return cli.main(["ablate", str(path), *places, *flags])


@pytest.fixture(scope="module")
def whole(tmp_path_factory, module_pairs_folder):
    """The set, its pairs and the folder it was trained to."""
    folder = tmp_path_factory.mktemp("whole")
    path = write_set(folder)
    assert ablate(path, module_pairs_folder, folder / "out") == 1
    return path, module_pairs_folder, folder / "out"


def table(output):
    return list(csv.DictReader((output / "table.csv").open()))


def steps_done(run_dir):
    latest = tf.train.latest_checkpoint(str(run_dir / "checkpoints"))
    return int(latest.rsplit("-", 1)[1])


def test_a_run_that_fails_does_not_keep_the_others_from_training(whole, capsys):
    path, pairs, output = whole
    assert ablate(path, pairs, output) == 1
    shown = capsys.readouterr()
    assert "2 done, 1 failed, 0 waiting" in shown.out
    assert "failed: broken: step " in shown.out
    assert "run 1 of 3, plain_1: done already" in shown.err
    assert "run 3 of 3, U-Net_16: done already" in shown.err
    assert [row["status"] for row in table(output)] == ["done", "failed", "done", ""]
    assert "- broken failed: step " in (output / "table.md").read_text()
    assert "| broken |  | failed |" in (output / "table.md").read_text()


def test_the_table_holds_what_the_runs_wrote_down(whole):
    _, pairs, output = whole
    *rows, baseline = table(output)
    assert [row["run"] for row in rows] == NAMES
    assert [(row["kind"], row["patch"]) for row in rows] == [
        ("plain", "1"),
        ("broken", ""),
        ("U-Net", "16"),
    ]
    for row in (rows[0], rows[2]):
        metrics = list(csv.DictReader((output / row["run"] / "metrics.csv").open()))
        assert row["steps"] == metrics[-1]["step"] == "4"
        for name in ("l1", "psnr", "ssim"):
            assert float(row[name]) == float(metrics[-1][f"val_{name}"])
        seconds = sum(1 / float(m["images_per_second"]) for m in metrics[1:])
        assert float(row["minutes"]) == pytest.approx(seconds / 60, rel=1e-4)
    assert [rows[1][name] for name in ("l1", "generator_parameters", "minutes")] == ["", "", ""]
    assert baseline["run"] == "mean training picture"
    assert baseline["l1"] == f"{mean_picture_l1(pairs):.6g}"


def mean_picture_l1(pairs):
    """By numpy, of 64x64 targets brought to 32x32 as runs do."""
    train, val = (
        np.stack(
            [
                tf.clip_by_value(
                    tf.round(
                        tf.image.resize(
                            np.array(Image.open(file))[:, 64:], (32, 32), "bicubic", antialias=True
                        )
                    ),
                    0,
                    255,
                )
                for file in sorted((pairs / split).iterdir())
            ]
        )
        for split in ("train", "val")
    )
    return np.abs(val - train.mean(axis=0)).mean() / 255


def test_parameters_are_those_that_the_layers_add_up_to(whole):
    rows = table(whole[2])
    # 4x4 kernels, biases where no norm follows, scale and shift where one does; widths 8, 16, 32.
    down = 16 * 3 * 8 + 8 + 16 * 8 * 16 + 2 * 16 + 16 * 16 * 32 + 32
    plain_up = 16 * 32 * 16 + 2 * 16 + 16 * 16 * 8 + 2 * 8 + 16 * 8 * 3 + 3
    assert int(rows[0]["generator_parameters"]) == down + plain_up
    # Each skip brings as many channels as the decoder has.
    unet_up = 16 * 32 * 16 + 2 * 16 + 16 * 32 * 8 + 2 * 8 + 16 * 16 * 3 + 3
    assert int(rows[2]["generator_parameters"]) == down + unet_up
    # 1x1 kernels on 6 channels; then 4x4 ones with one more layer of stride 1.
    assert int(rows[0]["discriminator_parameters"]) == 6 * 8 + 8 + 8 * 16 + 2 * 16 + 16 + 1
    patch = 16 * 6 * 8 + 8 + 16 * 8 * 16 + 2 * 16 + 16 * 16 + 1
    assert int(rows[2]["discriminator_parameters"]) == patch


def tile(sheet, row, column):
    """An image of the sheet, at its own size: 32x32 are shown at 96x96 below two lines of text."""
    top, left = 16 + 2 * 15 + 4 + row * 100, 16 + column * 100
    shown = sheet[top : top + 96, left : left + 96]
    np.testing.assert_array_equal(shown, shown[::3, ::3].repeat(3, axis=0).repeat(3, axis=1))
    return shown[::3, ::3]


def test_the_sheet_shows_inputs_targets_and_what_predict_answers(whole, tmp_path):
    output = whole[2]
    sheet = np.array(Image.open(output / "sheet.png"))
    assert sheet.shape == (2 * 16 + 2 * 15 + 4 + 2 * 96 + 4, 2 * 16 + 4 * 96 + 3 * 4, 3)
    grid = np.array(Image.open(output / "plain_1" / "samples" / "latest.png"))
    inputs = output / "plain_1" / "samples" / "inputs"
    for run in ("plain_1", "U-Net_16"):
        arguments = ["predict", str(output / run), str(inputs), "--output", str(tmp_path / run)]
        assert cli.main(arguments) == 0
    for row, name in enumerate(sorted(path.name for path in inputs.iterdir())):
        np.testing.assert_array_equal(tile(sheet, row, 0), np.array(Image.open(inputs / name)))
        target = grid[row * 36 : row * 36 + 32, 72:]
        np.testing.assert_array_equal(tile(sheet, row, 1), target)
        for column, run in ((2, "plain_1"), (3, "U-Net_16")):
            answer = np.array(Image.open(tmp_path / run / name))
            np.testing.assert_array_equal(tile(sheet, row, column), answer)


@pytest.mark.slow
def test_a_run_in_a_set_ends_in_the_same_bits_as_alone(whole, tmp_path):
    path, pairs, output = whole
    settings = tmp_path / "alone.yaml"
    text = path.read_text().split("options:")[0].split("settings:")[1]
    settings.write_text("\n".join(line[2:] for line in text.splitlines()))
    alone = tmp_path / "alone"
    command = [sys.executable, "-m", "tfpix2pix", "train", "--config", str(settings)]
    flags = ["--data", str(pairs), "--n-layers", "1", "--run-dir", str(alone)]
    done = subprocess.run([*command, *flags], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert_same_bits(output / "U-Net_16", alone)


@pytest.mark.slow
def test_a_stopped_set_goes_on_where_it_was(whole, tmp_path, monkeypatch, capsys):
    path, pairs, output = whole
    good = write_set(tmp_path, path.read_text().replace("  - {kind: broken}\n", ""))
    stopped = tmp_path / "stopped"
    steps = []
    real = LossRecorder.add

    def stop_at_the_seventh(recorder, *arguments):
        steps.append(arguments)
        if len(steps) == 7:
            os.kill(os.getpid(), signal.SIGTERM)
        return real(recorder, *arguments)

    monkeypatch.setattr(LossRecorder, "add", stop_at_the_seventh)
    assert ablate(good, pairs, stopped) == 128 + signal.SIGTERM
    assert "the same command goes on from there" in capsys.readouterr().out
    assert (steps_done(stopped / "plain_1"), steps_done(stopped / "U-Net_16")) == (4, 3)
    assert [row["status"] for row in table(stopped)] == ["done", "waiting", ""]
    assert "waiting at 3" in (stopped / "table.md").read_text()
    # The sheet of a stopped set shows what is done.
    assert np.array(Image.open(stopped / "sheet.png")).shape[1] == 2 * 16 + 3 * 96 + 2 * 4

    assert ablate(good, pairs, stopped) == 0
    assert len(steps) == 8
    for name in ("plain_1", "U-Net_16"):
        assert_same_bits(stopped / name, output / name)
    assert (stopped / "sheet.png").read_bytes() == (output / "sheet.png").read_bytes()
    again, before = table(stopped), table(output)
    del before[1]
    for row in (*again, *before):
        row.pop("minutes")
    assert again == before


@pytest.mark.slow
def test_a_signal_in_a_runs_last_step_stops_the_set_too(whole, tmp_path, monkeypatch, capsys):
    path, pairs, _ = whole
    good = write_set(tmp_path, path.read_text().replace("  - {kind: broken}\n", ""))
    real = LossRecorder.add

    def stop_at_the_end(recorder, step, *arguments):
        if step == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return real(recorder, step, *arguments)

    monkeypatch.setattr(LossRecorder, "add", stop_at_the_end)
    assert ablate(good, pairs, tmp_path / "out") == 128 + signal.SIGINT
    assert "1 done, 0 failed, 1 waiting" in capsys.readouterr().out
    assert not (tmp_path / "out" / "U-Net_16").exists()
    # Of the last run, nothing is left that could be stopped.
    assert ablate(good, pairs, tmp_path / "out") == 0
    assert "2 done, 0 failed, 0 waiting" in capsys.readouterr().out


def test_other_recipes_or_flags_than_before_are_refused(whole, tmp_path, capsys):
    path, pairs, output = whole
    before = (output / "table.csv").read_bytes()
    assert ablate(path, pairs, output, "--seed", "5") == 2
    error = capsys.readouterr().err
    assert f"{output / 'plain_1'} holds a run with other settings: train.seed 0 there, " in error
    assert "train.seed 5 now" in error
    changed = write_set(tmp_path, path.read_text().replace("n_layers: 1", "n_layers: 2"))
    assert ablate(changed, pairs, output, "--dry-run") == 2
    assert "U-Net_16 holds a run with other settings: model.n_layers 1" in capsys.readouterr().err
    assert (output / "table.csv").read_bytes() == before


def test_data_named_from_another_folder_are_the_same(whole, monkeypatch):
    path, pairs, output = whole
    monkeypatch.chdir(pairs.parent)
    assert ablate(path, pairs.name, output, "--dry-run") == 0


def test_a_dry_run_lists_the_runs_and_leaves_nothing_behind(whole, tmp_path, capsys):
    path, pairs, _ = whole
    assert ablate(path, pairs, tmp_path / "out", "--dry-run") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0::2][:3] == NAMES
    assert "model.generator encoder_decoder, model.discriminator pixelgan" in lines[1]
    assert "train.learning_rate 1e+30" in lines[3]
    assert lines[-1] == f"3 runs of {path}"
    assert not (tmp_path / "out").exists()


def test_only_some_recipes_can_be_trained(whole, capsys):
    path, pairs, output = whole
    assert ablate(path, pairs, output, "--only", "U-Net16") == 2
    assert "no recipe 'U-Net16': did you mean 'U-Net_16'?" in capsys.readouterr().err
    assert ablate(path, pairs, output, "--only", "plain_1,U-Net_16") == 0
    shown = capsys.readouterr()
    assert "run 2 of 3" not in shown.err
    assert "2 done, 0 failed, 1 waiting" in shown.out
    assert [row["status"] for row in table(output)] == ["done", "waiting", "done", ""]


def test_sizes_are_checked_before_the_first_run_starts(whole, tmp_path, capsys):
    path, pairs, _ = whole
    deep = write_set(tmp_path, path.read_text().replace("n_layers: 1", "n_layers: 5"))
    assert ablate(deep, pairs, tmp_path / "out") == 2
    assert f"{deep}: recipe U-Net_16: crop_size: images of 32x32 are too" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    # Where the pairs decide, theirs: 64x64.
    deeper = deep.read_text().replace("n_layers: 5", "n_layers: 6")
    deep.write_text(deeper.replace("crop_size: 32", "crop_size: 32, resize: none"))
    assert ablate(deep, pairs, tmp_path / "out") == 2
    assert f"{deep}: recipe U-Net_16: crop_size: images of 64x64 are too" in capsys.readouterr().err
    assert not (tmp_path / "out" / "plain_1").exists()


def test_a_set_in_use_is_refused(whole, capsys):
    path, pairs, output = whole
    with RunFolder(output).locked():
        assert ablate(path, pairs, output) == 1
    assert f"{output} is in use by another process" in capsys.readouterr().err


def test_data_that_are_not_there_are_refused_at_once(whole, tmp_path, capsys):
    path, _, _ = whole
    assert ablate(path, tmp_path / "nothing", tmp_path / "out") == 1
    assert "there is no folder" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_ctrl_c_between_runs_says_how_to_go_on(whole, monkeypatch, capsys):
    def interrupt(settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(running, "open_common_pairs", interrupt)
    assert ablate(*whole) == 130
    assert "the same command goes on from the last checkpoint" in capsys.readouterr().out


def test_runs_are_not_compared_when_their_pairs_have_changed(whole, capsys):
    path, pairs, output = whole
    other = pairs / "train" / "other.png"
    other.write_bytes((pairs / "train" / "0.png").read_bytes())
    assert ablate(path, pairs, output, "--only", "plain_1") == 1
    other.unlink()
    shown = capsys.readouterr().out
    assert "failed: plain_1: the training pairs in" in shown
    assert "7 now" in shown
    assert [row["status"] for row in table(output)] == ["failed", "failed", "failed", ""]
