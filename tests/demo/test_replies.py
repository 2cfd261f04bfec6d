"""What the page is told: `predict`'s own answers, and one line where there are none."""

import base64
import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.conftest import draw_shapes
from tests.demo.test_canvas import huge_png, png
from tests.demo.tiny_runs import CMP, LABELS, SIZE, answering_of, write_run
from tfpix2pix.cli import main as cli
from tfpix2pix.data.formats import ImageFormat, PairFormat
from tfpix2pix.demo.canvas import EMPTY
from tfpix2pix.demo.replies import UNKNOWN, Replies
from tfpix2pix.demo.subject import Example
from tfpix2pix.demo.swatches import swatches_of


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture(scope="module")
def label_run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "labels", **LABELS)


def replies_of(run_dir, folder, *, draws=False, examples=()):
    answering = answering_of(run_dir, draws=draws)
    (folder / "work").mkdir()
    (folder / "uploads").mkdir()
    swatches = swatches_of(answering.formats.input, [])
    return Replies(answering, examples, swatches, folder / "work", folder / "uploads")


@pytest.fixture
def replies(run_dir, tmp_path):
    return replies_of(run_dir, tmp_path)


def drawing(content, **more):
    return {"kind": "drawing", "image": base64.b64encode(content).decode()} | more


def predicted(run_dir, folder, content, name="house.png", flags=()):
    """What `predict` writes for a file of that content, by name."""
    (folder / name).write_bytes(content)
    output = folder / "predicted"
    command = ["predict", str(run_dir), str(folder / name), "--output", str(output), *flags]
    assert cli.main(command) == 0
    return {path.name: path.read_bytes() for path in output.glob("*.png")}


def files_of(reply):
    assert "error" not in reply
    return [base64.b64decode(picture["file"]) for picture in reply["pictures"]]


def test_a_drawing_gets_the_answer_of_predict(run_dir, replies, tmp_path):
    content = png(draw_shapes(3)[:SIZE, :SIZE])
    reply = replies.reply(drawing(content))
    assert files_of(reply) == [predicted(run_dir, tmp_path, content)["house.png"]]
    assert reply["size"] == [SIZE, SIZE]
    assert reply["seconds"] > 0
    assert reply["pictures"][0]["name"] == "drawing_generated.png"
    assert list((tmp_path / "work").iterdir()) == []


def test_a_label_map_is_answered_in_its_classes(label_run, tmp_path):
    near = np.clip(
        np.array(CMP, np.int16)[np.arange(SIZE**2) % 12].reshape(SIZE, SIZE, 3) + 9, 0, 255
    )
    reply = replies_of(label_run, tmp_path).reply(drawing(png(near)))
    classes = np.array(CMP)[np.arange(SIZE**2) % 12].reshape(SIZE, SIZE, 3)
    assert files_of(reply) == [predicted(label_run, tmp_path, png(classes))["house.png"]]


def test_an_upload_of_another_size_gets_the_answer_of_predict_and_is_shown(
    run_dir, replies, tmp_path
):
    content = png(np.random.default_rng(0).integers(0, 256, (50, 70, 3)))
    (tmp_path / "uploads" / "blob").write_bytes(content)
    request = {"kind": "upload", "path": str(tmp_path / "uploads" / "blob"), "name": "my photo.png"}
    reply = replies.reply(request)
    assert files_of(reply) == [predicted(run_dir, tmp_path, content)["house.png"]]
    assert reply["pictures"][0]["name"] == "my photo_generated.png"
    shown = Image.open(io.BytesIO(base64.b64decode(reply["source"])))
    assert shown.size == (SIZE, SIZE)
    assert reply["target"] is None


def test_draws_are_those_of_predict(run_dir, tmp_path):
    content = png(draw_shapes(4)[:SIZE, :SIZE])
    replies = replies_of(run_dir, tmp_path, draws=True)
    files = files_of(replies.reply(drawing(content, samples=3, seed=5)))
    flags = ["--samples", "3", "--seed", "5"]
    written = predicted(run_dir, tmp_path, content, flags=flags)
    assert files == [written[f"house_{number}.png"] for number in (1, 2, 3)]
    assert len(set(files)) == 3
    assert files_of(replies.reply(drawing(content, samples=3, seed=6))) != files


def test_an_example_comes_with_its_target(run_dir, tmp_path):
    content, target = png(draw_shapes(5)), draw_shapes(6)
    (tmp_path / "5.png").write_bytes(content)
    examples = [Example("5", tmp_path / "5.png", target), Example("6", tmp_path / "5.png")]
    replies = replies_of(run_dir, tmp_path, examples=examples)
    reply = replies.reply({"kind": "example", "index": 0})
    assert files_of(reply) == [predicted(run_dir, tmp_path, content)["house.png"]]
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(reply["target"]))))
    assert (shown == target).all()
    assert replies.reply({"kind": "example", "index": 1})["target"] is None


