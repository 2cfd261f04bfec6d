"""Places in storage that TensorFlow reaches, as paths."""

import errno
import fnmatch
import io
import os
import re
from pathlib import PosixPath
from typing import Any, NamedTuple

from tfpix2pix.places.opening import Reading, Text, Writing, gfile, refusals

# Object stores whose listings tell folders by a slash at the end, so that none is asked about.
MARKS_FOLDERS = ("gs",)
_SCHEME_PART = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


class Facts(NamedTuple):
    """What is known of a remote file, named as in `os.stat_result`."""

    st_size: int
    st_mtime_ns: int


class RemotePath(PosixPath):
    """A place in storage that TensorFlow reaches; made by `as_place`.

    What goes wrong is an `OSError`, as with paths of this machine. Joining, parents and names are
    pathlib's own; methods that are not here are not to be used.
    """

    def __str__(self) -> str:
        parts = self.parts
        if parts and _SCHEME_PART.fullmatch(parts[0]):
            return f"{parts[0]}//{'/'.join(parts[1:])}"
        return "/".join(parts) or "."  # relative to another one

    def __fspath__(self) -> str:
        return str(self)

    def is_absolute(self) -> bool:
        """An address is."""
        return True

    def absolute(self) -> "RemotePath":
        """Itself."""
        return self

    def expanduser(self) -> "RemotePath":
        """Itself."""
        return self

    def resolve(self, strict: bool = False) -> "RemotePath":
        """Itself."""
        return self

    def exists(self, **_: Any) -> bool:
        """Whether there is a file or folder."""
        with refusals(self):
            return gfile().exists(str(self))

    def is_dir(self, **_: Any) -> bool:
        """Whether it is a folder, or what comes before a slash in the name of an object."""
        with refusals(self):
            return gfile().isdir(str(self))

    def is_file(self, **_: Any) -> bool:
        """Whether it is a file."""
        return self.exists() and not self.is_dir()

    def is_symlink(self) -> bool:
        """There are no links."""
        return False

    def stat(self, **_: Any) -> Any:
        """Its size, and when it was changed."""
        with refusals(self):
            found = gfile().stat(str(self))
        return Facts(found.length, found.mtime_nsec)

    def listed(self) -> list[tuple[str, bool]]:
        """The names in a folder, sorted, and whether each is a folder itself."""
        with refusals(self):
            names = sorted(set(gfile().listdir(str(self))) - {"", "/"})
        if self.parts[0] == "ram:":  # which lists a.b/c in an empty folder a
            names = [name for name in names if (self / name).exists()]
        marked = self.parts[0].removesuffix(":") in MARKS_FOLDERS
        return [
            (name.rstrip("/"), name.endswith("/") or (not marked and (self / name).is_dir()))
            for name in names
        ]

    def iterdir(self) -> Any:
        """What lies in a folder."""
        return iter([self / name for name, _ in self.listed()])

    def glob(self, pattern: str) -> Any:
        """What lies in a folder and is called so; nothing deeper."""
        if not self.is_dir():
            return iter(())
        names = [name for name, _ in self.listed()]
        return iter([self / name for name in names if fnmatch.fnmatchcase(name, pattern)])

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        """Makes a folder and those above it."""
        if not exist_ok and self.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(self))
        with refusals(self):
            gfile().makedirs(str(self))

    def unlink(self, missing_ok: bool = False) -> None:
        """Removes a file."""
        try:
            with refusals(self):
                gfile().remove(str(self))
        except FileNotFoundError:
            if not missing_ok:
                raise

    def rmtree(self) -> None:
        """Removes a folder with all that is in it."""
        with refusals(self):
            gfile().rmtree(str(self))

    def read_bytes(self) -> bytes:
        """The content of a file."""
        with refusals(self), gfile().GFile(str(self), "rb") as file:
            return file.read()

    def write_bytes(self, data: Any) -> int:
        """Writes a file, in the place of an older one."""
        if self.parts[0] == "ram:":  # which appends to one that is there
            self.unlink(missing_ok=True)
        with refusals(self), gfile().GFile(str(self), "wb") as file:
            file.write(bytes(data))
        return len(data)

    def open(
        self,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> Any:
        """Opens a file to read it, to write it anew or to append to it.

        What is written is held in memory, and in its place when it is closed; not after an
        exception in a `with` block.
        """
        raw: Any
        if mode.startswith("r"):
            raw = io.BufferedReader(Reading(self), 1 << 18)
        else:
            raw = Writing(self, appends=mode.startswith("a"))
        if "b" in mode:
            return raw
        return Text(raw, encoding or "utf-8", errors, newline, write_through=True)

    def read_text(self, *arguments: Any, **named: Any) -> str:
        """The content of a text file, UTF-8 if nothing else is said."""
        with self.open("r", -1, *arguments, **named) as file:
            return file.read()

    def write_text(self, data: str, *arguments: Any, **named: Any) -> int:
        """Writes a text file, UTF-8 if nothing else is said."""
        with self.open("w", -1, *arguments, **named) as file:
            return file.write(data)
