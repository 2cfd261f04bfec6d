"""The site that `make docs` makes of these pages.

Its source folder is the repository's root, so that links between all of its documents work on
GitHub and on the site.
"""

import importlib.metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]

# Pages by group; `Title <page>` where its own title does not do. A page that is named nowhere comes
# last, under "More".
NAVIGATION = {
    "Start": ["docs/data", "docs/training"],
    "Use a trained run": [
        "docs/evaluation",
        "docs/large_images",
        "docs/serving",
        "docs/formats",
        "deploy/tensorflow-serving/README",
        "deploy/beam/README",
    ],
    "Coming from elsewhere": ["docs/choices", "docs/weights"],
    "Recipes and results": ["docs/options", "docs/ablations", "docs/results", "docs/speed"],
    "Reference": ["docs/errors", "CONTRIBUTING", "CHANGELOG"],
    "Measured in full": [
        "Training and answering <docs/benchmarks/results>",
        "Pipeline <docs/benchmarks/pipeline>",
        "Many pairs <docs/benchmarks/large>",
        "Formats <docs/benchmarks/formats>",
    ],
}
FOLDERS = ("docs", "deploy")

project = "tfpix2pix"
release = importlib.metadata.version("tfpix2pix")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "README"
include_patterns = ["*.md", *(f"{folder}/**/*.md" for folder in FOLDERS), "docs/*.md"]
exclude_patterns = [
    path.name for path in ROOT.iterdir() if path.is_dir() and path.name not in FOLDERS
]

myst_heading_anchors = 4
default_role = "code"
highlight_language = "text"

html_theme = "furo"
html_title = "tfpix2pix"
html_copy_source = False
html_show_copyright = False


def navigation(found):
    """The groups of pages with their captions, each page once."""
    entries = [entry for entries in NAVIGATION.values() for entry in entries]
    named = {entry.split("<")[-1].removesuffix(">") for entry in entries}
    rest = sorted(set(found) - named - {root_doc})
    return {**NAVIGATION, "More": rest} if rest else NAVIGATION


def add_navigation(app, docname, source):
    """Gives the first page the tables of contents, which GitHub would show as blocks of code."""
    if docname == root_doc:
        groups = navigation(app.env.found_docs)
        source[0] += "".join(
            "\n```{toctree}\n:hidden:\n:caption: " + caption + "\n\n" + "\n".join(pages) + "\n```\n"
            for caption, pages in groups.items()
        )


def name_first_page(app, failure):
    """Gives the first page the name that browsers and servers look for."""
    if failure is None and app.builder.name == "html":
        first = Path(app.outdir, f"{root_doc}.html")
        first.with_name("index.html").write_text(
            first.read_text(encoding="utf-8"), encoding="utf-8"
        )


def setup(app):
    """Called by Sphinx."""
    app.connect("source-read", add_navigation)
    app.connect("build-finished", name_first_page)
