"""Draws in the page in a browser that may ask nobody but the page's own server for anything."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request

import numpy as np
import pytest
from PIL import Image

from tests.conftest import complement, draw_shapes
from tests.demo.clicking import (
    another,
    apart,
    at_once,
    decoded,
    drag,
    pick,
    pixels,
    predicted,
    rectangle,
    settled,
    translated,
)
from tests.demo.conftest import TITLE
from tests.demo.test_canvas import huge_png, png
from tests.demo.tiny_runs import CMP, LABELS, SIZE, answering_of, write_run
from tests.report.test_page import PHONE
from tfpix2pix.demo.canvas import EMPTY
from tfpix2pix.demo.subject import Example, Subject

pytestmark = pytest.mark.browser

# Of the answer that is downloaded, and of that of `predict` to the drawing that is saved.
BOUND = 1


@pytest.fixture(scope="module", autouse=True)
def connections():
    """What this process connects to: itself, and nobody else."""
    made = []
    connect = socket.socket.connect

    def noted(self, address):
        made.append(address)
        return connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", noted)
        yield made
    hosts = {address[0] for address in made if isinstance(address, tuple)}
    assert hosts <= {"127.0.0.1", "::1"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return {
        "labels": write_run(folder / "labels", **LABELS),
        "rgb": write_run(folder / "rgb"),
    }


def serve(tmp_path_factory, run_dir, *, draws=False):
    """Serves the page of a run at a free port, with one example."""
    from tfpix2pix.demo.page import make_page, serving

    folder = tmp_path_factory.mktemp("page")
    (folder / "5.png").write_bytes(png(draw_shapes(5)))
    examples = [Example("5", folder / "5.png", complement(draw_shapes(5)))]
    answering = answering_of(run_dir, draws=draws)
    subject = Subject(TITLE, (SIZE, SIZE), answering, examples, "test split", 2, 7)
    with serving(make_page(subject, folder), "127.0.0.1", None) as (local, public):
        assert public is None
        yield local


@pytest.fixture(scope="module")
def labels_page(runs, tmp_path_factory):
    yield from serve(tmp_path_factory, runs["labels"])


@pytest.fixture(scope="module")
def draws_page(runs, tmp_path_factory):
    yield from serve(tmp_path_factory, runs["rgb"], draws=True)


def test_a_house_is_answered_as_predict_answers_it(labels_page, runs, opened, tmp_path):
    page = opened(labels_page)
    at_once(page, False)
    rectangle(page, "facade", (4, 8), (27, 30))
    for x in (7, 14, 21):
        rectangle(page, "window", (x, 12), (x + 3, 17))
    rectangle(page, "door", (14, 22), (17, 30))
    pick(page, "Pen")
    pick(page, "cornice")
    drag(page, (3, 8), (28, 8))
    drawing = pixels(page)
    assert {tuple(c) for c in drawing.reshape(-1, 3).tolist()} == {CMP[n] for n in (0, 1, 2, 3, 4)}
    assert drawing[25, 15].tolist() == list(CMP[3])
    assert drawing[14, 8].tolist() == list(CMP[2])
    (shown,) = translated(page)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save the drawing").click()
    content = saved.value.path().read_bytes()
    wanted = predicted(runs["labels"], content, tmp_path)["drawing"]
    with page.expect_download() as answer:
        page.get_by_role("link", name="Download PNG").click()
    assert answer.value.suggested_filename == "drawing_generated.png"
    got = np.asarray(Image.open(answer.value.path()))
    assert apart(got, wanted) <= BOUND
    assert apart(shown, wanted) <= BOUND
    assert np.ptp(wanted) > 100
    assert (
        page.locator("[data-id=status]")
        .inner_text()
        .endswith(f" s a picture, {SIZE}\N{MULTIPLICATION SIGN}{SIZE} pixels")
    )


def test_strokes_are_answered_as_they_are_drawn(labels_page, opened):
    page = opened(labels_page)
    assert page.locator("figure").count() == 0
    pick(page, "shop")
    drag(page, (5, 5), (20, 20))
    page.locator("figure img").wait_for()
    settled(page)
    first = page.locator("figure img").get_attribute("src")
    drag(page, (20, 5), (5, 20))
    another(page, first)


def test_fill_stops_at_other_colours_and_can_be_undone(labels_page, opened):
    page = opened(labels_page)
    at_once(page, False)
    rectangle(page, "window", (8, 8), (23, 23))
    rectangle(page, "background", (12, 12), (15, 15))
    before = pixels(page)
    pick(page, "Fill")
    pick(page, "pillar")
    drag(page, (1, 1))
    after = pixels(page)
    wanted = before.copy()
    outside = (before == CMP[0]).all(axis=-1)
    outside[12:16, 12:16] = False
    wanted[outside] = CMP[10]
    assert (after == wanted).all()
    page.get_by_role("button", name="Undo").click()
    assert (pixels(page) == before).all()
    page.keyboard.press("Control+y")
    assert (pixels(page) == after).all()
    page.get_by_role("button", name="Clear").click()
    assert (pixels(page) == CMP[0]).all()
    page.keyboard.press("Control+z")
    assert (pixels(page) == after).all()


def test_the_brush_has_a_size_and_the_eraser_leaves_paper(labels_page, opened):
    page = opened(labels_page)
    at_once(page, False)
    pick(page, "Pen")
    pick(page, "blind")
    for size in (1, 2, 5, 8):
        page.get_by_label("Brush size in pixels").fill(str(size))
        page.get_by_role("button", name="Clear").click()
        drag(page, (16, 16))
        rows, columns = np.nonzero((pixels(page) == CMP[7]).all(axis=-1))
        assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (size, size)
    pick(page, "Eraser")
    drag(page, (10, 16), (22, 16))
    assert (pixels(page) == CMP[0]).all()


def test_an_example_is_shown_with_its_target_until_it_is_drawn_on(labels_page, opened):
    page = opened(labels_page)
    page.get_by_role("button", name="Example 5").click()
    page.get_by_alt_text("What it should have made").wait_for()
    settled(page)
    target = decoded(page.get_by_alt_text("What it should have made").get_attribute("src"))
    assert (target == complement(draw_shapes(5))).all()
    colours = {tuple(colour) for colour in pixels(page).reshape(-1, 3).tolist()}
    assert colours <= set(CMP)
    pick(page, "Pen")
    drag(page, (5, 5), (9, 9))
    page.get_by_alt_text("What it should have made").wait_for(state="detached")


def test_several_draws_are_those_of_predict(draws_page, runs, opened, tmp_path):
    page = opened(draws_page)
    at_once(page, False)
    pick(page, "Pen")
    drag(page, (3, 3), (28, 20), (6, 25))
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save the drawing").click()
    content = saved.value.path().read_bytes()
    shown = translated(page)
    assert len(shown) == 2
    assert "2 samples" in page.locator("[data-id=status]").inner_text()
    wanted = predicted(runs["rgb"], content, tmp_path, "--samples", "2", "--seed", "7")
    for number, picture in enumerate(shown, 1):
        assert apart(picture, wanted[f"drawing_{number}"]) <= BOUND
    assert apart(*shown) > 0
    page.get_by_role("button", name="Other samples").click()
    settled(page)
    assert page.get_by_label("Seed").input_value() == "8"


def test_uploads_are_answered_and_what_cannot_be_used_is_said(draws_page, opened):
    page = opened(draws_page)
    photo = {"name": "my.png", "mimeType": "image/png", "buffer": png(draw_shapes(2))}
    page.locator("input[type=file]").set_input_files(photo)
    page.get_by_text("Download PNG").first.wait_for()
    settled(page)
    assert page.locator("a[download]").first.get_attribute("download") == "my_1.png"
    assert np.ptp(pixels(page)) > 0
    alert = page.get_by_role("alert")
    for name, content, message in [
        ("notes.txt", b"hello", "notes.txt: not an image, or damaged"),
        ("huge.png", huge_png(9000, 9000), "huge.png: the picture has 9000x9000 pixels"),
    ]:
        file = {"name": name, "mimeType": "text/plain", "buffer": content}
        page.locator("input[type=file]").set_input_files(file)
        page.get_by_text(message).wait_for()
        assert alert.inner_text().startswith(message)
    page.get_by_role("button", name="Clear").click()
    page.get_by_text(EMPTY).wait_for()


def test_it_is_drawn_by_keyboard_alone(labels_page, opened):
    page = opened(labels_page)
    at_once(page, False)
    page.get_by_role("radio", name="Pen").focus()
    reached = []
    for _ in range(14):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.innerText")
        )
    wanted = ["Brush size in pixels", "Clear", "Drawing", "Upload a picture", "Save the drawing"]
    assert [name for name in dict.fromkeys(reached) if name in wanted] == wanted
    assert any("Drawing by keyboard" in name for name in reached)
    pick(page, "Rectangle")
    pick(page, "door")
    page.locator("canvas").focus()
    for key in ("ArrowLeft", "ArrowUp", "Space", "Shift+ArrowRight", "ArrowDown", "Space"):
        page.keyboard.press(key)
    middle, far = SIZE // 2, max(2, SIZE // 16)
    drawn = np.zeros((SIZE, SIZE), bool)
    drawn[middle - 1 : middle + 1, middle - 1 : middle + far] = True
    assert ((pixels(page) == CMP[3]).all(axis=-1) == drawn).all()
    assert page.locator("[data-id=spoken]").inner_text() == "rectangle drawn"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_without_scrolling_sideways(scheme, labels_page, opened):
    page = opened(labels_page, PHONE, scheme)
    page.get_by_role("button", name="Example 5").click()
    page.get_by_alt_text("What it should have made").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    colour = page.evaluate("getComputedStyle(document.querySelector('h1')).color")
    brightness = np.mean([int(part) for part in colour[4:-1].split(",")])
    assert (brightness > 128) == (scheme == "dark")
    unnamed = page.locator("img:not([alt]), img[alt='']")
    assert unnamed.count() == 0


def test_the_command_serves_until_it_is_told_to_stop_and_leaves_nothing(runs, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tfpix2pix", "demo", str(runs["rgb"]), "--port", str(port)]
    process = subprocess.Popen(
        command, env=os.environ | {"TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE, text=True
    )
    try:
        line = process.stdout.readline()
        assert line == f"tfpix2pix demo: rgb at http://127.0.0.1:{port}/ (Ctrl-C stops it)\n"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as page:
            assert "tfpix2pix demo: rgb" in page.read().decode()
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=60)[0] == "stopped\n"
    finally:
        process.kill()
    assert process.returncode == 0
    assert not list(tmp_path.glob("tfpix2pix-demo-*"))
