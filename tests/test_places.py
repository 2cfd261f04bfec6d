"""Names mean paths of this machine or addresses, and addresses act as paths do."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from tfpix2pix.cli.main import main, train_main
from tfpix2pix.errors import SettingsError, UserError
from tfpix2pix.files import (
    check_writable,
    files_written_together,
    folder_written_atomically,
    write_atomically,
)
from tfpix2pix.places import RemotePath, as_place, is_remote, local_place
from tfpix2pix.places.trees import copy_tree, on_this_machine, remove_tree


@pytest.fixture
def folder(request):
    """One of its own for each test: what is in memory outlives them."""
    return as_place(f"ram://places/{request.node.name}")


@pytest.mark.parametrize("name", ["runs/a", "~/runs", "C:/runs", "gs:x", "a b", "tfds:x/y"])
def test_paths_stay_paths(name):
    assert as_place(name) == Path(name)
    assert not is_remote(name)


def test_file_addresses_are_paths_of_this_machine():
    assert as_place("file:///data/a%20b") == Path("/data/a b")


@pytest.mark.parametrize("name", ["gs://bucket/runs/a", "ram://bucket/runs/a"])
def test_addresses_keep_their_slashes(name):
    place = as_place(name)
    assert isinstance(place, RemotePath)
    assert str(place) == os.fspath(place) == f"{place}" == name
    assert str(place / "config.yaml") == f"{name}/config.yaml"
    assert str(place.parent) == name.removesuffix("/a")
    assert str(place.with_name("b")) == name.removesuffix("a") + "b"
    assert (place / "x" / "y").relative_to(place).as_posix() == "x/y"
    assert place.resolve() == place.absolute() == place.expanduser() == place
    assert pickle.loads(pickle.dumps(place)) == place
    assert len({place, as_place(name)}) == 1


def test_what_pathlib_made_of_an_address_is_mended():
    assert str(as_place(Path("gs://bucket/a"))) == "gs://bucket/a"
    assert str(as_place(Path(as_place("gs://bucket/a")))) == "gs://bucket/a"


@pytest.mark.parametrize("name", ["s3://bucket/a", "https://host/a", "hdfs://host/a"])
def test_other_stores_are_refused_in_one_line(name):
    with pytest.raises(SettingsError, match="expected a path of this machine, or gs://") as error:
        as_place(name)
    assert "\n" not in str(error.value)
    assert name in str(error.value)


def test_what_needs_a_disk_refuses_addresses():
    assert local_place("weights.h5") == Path("weights.h5")
    with pytest.raises(SettingsError, match=r"gs://bucket/weights\.h5 is not on this machine"):
        local_place("gs://bucket/weights.h5")


@pytest.mark.parametrize(
    "command",
    [
        ["train", "--data", "s3://bucket/pairs", "--run-dir", "runs/a"],
        ["train", "--run-dir", "s3://bucket/runs/a"],
        ["predict", "s3://bucket/runs/a", "x.png", "--output", "out"],
        ["predict", "run", "s3://bucket/x.png", "--output", "out"],
        ["predict", "run", "x.png", "--output", "s3://bucket/out"],
        ["evaluate", "s3://bucket/runs/a"],
        ["export", "run", "--output", "s3://bucket/out"],
        ["import", "gs://bucket/latest_net_G.pth", "--output", "run"],
        ["ablate", "gs://bucket/set.yaml", "--output", "out"],
        ["prepare", "pairs", "gs://bucket/store"],
        ["prepare", "--check", "s3://bucket/pairs"],
        ["demo", "gs://bucket/runs/a"],
    ],
    ids=" ".join,
)
def test_no_command_takes_an_address_for_a_folder(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(command) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "there is no storage at s3://" in line or "is not on this machine" in line
    assert list(tmp_path.iterdir()) == []


def test_little_is_read_ahead_unless_something_else_was_asked_for(monkeypatch):
    monkeypatch.delenv("GCS_READAHEAD_BUFFER_SIZE_BYTES", raising=False)
    as_place("gs://bucket/a")
    assert os.environ["GCS_READAHEAD_BUFFER_SIZE_BYTES"] == str(4 * 2**20)
    monkeypatch.setenv("GCS_READAHEAD_BUFFER_SIZE_BYTES", "1")
    as_place("gs://bucket/a")
    assert os.environ["GCS_READAHEAD_BUFFER_SIZE_BYTES"] == "1"


def test_it_is_said_before_tensorflow_is_imported(tmp_path):
    code = (
        "import sys; from tfpix2pix.cli.main import train_main as train; "
        "status = train(['--data', 's3://bucket/pairs']); "
        "sys.exit(status if 'tensorflow' not in sys.modules else 'TensorFlow was imported')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True)
    assert done.returncode == 2, done.stderr


def test_files_are_written_read_listed_and_removed(folder):
    file = folder / "inner" / "a.txt"
    assert not file.exists()
    write_atomically(file, "grün\n")
    assert file.read_text() == "grün\n"
    assert (file.is_file(), file.is_dir(), folder.is_dir(), folder.is_file()) == (
        *(True, False),
        *(True, False),
    )
    assert file.stat().st_size == len("grün\n".encode())
    assert list(folder.iterdir()) == [folder / "inner"]
    assert list((folder / "inner").glob("*.txt")) == [file]
    assert list((folder / "inner").glob("*.png")) == []
    assert list((folder / "nowhere").glob("*")) == []
    write_atomically(file, "b")
    assert file.read_bytes() == b"b"
    file.unlink()
    file.unlink(missing_ok=True)
    assert not file.exists()


def test_a_file_is_appended_to_by_writing_it_anew(folder):
    file = folder / "metrics.csv"
    for line in ("a,b\n", "1,ä\n"):
        with file.open("a") as opened:
            assert opened.tell() == (0 if line == "a,b\n" else 4)
            opened.write(line)
    assert file.read_text() == "a,b\n1,ä\n"
    with file.open(newline="") as opened:
        assert list(opened) == ["a,b\n", "1,ä\n"]
    with file.open("rb") as opened:
        assert opened.seek(0, os.SEEK_END) == 9
        opened.seek(4)
        assert opened.read(1) == b"1"
        assert opened.tell() == 5


@pytest.mark.parametrize("mode", ["w", "wb"])
def test_a_file_whose_writing_fails_is_not_there(folder, mode):
    def write() -> None:
        with (folder / mode).open(mode) as opened:
            opened.write("half" if mode == "w" else b"half")
            raise KeyError

    with pytest.raises(KeyError):
        write()
    assert not (folder / mode).exists()


def test_what_is_not_there_is_an_oserror_that_names_it(folder):
    for read in (folder.read_bytes, folder.stat, lambda: list(folder.iterdir()), folder.open):
        with pytest.raises(FileNotFoundError) as error:
            read()
        assert error.value.filename == str(folder)
        assert error.value.strerror
    with pytest.raises(FileNotFoundError):
        folder.unlink()


def test_a_folder_is_copied_and_removed_with_its_index_last(folder, monkeypatch, tmp_path):
    names = ["checkpoint", "a.index", "a.data", "inner/b", "z.txt"]
    for name in names:
        write_atomically(tmp_path / name, name)
    written, removed = [], []
    write, unlink = RemotePath.write_bytes, RemotePath.unlink
    monkeypatch.setattr(
        RemotePath, "write_bytes", lambda p, d: written.append(p.name) or write(p, d)
    )
    monkeypatch.setattr(
        RemotePath, "unlink", lambda p, **k: removed.append(p.name) or unlink(p, **k)
    )
    copy_tree(tmp_path, folder)
    assert written == ["b", "a.data", "z.txt", "a.index", "checkpoint"]
    with on_this_machine(folder) as copy:
        assert {p.relative_to(copy).as_posix() for p in copy.rglob("*") if p.is_file()} == {*names}
    assert not copy.exists()
    removed.clear()
    remove_tree(folder)
    assert removed == ["a.index"]
    assert not folder.exists()


@pytest.mark.parametrize("write", [folder_written_atomically, files_written_together])
def test_a_folder_appears_when_the_block_ends_well(folder, write):
    def fail() -> None:
        with write(folder / "out") as temporary:
            (temporary / "a").write_text("a")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert not (folder / "out").exists()
    with write(folder / "out") as temporary:
        (temporary / "a").write_text("a")
    assert (folder / "out" / "a").read_text() == "a"


def test_what_cannot_be_written_is_said(folder, monkeypatch):
    def refuse(path, _):
        raise PermissionError(13, "no right to do so", str(path))

    check_writable(folder)
    assert list(folder.iterdir()) == []
    monkeypatch.setattr(RemotePath, "write_bytes", refuse)
    for write in (lambda: check_writable(folder), lambda: write_atomically(folder / "a", "a")):
        with pytest.raises(UserError, match=f"cannot write {folder}.*: no right to do so"):
            write()


def test_a_run_that_may_not_be_looked_at_is_said(folder, monkeypatch, capsys):
    def refuse(path, **_):
        raise PermissionError(13, "no right to do so", str(path))

    monkeypatch.setattr(RemotePath, "exists", refuse)
    assert train_main(["--run-dir", str(folder), "--resume"]) == 1
    assert capsys.readouterr().err.endswith(f"cannot read {folder}: no right to do so\n")


def test_an_exported_file_comes_with_what_belongs_to_it(folder):
    for name in ("model.onnx", "model.onnx.data", "tfpix2pix.json", "other.onnx", "more/model.x"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    with on_this_machine(folder / "model.onnx") as copy:
        found = {path.name: path.read_bytes() for path in copy.parent.iterdir()}
    assert found == {
        name: name.encode() for name in ("model.onnx", "model.onnx.data", "tfpix2pix.json")
    }


def test_a_run_folder_elsewhere_must_be_one(folder, capsys):
    assert train_main(["--run-dir", str(folder), "--resume"]) == 1
    assert f"{folder} is not a run folder" in capsys.readouterr().err
