"""The commands as a user types them: exit codes, messages, files."""

import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from pretended import pretend_checkpoints

from tfpix2pix.cli import main as cli
from tfpix2pix.data.images import decode_image, from_network_range, resize, to_network_range
from tfpix2pix.training.checkpoints import load_generator
from tfpix2pix.training.run_folder import RunFolder, claim_run_folder

TINY = "--load-size 18 --crop-size 16 --base-filters 2 --depth 3 --n-layers 1 --steps 2"
TINY_FLAGS = TINY.split(" ")


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory, module_pairs_folder):
    folder = tmp_path_factory.mktemp("cli") / "run"
    arguments = ["--data", str(module_pairs_folder), "--run-dir", str(folder), *TINY_FLAGS]
    assert cli.train_main(arguments) == 0
    return folder


@pytest.fixture
def photo(tmp_path, module_pairs_folder):
    """One image of an odd size, as its file."""
    content = next((module_pairs_folder / "val").iterdir()).read_bytes()
    image = resize(decode_image(tf.constant(content)), (33, 47), "bicubic")
    path = tmp_path / "photo.png"
    path.write_bytes(tf.io.encode_png(image).numpy())
    return path


def test_training_says_where_things_are_and_what_to_do_next(tmp_path, module_pairs_folder, capsys):
    folder = tmp_path / "run"
    status = cli.main(
        ["train", "--data", str(module_pairs_folder), "--run-dir", str(folder), *TINY_FLAGS]
    )
    shown = capsys.readouterr()
    assert status == 0
    assert f"{folder}/samples/latest.png" in shown.out
    assert f"tfpix2pix predict {folder} {folder}/samples/inputs --output pictures" in shown.out
    assert "for scale" in shown.out
    assert "step 2/2" in shown.err
    assert cli.train_main(["--run-dir", str(folder), "--resume", "--steps", "3"]) == 0
    assert "done: 3 steps" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--load-size", "100", "--crop-size", "100"], "crop_size: image size 100x100 does not"),
        (["--generator", "unet_256", "--depth", "none"], "generator unet and depth=7"),
        (["--n-layers", "6", "--discriminator-scales", "2"], "crop_size: images of 128x128 are"),
    ],
)
def test_sizes_that_networks_do_not_take_leave_no_folder(
    flags, message, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    for place in ([], ["--run-dir", "mine"]):
        assert cli.train_main([*flags, *place]) == 2
        assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_run_folders_are_numbered(tmp_path):
    claimed = [claim_run_folder(tmp_path / "runs", "demo").path.name for _ in range(3)]
    assert claimed == ["demo-1", "demo-2", "demo-3"]


def test_a_folder_in_use_is_refused(tmp_path, module_pairs_folder, capsys):
    arguments = ["train", "--data", str(module_pairs_folder), "--run-dir", str(tmp_path / "run")]
    with RunFolder(tmp_path / "run").locked():
        assert cli.main([*arguments, *TINY_FLAGS]) == 1
    assert "is in use by another process" in capsys.readouterr().err


def test_what_is_left_of_another_run_is_refused(tmp_path, module_pairs_folder, capsys):
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    arguments = ["train", "--data", str(module_pairs_folder), "--run-dir", str(tmp_path / "run")]
    assert cli.main([*arguments, *TINY_FLAGS]) == 1
    assert "is left of another run" in capsys.readouterr().err


def test_predict_keeps_names_and_accounts_for_every_file(run_dir, photo, tmp_path, capsys):
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "one.png").write_bytes(photo.read_bytes())
    (folder / "notes.txt").write_text("no image")
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "cut.png").write_bytes(photo.read_bytes()[:50])
    output = tmp_path / "out"
    paths = [str(photo), str(folder), str(tmp_path / "nothing.png")]
    status = cli.main(["predict", str(run_dir), *paths, "--output", str(output)])
    shown = capsys.readouterr().out
    assert status == 1
    written = sorted(str(path.relative_to(output)) for path in output.rglob("*") if path.is_file())
    assert written == ["deep/one.png", "photo.png", "predict.json"]
    assert f"failed: {folder / 'empty.jpg'}: the file is empty" in shown
    assert f"failed: {folder / 'cut.png'}: not an image, or damaged" in shown
    assert f"failed: {tmp_path / 'nothing.png'}: there is no such file" in shown
    assert f"2 written to {output}, 3 failed" in shown


