"""The site that `make docs` makes of these pages.

Its source folder is the repository's root, so that links between all of its documents work on
GitHub and on the site.
"""

import importlib.metadata
import os
import re
from pathlib import Path

# Of the API's reference TensorFlow is imported, and would say what it finds on this machine.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

ROOT = Path(__file__).parents[1]

# Pages by group; `Title <page>` where its own title does not do. A page that is named nowhere comes
# last, under "More".
NAVIGATION = {
    "Start": [
        "docs/start",
        "docs/notebooks",
        "docs/install",
        "docs/data",
        "docs/training",
        "docs/storage",
        "docs/troubleshooting",
        "docs/faults",
    ],
    "Use a trained run": [
        "docs/demo",
        "docs/web",
        "docs/evaluation",
        "docs/large_images",
        "docs/serving",
        "docs/formats",
        "deploy/tensorflow-serving/README",
        "deploy/beam/README",
    ],
    "Many machines": [
        "docs/many_machines",
        "deploy/kubernetes/README",
        "deploy/slurm/README",
        "deploy/ray/README",
    ],
    "Coming from elsewhere": ["docs/coming_from", "docs/choices", "docs/weights"],
    "Recipes and results": [
        "docs/options",
        "docs/ablations",
        "docs/results",
        "docs/speed",
        "docs/scaling",
    ],
    "Reference": [
        "docs/api",
        "docs/errors",
        "docs/architecture",
        "docs/releases",
        "CONTRIBUTING",
        "SECURITY",
        "CHANGELOG",
    ],
    "Measured in full": [
        "Training and answering <docs/benchmarks/results>",
        "Pipeline <docs/benchmarks/pipeline>",
        "Many pairs <docs/benchmarks/large>",
        "Formats <docs/benchmarks/formats>",
        "Memory of training <docs/benchmarks/memory>",
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
napoleon_use_ivar = True
napoleon_attr_annotations = False
autodoc_preserve_defaults = True
highlight_language = "text"
# `--` of flags is no dash.
smartquotes = False

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


def settings_of(what, obj):
    """The settings that a class of settings holds; of all else, none."""
    from tfpix2pix.config.loading import SECTIONS, all_settings

    return [info for info in all_settings() if what == "class" and SECTIONS[info.section] is obj]


def leave_out_long_signature(app, what, name, obj, options, signature, returned):
    """Settings are listed one by one instead."""
    return ("", None) if settings_of(what, obj) else None


def prepare_docstring(app, what, name, obj, options, lines):
    """Lists settings with their help, and keeps several names before one explanation together."""
    lines += ["", *(f":ivar {s.name}: {s.help} [{s.default}]" for s in settings_of(what, obj))]
    for number, line in enumerate(lines):
        several = re.match(r"( *\w+(?:, \w+)+:) ", line)
        if several:  # Sphinx takes the word before a space for a type
            names = several[1].strip().replace(" ", "")
            lines[number] = line.replace(several[1].strip(), names)


def setup(app):
    """Called by Sphinx."""
    app.connect("autodoc-process-signature", leave_out_long_signature)
    # Before napoleon, at 500.
    app.connect("autodoc-process-docstring", prepare_docstring, priority=400)
    app.connect("source-read", add_navigation)
    app.connect("build-finished", name_first_page)
