"""`predict --server`: the same command and the same results as with the run itself."""

import contextlib
import os
import subprocess
import sys

import imagecodecs
import numpy as np
import pytest
import tensorflow as tf
import tifffile
from PIL import Image
from servers import as_model

from tfpix2pix.cli import main as cli
from tfpix2pix.data.formats import ImageFormat, PairFormat
from tfpix2pix.data.reading import read_image
from tfpix2pix.export.savedmodel import export_savedmodel, write_savedmodel
from tfpix2pix.inference.fitting import Fitting
from tfpix2pix.inference.served import ServedModel
from tfpix2pix.inference.translator import Translator, load_translator
from tfpix2pix.models import unet_generator
from tfpix2pix.serving.address import parse_address
from tfpix2pix.serving.answerer import connect
from tfpix2pix.serving.retries import Retries
from tfpix2pix.serving.sending import image_bytes

TINY = "--load-size 34 --crop-size 32 --base-filters 4 --depth 3 --n-layers 1 --steps 2"


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory, module_pairs_folder):
    folder = tmp_path_factory.mktemp("remote") / "run"
    arguments = ["--data", str(module_pairs_folder), "--run-dir", str(folder), *TINY.split()]
    assert cli.train_main(arguments) == 0
    return folder


def asking(server):
    return contextlib.closing(connect(parse_address(server.address), 2, 30.0, Retries(0)))


@pytest.fixture(scope="module")
def model(run_dir, tmp_path_factory):
    exports = tmp_path_factory.mktemp("exports")
    return as_model(export_savedmodel(run_dir, exports / "facades").path)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Files of every kind that a server can be sent, one of them in a subfolder, and a bad one."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "more").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (37, 50, 3), np.uint8)
    image = Image.fromarray(pixels)
    image.save(folder / "plain.png")
    image.save(folder / "more" / "photo.jpg")
    image.convert("L").save(folder / "gray.png")
    image.convert("RGBA").save(folder / "alpha.png")
    image.quantize(16).save(folder / "palette.bmp")
    image.save(folder / "page.webp", lossless=True)
    tifffile.imwrite(folder / "scan.tif", pixels, photometric="rgb")
    np.save(folder / "array.npy", pixels)
    (folder / "bad.png").write_bytes(b"no image")
    return folder


def test_answers_are_those_of_the_run(server, model, run_dir, photos, tmp_path, capsys):
    server.model = model
    local, remote = tmp_path / "local", tmp_path / "remote"
    assert cli.main(["predict", str(run_dir), str(photos), "--output", str(local)]) == 1
    capsys.readouterr()
    flags = ["--server", server.address, "--concurrency", "3", "--retries", "0"]
    assert cli.main(["predict", str(photos), "--output", str(remote), *flags]) == 1
    shown = capsys.readouterr().out
    assert f"8 written to {remote}, 1 failed" in shown
    assert f"failed: {photos / 'bad.png'}: " in shown
    names = sorted(path.relative_to(local) for path in local.rglob("*.png"))
    assert names == sorted(path.relative_to(remote) for path in remote.rglob("*.png"))
    assert len(names) == 8
    for name in names:
        found, expected = (read_image(folder / name).pixels for folder in (remote, local))
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


def test_answers_have_the_bytes_of_the_runs_own_graph(server, model, run_dir, photos):
    server.model = model
    translate = load_translator(run_dir).translate
    files = [photos / "plain.png", photos / "more" / "photo.jpg", photos / "gray.png"]
    contents = [path.read_bytes() for path in files]
    with asking(server) as remote:
        found = [answer.content for answer in remote.answers(files)]
    expected = [translate(tf.constant([c]))["generated_image_bytes"].numpy()[0] for c in contents]
    assert found == expected


def test_16_bits_stay_16_bits(server, tmp_path):
    gray = ImageFormat(channels=1, dtype="uint16", value_range=(0.0, 65535.0))
    generator = unet_generator(32, base_filters=2, input_channels=1, output_channels=1)
    formats = PairFormat(gray, gray)
    served = ServedModel(generator, Fitting((32, 32), formats=formats))
    server.model = as_model(write_savedmodel(served, tmp_path / "exports"))
    pixels = np.random.default_rng(0).integers(0, 65536, (32, 32), np.uint16)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(pixels))
    tifffile.imwrite(tmp_path / "b.tif", pixels)
    with asking(server) as remote:
        png, tiff = remote.answers([tmp_path / "a.png", tmp_path / "b.tif"])
    answer = Translator(generator, formats=formats).translate_images(
        pixels[np.newaxis, ..., np.newaxis]
    )["generated_image"]
    for found in (png, tiff):
        decoded = imagecodecs.png_decode(found.content)
        assert decoded.dtype == np.uint16
        np.testing.assert_array_equal(decoded, answer[0, ..., 0])


