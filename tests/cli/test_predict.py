"""`predict` as a user types it: going on, batches, own sizes, fixed statistics, bad arguments."""

import itertools
import json
import math
import os
import re
import shutil
import signal
import sys
import threading

import numpy as np
import pytest
from PIL import Image
from pretended import pretend_checkpoints

from tests.tiny_runs import write_run, write_settings
from tfpix2pix import progress
from tfpix2pix.cli import main as cli
from tfpix2pix.cli import predictors
from tfpix2pix.inference import files
from tfpix2pix.inference.files import FileTranslator
from tfpix2pix.inference.translator import Translator, load_run_generator


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(6):
        rng = np.random.default_rng(number)
        image = rng.integers(0, 256, (16, 16, 3), np.uint8)
        Image.fromarray(image).save(folder / f"{number}.png")
    return folder


def predict(run_dir, images, output, *flags):
    return cli.main(["predict", str(run_dir), str(images), "--output", str(output), *flags])


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


def test_a_stopped_call_goes_on_and_ends_as_one_never_stopped(
    run_dir, photos, tmp_path, capsys, monkeypatch
):
    whole, output = tmp_path / "whole", tmp_path / "out"
    assert predict(run_dir, photos, whole) == 0
    real = predictors._predictions

    def stopping(*given):
        def predictions(jobs):
            yield from real(*given)(jobs[:2])
            raise KeyboardInterrupt

        return predictions

    capsys.readouterr()
    with monkeypatch.context() as patch:
        patch.setattr(predictors, "_predictions", stopping)
        assert predict(run_dir, photos, output) == 130
    shown = capsys.readouterr().err
    assert f"stopped: 2 of 6 are in {output}; the same command with --resume goes on" in shown
    first = (output / "0.png").stat()
    (output / "1.png").write_bytes(b"cut")  # by a crash of the machine, say
    assert predict(run_dir, photos, output, "--resume") == 0
    assert f"5 written to {output}, 1 kept from before, 0 failed" in capsys.readouterr().out
    assert contents(output) == contents(whole)
    assert (output / "0.png").stat().st_mtime_ns == first.st_mtime_ns

    os.utime(photos / "3.png")  # another picture under the same name
    assert predict(run_dir, photos, output, "--resume") == 0
    assert f"1 written to {output}, 5 kept" in capsys.readouterr().out
    assert predict(run_dir, photos, output) == 0
    assert f"6 written to {output}, 0 failed" in capsys.readouterr().out


def test_ctrl_c_tells_the_failures_so_far_and_then_how_to_go_on(
    run_dir, photos, tmp_path, capsys, monkeypatch
):
    for number in range(60):
        shutil.copy(photos / "0.png", photos / f"more_{number:02}.png")
    (photos / "1.png").write_bytes(b"no image")
    output, translate, calls = tmp_path / "out", FileTranslator.translate, []

    def stopped(self, images):
        calls.append(len(images))
        if len(calls) == 60:
            signal.raise_signal(signal.SIGINT)
        return translate(self, images)

    before = set(threading.enumerate())
    with monkeypatch.context() as patch:
        patch.setattr(FileTranslator, "translate", stopped)
        patch.setattr(progress, "LINE_INTERVAL", math.inf)
        patch.setattr("sys.stderr", sys.stdout)  # to see the order
        assert predict(run_dir, photos, output) == 130
    failed, stop = capsys.readouterr().out.splitlines()
    assert failed.startswith(f"failed: {photos}/1.png: not an image, or damaged")
    told = re.fullmatch(
        f"stopped: (\\d+) of 66 are in {output}; the same command with --resume goes on", stop
    )
    assert 0 < int(told[1]) <= len(contents(output)) < 65
    assert set(threading.enumerate()) <= before
    assert predict(run_dir, photos, output, "--resume") == 1
    assert len(contents(output)) == 65


def test_going_on_with_other_options_is_refused(run_dir, photos, tmp_path, capsys):
    output = tmp_path / "out"
    assert predict(run_dir, photos, output, "--resume") == 0  # there was nothing yet
    assert predict(run_dir, photos, output, "--resume", "--size", "own") == 1
    assert "made otherwise (tiling None, now {" in capsys.readouterr().err
    assert json.loads((output / "predict.json").read_text())["step"] == 0


