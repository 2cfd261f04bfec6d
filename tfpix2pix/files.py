"""Files that appear whole or not at all: written beside their place, then renamed into it."""

import contextlib
import errno
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import filelock

from tfpix2pix.errors import UserError
from tfpix2pix.places import RemotePath
from tfpix2pix.places.trees import PARTIAL, copy_tree


def check_new(output: Path) -> None:
    """Refuses a file or folder to be that is there.

    Raises:
        UserError: it is.
    """
    if output.exists():
        raise UserError(f"{output} is there already: choose another --output")


def write_atomically(path: Path, content: bytes | str) -> None:
    """Writes `content` (text as UTF-8) to `path`, making its folder if need be.

    Raises:
        UserError: the folder cannot be written or the disk is full; an older file stays as it was.
    """
    data = content.encode() if isinstance(content, str) else content
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(path, RemotePath):  # where files appear whole anyway
            path.write_bytes(data)
            return
        # Not by mkstemp, whose files are private: their mode could only be mended by asking for
        # the umask, which cannot be done while other threads make files too.
        temporary = path.with_name(f"{PARTIAL}{secrets.token_hex(8)}")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def folder_written_atomically(path: Path, *others: type[Exception]) -> Iterator[Path]:
    """Gives a temporary folder beside `path`, renamed to `path` when the block ends well.

    If `path` is an address, the folder is on this machine, and its files are copied: those last
    without which nobody takes the others for whole, see `copy_tree`.

    Args:
        path: the folder to be.
        others: see `writing`.

    Raises:
        UserError: the place cannot be written or the disk is full; nothing is left behind.
    """
    if isinstance(path, RemotePath):
        with writing(path, *others), tempfile.TemporaryDirectory(prefix=PARTIAL) as local:
            yield Path(local)
            copy_tree(Path(local), path)
        return
    with writing(path, *others):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=PARTIAL))
        try:
            yield temporary
            temporary.chmod(0o777 & ~_umask())
            temporary.rename(path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def files_written_together(folder: Path) -> Iterator[Path]:
    """Gives a temporary folder, whose files are moved to `folder` when the block ends well.

    If one of them cannot be moved, new ones that were moved before it are taken away again. If
    `folder` is an address, the files are copied from a temporary folder of this machine.

    Args:
        folder: where the files are to be; it may hold others, and older ones of the same names.

    Raises:
        UserError: the place cannot be written or the disk is full.
    """
    with writing(folder):
        if isinstance(folder, RemotePath):
            with tempfile.TemporaryDirectory(prefix=PARTIAL) as local:
                yield Path(local)
                copy_tree(Path(local), folder)
            return
        folder.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=folder, prefix=PARTIAL))
        new: list[Path] = []
        try:
            yield temporary
            targets = {path: folder / path.name for path in sorted(temporary.iterdir())}
            for target in targets.values():
                if target.is_dir():
                    raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
            for path, target in targets.items():
                new += [] if target.exists() else [target]
                path.replace(target)
        except BaseException:
            for path in new:
                path.unlink(missing_ok=True)
            raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def check_writable(folder: Path) -> None:
    """Makes a folder, and tries whether files can be written there.

    Raises:
        UserError: they cannot.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if isinstance(folder, RemotePath):
            probe = folder / f"{PARTIAL}{secrets.token_hex(8)}"
            probe.write_bytes(b"")
            probe.unlink()
        else:
            with tempfile.TemporaryFile(dir=folder):
                pass


@contextlib.contextmanager
def locked(lock: Path, in_use: str) -> Iterator[None]:
    """Holds a lock file during the block, making its folder if need be.

    Where the file is an address there is no lock: object stores have none.

    Args:
        lock: the file.
        in_use: what to say where another process holds it.

    Raises:
        UserError: another process holds it, or it cannot be written.
    """
    if isinstance(lock, RemotePath):
        yield
        return
    with writing(lock.parent):
        lock.parent.mkdir(parents=True, exist_ok=True)
        file_lock = filelock.FileLock(lock)
        try:
            file_lock.acquire(timeout=0)
        except filelock.Timeout as error:
            raise UserError(in_use) from error
    try:
        yield
    finally:
        file_lock.release()


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns a refusal to look at `path` into a `UserError` that names it."""
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error


@contextlib.contextmanager
def writing(path: Path, *others: type[Exception]) -> Iterator[None]:
    """Turns a refusal to write `path` into a `UserError` that names it.

    Args:
        path: what is written in the block.
        others: exceptions of a library that mean a refusal, besides `OSError`.
    """
    refusals: tuple[type[Exception], ...] = (OSError, *others)
    try:
        yield
    except refusals as error:
        reason = getattr(error, "strerror", None) or getattr(error, "message", None) or error
        raise UserError(
            f"cannot write {path}: {reason}. Choose a folder that can be written, or make room"
        ) from error


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
