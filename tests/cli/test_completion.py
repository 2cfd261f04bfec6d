"""Shells complete commands, flags, presets, words and files, as they do at a prompt."""

import shutil
import subprocess

import pytest

from tfpix2pix.cli import main as cli
from tfpix2pix.cli.completion import SHELLS

# What bash does when TAB is pressed behind the last of the words.
BASH = r"""
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
"$(complete -p "$1" | sed 's/.*-F \([^ ]*\) .*/\1/')"
printf '%s\n' "${COMPREPLY[@]}"
"""
FISH = 'source $argv[1]; complete -C "$argv[2..]"'
COMPLETED = [
    ("tfpix2pix pre", {"predict", "prepare", "presets"}),
    ("tfpix2pix train --base-f", {"--base-filters"}),
    ("tfpix2pix train --preset fac", {"facades"}),
    ("tfpix2pix presets tor", {"torch"}),
    ("tfpix2pix train --generator resnet_", {"resnet_6", "resnet_9"}),
    ("tfpix2pix predict run --checkpoint b", {"best"}),
    ("tfpix2pix export run --format onn", {"onnx"}),
    ("tfpix2pix predict ru", {"runs"}),
    ("tfpix2pix-train --n-lay", {"--n-layers"}),
    ("tfpix2pix-train --preset fac", {"facades"}),
    ("tfpix2pix-train --config m", {"mine.yaml"}),
]


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    """One file for each shell, with the scripts of both commands."""
    return {shell: write_scripts(tmp_path_factory.mktemp(shell), shell) for shell in SHELLS}


def write_scripts(folder, shell):
    path = folder / "script"
    with path.open("w") as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", file)
        for main in (cli.main, cli.train_main):
            assert main(["--print-completion", shell]) == 0
    return path


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runaway.txt").touch()
    (tmp_path / "mine.yaml").touch()


def ask(shell, *arguments):
    # bash is everywhere; without it these tests fail.
    if shell != "bash" and shutil.which(shell) is None:
        pytest.skip(f"needs {shell}: apt-get install {shell}")
    done = subprocess.run([shell, *arguments], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize(("line", "answers"), COMPLETED)
def test_bash_completes(line, answers, scripts):
    shown = ask("bash", "--norc", "-c", BASH, "bash", str(scripts["bash"]), *line.split(" "))
    assert set(shown.split()) == answers


@pytest.mark.parametrize(("line", "answers"), COMPLETED)
def test_fish_completes(line, answers, scripts):
    shown = ask("fish", "--no-config", "-c", FISH, str(scripts["fish"]), line)
    # Behind each word, its description; folders end in a slash.
    assert {answer.split("\t")[0].rstrip("/") for answer in shown.splitlines()} == answers


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_can_read_its_script(shell, scripts):
    ask(shell, "-n", str(scripts[shell]))


def test_every_setting_and_command_is_in_every_script(scripts):
    for path in scripts.values():
        script = path.read_text()
        assert all(command in script for command in cli.COMMANDS)
        assert "steps-per-execution" in script


def test_another_shell_is_refused(capsys):
    assert cli.main(["--print-completion", "csh"]) == 2
    assert "choose from" in capsys.readouterr().err
