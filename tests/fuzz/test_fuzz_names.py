"""Files of any name: found, paired, checked, answered and listed, and never more than a name."""

import csv
import io
import json
import os
import re
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.data.image_files import by_pillow
from tests.fuzz.many import examples
from tests.report.drawn import write_drawn_report
from tfpix2pix.cli import main as cli
from tfpix2pix.config import resolve
from tfpix2pix.data.checking import check_pairs
from tfpix2pix.data.contact_sheet import write_contact_sheet
from tfpix2pix.data.detect import detect_format
from tfpix2pix.data.folders import find_pairs
from tfpix2pix.data.manifest import read_manifest
from tfpix2pix.data.sources import list_pairs
from tfpix2pix.errors import UserError, one_line
from tfpix2pix.inference.jobs import find_jobs

PAIR = by_pillow(
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 32, 3), np.uint8)), "PNG"
)
NFC, NFD = (unicodedata.normalize(form, "\u00e9\u00fc") for form in ("NFC", "NFD"))
ODD = [
    *("a b", " a", "a ", "-rf", "--help", "%s%n%d", "100%", "a\nb", "a\rb", "a\tb", "\x1b[2J", "'"),
    *(
        '"',
        "`id`",
        "$(id)",
        "a;b",
        "a&b",
        "a,b",
        "a\\b",
        "*",
        "?",
        "[a]",
        "{a}",
        "~",
        "#",
        "|",
        "=",
    ),
    *("<script>alert(1)</script>".replace("/", ""), "&amp;", "</script>".replace("/", "")),
    *(NFC, NFD, "\u05d0\u05d1", "\u202egnp", "\u2028", "\U0001f600", "\udcff\udcfe", "\udc80a"),
    *("x" * 251, "\u00e9" * 125, "a.png", "a.", "..a", "nul", "CON", "b" + ".x" * 60, "\ufeff"),
]
LETTERS = st.characters(exclude_characters="/\0", exclude_categories=["Cs"])
NAMES = (
    st.text(LETTERS, min_size=1, max_size=30)
    | st.sampled_from(ODD)
    | st.binary(min_size=1, max_size=20).map(os.fsdecode)
).filter(lambda name: "/" not in name and "\0" not in name and len(os.fsencode(name)) <= 251)
TERMINAL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("names")


def fresh(place):
    folder = place / f"set-{len(list(place.iterdir()))}"
    folder.mkdir()
    return folder


def write(folder, names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / f"{name}.png").write_bytes(PAIR)


@examples(60)
@given(names=st.lists(NAMES, min_size=1, max_size=4, unique=True))
def test_pairs_of_any_names_are_found_checked_and_drawn(place, names):
    folder = fresh(place)
    write(folder / "train", names)
    hidden = [name for name in names if name.startswith(".")]
    wanted = sorted(f"{name}.png" for name in names if name not in hidden)
    settings = resolve(flags={"data": str(folder)}).data
    if not wanted:
        with pytest.raises(UserError, match="holds no pairs"):
            find_pairs(folder)
        return
    found = find_pairs(folder).splits["train"]
    assert [pair.name for pair in found] == wanted
    assert all(Path(pair.a).read_bytes() == PAIR for pair in found)
    listing = list_pairs(settings)
    pair_format = detect_format(settings, listing.splits["train"])
    report = check_pairs(settings, listing, pair_format)
    assert report.problems == ()
    assert report.looked_at == len(wanted)
    write_contact_sheet(place / "sheet.png", settings, listing, pair_format)
    assert np.array(Image.open(place / "sheet.png")).ndim == 3


@examples(100)
@given(names=st.lists(NAMES, min_size=1, max_size=4, unique=True))
def test_answers_keep_their_names_within_the_output(place, names):
    folder = fresh(place)
    write(folder, names)
    output = place / "answers"
    jobs, failures = find_jobs([folder], output)
    shown = [name for name in names if not name.startswith("._")]
    assert len(jobs) + len(failures) == len(shown) or (not shown and failures)
    targets = [job.target for job in jobs]
    assert len(set(targets)) == len(targets)
    assert {target.name for target in targets} <= {f"{name}.png" for name in shown} | {
        f"{name}.png.png" for name in shown
    }
    for target in targets:
        assert os.path.abspath(target).startswith(f"{output}{os.sep}")  # noqa: PTH100


@examples(100)
@given(names=st.lists(NAMES, min_size=1, max_size=4, unique=True), byte_order_mark=st.booleans())
def test_manifests_name_files_of_any_name(place, names, byte_order_mark):
    folder = fresh(place)
    write(folder, names)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerows([("input", "target"), *((f"{n}.png", f"./{n}.png") for n in names)])
    start = "\ufeff" if byte_order_mark else ""
    content = (start + text.getvalue()).encode("utf-8", "surrogateescape")
    (folder / "pairs.csv").write_bytes(content)
    try:
        found = read_manifest(folder / "pairs.csv")
    except UserError as error:
        assert "pairs.csv" in str(error)  # noqa: PT017 - either may be
        return
    pairs = [pair for split in found.splits.values() for pair in split]
    assert len(pairs) + len(found.problems) == len(names)
    for pair in pairs:
        assert Path(pair.a).read_bytes() == PAIR
        assert ".." not in Path(pair.name).parts
        assert not Path(pair.name).is_absolute()


@pytest.mark.slow
def test_reports_hold_names_as_texts(tmp_path):
    folder, names = tmp_path / "report", [*ODD, "</script><script>alert(1)</script>"]
    write_drawn_report(folder, count=len(names), names=[f"val/{name}.png" for name in names])
    page = (folder / "evaluation.html").read_text(encoding="utf-8")
    plain = folder / "figures.csv"
    rows = list(csv.DictReader(io.StringIO(plain.read_text(encoding="utf-8"), newline="")))
    assert len(rows) == len(names)
    told = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    assert len(told["images"]) == len(names)
    # What a name holds never begins or ends an element.
    assert page.count("<script") == page.count("</script>")
    assert "<script>alert(1)" not in page


def test_names_do_not_write_on_the_terminal(tmp_path, monkeypatch, capsys):
    """A name of several lines, of orders to a terminal or of no UTF-8 is shown in one line."""
    monkeypatch.chdir(tmp_path)  # where the contact sheet goes
    folder = tmp_path / "pairs"
    first, *names = sorted(name for name in ODD if not name.startswith("."))
    write(folder / "train", [first])
    for name in names:
        (folder / "train" / f"{name}.png").write_bytes(b"no image")
    assert cli.main(["prepare", "--check", str(folder)]) == 1
    shown = capsys.readouterr()
    assert not TERMINAL.search(shown.out + shown.err)
    assert shown.out.count("problem: ") == len(names)
    assert cli.main(["prepare", "--check", str(folder / "a\nb\x1b[2J")]) in (1, 2)
    shown = capsys.readouterr()
    assert len(shown.err.splitlines()) == 1
    assert not TERMINAL.search(shown.err)


@examples(200)
@given(text=st.text())
def test_what_is_shown_is_one_line(text):
    shown = one_line(text)
    assert len(f"{shown}.".splitlines()) == 1
    assert not TERMINAL.search(shown)
