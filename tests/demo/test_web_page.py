"""Draws in the page without a server: what the browser computes is what `predict` answers."""

import functools
import http.server
import json
import shutil
import threading

import numpy as np
import pytest

from tests.conftest import complement, draw_shapes, write_pairs
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
from tests.demo.test_canvas import png
from tests.demo.tiny_runs import CMP, LABELS, SIZE, write_run
from tests.report.test_page import PHONE
from tfpix2pix.data import arrays
from tfpix2pix.data.formats import ImageFormat, PairFormat
from tfpix2pix.data.stored import StoredImage
from tfpix2pix.demo.canvas import EMPTY
from tfpix2pix.demo.web import writing
from tfpix2pix.demo.web.runtime import NAME, VERSION, _npm
from tfpix2pix.demo.web.writing import export_web
from tfpix2pix.training.run_folder import RunFolder

pytestmark = pytest.mark.browser

# Of 255: rounding, and weights of half the bits.
BOUND, BOUND_FLOAT16 = 1, 2
BGR = ImageFormat(reversed_channels=True)
RUNS = {
    "labels": (None, LABELS, "float16"),
    "rgb": (None, {}, "float32"),
    "gray": (
        PairFormat(ImageFormat(channels=1), ImageFormat(channels=1)),
        {"input_interpolation": "area", "input_channels": 1, "output_channels": 1},
        "float32",
    ),
    "classes": (
        PairFormat(BGR, ImageFormat(palette=CMP)),
        {"target_encoding": "labels", "palette": "cmp", "channel_order": "bgr"},
        "float32",
    ),
    "crops": (None, {"resize": "crop", "load_size": 64, "crop_size": 64}, "float32"),
}


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """npm's, fetched once."""
    folder = tmp_path_factory.mktemp("npm")
    done = _npm(["pack", f"{NAME}@{VERSION}", "--pack-destination", str(folder)])
    assert done.returncode == 0, done.stderr
    (package,) = folder.glob("*.tgz")
    return package


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")

    @functools.cache
    def run(name):
        formats, flags, _ = RUNS[name]
        return write_run(folder / name, formats, **flags)

    return run


@pytest.fixture(scope="module")
def exported(runs, package, tmp_path_factory):
    """The folder of a run's page, written once."""
    folder = tmp_path_factory.mktemp("web")
    pairs = write_pairs(folder / "pairs")

    @functools.cache
    def export(name):
        shown = {"data": str(pairs), "example_count": 2} if name == "rgb" else {}
        output = folder / name
        with pytest.MonkeyPatch.context() as patch:
            if name == "rgb":  # its model goes into several files
                patch.setattr(writing, "MOST_IN_A_FILE", 20000)
            export_web(
                runs(name),
                output,
                quantize=RUNS[name][2],
                title=TITLE,
                runtime_package=package,
                **shown,
            )
        return output

    return export


@pytest.fixture
def host():
    """Serves a folder as any static host does."""
    servers = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *words):
            pass

    def serve(folder):
        handler = functools.partial(Handler, directory=folder)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def page_of(exported, host, opened):
    """Opens the page of a run."""
    return lambda name, *options: opened(host(exported(name)), *options)


def saved(page):
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the drawing").click()
    return download.value.path().read_bytes()


def give(page, name, content):
    """Uploads a file, and gives the pictures that come of it."""
    file = {"name": name, "mimeType": "image/png", "buffer": content}
    page.locator("input[type=file]").set_input_files(file)
    page.locator(f"a[download^='{name.split('.')[0]}']").wait_for()
    settled(page)
    return [decoded(image.get_attribute("src")) for image in page.locator("figure img").all()]


def photo(height=50, width=83):
    """Of noise on slopes, in which every wrong weight of a resizing shows."""
    rng = np.random.default_rng(3)
    slopes = np.linspace(0, 200, width)[None, :, None] * np.linspace(0, 1, height)[:, None, None]
    return (slopes + rng.integers(0, 55, (height, width, 3))).astype(np.uint8)


