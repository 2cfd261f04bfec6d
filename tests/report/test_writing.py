"""What is written for a page: text that cannot break out, pictures, and all files or none."""

import base64
import html.parser
import io
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.conftest import complement, draw_shapes
from tests.report.drawn import NASTY, figures_of, make_document, write_drawn_report
from tfpix2pix.errors import UserError
from tfpix2pix.report.reading import from_json
from tfpix2pix.report.writing import writing_report


class Scripts(html.parser.HTMLParser):
    """The script elements of a page, as a browser would part them."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.inside = tag == "script"
        if self.inside:
            self.found.append([dict(attributes), ""])

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if getattr(self, "inside", False):
            self.found[-1][1] += data


def decoded(uri):
    kind, data = uri.split(",")
    assert kind == "data:image/webp;base64"
    return np.array(Image.open(io.BytesIO(base64.b64decode(data)))).astype(int)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    names = [f"{index}{NASTY}" for index in range(12)]
    write_drawn_report(folder, 12, runs=2, names=names, title=NASTY)
    return folder


def test_all_files_are_there(folder):
    assert sorted(path.name for path in folder.iterdir()) == [
        "curves.png", "curves.svg", "distributions.png", "distributions.svg",
        "evaluation.html", "evaluation.json", "examples.png", "examples.svg", "figures.csv",
    ]  # fmt: skip


def test_no_text_ends_the_element_it_stands_in(folder):
    page = (folder / "evaluation.html").read_text()
    assert NASTY not in page
    scripts = Scripts(page).found
    ids = [attributes.get("id") for attributes, _ in scripts]
    assert ids == ["document", None, *(f"pictures-{index}" for index in range(12))]
    document = from_json(scripts[0][1])
    assert document == from_json((folder / "evaluation.json").read_bytes())
    assert document.title == NASTY
    assert document.images[3].name == f"3{NASTY}"
    assert document.images[3].figures == (figures_of(3, 12), figures_of(4, 12))


def test_a_page_names_nothing_outside_itself(folder):
    page = (folder / "evaluation.html").read_text()
    assert "default-src 'none'; img-src data:;" in page
    addresses = page.split("://")
    assert [before[-20:] for before in addresses[:-1] if not before.endswith("http")] == []
    # The one address is a name: SVG's.
    assert {after.split('"')[0] for after in addresses[1:]} == {"www.w3.org/2000/svg"}


def test_pictures_are_those_that_were_given(folder):
    scripts = {
        a.get("id"): text for a, text in Scripts((folder / "evaluation.html").read_text()).found
    }
    given, target, noisy, shifted = map(decoded, json.loads(scripts["pictures-5"]))
    shapes = draw_shapes(5).astype(int)
    expected = complement(shapes)
    assert abs(given - shapes).mean() < 6
    assert abs(target - expected).mean() < 6
    assert abs(shifted - np.roll(expected, 6, 1)).mean() < 6
    assert 6 < abs(noisy - expected).mean() < 20


def test_figures_are_drawn_of_texts_with_dollars_and_brackets(folder):
    for name in ("curves", "distributions", "examples"):
        assert Image.open(folder / f"{name}.png").size[0] > 500
        assert b"<svg" in (folder / f"{name}.svg").read_bytes()


def test_large_pictures_become_thumbnails_gray_ones_too(tmp_path):
    large = np.full((300, 600, 1), 90, np.uint8)
    with writing_report(tmp_path, longest=100) as report:
        report.add("a", large, large, [large], [{"ssim": 1}])
        document = report.finish(make_document())
    assert (document.images[0].height, document.images[0].width) == (300, 600)
    scripts = Scripts((tmp_path / "evaluation.html").read_text()).found
    (thumbnail, *_) = json.loads(scripts[-1][1])
    assert decoded(thumbnail).shape == (50, 100, 3)
    assert abs(decoded(thumbnail) - 90).max() < 3


TINY = np.zeros((8, 8, 3), np.uint8)


@pytest.mark.parametrize(
    ("added", "error", "message"),
    [
        ([("a", [TINY], [{}]), ("a", [TINY], [{}])], ValueError, "two images are called a"),
        ([("a", [TINY / 255], [{}])], ValueError, r"expected uint8 .*, got float64 \[8, 8, 3\]"),
        ([("a", [TINY], [{}, {}])], ValueError, "a has 1 generated images and 2 sets of figures"),
        ([("a", [TINY], [{}])], RuntimeError, "finish was not called"),
    ],
)
def test_nothing_is_written_where_something_goes_wrong(tmp_path, added, error, message):
    (tmp_path / "evaluation.html").write_text("older")
    with pytest.raises(error, match=message):
        add_and_stop(tmp_path, added)
    assert [path.name for path in tmp_path.iterdir()] == ["evaluation.html"]
    assert (tmp_path / "evaluation.html").read_text() == "older"


def add_and_stop(folder, added):
    with writing_report(folder) as report:
        for name, generated, figures in added:
            report.add(name, TINY, TINY, generated, figures)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot write .*file"):
        add_and_stop(tmp_path / "file", [])


def test_no_images_and_no_curves_need_no_figures(tmp_path):
    with writing_report(tmp_path) as report:
        run = {"name": "a", "folder": "runs/a", "step": 1}
        report.finish(make_document(runs=[run]))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "evaluation.html",
        "evaluation.json",
        "figures.csv",
    ]


def test_reports_need_no_tensorflow():
    code = "import sys, tfpix2pix.report.writing as w; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
