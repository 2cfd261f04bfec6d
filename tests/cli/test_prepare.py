"""`tfpix2pix prepare` as a user types it: exit codes, messages, files."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from tests.conftest import draw_shapes
from tfpix2pix.cli import main as cli
from tfpix2pix.data.pairs import open_pairs


@pytest.fixture
def photos(tmp_path):
    """A folder of single images, without splits."""
    (tmp_path / "photos").mkdir()
    for number in range(20):
        Image.fromarray(draw_shapes(number)).save(tmp_path / "photos" / f"{number}.png")
    return tmp_path / "photos"


def prepare(*arguments):
    return cli.main(["prepare", *map(str, arguments)])


def test_a_set_is_written_and_what_to_do_next_is_said(module_pairs_folder, tmp_path, capsys):
    store = tmp_path / "my store"
    assert prepare(module_pairs_folder, store) == 0
    shown = capsys.readouterr().out
    assert f"{store} written: train 6, val 3 pairs, " in shown
    assert f"tfpix2pix-train --data '{store}'" in shown
    assert len(open_pairs(str(store), "train")) == 6
    assert prepare(module_pairs_folder, store) == 0
    assert f"{store} is complete already: train 6, val 3 pairs" in capsys.readouterr().out


def test_options_arrive_where_they_are_needed(photos, tmp_path):
    flags = (
        "--pad 80x90 --crop square --resize 32x48 --derive downscale 2 --split 50/30/20 "
        "--format tfrecord --encoding jpeg --input-channels 1 --workers 1"
    )
    assert prepare(photos, tmp_path / "store", *flags.split(" ")) == 0
    a, b = open_pairs(str(tmp_path / "store"), "train").load(np.int64(0))
    assert a.shape == (32, 48, 1)
    assert b.shape == (32, 48, 3)
    plan = json.loads((tmp_path / "store" / "plan.json").read_text())
    assert plan["options"] == {
        "pad": "80x90",
        "crop": "square",
        "resize": "32x48",
        "derive": "downscale 2",
        "encoding": "jpeg",
        "combine": False,
        "resplit": False,
        "format": "tfrecord",
    }
    assert plan["settings"]["split"] == [50, 30, 20]


def test_noise_has_a_seed(photos, tmp_path):
    for name, seed in {"a": 1, "b": 2, "c": 1}.items():
        assert prepare(photos, tmp_path / name, "--derive", "noise", "--seed", seed) == 0
    a, b, c = (open_pairs(str(tmp_path / n), "train").load(np.int64(0))[0].numpy() for n in "abc")
    np.testing.assert_array_equal(a, c)
    assert (a != b).any()


def test_files_for_other_tools(module_pairs_folder, tmp_path, capsys):
    out = tmp_path / "out"
    assert prepare(module_pairs_folder, out, "--combine", "--resize", "32", "--resplit") == 0
    assert f"--data {out}" in capsys.readouterr().out
    (path,) = out.rglob("6.png")
    assert path.parent.name == "val"
    assert path.parent.parent.name in ("train", "val", "test")
    assert Image.open(path).size == (64, 32)


def test_the_next_command_has_the_range_that_floats_need(tmp_path, capsys):
    (tmp_path / "set" / "train").mkdir(parents=True)
    np.save(tmp_path / "set" / "train" / "1.npy", np.ones((16, 32), np.float32))
    assert prepare(tmp_path / "set", tmp_path / "store", "--value-range=-1,2.5") == 0
    shown = capsys.readouterr().out
    assert f"tfpix2pix-train --data {tmp_path / 'store'} --value-range=-1,2.5" in shown
    assert prepare(tmp_path / "set", tmp_path / "other") == 2
    assert "--value-range" in capsys.readouterr().err


def test_the_next_command_has_every_digit_of_the_range(tmp_path, capsys):
    (tmp_path / "set" / "train").mkdir(parents=True)
    np.save(tmp_path / "set" / "train" / "1.npy", np.ones((16, 32), np.float32))
    assert prepare(tmp_path / "set", tmp_path / "s", "--value-range=0.12345678,16777217") == 0
    assert "--value-range=0.12345678,16777217\n" in capsys.readouterr().out


def test_label_maps_are_written_and_trained_on_as_such(tmp_path, capsys):
    for side, values in {"input": (7, 0, 0), "target": (0, 0, 250)}.items():
        (tmp_path / "set" / "train" / side).mkdir(parents=True)
        image = Image.new("RGB", (16, 16), values)
        image.save(tmp_path / "set" / "train" / side / "1.png")
    flags = ["--input-encoding", "labels", "--palette", "#0000fa,#00ff00", "--direction", "BtoA"]
    assert prepare(tmp_path / "set", tmp_path / "store", *flags) == 0
    shown = capsys.readouterr().out
    assert "--direction BtoA --input-encoding labels --palette '#0000fa,#00ff00'" in shown
    assert prepare(tmp_path / "set", tmp_path / "other", *flags[:4]) == 1
    assert "of no colour of the palette" in capsys.readouterr().err


def test_targets_may_be_label_maps_too(tmp_path, capsys):
    for side, values in {"input": (0, 0, 250), "target": (7, 0, 0)}.items():
        (tmp_path / "set" / "train" / side).mkdir(parents=True)
        image = Image.new("RGB", (16, 16), values)
        image.save(tmp_path / "set" / "train" / side / "1.png")
    flags = ["--target-encoding", "labels", "--palette", "#0000fa,#00ff00", "--direction", "BtoA"]
    assert prepare(tmp_path / "set", tmp_path / "store", *flags) == 0
    shown = capsys.readouterr().out
    assert "--direction BtoA --target-encoding labels --palette '#0000fa,#00ff00'" in shown
    assert prepare(tmp_path / "set", tmp_path / "other", *flags[:4]) == 1
    assert "of no colour of the palette" in capsys.readouterr().err


def test_names_that_are_not_utf8_are_shown(photos, tmp_path):
    (photos / "bad\udcff.png").touch()
    command = [sys.executable, "-m", "tfpix2pix", "prepare", str(photos), str(tmp_path / "store")]
    command += ["--derive", "grayscale", "--on-bad", "skip"]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run(command, capture_output=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert b"left out: bad\\udcff.png: " in done.stdout


def test_all_pairs_that_fail_are_listed(pairs_folder, tmp_path, capsys):
    bad = ["0.png", "3.png", "5.png"]
    for name in bad:
        (pairs_folder / "train" / name).write_bytes(b"")
    assert prepare(pairs_folder, tmp_path / "store") == 1
    shown = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in shown[:-1]] == [f"cannot use {name}" for name in bad]
    assert shown[-1].startswith("error: 3 of the pairs")
    assert prepare(pairs_folder, tmp_path / "store", "--on-bad", "skip") == 0
    shown = capsys.readouterr().out
    assert "left out: 3.png: " in shown
    assert "written: train 3, val 3 pairs" in shown
    assert f"left out     3, see {tmp_path / 'store' / 'left_out.csv'}" in shown


def test_a_sound_set_passes_the_check(module_pairs_folder, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert prepare("--check", module_pairs_folder) == 0
    shown = capsys.readouterr().out
    assert "9 pairs (train 6, val 3)" in shown
    assert "pairs to look at: pairs_pairs.png" in shown
    assert Image.open(tmp_path / "pairs_pairs.png").size[0] > 100
    assert [path.name for path in tmp_path.iterdir()] == ["pairs_pairs.png"]


def test_the_check_names_what_is_wrong(pairs_folder, tmp_path, capsys):
    (pairs_folder / "train" / "2.png").write_bytes(b"")
    sheet = tmp_path / "sheet.png"
    assert prepare("--check", pairs_folder, "--contact-sheet", sheet) == 1
    shown = capsys.readouterr().out
    assert "train/2.png: it is empty" in shown
    assert f"pairs to look at: {sheet}" in shown
    assert sheet.exists()


@pytest.mark.parametrize(
    ("below", "source"), [("", "."), ("train", ".."), ("train", "../../pairs"), ("..", "pairs")]
)
def test_the_contact_sheet_never_becomes_a_pair(below, source, pairs_folder, monkeypatch, capsys):
    monkeypatch.chdir(pairs_folder / below)
    for _ in range(2):
        assert prepare("--check", source) == 0
        assert "9 pairs (train 6, val 3)" in capsys.readouterr().out
    assert (pairs_folder.parent / "pairs_pairs.png").exists()


def test_a_contact_sheet_that_cannot_be_written_hides_no_report(pairs_folder, capsys):
    (pairs_folder / "train" / "2.png").write_bytes(b"")
    assert prepare("--check", pairs_folder, "--contact-sheet", "/dev/null/sheet.png") == 1
    shown = capsys.readouterr()
    assert "train/2.png: it is empty" in shown.out
    assert "cannot write /dev/null/sheet.png" in shown.err


def test_a_set_is_checked_as_it_will_be_trained_on(pairs_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (64, 40)).save(pairs_folder / "train" / "odd.png")
    config = tmp_path / "mine.yaml"
    config.write_text("data: {resize: none}\n")
    sizes = ["--load-size", "64", "--crop-size", "64"]
    for flags, status, words in [
        ([], 0, "no problems"),
        (["--resize", "none"], 1, "set resize to"),
        (["--config", config], 1, "set resize to"),
        (["--config", config, "--resize", "resize_and_crop"], 0, "no problems"),
        (["--resize", "crop", *sizes], 1, "smaller than crop_size 64x64"),
        (["--preset", "facades", "--direction", "AtoB"], 0, "no problems"),
    ]:
        assert prepare("--check", pairs_folder, *flags) == status, flags
        assert words in capsys.readouterr().out


def test_a_set_without_training_pairs_fails_the_check(pairs_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.rmtree(pairs_folder / "train")
    assert prepare("--check", pairs_folder) == 1
    shown = capsys.readouterr()
    assert "no problems" in shown.out
    assert "has no train/ pairs" in shown.err


def test_all_missing_files_of_a_manifest_are_listed(tmp_path, capsys):
    rows = "".join(f"{number}.png,{number}.png\n" for number in range(12))
    (tmp_path / "pairs.csv").write_text(f"input,target\n{rows}")
    assert prepare("--check", tmp_path / "pairs.csv") == 1
    shown = capsys.readouterr().out.splitlines()
    assert [line.split(" (")[0] for line in shown] == [
        f"problem: {tmp_path / f'{number}.png'}: no such file" for number in range(12)
    ]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ([], 2, "SRC"),
        (["PAIRS"], 2, "where to?"),
        (["PAIRS", "TMP/s", "--resize", "big"], 2, "--resize big: expected 256 or HEIGHTxWIDTH"),
        (["PAIRS", "TMP/s", "--resize", "square"], 2, "--resize square: expected"),
        (["PAIRS", "TMP/s", "--pad", "8"], 2, "--pad 8: "),
        (["PAIRS", "TMP/s", "--crop", "1x2x3"], 2, "or square"),
        (["PAIRS", "TMP/s", "--workers", "0"], 2, "--workers: expected 1 or more"),
        (["PAIRS", "TMP/s", "--workers", "many"], 2, "--workers"),
        (["PAIRS", "TMP/s", "--encoding", "gif"], 2, "--encoding"),
        (["PAIRS", "TMP/s", "--formt", "tfrecord"], 2, "did you mean --format?"),
        (["PAIRS", "TMP/s", "--combine", "--format", "tfrecord"], 2, "leave it out with --combine"),
        (["PAIRS", "TMP/s", "--split", "50/50"], 2, "data.split"),
        (["PAIRS", "TMP/s", "--seed", "1"], 2, "--seed goes with --derive"),
        (["PAIRS", "TMP/s", "--hed-weights", "x"], 2, "--hed-weights goes with --derive"),
        (["PAIRS", "TMP/s", "--derive", "edge"], 2, "did you mean 'edges'?"),
        (["PAIRS", "TMP/s", "--derive", "edges", "hed"], 2, "needs the weights"),
        (["PAIRS", "TMP/s", "--derive", "edges", "hed", "--hed-weights", "no"], 1, "no file"),
        (["PAIRS", "TMP/s", "--contact-sheet", "x.png"], 2, "goes with --check"),
        (["PAIRS", "TMP/s", "--direction", "BtoA"], 2, "--direction goes with --check"),
        (["--check", "PAIRS", "TMP/s"], 2, "leave out DST"),
        (["--check", "PAIRS", "--pad", "square"], 2, "leave out --pad"),
        (["--check", "PAIRS", "--resize", "64"], 2, "--check --resize 64: expected how the set"),
        (["--check", "PAIRS", "--seed", "0"], 2, "leave out --seed"),
        (["--check", "PAIRS", "--derive", "edges"], 2, "--derive has single images"),
        (["--check", "PAIRS", "--crop-size", "300"], 2, "does not fit in load_size"),
        (["--check", "PAIRS", "--preset", "fasades"], 2, "did you mean"),
        (["--check", "PAIRS", "--config", "no.yaml"], 2, "no.yaml"),
        (["--check", "PAIRS", "--contact-sheet", "PAIRS/train/x.png"], 2, "lies in the set itself"),
        (["PAIRS", "TMP/s", "--resize", "scale_width"], 2, "or goes with --check"),
        (["PAIRS", "TMP/s", "--load-size", "64"], 2, "--load-size goes with --check"),
        (["PAIRS", "TMP/s", "--preset", "facades"], 2, "--preset goes with --check"),
        (["PAIRS", "TMP/s", "--derive", "edges", "--seed", "1"], 2, "goes with --derive noise"),
        (["--check", "drawn_facades"], 1, "is a set of records"),
        (["nowhere", "TMP/s"], 1, "there is no folder nowhere"),
        (["--check", "nowhere"], 1, "there is no folder nowhere"),
        (["--check", "TMP/missing.csv"], 1, "no such file"),
        (["drawn_facades", "TMP/s"], 1, "is a set of records already"),
        (["PAIRS", "PAIRS/s"], 1, "lies in the set itself"),
        (["PAIRS", "TMP"], 1, "holds other files"),
        (["PAIRS", "/dev/null/s"], 1, "cannot write /dev/null/s"),
    ],
)
def test_wrong_input_gets_one_line_and_a_status(
    arguments, status, message, tmp_path, module_pairs_folder, capsys
):
    (tmp_path / "thesis.tex").write_text("precious")
    (tmp_path / "missing.csv").write_text("input,target\na.png,b.png\n")
    places = {"TMP": str(tmp_path), "PAIRS": str(module_pairs_folder)}
    for name, place in places.items():
        arguments = [argument.replace(name, place) for argument in arguments]
    assert prepare(*arguments) == status
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert message in line
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["x"],
        ["x", "y", "--resize", "big"],
        ["x", "y", "--derive", "edge"],
        ["--check", "PAIRS", "--contact-sheet", "TMP/sheet.png"],
        ["PAIRS", "TMP/store"],  # PNG files, written as array_record
    ],
)
def test_tensorflow_is_imported_only_where_it_is_needed(arguments, tmp_path, module_pairs_folder):
    arguments = [a.replace("PAIRS", str(module_pairs_folder)) for a in arguments]
    arguments = [a.replace("TMP", str(tmp_path)) for a in arguments]
    program = (
        "import sys; from tfpix2pix.cli.main import main; main(['prepare', *sys.argv[1:]]); "
        "sys.exit(str({'tensorflow', 'keras', 'matplotlib'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True)
    assert done.stderr.splitlines()[-1] == b"set()"


def test_the_help_has_examples(capsys):
    assert prepare("--help") == 0
    shown = capsys.readouterr().out
    assert "tfpix2pix prepare --check photos-and-maps" in shown
    assert "--layout {left_right,top_bottom}" in shown
    assert "--learning-rate" not in shown


def start(source, store):
    """Starts preparing with two processes; returns when they have finished a shard."""
    before = len(finished(store))
    command = [sys.executable, "-m", "tfpix2pix", "prepare", str(source), str(store)]
    command += ["--workers", "2", "--resize", "300"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    until = time.monotonic() + 60
    while len(finished(store)) == before:
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.02)
    return process


def finished(store):
    path = store / "finished.json"
    return json.loads(path.read_text()) if path.exists() else {}


def is_running(group):
    """Whether a process of the group still runs; one that ended and was not waited for does not."""
    shown = subprocess.run(
        ["ps", "-o", "stat=", "-g", str(group)], capture_output=True, text=True
    ).stdout
    return any(not line.startswith("Z") for line in shown.split())


def test_a_run_that_is_stopped_or_killed_goes_on_from_there(tmp_path, photos):
    for number in range(20, 256):
        Image.fromarray(draw_shapes(number)).save(photos / f"{number}.png")
    assert prepare(photos, tmp_path / "whole", "--resize", "300", "--split", "100/0/0") == 0
    source = tmp_path / "set" / "train"
    source.parent.mkdir()
    photos.rename(source)
    store = tmp_path / "store"
    for number, status in ((signal.SIGINT, 130), (signal.SIGKILL, -9)):
        for _ in range(5):
            before = finished(store)
            process = start(source.parent, store)
            os.killpg(process.pid, number) if number == signal.SIGINT else process.kill()
            out, err = process.communicate(timeout=30)
            if process.returncode:
                break
            shutil.rmtree(store)  # on a busy machine it was at its end before it was stopped
        assert process.returncode == status
        assert b"Traceback" not in out + err
        assert number == signal.SIGKILL or b"give the same command again" in err
        assert not (store / "dataset_info.json").exists()
        assert before.items() <= finished(store).items()
        until = time.monotonic() + 20
        while is_running(process.pid):
            assert time.monotonic() < until, "a process was left behind"
            time.sleep(0.1)
    assert prepare(source.parent, store, "--resize", "300") == 0
    for path in (tmp_path / "whole").glob("pairs-*"):
        assert (store / path.name).read_bytes() == path.read_bytes()
