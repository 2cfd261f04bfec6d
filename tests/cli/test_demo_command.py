"""`demo` as a user types it: what is wrong is said in a line, before anything slow."""

import importlib.util
import socket

import pytest
from pretended import pretend_checkpoints

from tests.demo.tiny_runs import LABELS, write_run
from tfpix2pix.cli import demo, demo_subjects
from tfpix2pix.cli import main as cli
from tfpix2pix.config import dump_settings, resolve
from tfpix2pix.errors import SettingsError, UserError
from tfpix2pix.export.exporting import export_network
from tfpix2pix.files import write_atomically
from tfpix2pix.training.run_folder import RunFolder


@pytest.fixture
def with_gradio(monkeypatch):
    """As if it were installed; nothing here gets so far as to import it."""
    found = importlib.util.find_spec

    def find_spec(name):
        return found("json") if name == "gradio" else found(name)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "run", dropout=0.5)


def arguments_of(*words):
    """What the command's own `run` is given."""
    parser = demo.Parser(prog="tfpix2pix demo")
    demo.add_arguments(parser)
    parser.set_defaults(parser=parser)
    return parser.parse_args(list(words))


def said(capsys):
    return capsys.readouterr().err.splitlines()


def test_without_gradio_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert cli.main(["demo", "run"]) == 1
    assert said(capsys) == ["error: tfpix2pix demo needs gradio: pip install 'tfpix2pix[demo]'"]


def test_a_busy_port_is_said_to_be_busy(with_gradio, capsys):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = str(busy.getsockname()[1])
        assert cli.main(["demo", "run", "--port", port]) == 1
    assert said(capsys) == [
        f"error: --port {port} is in use: give another, or leave it out for a free one"
    ]


@pytest.mark.parametrize("port", ["0", "65536", "-1", "web"])
def test_what_is_no_port_is_refused(port, capsys):
    assert cli.main(["demo", "run", f"--port={port}"]) == 2
    assert "expected a number from 1 to 65535" in said(capsys)[0]


def test_an_address_of_another_computer_is_refused(with_gradio, capsys):
    assert cli.main(["demo", "run", "--host", "192.0.2.1"]) == 1
    (line,) = said(capsys)
    assert line.startswith("error: --host 192.0.2.1: cannot listen there: ")


def test_it_is_for_this_computer_alone_unless_asked_otherwise():
    arguments = arguments_of("run")
    assert (arguments.host, arguments.share, arguments.open) == ("127.0.0.1", False, False)


def test_without_a_run_it_says_how_to_get_one(with_gradio, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "demo-1").mkdir(parents=True)
    assert cli.main(["demo"]) == 2
    assert said(capsys) == [
        "error: there is no trained runs/demo-N here: name a run folder or an export, or train one "
        "in minutes with tfpix2pix-train"
    ]


def test_without_an_argument_it_takes_the_last_demo_that_is_trained(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("demo-2", "demo-10", "facades-11"):
        folder = RunFolder(tmp_path / "runs" / name)
        write_atomically(folder.config, dump_settings(resolve("demo")))
        pretend_checkpoints(folder, 5)
    own = RunFolder(tmp_path / "runs" / "demo-11")
    write_atomically(own.config, dump_settings(resolve("demo", flags={"data": "my_pairs"})))
    pretend_checkpoints(own, 5)
    (tmp_path / "runs" / "demo-12").mkdir()
    assert str(demo_subjects.find_demo_run()) == "runs/demo-10"


def test_a_folder_that_is_no_run_is_named(with_gradio, tmp_path, capsys):
    assert cli.main(["demo", str(tmp_path)]) == 1
    assert "is not a run folder" in said(capsys)[0]


def test_a_run_answers_without_dropout_and_with_samples_with_it(run_dir, tmp_path):
    subject = demo_subjects.load_subject(arguments_of(str(run_dir)), tmp_path)
    assert not subject.answering.draws
    assert subject.size == (32, 32)
    assert subject.title == "tfpix2pix demo: run"
    arguments = arguments_of(str(run_dir), "--samples", "4", "--seed", "3")
    subject = demo_subjects.load_subject(arguments, tmp_path)
    assert subject.answering.draws
    assert (subject.samples, subject.seed) == (4, 3)


def test_examples_may_be_of_other_pairs(run_dir, pairs_folder, tmp_path):
    arguments = arguments_of(str(run_dir), "--data", str(pairs_folder))
    subject = demo_subjects.load_subject(arguments, tmp_path)
    assert [example.name for example in subject.examples] == ["6", "7", "8"]
    assert subject.origin == "val split"


def test_pairs_that_are_not_there_are_named_before_anything_slow(run_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(demo_subjects, "open_run", None)
    with pytest.raises(UserError, match="there is no folder gone"):
        demo_subjects.load_subject(arguments_of(str(run_dir), "--data", "gone"), tmp_path)


def test_a_run_whose_pairs_are_gone_shows_the_inputs_that_it_kept(tmp_path, pairs_folder, capsys):
    run = write_run(tmp_path / "run", data=str(pairs_folder))
    (pairs_folder / "val" / "6.png").rename(tmp_path / "6.png")
    pairs_folder.rename(tmp_path / "moved")
    (run / "samples" / "inputs").mkdir(parents=True)
    (tmp_path / "6.png").rename(run / "samples" / "inputs" / "6.png")
    subject = demo_subjects.load_subject(arguments_of(str(run)), tmp_path)
    assert [example.name for example in subject.examples] == ["6"]
    assert subject.origin == "inputs that the run kept"
    assert "no examples of the pairs that it was trained on: data: there is no" in said(capsys)[0]


def test_an_export_answers_and_takes_no_options_of_runs(tmp_path, pairs_folder):
    run = write_run(tmp_path / "run", data=str(pairs_folder), **LABELS)
    exported = export_network(run, tmp_path / "export", "keras")
    place = str(exported.path)
    subject = demo_subjects.load_subject(arguments_of(place), tmp_path)
    assert subject.answering.formats.input.palette is not None
    assert [example.name for example in subject.examples] == ["6", "7", "8"]
    assert not subject.answering.draws
    with pytest.raises(SettingsError, match="--samples needs a run"):
        demo_subjects.load_subject(arguments_of(place, "--samples", "2"), tmp_path)
