"""`make docs` makes the site without a warning: no broken link, no page or docstring misread."""

import os
import re
import shlex
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytest.importorskip("sphinx", reason="needs pip install 'tfpix2pix[docs]'")
ROOT = Path(__file__).parents[2]


class Addresses(HTMLParser):
    """What a page points to, what a browser would fetch for it, and the places it has."""

    def __init__(self, text):
        super().__init__()
        self.linked, self.fetched, self.places = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.places.add(given.get("id"))
        if tag == "a" and "href" in given:
            self.linked.append(given["href"])
        self.fetched += [given[name] for name in ("src", "data") if name in given]
        if tag == "link":
            self.fetched.append(given["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site as `make docs` makes it, elsewhere."""
    (line,) = re.findall(
        r"^\t\$\(BIN\)/python (-m sphinx .*)$", (ROOT / "Makefile").read_text(), re.M
    )
    folder = tmp_path_factory.mktemp("site")
    line = line.replace("build/doctrees", str(folder / "doctrees"))
    line = line.replace("build/site", str(folder / "site"))
    done = subprocess.run(
        [sys.executable, *shlex.split(line)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder / "site"


@pytest.fixture(scope="module")
def pages(site):
    return {path: Addresses(path.read_text()) for path in site.rglob("*.html")}


@pytest.mark.slow
def test_every_document_is_a_page_that_the_first_one_lists(site, pages):
    sources = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md")]
    made = {str(path.relative_to(ROOT).with_suffix(".html")) for path in sources}
    assert made <= {str(path.relative_to(site)) for path in pages}
    assert made - {"README.html"} <= set(pages[site / "index.html"].linked)


@pytest.mark.slow
def test_all_that_pages_point_to_is_there(pages):
    for path, page in pages.items():
        for address in [*page.linked, *page.fetched]:
            parts = urlsplit(address)
            if parts.scheme in ("https", "mailto", "data"):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.exists(), f"{path}: {address}"
            if parts.fragment and target in pages and target.name not in ("genindex.html",):
                assert unquote(parts.fragment) in pages[target].places, f"{path}: {address}"


@pytest.mark.slow
def test_pages_fetch_nothing_from_the_network(site, pages):
    fetched = {address for page in pages.values() for address in page.fetched}
    assert [address for address in fetched if urlsplit(address).netloc] == []
    styles = [path.read_text() for path in site.rglob("*.css")]
    assert not re.search(r"url\(['\"]?(https?:)?//", "".join(styles))
