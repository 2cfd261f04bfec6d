"""Files and folders appear whole or not at all, also when the disk is full."""

import errno
import io
import os
import stat
from pathlib import Path

import pytest

from tfpix2pix.errors import UserError
from tfpix2pix.files import (
    files_written_together,
    folder_written_atomically,
    write_atomically,
)


class FullDisk(io.FileIO):
    """A file that takes a byte, and no more."""

    def write(self, data):
        super().write(data[:1])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def refuse(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture(params=["while writing", "while renaming"])
def full_disk(request, monkeypatch):
    if request.param == "while writing":
        monkeypatch.setattr(os, "fdopen", FullDisk)
    else:
        monkeypatch.setattr(Path, "replace", refuse)


@pytest.fixture(params=[0o022, 0o027, 0o002])
def umask(request):
    old = os.umask(request.param)
    yield request.param
    os.umask(old)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


# Files


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"\x00\xff\r\n", b"\x00\xff\r\n"), ("é\n", b"\xc3\xa9\n"), ("", b""), (b"", b"")],
)
def test_content_is_written_as_given(tmp_path, content, expected):
    write_atomically(tmp_path / "file", content)
    assert (tmp_path / "file").read_bytes() == expected
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_folders_are_made(tmp_path):
    write_atomically(tmp_path / "a" / "b" / "file", "text")
    assert (tmp_path / "a" / "b" / "file").read_text() == "text"


def test_relative_paths_are_taken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_atomically(Path("file"), "text")
    assert (tmp_path / "file").read_text() == "text"


def test_an_older_file_is_replaced_not_overwritten(tmp_path):
    path = tmp_path / "file"
    path.write_text("an older and longer text")
    with path.open() as reader:
        write_atomically(path, "new")
        assert reader.read() == "an older and longer text"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_file_mode_honours_the_umask(tmp_path, umask):
    write_atomically(tmp_path / "file", "text")
    assert mode(tmp_path / "file") == 0o666 & ~umask


@pytest.mark.usefixtures("full_disk")
def test_full_disk_leaves_the_older_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(
        UserError, match=f"cannot write {path}: No space left on device. .*make room"
    ):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "file", "new")
    assert list(tmp_path.iterdir()) == []


# The tests may run as root, whom permissions do not stop; but no one writes below a file.


def test_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "below"
    with pytest.raises(UserError, match=f"cannot write {path}: .*Choose a folder"):
        write_atomically(path, "text")
    with pytest.raises(UserError, match=f"cannot write {path}: "), folder_written_atomically(path):
        pytest.fail("the block must not run")
    assert (tmp_path / "file").read_bytes() == b""


# Folders


def test_folder_appears_only_at_the_end(tmp_path):
    path = tmp_path / "a" / "folder"
    with folder_written_atomically(path) as temporary:
        (temporary / "inner").mkdir()
        (temporary / "inner" / "file").write_text("text")
        assert temporary.parent == path.parent
        assert not path.exists()
    assert (path / "inner" / "file").read_text() == "text"
    assert list(path.parent.iterdir()) == [path]


def test_folder_mode_honours_the_umask(tmp_path, umask):
    with folder_written_atomically(tmp_path / "folder"):
        pass
    assert mode(tmp_path / "folder") == 0o777 & ~umask


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_failed_block_leaves_nothing(tmp_path, error):
    def fill(folder):
        (folder / "file").write_text("text")
        raise error("stop")

    with pytest.raises(error, match="stop"), folder_written_atomically(tmp_path / "f") as temporary:
        fill(temporary)
    assert list(tmp_path.iterdir()) == []


def test_full_disk_at_the_rename_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "rename", refuse)
    path = tmp_path / "folder"
    with (
        pytest.raises(UserError, match=f"cannot write {path}: No space left on device"),
        folder_written_atomically(path) as temporary,
    ):
        (temporary / "file").write_text("text")
    assert list(tmp_path.iterdir()) == []


def test_folder_with_content_is_not_replaced(tmp_path):
    path = tmp_path / "folder"
    write_atomically(path / "file", "old")
    with (
        pytest.raises(UserError, match=f"cannot write {path}: "),
        folder_written_atomically(path) as temporary,
    ):
        (temporary / "file").write_text("new")
    assert (path / "file").read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_files_of_one_block_appear_together_beside_others(tmp_path):
    folder = tmp_path / "deep" / "folder"
    folder.mkdir(parents=True)
    (folder / "old").write_text("kept")
    (folder / "a").write_text("older")
    with files_written_together(folder) as temporary:
        (temporary / "a").write_text("new")
        (temporary / "b").write_text("new")
        assert (folder / "a").read_text() == "older"
        assert not (folder / "b").exists()
    found = {path.name: path.read_text() for path in folder.iterdir()}
    assert found == {"old": "kept", "a": "new", "b": "new"}


def write_together(folder, names, error=None):
    with files_written_together(folder) as temporary:
        for name in names:
            (temporary / name).write_text("new")
        if error:
            raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failed_block_leaves_none_of_its_files(tmp_path, error):
    with pytest.raises(error):
        write_together(tmp_path / "folder", "ab", error)
    assert list((tmp_path / "folder").iterdir()) == []


def test_where_one_file_cannot_be_moved_none_is_and_older_ones_stay(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "a").write_text("older")
    with pytest.raises(UserError, match="cannot write"):
        write_together(tmp_path, "abc")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    assert (tmp_path / "a").read_text() == "older"