def test_going_on_with_another_folder_of_the_same_names_is_refused(
    run_dir, photos, tmp_path, capsys
):
    other, output = tmp_path / "other", tmp_path / "out"
    shutil.copytree(photos, other)
    assert predict(run_dir, photos, output) == 0
    assert predict(run_dir, other, output, "--resume") == 1
    assert f"inputs ['{photos}'], now ['{other}']" in capsys.readouterr().err


def test_batches_change_no_more_than_the_rounding(run_dir, photos, tmp_path):
    for size, flags in (("one", []), ("four", ["--batch-size", "4"])):
        assert predict(run_dir, photos, tmp_path / size, *flags) == 0
    for path in (tmp_path / "one").glob("*.png"):
        one, four = (
            np.asarray(Image.open(p)).astype(int) for p in (path, tmp_path / "four" / path.name)
        )
        assert np.abs(one - four).max() <= 1


def test_any_run_answers_at_the_own_size_whole_or_in_tiles(run_dir, tmp_path):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (150, 90, 3), np.uint8)).save(tmp_path / "photo.png")
    tiles = ["--whole-up-to", "0.005", "--window", "64", "--overlap", "32"]
    answers = []
    for name, flags in (("whole", []), ("tiles", tiles)):
        output = tmp_path / name
        assert predict(run_dir, tmp_path / "photo.png", output, "--size", "own", *flags) == 0
        answers.append(np.asarray(Image.open(output / "photo.png")).astype(int))
    assert answers[0].shape == answers[1].shape == (150, 90, 3)
    assert np.abs(answers[0] - answers[1]).mean() < 10
    assert answers[0].std() > 5


@pytest.mark.parametrize("depth", [3, None])  # None: as deep as the size of training makes it
def test_many_own_sizes_are_one_network_read_once(depth, tmp_path, monkeypatch):
    """Each answer has the bits that a network which is built for its size gives."""
    run_dir = write_run(tmp_path / "run", depth=depth, base_filters=8)
    rng = np.random.default_rng(0)
    photos = {
        size: rng.integers(0, 256, (*size, 3), np.uint8)
        for size in itertools.product((64, 128), (128, 192))
    }
    (tmp_path / "photos").mkdir()
    for (height, width), image in photos.items():
        Image.fromarray(image).save(tmp_path / "photos" / f"{height}_{width}.png")
    loaded = []

    def counting(*given, **named):
        loaded.append(load_run_generator(*given, **named))
        return loaded[-1]

    monkeypatch.setattr(files, "load_run_generator", counting)
    assert predict(run_dir, tmp_path / "photos", tmp_path / "out", "--size", "own") == 0
    assert len(loaded) == 1
    for size, image in photos.items():
        built = Translator(load_run_generator(run_dir, size), resizes=False)
        expected = built.translate_images(image[np.newaxis])["generated_image"].numpy()[0]
        found = np.asarray(Image.open(tmp_path / "out" / f"{size[0]}_{size[1]}.png"))
        np.testing.assert_array_equal(found, expected, strict=True)


