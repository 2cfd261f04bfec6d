"""The commands that README and the first pages show, run from top to bottom on tiny pairs.

What the reader is to have is put there first: pairs, a photo, and a run where a page begins so.
"""

import shutil

import pytest

from tests.shown import ROOT, blocks, own_commands
from tfpix2pix.cli import main as cli

SIZES = ["--load-size", "36", "--crop-size", "32", "--base-filters", "2", "--n-layers", "1"]
PAGES = ["README.md", "docs/start.md", "docs/training.md", "docs/data.md"]
PUBLISHED = "tfds:pix2pix/facades"  # is a download
SERVES = "demo"  # until it is stopped; its own tests open it in a browser


def made_tiny(words):
    """A command that is shown, in a size for tests."""
    words = ["PATH" if word == PUBLISHED else word for word in words]
    command, *given = ["train", *words[1:]] if words[0] == "tfpix2pix-train" else words[1:]
    if "--resume" in given and "--steps" in given:
        given[given.index("--steps") + 1] = "3"
    elif command == "train" and "--resume" not in given:
        given += [*SIZES, "--steps", "2"]
        given += [] if {"--data", "--config"} & set(given) else ["--data", "PATH"]
    return [command, *given]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory, module_pairs_folder):
    """A run for pages that begin with one."""
    folder = tmp_path_factory.mktemp("runs") / "RUN"
    words = ["tfpix2pix-train", "--data", str(module_pairs_folder), "--run-dir", str(folder)]
    assert cli.main(made_tiny(words)) == 0
    return folder


@pytest.fixture
def desk(module_pairs_folder, tmp_path, monkeypatch):
    """A folder to work in, with what every page takes to be there."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(module_pairs_folder, "PATH")
    shutil.copytree(module_pairs_folder / "val", "folder")
    shutil.copy(module_pairs_folder / "val" / "6.png", "photo.png")
    (text,) = [b.text for b in blocks(ROOT / "docs" / "training.md") if b.language == "yaml"]
    (tmp_path / "my.yaml").write_text(text)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_run(page, desk, request, capsys):
    for words in own_commands(ROOT / page):
        command, *given = made_tiny(words)
        if command == SERVES:
            continue
        if command != "train" and given[0] == "RUN" and not (desk / "RUN").exists():
            shutil.copytree(request.getfixturevalue("run_dir"), desk / "RUN")
        status = cli.main([command, *given])
        assert status == 0, f"{command} {' '.join(given)}: {capsys.readouterr().err}"
