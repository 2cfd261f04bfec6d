"""What the documents show is run, from top to bottom of each page, on tiny pairs.

What the reader is to have is put there when it is named first: pairs, a photo, a run, weights.
`tests/shown_runs.py` says what is run in which way.
"""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import torch
from PIL import Image

from tests.conftest import SIZE, write_pairs
from tests.exchange.torch_reference import PatchGan, Unet, draw
from tests.serving.servers import Grpc, Rest, as_model
from tests.shown import OWN, ROOT, Block, words_of
from tests.shown_runs import (
    OTHERS_SAY,
    lay_out,
    lines_only_in_text,
    made_small,
    made_tiny,
    names,
    pages,
    steps,
)
from tfpix2pix.cli import main as cli
from tfpix2pix.data.drawn_facades.palette import PALETTE

pytestmark = pytest.mark.slow
# What is named and the page has not made: it is, or lies in, a fixture's folder or one on the desk.
GIVEN = {
    "RUN": "run",
    "RUN_A": "run",
    "RUN_B": "run",
    "runs/facades": "run",
    "JUDGE": "judge",
    "features.keras": "features",
    "latest_net_G.pth": "torch_files",
    "checkpoints/maps/latest_net_G.pth": "torch_files",
    "web_model": "web_model",
    "exports/facades/model.onnx": "onnx_export",
    "model.keras": "keras_export",
    "evaluation.json": "RUN/evaluation/val_step_2",
}


def succeeds(*words):
    """Runs a command of this package, in a size for tests."""
    command = made_tiny([str(word) for word in words])
    assert cli.main(command) == 0, shlex.join(command)


@pytest.fixture(scope="module", autouse=True)
def without_plots():
    """Curves take as long as all else, and have tests of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tfpix2pix.report.writing.save_figure", lambda draw, path: None)
        patch.setattr("tfpix2pix.training.reporter.plot_losses", lambda rows, path: None)
        yield


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Photos left, label maps of CMP's colours right, as the published facades are."""
    splits = {"train": range(6), "val": range(6, 10), "test": range(10, 12)}
    folder = tmp_path_factory.mktemp("desk")
    colours = np.array(PALETTE, np.uint8)
    for path in write_pairs(folder / "PATH", splits).rglob("*.png"):
        pair = np.array(Image.open(path))
        # The same colour, the same class.
        pair[:, SIZE:] = colours[pair[:, SIZE:].sum(axis=-1, dtype=int) % len(colours)]
        Image.fromarray(pair).save(path)
    return folder / "PATH"


@pytest.fixture(scope="module")
def trained(pairs):
    """A function that trains once with each flags, on what lies on the first desk."""
    runs = {}

    def train(*flags):
        alike = tuple(sorted(made_tiny(["tfpix2pix-train", *flags])))
        if alike not in runs:
            runs[alike] = pairs.parent / f"run_{len(runs)}"
            succeeds("tfpix2pix-train", *flags, "--run-dir", runs[alike])
        return runs[alike]

    return train


@pytest.fixture(scope="module")
def run(trained):
    return trained("--preset", "facades", "--data", "PATH")


@pytest.fixture(scope="module")
def judge(trained):
    return trained("--preset", "segmenter", "--data", "PATH", "--palette", "cmp")


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    """A network in the place of InceptionV3."""
    folder = tmp_path_factory.mktemp("features")
    images = keras.Input((32, 32, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(images))
    keras.Model(images, pooled).save(folder / "features.keras")
    return folder


@pytest.fixture(scope="module")
def torch_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("torch")
    torch.save(draw(Unet(5, 4)).state_dict(), folder / "latest_net_G.pth")
    torch.save(draw(PatchGan(2, 4), 1).state_dict(), folder / "latest_net_D.pth")
    return folder


@pytest.fixture(scope="module")
def web_model():
    return ROOT / "tests" / "exchange" / "data" / "tutorial"


@pytest.fixture(scope="module")
def onnx_export(tmp_path_factory, run):
    folder = tmp_path_factory.mktemp("exports") / "onnx"
    succeeds("tfpix2pix", "export", run, "--format", "onnx", "--output", folder)
    return folder


@pytest.fixture(scope="module")
def keras_export(tmp_path_factory, run):
    folder = tmp_path_factory.mktemp("exports") / "keras"
    succeeds("tfpix2pix", "export", run, "--format", "keras", "--output", folder)
    return folder


@pytest.fixture
def servers():
    """Model servers by the port at which the documents have them."""
    started = {8500: Grpc(), 8501: Rest()}
    for server in started.values():
        server.start()
    yield started
    for server in started.values():
        server.stop()


@pytest.fixture
def desk(request, pairs, tmp_path, monkeypatch):
    """Does a step, in a folder with what every page takes to be there."""
    monkeypatch.chdir(tmp_path)
    lay_out(tmp_path)
    shutil.copytree(pairs, "PATH")
    for name in ("folder", "PHOTOS"):
        shutil.copytree(pairs / "val", name)
    shutil.copytree(pairs, "SRC")
    shutil.copy(pairs / "val" / "6.png", "photo.png")
    log = {"log": lambda figures, *, step: None, "init": lambda *, config: None}
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(**log))
    keep = {"log_metrics": lambda figures, *, step: None, "log_artifact": os.stat}
    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace(**keep))
    return lambda step: do(step, request)


def do(step, request):
    """Runs a line, or a block of Python."""
    if isinstance(step, Block):
        code = served(made_small(step.text), request)
        put_given(code, request)
        exec(compile(code, "block", "exec"), {})
        return
    words = [served(word, request) for word in words_of(step)]
    if words[0] == "tfpix2pix-train" and not {"--resume", "--help"} & set(words):
        train_on_the_desk(words, request)
    elif words[0] in OWN:
        put_given(shlex.join(made_tiny(words)), request)
        succeeds(*words)
    else:
        assert words[0] in OTHERS_SAY, f"{step}: neither run nor listed in NOT_RUN"
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {"PATH": path}
        done = subprocess.run(words, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        assert OTHERS_SAY[words[0]] in done.stdout


def train_on_the_desk(words, request):
    """Puts there the run that the command makes; a run is trained once for all pages."""
    _, *flags = words
    folder = None
    if "--run-dir" in flags:
        at = flags.index("--run-dir")
        _, folder = flags.pop(at), flags.pop(at)
    run = request.getfixturevalue("trained")(*flags)
    if folder is not None:
        shutil.copytree(run, folder)


def put_given(text, request):
    """Puts onto the desk what a line or a block names and the page has not made."""
    for name, place in GIVEN.items():
        if names(text, name) and not Path(name).exists():
            folder = Path(place) if "/" in place else request.getfixturevalue(place)
            is_in_it = (folder / Path(name).name).exists()
            shutil.copytree(folder, Path(name).parent if is_in_it else name, dirs_exist_ok=True)


def served(text, request):
    """The same with the ports of servers, which answer with the export that the page has made."""
    for port in (8500, 8501):
        if f"localhost:{port}" in text:
            server = request.getfixturevalue("servers")[port]
            server.model = as_model("exports/facades/1")
            text = text.replace(f"localhost:{port}", f"localhost:{server.port}")
    return text


@pytest.mark.parametrize("page", pages())
def test_a_page_runs_from_top_to_bottom(page, desk):
    for step in steps(ROOT / page):
        desk(step)


@pytest.mark.parametrize("line", lines_only_in_text())
def test_a_command_in_the_text_runs(line, desk):
    desk(line)