def test_what_a_png_does_not_hold_is_refused(rest, tmp_path, capsys):
    np.save(tmp_path / "floats.npy", np.zeros((4, 4, 3), np.float32))
    np.save(tmp_path / "bands.npy", np.zeros((4, 4, 5), np.uint8))
    # A fourth band in TIFF is data; as transparency it would be dropped.
    np.save(tmp_path / "infrared.npy", np.zeros((4, 4, 4), np.uint8))
    np.save(tmp_path / "broken.npy", np.zeros((4, 4, 3), np.uint8))
    (tmp_path / "broken.npy").write_bytes((tmp_path / "broken.npy").read_bytes()[:-1])
    status = cli.main(
        ["predict", "--server", rest.address, str(tmp_path), "--output", str(tmp_path / "out")]
    )
    shown = capsys.readouterr().out
    assert status == 1
    assert "floats.npy: it holds 3 channels of float32, which a server does not take" in shown
    assert "bands.npy: it holds 5 channels of uint8" in shown
    assert "infrared.npy: it holds 4 channels of uint8" in shown
    assert "broken.npy: cannot read" in shown
    assert "0 written" in shown
    assert rest.requests == 0


@pytest.mark.parametrize("suffix", ["bmp", "webp"])
def test_what_tensorflow_does_not_read_is_sent_as_png(suffix, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (7, 5, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / f"a.{suffix}", lossless=True)
    np.testing.assert_array_equal(tf.io.decode_png(image_bytes(tmp_path / f"a.{suffix}")), pixels)


@pytest.mark.parametrize("place", ["before", "between", "after"])
def test_the_server_stands_in_for_the_run_wherever_it_is_named(place, rest, photos, tmp_path):
    names = [str(photos / "plain.png"), str(photos / "gray.png")]
    flags = [f"--server={rest.address}"] if place == "between" else ["--server", rest.address]
    output = ["--output", str(tmp_path)]
    arguments = {
        "before": [*flags, *names, *output],
        "between": [*output, *flags, *names],
        "after": [*names, *output, *flags],
    }[place]
    assert cli.main(["predict", *arguments]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("gray.png", "plain.png", "predict.json")
    ]


SERVER = ["--server", "grpc://localhost:1/facades"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.png"], "the following arguments are required: IMAGE"),
        (SERVER, "the following arguments are required: IMAGE"),
        (["--server", "localhost:8500", "a.png"], "--server localhost:8500: expected grpc://HOST"),
        ([*SERVER, "a.png", "--checkpoint", "best"], "--checkpoint needs a run"),
        ([*SERVER, "a.png", "--samples", "2"], "--samples needs a run"),
        ([*SERVER, "a.png", "--seed", "0"], "--seed needs a run"),
        ([*SERVER, "a.png", "--whole-up-to", "2"], "--whole-up-to needs a run"),
        (["RUN", "a.png", "--retries", "2"], "--retries goes with --server"),
        ([*SERVER, "a.png", "--retries", "-1"], "expected a whole number of at least 0, got -1"),
        ([*SERVER, "a.png", "--concurrency", "0"], "expected a whole number of at least 1, got 0"),
        ([*SERVER, "a.png", "--timeout", "0"], "expected a number above 0, got 0"),
        ([*SERVER, "a.png", "--timeout", "soon"], "expected a number above 0, got soon"),
        ([*SERVER, "RUN", "a.png"], "--server takes the place of the run: leave "),
    ],
)
def test_wrong_use_is_told(arguments, message, tmp_path, capsys):
    (tmp_path / "config.yaml").touch()
    given = [str(tmp_path) if argument == "RUN" else argument for argument in arguments]
    assert cli.main(["predict", *given, "--output", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_no_tensorflow_is_imported(server, photos, tmp_path):
    """In a process that has none."""
    arguments = ["predict", "--server", server.address, str(photos), "--output", str(tmp_path)]
    code = (
        "import sys\n"
        "sys.modules['tensorflow'] = sys.modules['keras'] = None\n"
        "from tfpix2pix.cli.main import main\n"
        f"sys.exit(main({arguments!r}))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], env=dict(os.environ), capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr
    assert len(list(tmp_path.rglob("*.png"))) == 9
