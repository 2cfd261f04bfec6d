"""Whole folders, on this machine or elsewhere: copied and removed so that none is half there."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tfpix2pix.errors import UserError
from tfpix2pix.places import RemotePath

# How names begin of what is not complete yet.
PARTIAL = ".partial-"
# Bytes of a file that are read at a time.
PIECE = 1 << 22


def copy_tree(source: Path, target: Path, skip: str | None = None) -> None:
    """Copies the files of a folder and its subfolders; either may be an address.

    Files that say that others are whole come last: a checkpoint's index and its state file, and
    saved_model.pb.

    Args:
        source: the folder.
        target: the folder that they are to be in; made if need be.
        skip: a subfolder that is left out.

    Raises:
        OSError: something cannot be read or written.
    """
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.iterdir(), key=_comes_late):
        if not path.is_dir():
            with path.open("rb") as content, (target / path.name).open("wb") as copy:
                shutil.copyfileobj(content, copy, PIECE)
        elif path.name != skip:
            copy_tree(path, target / path.name)


def _comes_late(path: Path) -> tuple[int, str]:
    last = {".index": 2, ".pb": 2}.get(path.suffix, 1)
    return (3 if path.name == "checkpoint" else last if not path.is_dir() else 0), path.name


def remove_tree(folder: Path) -> None:
    """Removes a folder that appeared whole, so that no half of it is taken for the whole.

    Raises:
        OSError: it cannot be removed.
    """
    if isinstance(folder, RemotePath):
        for path in folder.glob("*.index"):
            path.unlink()
        folder.rmtree()
        return
    hidden = folder.with_name(f"{PARTIAL}{folder.name}")
    folder.rename(hidden)
    shutil.rmtree(hidden)


@contextlib.contextmanager
def on_this_machine(path: Path) -> Iterator[Path]:
    """A file or folder as it is or, if it is an address, a copy that is gone after the block.

    Raises:
        UserError: it cannot be read.
    """
    if not isinstance(path, RemotePath):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="tfpix2pix-copy-") as folder:
        copy = Path(folder) / path.name
        try:
            if path.is_dir():
                copy_tree(path, copy)
            else:
                for beside in path.parent.iterdir():
                    # Its weights and its description, of which it may need some.
                    is_its = beside.name.startswith(path.stem) or beside.suffix == ".json"
                    if is_its and not beside.is_dir():
                        (copy.parent / beside.name).write_bytes(beside.read_bytes())
        except OSError as error:
            raise UserError(f"cannot read {path}: {error.strerror}") from error
        yield copy