def test_predict_computes_what_the_generator_does(run_dir, photo, tmp_path):
    assert cli.main(["predict", str(run_dir), str(photo), "--output", str(tmp_path / "out")]) == 0
    run = RunFolder(run_dir)
    generator = load_generator(run.settings(), run.checkpoints)
    image = resize(decode_image(tf.constant(photo.read_bytes())), (16, 16), "bicubic")
    expected = from_network_range(generator(to_network_range(image[tf.newaxis])))[0].numpy()
    found = tf.io.decode_png((tmp_path / "out" / "photo.png").read_bytes()).numpy()
    np.testing.assert_array_equal(found, expected)


def test_predict_never_overwrites_an_input_or_another_answer(run_dir, photo, tmp_path, capsys):
    before = photo.read_bytes()
    assert cli.main(["predict", str(run_dir), str(photo), "--output", str(tmp_path)]) == 1
    assert "is an input itself: choose another --output" in capsys.readouterr().out
    assert photo.read_bytes() == before

    twin = tmp_path / "photo.jpg"
    twin.write_bytes(before)
    other = tmp_path / "other" / "photo.png"
    other.parent.mkdir()
    other.write_bytes(before)
    output = tmp_path / "out"
    paths = [str(photo), str(twin), str(other)]
    assert cli.main(["predict", str(run_dir), *paths, "--output", str(output)]) == 1
    names = sorted(path.name for path in output.glob("*.png"))
    assert names == ["photo.jpg.png", "photo.png.png"]
    assert f"failed: {other}" in capsys.readouterr().out


def test_predict_of_a_folder_without_images_fails(run_dir, tmp_path, capsys):
    (tmp_path / "none").mkdir()
    arguments = ["predict", str(run_dir), str(tmp_path / "none"), "--output", str(tmp_path / "o")]
    assert cli.main(arguments) == 1
    assert "the folder holds no .jpg" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["train", "--base-filter", "3"], 2, "did you mean --base-filters?"),
        (["train", "--n-layers", "9"], 2, "model.n_layers"),
        (["train", "--steps", "many"], 2, "train.steps"),
        (["train", "--preset", "facade"], 2, "did you mean 'facades'?"),
        (["train", "--config", "no.yaml"], 2, "no.yaml"),
        (["train", "--resume"], 2, "--resume needs --run-dir"),
        (["train", "--resume-or-start"], 2, "--resume-or-start needs --run-dir"),
        (["train", "--resume-or-start", "--resume"], 2, "not allowed with argument"),
        (["train", "--resume", "--run-dir", "x", "--seed", "1"], 2, "--seed cannot be given"),
        (["train", "--data", "nowhere", "--run-dir", "TMP/r"], 1, "there is no folder"),
        (["train", "--run-dir", "/dev/null/r"], 1, "cannot write /dev/null/r"),
        (["train", "--crop-size", "100", "--run-dir", "TMP/r", "--data", "PAIRS"], 2, "96x96"),
        (["predict", "nowhere", "a.png", "--output", "x"], 1, "not a run folder"),
        (["export", "nowhere", "--output", "x"], 1, "not a run folder"),
        (["presets", "facade"], 2, "did you mean 'facades'?"),
        (["fly"], 2, "invalid choice: 'fly'"),
        ([], 2, "COMMAND"),
    ],
)
def test_wrong_input_gets_one_line_and_a_status(
    arguments, status, message, tmp_path, module_pairs_folder, capsys
):
    places = {"TMP": str(tmp_path), "PAIRS": str(module_pairs_folder)}
    for name, place in places.items():
        arguments = [argument.replace(name, place) for argument in arguments]
    assert cli.main(arguments) == status
    error = capsys.readouterr().err
    assert message in error
    assert error.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in error


