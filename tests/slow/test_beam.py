"""deploy/beam: the pipeline on Beam's own runner, in an environment of its own, on real files.

Apache Beam is not among the package's requirements, as it wants an older protobuf: the test
installs it, and fails where that cannot be done.
"""

import json
import subprocess
import sysconfig
import venv
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfpix2pix.export.savedmodel import write_savedmodel
from tfpix2pix.inference.served import ServedModel
from tfpix2pix.models import unet_generator

BEAM = Path(__file__).parents[2] / "deploy" / "beam"
NAMES = {
    "a.png": "a.png",
    "b.jpg": "b.png",
    "d.bmp": "d.png",
    "sub/c.jpg": "sub/c.jpg.png",
    "sub/c.png": "sub/c.png.png",
    "sub/deep/a.png": "sub/deep/a.png",
}


@pytest.fixture(scope="module")
def beam_python(tmp_path_factory):
    """An interpreter with Beam beside this one's packages, TensorFlow among them."""
    folder = tmp_path_factory.mktemp("beam") / "venv"
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    paths = {"base": str(folder), "platbase": str(folder)}
    site = Path(sysconfig.get_path("purelib", vars=paths))
    (site / "this.pth").write_text(sysconfig.get_path("purelib"))
    done(python, "-m", "pip", "install", "--quiet", "-r", BEAM / "requirements.txt")
    return python


def done(*command, cwd=None):
    found = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, cwd=cwd, check=False
    )
    assert found.returncode == 0, found.stderr[-4000:]
    return found.stdout


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    """With weights far from their start, so that outputs span the range."""
    model = unet_generator(32, base_filters=4)
    rng = np.random.default_rng(0)
    model.set_weights([w + rng.normal(0, 0.2, w.shape) * (w.ndim > 1) for w in model.get_weights()])
    return write_savedmodel(ServedModel(model), tmp_path_factory.mktemp("exports"))


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(1)
    for number, name in enumerate(NAMES):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (30 + number, 40, 3), np.uint8)
        Image.fromarray(pixels).save(path)
    (folder / "bad.png").write_bytes(b"no image")
    (folder / "empty.png").touch()
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        ["--direct_running_mode", "in_memory"],
        # Worker processes of their own, to which all code has to be sent.
        ["--direct_running_mode", "multi_processing", "--direct_num_workers", "2"],
    ],
)
def test_every_file_is_answered_or_told(options, beam_python, export, photos, tmp_path):
    output = tmp_path / "answers"
    flags = ["--model", export, "--input", f"{photos}/**", "--output", output, *options]
    shown = done(beam_python, BEAM / "pipeline.py", *flags, cwd=tmp_path)
    assert shown.splitlines()[-1] == "6 written, 2 failed"
    signature = tf.saved_model.load(str(export)).signatures["serving_default"]
    for source, target in NAMES.items():
        content = (photos / source).read_bytes()
        expected = signature(image_bytes=tf.constant([content]))["generated_image_bytes"].numpy()[0]
        assert (output / target).read_bytes() == expected
    lines = [line for path in output.glob("failed-*.jsonl") for line in path.open()]
    failed = {told["source"]: told["reason"] for told in map(json.loads, lines)}
    assert set(failed) == {str(photos / "bad.png"), str(photos / "empty.png")}
    assert failed[str(photos / "empty.png")] == "the file is empty"
    assert "these bytes are no JPEG, PNG or BMP image" in failed[str(photos / "bad.png")]
    assert "node" not in failed[str(photos / "bad.png")]
    written = {str(path.relative_to(output)) for path in output.rglob("*.*")}
    assert {name for name in written if not name.startswith("failed-")} == set(NAMES.values())