@pytest.mark.parametrize(("size", "most"), [([], 0.9), (["--size", "own"], 0.5)])
def test_fixed_statistics_take_flicker_out_of_a_film(size, most, run_dir, tmp_path):
    """Nothing moves but one corner; what is far from it follows it less.

    At the trained size of 16 pixels, nothing is far: every pixel sees all of the image.
    """
    film = tmp_path / "film"
    film.mkdir()
    still = np.random.default_rng(0).integers(0, 100, (64, 64, 3), np.uint8)
    for number in range(4):
        frame = still.copy()
        frame[:16, : 16 * number] = 255
        Image.fromarray(frame).save(film / f"{number}.png")
    changes = []
    for name, flags in (("each", []), ("fixed", ["--fixed-statistics", str(film)])):
        assert predict(run_dir, film, tmp_path / name, *size, *flags) == 0
        answers = [
            np.asarray(Image.open(tmp_path / name / f"{number}.png")).astype(int)
            for number in range(4)
        ]
        rest = np.abs(np.diff(answers, axis=0))[:, -answers[0].shape[0] // 3 :]
        changes.append(rest.mean())
    assert changes[1] < most * changes[0]


MOVING = {"norm_statistics": "moving", "dropout": 0.0}


@pytest.mark.parametrize(
    ("settings", "flags", "message"),
    [
        ({}, ["--window", "64"], "--window is about answers at the images' own size: give --size"),
        ({}, ["--overlap", "0"], "--overlap is about answers at the images' own size"),
        ({}, ["--whole-up-to", "1"], "--whole-up-to is about answers at the images' own size"),
        ({}, ["--statistics", "tile"], "--statistics is about answers at the images' own size"),
        ({}, ["--size", "own", "--window", "60"], "multiples of 8, at least 8, such as 64"),
        ({}, ["--size", "own", "--window", "4"], "multiples of 8, at least 8, such as 8"),
        (
            {},
            ["--size", "own", "--window", "64", "--overlap", "64"],
            "--overlap 64: expected less than the window of 64, such as 16",
        ),
        ({}, ["--size", "own", "--overlap", "-1"], "expected a whole number of at least 0, got -1"),
        ({}, ["--size", "own", "--whole-up-to", "0"], "expected a number above 0, got 0"),
        ({}, ["--size", "own", "--whole-up-to", "x"], "expected a number above 0, got x"),
        ({}, ["--size", "huge"], "invalid choice: 'huge'"),
        ({}, ["--batch-size", "0"], "expected a whole number of at least 1, got 0"),
        ({}, ["--batch-size", "2", "--samples", "2"], "samples are drawn one by one; leave it out"),
        ({}, ["--fixed-statistics", "none.png"], "none.png: there is no such file or folder"),
        (
            {},
            ["--size", "own", "--statistics", "tile", "--fixed-statistics", "a.png"],
            "gives the norms their statistics already: leave --statistics out",
        ),
        (MOVING, ["--fixed-statistics", "a.png"], "its norms take the moving averages"),
        ({"norm": "none"}, ["--size", "own", "--statistics", "tile"], "has no norms; leave it out"),
        ({"resize": "crop"}, ["--size", "trained"], "was trained on crops (resize crop)"),
    ],
)
def test_wrong_arguments_are_refused_before_tensorflow_is_imported(
    settings, flags, message, photos, tmp_path, capsys, monkeypatch
):
    run = write_settings(tmp_path / "run", **settings)
    pretend_checkpoints(run, 1)

    def not_wanted():
        raise AssertionError("TensorFlow is not needed to see that")

    monkeypatch.setattr(predictors, "tensorflow_imported_quietly", not_wanted)
    assert predict(run.path, photos, tmp_path / "out", *flags) in (1, 2)
    shown = capsys.readouterr()
    assert message in shown.err
    assert len(shown.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_frame_that_is_no_image_is_named(run_dir, photos, tmp_path, capsys):
    (tmp_path / "frame.png").write_bytes(b"no image")
    frame = ["--fixed-statistics", str(tmp_path / "frame.png")]
    assert predict(run_dir, photos, tmp_path / "out", *frame) == 1
    assert (
        f"error: --fixed-statistics {tmp_path}/frame.png: not an image" in capsys.readouterr().err
    )


def test_bad_files_are_named_and_the_others_go_on_at_their_own_size(
    run_dir, photos, tmp_path, capsys
):
    (photos / "empty.png").write_bytes(b"")
    (photos / "cut.png").write_bytes((photos / "1.png").read_bytes()[:60])
    output = tmp_path / "out"
    assert predict(run_dir, photos, output, "--size", "own") == 1
    shown = capsys.readouterr().out
    assert f"failed: {photos}/empty.png: the file is empty" in shown
    assert f"failed: {photos}/cut.png: not an image, or damaged" in shown
    assert f"6 written to {output}, 2 failed" in shown