def test_a_house_is_answered_as_predict_answers_it(page_of, runs, tmp_path):
    page = page_of("labels")
    at_once(page, False)
    rectangle(page, "facade", (4, 8), (27, 30))
    for x in (7, 14, 21):
        rectangle(page, "window", (x, 12), (x + 3, 17))
    rectangle(page, "door", (14, 22), (17, 30))
    pick(page, "Pen")
    pick(page, "cornice")
    drag(page, (3, 8), (28, 8))
    (shown,) = translated(page)
    wanted = predicted(runs("labels"), saved(page), tmp_path)["drawing"]
    assert np.ptp(wanted) > 100
    assert apart(shown, wanted) <= BOUND_FLOAT16
    with page.expect_download() as answer:
        page.get_by_role("link", name="Download PNG").click()
    assert answer.value.suggested_filename == "drawing_generated.png"
    status = page.locator("p.status").inner_text()
    assert status.endswith(f" s a picture, {SIZE}\N{MULTIPLICATION SIGN}{SIZE} pixels")


@pytest.mark.parametrize("name", ["rgb", "gray", "classes"])
def test_an_upload_of_another_size_is_answered_as_predict_answers_it(name, page_of, runs, tmp_path):
    page, run = page_of(name), RunFolder(runs(name))
    # Of twice the size too, where many sums lie half way between two levels.
    for colours in (photo(2 * SIZE, 2 * SIZE), photo()):
        image = arrays.as_wanted(StoredImage(colours), run.formats().input)
        seen = arrays.resize(image, (SIZE, SIZE), run.settings().data.input_interpolation)
        give(page, f"colours{len(colours)}.png", png(colours))
        assert apart(pixels(page), seen) <= 1
        assert (pixels(page) != seen).mean() < 0.001
    if name == "gray":  # of colours TensorFlow cuts the luma off where others round it
        colours = colours[..., :1].repeat(3, axis=-1)
    (shown,) = give(page, "photo.png", png(colours))
    (wanted,) = predicted(runs(name), png(colours), tmp_path).values()
    assert np.ptp(wanted) > 100
    # Random weights make more of a level in the input.
    assert (shown != np.atleast_3d(wanted)).mean() < 0.05
    if name != "classes":
        assert apart(shown, np.atleast_3d(wanted)) <= 3


def test_an_example_is_shown_with_its_target_until_it_is_drawn_on(page_of, runs, tmp_path):
    page = page_of("rgb")
    page.get_by_role("button", name="Example 1").click()
    page.get_by_alt_text("What it should have made").wait_for()
    settled(page)
    shown = [decoded(image.get_attribute("src")) for image in page.locator("figure img").all()]
    wanted = predicted(runs("rgb"), png(draw_shapes(6)), tmp_path)["drawing"]
    assert apart(shown[0], wanted) <= 3
    assert np.abs(shown[1].mean((0, 1)) - complement(draw_shapes(6)).mean((0, 1))).max() < 3
    drag(page, (5, 5), (9, 9))
    page.get_by_alt_text("What it should have made").wait_for(state="detached")


def test_a_run_on_crops_answers_pictures_of_its_size(page_of, runs, tmp_path):
    (shown,) = give(page_of("crops"), "photo.png", png(photo(64, 64)))
    (wanted,) = predicted(runs("crops"), png(photo(64, 64)), tmp_path).values()
    assert np.ptp(wanted) > 100
    assert apart(shown, wanted) <= BOUND


def test_all_is_answered_without_a_network_once_it_is_loaded(page_of, browser):
    page = page_of("rgb")
    drag(page, (3, 3), (20, 20))
    page.locator("figure img").wait_for()
    settled(page)
    first = page.locator("figure img").get_attribute("src")
    browser.set_offline(True)
    try:
        drag(page, (20, 5), (5, 20))
        another(page, first)
        page.get_by_role("button", name="Example 2").click()
        page.get_by_alt_text("What it should have made").wait_for()
    finally:
        browser.set_offline(False)
    page.get_by_role("button", name="Clear").click()
    page.get_by_text(EMPTY).wait_for()


