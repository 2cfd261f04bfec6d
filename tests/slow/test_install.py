"""What is published: whole, and enough to work with in an environment that has nothing else."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "tfpix2pix"
# What only extras and the tests bring.
NOT_NEEDED = {"torch", "onnx", "onnxruntime", "openvino", "scikit-image", "pytest", "mypy"}

WRITE_PAGE = """
from pathlib import Path
from tfpix2pix.report.document import Document, Metric, Run
from tfpix2pix.report.writing import writing_report

with writing_report(Path("page")) as report:
    run = Run("a", "runs/a", 1)
    report.finish(Document("title", "0.1", "today", [Metric("l1", "L1")], "l1", [run]))
"""

USER_CODE = """
import tfpix2pix

settings: tfpix2pix.Settings = tfpix2pix.resolve("facades")
tfpix2pix.resolve(1)
tfpix2pix.nothing
"""

pytestmark = pytest.mark.slow


def run(*command, status=0, **options):
    # Nothing of this checkout or of the tests' own environment may be found in its place.
    hidden = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, env=environment, **options
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The folder with an sdist, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    source = tmp_path_factory.mktemp("source")
    # Of a copy, so that nothing of an earlier build gets in, and nothing is left.
    for name in ("setup.cfg", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("CHANGELOG.md", "CITATION.cff", "SECURITY.md"):
        shutil.copy(ROOT / name, source)
    for name in ("tfpix2pix", "tests"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    run(sys.executable, "-m", "build", "--outdir", folder, source)
    return folder


@pytest.fixture(scope="module")
def wheel(published):
    (path,) = published.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def environment(tmp_path_factory, wheel):
    """The bin folder of an environment with the wheel and what it requires, and nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", folder)
    run(folder / "bin" / "pip", "install", "--quiet", "--no-compile", wheel)
    yield folder / "bin"
    # It has gigabytes, and pytest keeps the folders of three runs.
    shutil.rmtree(folder)


def test_what_is_published_can_be_uploaded(published):
    shown = run(
        sys.executable, "-m", "twine", "--no-color", "check", "--strict", *published.iterdir()
    )
    assert shown.count("PASSED") == 2


def test_the_sdist_gives_a_wheel_with_every_file_as_it_is_here(wheel):
    with zipfile.ZipFile(wheel) as file:
        found = {name: file.read(name) for name in file.namelist() if ".dist-info/" not in name}
    sources = [path for path in PACKAGE.rglob("*") if path.is_file()]
    expected = {
        str(path.relative_to(ROOT)): path.read_bytes()
        for path in sources
        if "__pycache__" not in path.parts
    }
    assert found == expected


def test_the_sdist_has_what_it_is_known_by_and_no_tests(published):
    (path,) = published.glob("*.tar.gz")
    with tarfile.open(path) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    assert {"CHANGELOG.md", "CITATION.cff", "LICENSE", "README.md", "SECURITY.md"} <= names
    assert "setup.cfg" in names
    assert [name for name in names if name.startswith("tests")] == []


def test_a_type_checker_sees_the_types_of_what_is_installed(environment, tmp_path):
    (tmp_path / "user.py").write_text(USER_CODE)
    python = environment / "python"
    options = ["--python-executable", python, "--ignore-missing-imports", "--no-error-summary"]
    shown = run(sys.executable, "-m", "mypy", *options, "user.py", cwd=tmp_path, status=1)
    assert shown.splitlines() == [
        'user.py:5: error: Argument 1 to "resolve" has incompatible type "int"; '
        'expected "str | None"  [arg-type]',
        'user.py:6: error: Module has no attribute "nothing"  [attr-defined]',
    ]


def test_an_installed_package_trains_predicts_and_exports(environment, tmp_path, pairs_folder):
    def command(*arguments):
        return run(environment / "tfpix2pix", *arguments, cwd=tmp_path)

    installed = run(environment / "pip", "list", "--format", "freeze").lower()
    assert NOT_NEEDED & {line.partition("==")[0] for line in installed.splitlines()} == set()
    assert f"tfpix2pix=={command('--version').strip()}" in installed
    assert command("doctor").endswith("all that is needed is there\n")
    assert "facades" in command("presets")
    assert "--base-filters" in command("--print-completion", "bash")
    sizes = "--load-size 18 --crop-size 16 --base-filters 2 --depth 3 --n-layers 1 --steps 2"
    trained = command("train", "--data", pairs_folder, *sizes.split())
    assert "run folder runs/demo-1" in trained
    answered = command(
        "predict", "runs/demo-1", "runs/demo-1/samples/inputs", "--output", "pictures"
    )
    assert "3 written to pictures" in answered
    run(environment / "python", "-c", WRITE_PAGE, cwd=tmp_path)
    assert "</html>" in (tmp_path / "page" / "evaluation.html").read_text()
    assert "wrote exports/1" in command("export", "runs/demo-1", "--output", "exports")
    help_of_train = run(environment / "tfpix2pix-train", "--help", cwd=tmp_path)
    assert "--print-completion" in help_of_train
