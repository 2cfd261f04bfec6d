"""The commands, flags and settings that documents and help show are there, and fit together.

Nothing is run: commands are parsed, their settings resolved. `tests/slow/test_shown_runs.py` runs
them.
"""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.shown import (
    DOCUMENTS,
    OWN,
    ROOT,
    blocks,
    code_words,
    commands,
    lines_in_text,
    lines_of,
    name_of,
    own_commands,
    words_of,
)
from tests.shown_runs import NOT_RUN, OTHERS_SAY, PYTHON_ELSEWHERE, TEXT_ELSEWHERE, lay_out
from tfpix2pix.ablation.recipes import load_recipes
from tfpix2pix.cli import main as cli
from tfpix2pix.cli import train
from tfpix2pix.cli.parsing import Parser, given_settings
from tfpix2pix.config.loading import SECTION_OF, read_value, resolve
from tfpix2pix.errors import SettingsError

# A setting with its value, as in a YAML file: `norm: instance`.
SETTING = re.compile(r"(\w+): ([\w.,-]+)")
# Flags of other programs than this package's commands, by document; and one that is to be wrong.
OTHERS = {
    "docs/releases.md": {"--old", "--new", "--strict"},
    "docs/errors.md": {"--chekpoint"},
    "docs/formats.md": {"--opt_out", "--suite", "--run"},
    "docs/serving.md": {"--all", "--dir", "--enable_batching"},
    "docs/scaling.md": {"--filters"},
    "docs/speed.md": {"--layers"},
    "docs/training.md": {"--logdir"},
    "docs/weights.md": {"--eval"},
    "deploy/ray/README.md": {"--cpus", "--gpus", "--retries", "--set"},
    "deploy/slurm/README.md": {"--gpus-per-task", "--ntasks-per-node", "--requeue", "--signal"},
    "deploy/tensorflow-serving/README.md": {"--profile"},
}
OWN_PAGES = [path for path in DOCUMENTS if "beam" not in path.parts]  # those are Beam's flags


def settle(arguments):
    """Stands in for a command's action: settings are looked at, nothing is done."""
    given = given_settings(arguments)
    if arguments.command == "ablate":
        load_recipes(arguments.set, given)
    elif arguments.command == "train" and not arguments.resume:
        preset = arguments.preset or (None if arguments.config else train.DEFAULT_PRESET)
        resolve(preset, arguments.config, given)
    elif arguments.command in ("train", "import", "prepare"):
        for name, value in given.items():
            read_value(name, value)
    return 0


@pytest.fixture
def settled(tmp_path, monkeypatch):
    """Calls a command up to its action, in a folder with the files that the documents name."""
    for name, command in cli.COMMANDS.items():
        monkeypatch.setattr(command, "run", settle)
        monkeypatch.setattr(command, "add_arguments", naming(name, command.add_arguments))
    lay_out(tmp_path)
    monkeypatch.chdir(tmp_path)
    return lambda words: (cli.train_main if words[0] == "tfpix2pix-train" else cli.main)(words[1:])


def naming(name, add_arguments):
    """`tfpix2pix-train` has no word for the command: it is told which."""

    def add(parser):
        add_arguments(parser)
        parser.set_defaults(command=name)

    return add


@pytest.mark.parametrize(
    ("document", "words"),
    [(name_of(document), words) for document in DOCUMENTS for words in own_commands(document)],
    ids=lambda part: " ".join(part) if isinstance(part, list) else part,
)
def test_a_command_that_is_shown_is_one(document, words, settled, capsys):
    assert settled(words) == 0, capsys.readouterr().err


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_the_examples_of_a_command_are_ones(name, settled, capsys):
    text = cli.COMMANDS[name].EXAMPLES.replace("\\\n", " ")
    lines = re.findall(r"^  (tfpix2pix\S* .*)$", text, re.MULTILINE)
    assert lines
    for line in lines:
        # What it does is said behind it.
        words = words_of(re.sub(r"(?<=\S) {2,}(?!-).*", "", line))
        assert settled(words) == 0, (words, capsys.readouterr().err)


def test_wrong_commands_are_noticed(settled):
    assert settled(["tfpix2pix", "predict", "RUN", "--output", "pictures"]) == 2
    assert settled(["tfpix2pix-train", "--data", "PATH", "--stepps", "3"]) == 2
    assert settled(["tfpix2pix-train", "--data", "PATH", "--generator", "unet_257"]) == 2
    assert settled(["tfpix2pix", "import", "x.pth", "--output", "RUN", "--norm", "wrong"]) == 2


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_what_make_is_asked_for_is_in_the_makefile(document):
    for words in commands(document):
        if words[0] == "make":
            done = subprocess.run([*words, "--dry-run"], cwd=ROOT, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr


def test_every_command_is_run_or_listed_with_the_reason_why_not():
    shown = {line for path in DOCUMENTS for block in blocks(path) for line in lines_of(block)}
    shown |= {line for path in DOCUMENTS for line in lines_in_text(path)}
    others = {line for line in shown if words_of(line)[0] not in {*OWN, *OTHERS_SAY}}
    assert others - set(NOT_RUN) == set(), "run it or say why not: tests/shown_runs.py"
    assert set(NOT_RUN) - shown == set(), "no document shows it any more: tests/shown_runs.py"


@pytest.mark.parametrize("elsewhere", [*PYTHON_ELSEWHERE.items(), *TEXT_ELSEWHERE.items()])
def test_what_another_test_runs_is_in_that_test(elsewhere):
    document, test = elsewhere
    assert Path(document).name in (ROOT / test).read_text()


def known_flags():
    flags = set()
    for command in cli.COMMANDS.values():
        parser = Parser()
        command.add_arguments(parser)
        flags |= set(parser._option_string_actions)
    return flags | {"--version", "--print-completion"}


def unknown_words(document, known):
    """Flags in a code's type that no command has; settings with values that they do not take."""
    for word in code_words(document):
        flags = re.findall(r"(?<!\S)--[\w-]+", word)
        yield from (flag for flag in flags if flag not in known)
        shown = SETTING.fullmatch(word)
        if shown and shown[1] in SECTION_OF:
            try:
                read_value(shown[1], yaml.safe_load(shown[2]))
            except SettingsError as error:
                yield f"{word}: {error}"


@pytest.mark.parametrize("document", OWN_PAGES, ids=name_of)
def test_flags_and_settings_in_the_text_are_there(document):
    others = OTHERS.get(name_of(document), set())
    if document.name == "coming_from.md":  # the left column of its tables is about other programs
        left = re.findall(r"^\|[^|]*\|", document.read_text(), re.MULTILINE)
        others = set(re.findall(r"--\w+", "".join(left)))
    assert set(unknown_words(document, known_flags())) - others == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_commands_in_the_text_are_there(document):
    named = re.findall(r"^tfpix2pix (\w[\w-]*)", "\n".join(code_words(document)), re.MULTILINE)
    assert set(named) <= set(cli.COMMANDS)


def test_an_unknown_word_is_noticed(tmp_path):
    document = tmp_path / "a.md"
    document.write_text("`--steps 3`, `--stepps 3`, `norm: instance`, `norm: wrong`, `b: c`")
    found = list(unknown_words(document, known_flags()))
    assert found[0] == "--stepps"
    assert found[1].startswith("norm: wrong: model.norm")
    assert len(found) == 2