def test_a_run_without_a_checkpoint_cannot_predict_yet(tmp_path, run_dir, photo, capsys):
    folder = tmp_path / "started"
    folder.mkdir()
    for name in ("config.yaml", "data.json"):
        (folder / name).write_text((run_dir / name).read_text())
    assert cli.main(["predict", str(folder), str(photo), "--output", str(tmp_path / "o")]) == 1
    assert "holds no complete checkpoint" in capsys.readouterr().err


def test_presets_are_listed_and_printed(capsys):
    assert cli.main(["presets"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        "cityscapes",
        "demo",
        "edges2shoes",
        "facades",
        "maps",
        "paper",
        "pytorch",
        "segmenter",
        "tf-tutorial",
        "torch",
    ]
    assert cli.main(["presets", "facades"]) == 0
    assert "epochs: 200" in capsys.readouterr().out


@pytest.mark.parametrize(
    "command",
    ["train", "predict", "evaluate", "export", "prepare", "presets", "import", "ablate", "doctor"],
)
def test_every_command_has_help_with_an_example(command, capsys):
    assert cli.main([command, "--help"]) == 0
    assert f"tfpix2pix {command}" in capsys.readouterr().out.replace("tfpix2pix-", "tfpix2pix ")


@pytest.mark.parametrize(
    "arguments", [["--help"], ["train", "--help"], ["train", "--n-layers", "9"], ["--version"]]
)
def test_help_and_wrong_arguments_do_not_import_tensorflow(arguments):
    program = (
        "import sys; from tfpix2pix.cli.main import main; main(sys.argv[1:]); "
        "sys.exit(bool({'tensorflow', 'keras', 'matplotlib', 'numpy'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True)
    assert done.returncode == 0


@pytest.mark.parametrize("command", ["predict", "evaluate", "export"])
def test_a_checkpoint_that_is_not_there_is_said_without_tensorflow(command, tmp_path):
    run = RunFolder(tmp_path / "run")
    pretend_checkpoints(run, 2, 4, 6)
    run.config.write_text("train: {steps: 6}\n")
    (run.checkpoints / "step-2.index").unlink()
    program = (
        "import sys; from tfpix2pix.cli.main import main; status = main(sys.argv[1:]); "
        "sys.exit(status if 'tensorflow' not in sys.modules else 'TensorFlow was imported')"
    )
    arguments = [command, str(run.path), "--checkpoint", "2"]
    arguments += ["photo.png"] if command == "predict" else []
    arguments += ["--output", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"error: {run.checkpoints} holds no checkpoint 2; it has latest (step 6), 4, 6\n"
    )


def test_importing_the_package_does_not_import_tensorflow():
    program = "import sys, tfpix2pix; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_the_module_runs_as_a_command():
    done = subprocess.run(
        [sys.executable, "-m", "tfpix2pix", "--version"], capture_output=True, text=True
    )
    assert done.stdout.strip()
    assert done.returncode == 0


def test_a_failing_command_prints_its_error_alone():
    command = [sys.executable, "-m", "tfpix2pix", "predict", "nowhere", "a.png", "--output", "x"]
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: nowhere is not a run folder")
    assert len(done.stderr.splitlines()) == 1


def test_a_reader_that_goes_away_gets_no_traceback():
    command = [sys.executable, "-u", "-m", "tfpix2pix", "presets"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(60) == 141


def test_an_answer_that_cannot_be_written_does_not_stop_the_others(
    run_dir, photo, tmp_path, capsys
):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(photo.read_bytes())
    (tmp_path / "out" / "a.png").mkdir(parents=True)
    arguments = ["predict", str(run_dir), str(folder), "--output", str(tmp_path / "out")]
    assert cli.main(arguments) == 1
    shown = capsys.readouterr().out
    assert f"failed: {folder / 'a.png'}: cannot write" in shown
    assert "1 written" in shown


def test_earlier_answers_below_the_input_folder_are_no_inputs(run_dir, photo, tmp_path, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.png").write_bytes(photo.read_bytes())
    arguments = ["predict", str(run_dir), str(folder), "--output", str(folder / "out")]
    for _ in range(2):
        assert cli.main(arguments) == 0
        assert "1 written" in capsys.readouterr().out