def test_an_empty_canvas_is_said_to_be_empty(replies):
    white = png(np.full((SIZE, SIZE, 3), 255))
    assert replies.reply(drawing(white)) == {"error": EMPTY}
    assert replies.reply(drawing(b"")) == {"error": EMPTY}


def upload(folder, name, content):
    (folder / "uploads" / name).write_bytes(content)
    return {"kind": "upload", "path": str(folder / "uploads" / name), "name": name}


def test_a_run_on_crops_answers_an_upload_at_its_own_size(tmp_path):
    run = write_run(tmp_path / "run", resize="crop")
    content = png(np.random.default_rng(0).integers(0, 256, (40, 70, 3)))
    reply = replies_of(run, tmp_path).reply(upload(tmp_path, "a.png", content))
    assert reply["size"] == [40, 70]
    assert files_of(reply) == [predicted(run, tmp_path, content)["house.png"]]


def test_floats_are_uploaded_answered_in_their_file_and_shown_as_a_picture(tmp_path):
    floats = ImageFormat(1, "float32", (-1.0, 1.0))
    run = write_run(tmp_path / "run", PairFormat(floats, floats), value_range=(-1, 1))
    replies = replies_of(run, tmp_path)
    values = np.random.default_rng(0).uniform(-1, 1, (SIZE, SIZE)).astype(np.float32)
    file = io.BytesIO()
    np.save(file, values)
    reply = replies.reply(upload(tmp_path, "a.npy", file.getvalue()))
    assert reply["pictures"][0]["name"] == "a_generated.tif"
    answer = tifffile.imread(io.BytesIO(files_of(reply)[0]))
    assert (answer.shape, answer.dtype) == ((SIZE, SIZE), np.float32)
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(reply["pictures"][0]["shown"]))))
    assert np.abs(shown[..., 0] - (answer + 1) * 127.5).max() <= 0.51
    source = np.asarray(Image.open(io.BytesIO(base64.b64decode(reply["source"]))))
    assert np.abs(source[..., 0] - (values + 1) * 127.5).max() <= 0.51
    assert replies.reply(drawing(png(draw_shapes(1)))) == {"error": UNKNOWN}


def test_what_is_large_is_shown_reduced_and_kept_whole(tmp_path):
    run = write_run(tmp_path / "run", resize="crop")
    content = png(np.random.default_rng(0).integers(0, 256, (64, 2048, 3)))
    reply = replies_of(run, tmp_path).reply(upload(tmp_path, "a.png", content))
    shown = Image.open(io.BytesIO(base64.b64decode(reply["pictures"][0]["shown"])))
    assert shown.size == (1024, 32)
    assert Image.open(io.BytesIO(files_of(reply)[0])).size == (2048, 64)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("notes.txt", b"hello", "notes.txt: not an image, or damaged: Unknown image file format"),
        ("empty.png", b"", "empty.png: the file is empty"),
        ("huge.png", huge_png(9000, 9000), "huge.png: the picture has 9000x9000 pixels"),
        ("cut.png", png(draw_shapes(1))[:200], "cut.png: not an image, or damaged"),
    ],
)
def test_an_upload_that_cannot_be_used_is_named(name, content, message, replies, tmp_path):
    path = tmp_path / "uploads" / name
    path.write_bytes(content)
    reply = replies.reply({"kind": "upload", "path": str(path), "name": name})
    assert list(reply) == ["error"]
    assert reply["error"].startswith(message)
    assert "\n" not in reply["error"]


def test_no_file_but_an_upload_is_read(replies, tmp_path):
    (tmp_path / "secret.png").write_bytes(png(draw_shapes(1)))
    (tmp_path / "uploads" / "link.png").symlink_to(tmp_path / "secret.png")
    for path in (
        "secret.png",
        "uploads/../secret.png",
        "uploads/link.png",
        "uploads",
        "uploads/no",
    ):
        request = {"kind": "upload", "path": str(tmp_path / path), "name": "a.png"}
        assert replies.reply(request) == {"error": UNKNOWN}


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"kind": "example", "index": 0},
        {"kind": "example", "index": "0"},
        {"kind": "drawing"},
        {"kind": "drawing", "image": "?"},
        {"kind": "drawing", "image": "", "samples": 9},
        {"kind": "drawing", "image": "", "samples": True},
        {"kind": "drawing", "image": "", "seed": -1},
    ],
)
def test_requests_that_no_page_makes_are_refused(request_, replies):
    assert replies.reply(request_) == {"error": UNKNOWN}
