"""Each row of docs/errors.md, run as it stands."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.cli.bad_inputs import make_place
from tfpix2pix.cli import main as cli
from tfpix2pix.export.savedmodel import export_savedmodel

PAGE = (Path(__file__).parents[2] / "docs" / "errors.md").read_text()
CELLS = re.compile(r"^\| `(.+?)` \|(?: (\d) \|)? `(.+)` \|$", re.MULTILINE)


def rows(heading):
    """(what is done, the status or "", what is said) of the table below a heading."""
    return CELLS.findall(PAGE.split(f"## {heading}\n")[1].split("\n## ")[0])


FILES = rows("Files given to `predict`")
COMMANDS = rows("Commands")
REQUESTS = rows("Requests to an exported model")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("place")
    make_place(folder)
    return folder


@pytest.fixture
def here(place, monkeypatch):
    monkeypatch.chdir(place)
    return place


def test_no_row_is_overlooked():
    lines = [line for line in PAGE.splitlines() if re.match(r"\| `.*` \|$", line)]
    assert len(FILES) + len(COMMANDS) + len(REQUESTS) == len(lines)


def is_said(message, line):
    """`...` stands for any words."""
    return line.startswith(message[:-3]) if message.endswith("...") else line == message


@pytest.mark.parametrize(("file", "status", "message"), FILES)
def test_a_file_that_cannot_be_answered_is_named(file, status, message, here, tmp_path, capsys):
    output = str(tmp_path / "out")
    assert cli.main(["predict", "run", file, "photo.png", "--output", output]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert not status
    assert is_said(message, lines[0])
    assert lines[-1] == f"1 written to {output}, 1 failed"


@pytest.mark.parametrize(("command", "status", "message"), COMMANDS)
def test_a_wrong_command_says_one_line_and_writes_nothing(command, status, message, here, capsys):
    before = sorted(here.rglob("*"))
    assert cli.main(shlex.split(command)[1:]) == int(status)
    (line,) = capsys.readouterr().err.splitlines()
    assert is_said(message, line)
    assert sorted(here.rglob("*")) == before


@pytest.fixture(scope="module")
def signatures(place, tmp_path_factory):
    version = export_savedmodel(place / "run", tmp_path_factory.mktemp("exports")).path
    return tf.saved_model.load(str(version)).signatures


@pytest.mark.parametrize(("request_", "status", "message"), REQUESTS)
def test_a_bad_request_is_told_why(request_, status, message, here, signatures):
    assert not status
    name, file = request_.split()
    if name == "serving_default":
        inputs = {"image_bytes": tf.constant([Path(file).read_bytes()])}
    else:
        inputs = {"input_image": tf.constant(np.load(file)[np.newaxis])}
    with pytest.raises(tf.errors.InvalidArgumentError) as refused:
        signatures[name](**inputs)
    assert message in str(refused.value)