def test_what_cannot_be_used_is_said(page_of, exported, host, opened, tmp_path):
    page = page_of("crops")
    file = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"hello"}
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_text("notes.txt: not an image that this browser opens, or damaged").wait_for()
    file = {"name": "wide.png", "mimeType": "image/png", "buffer": png(photo())}
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_text(
        "wide.png: the picture has 83\N{MULTIPLICATION SIGN}50 pixels, and this network"
    ).wait_for()
    shutil.copytree(exported("crops"), tmp_path / "strict")
    facts = json.loads((tmp_path / "strict/facts.json").read_text())
    (tmp_path / "strict/facts.json").write_text(json.dumps(facts | {"mostPixels": 4000}))
    page = opened(host(tmp_path / "strict"))
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_text("expected at most 0.004 megapixels").wait_for()


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("model.onnx", "the model cannot be loaded: model.onnx is not on the server (404)"),
        ("runtime/ort.wasm.min.js", "the model cannot be loaded: runtime/ is not whole"),
        ("facts.json", "facts.json is not on the server (404): put the whole folder there"),
    ],
)
def test_a_folder_that_is_not_whole_says_what_is_missing(
    missing, message, exported, host, browser, tmp_path
):
    folder = tmp_path / "part"
    shutil.copytree(exported("crops"), folder)
    (folder / missing).unlink()
    page = browser.new_page()
    page.goto(host(folder))
    page.get_by_text(message).wait_for()
    page.close()


def test_a_file_that_is_cut_short_is_said(exported, host, browser, tmp_path):
    folder = tmp_path / "cut"
    shutil.copytree(exported("crops"), folder)
    model = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(model[:-10])
    page = browser.new_page()
    page.goto(host(folder))
    page.get_by_text(f"model.onnx: {len(model) - 10} of {len(model)} bytes arrived").wait_for()
    page.close()


def test_a_page_that_is_opened_as_a_file_says_how_to_serve_it(exported, browser):
    page = browser.new_page()
    page.goto((exported("crops") / "index.html").as_uri())
    page.get_by_text("python -m http.server").wait_for()
    page.close()


def test_it_is_drawn_by_keyboard_alone(page_of):
    page = page_of("labels")
    at_once(page, False)
    pick(page, "Rectangle")
    pick(page, "door")
    page.locator("canvas").focus()
    for key in ("ArrowLeft", "ArrowUp", "Space", "Shift+ArrowRight", "ArrowDown", "Space"):
        page.keyboard.press(key)
    assert (pixels(page) == CMP[3]).all(axis=-1).sum() == 2 * (1 + max(2, SIZE // 16))
    page.get_by_role("button", name="Translate").press("Enter")
    page.locator("figure img").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_without_scrolling_sideways(scheme, page_of):
    page = page_of("rgb", PHONE, scheme)
    page.get_by_role("button", name="Example 1").click()
    page.get_by_alt_text("What it should have made").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    colours = page.evaluate(
        "[document.querySelector('h1'), document.body].map((node, at) =>"
        " getComputedStyle(node)[at ? 'backgroundColor' : 'color'])"
    )
    text, ground = (np.mean([int(part) for part in c[4:-1].split(",")]) for c in colours)
    assert (text > 200 and ground < 55) if scheme == "dark" else (text < 55 and ground > 200)
    assert page.locator("img:not([alt]), img[alt='']").count() == 0


def test_it_is_small_and_says_nothing_of_the_run(exported, runs):
    folder = exported("rgb")
    texts = [path for path in folder.rglob("*") if path.suffix in (".html", ".json", ".css", ".js")]
    assert all(str(runs("rgb")) not in path.read_text() for path in texts)
    assert not (folder / "tfpix2pix.json").exists()
    # All but the network.
    rest = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert rest - sum(path.stat().st_size for path in folder.glob("model.onnx*")) < 4e6
    assert len(list(folder.glob("model.onnx.*"))) > 1
    # Many hosts have no type for .mjs.
    assert not list(folder.rglob("*.mjs"))
