"""Remote files as Python's own, and what TensorFlow raises about them as `OSError`."""

import contextlib
import errno
import io
import os
from collections.abc import Iterator
from typing import Any, Protocol


class Remote(Protocol):
    """What is opened: a `RemotePath`."""

    def exists(self) -> bool:
        """Whether it is there."""
        ...

    def read_bytes(self) -> bytes:
        """Its content."""
        ...

    def write_bytes(self, data: Any) -> int:
        """Gives it another."""
        ...


class Reading(io.RawIOBase):
    """A remote file, read piece by piece."""

    def __init__(self, path: Remote):
        self._path = path
        with refusals(path):
            self._file = gfile().GFile(str(path), "rb")
            self._size = self._file.size()

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Reads up to as many bytes as the buffer takes."""
        with refusals(self._path):
            content = self._file.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Goes to a place in it."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: self._size}[whence]
        with refusals(self._path):
            self._file.seek(start + offset)
        return start + offset

    def tell(self) -> int:
        """The place in it."""
        return self._file.tell()

    def close(self) -> None:
        """Closes it."""
        if not self.closed:
            self._file.close()
        super().close()


class Writing(io.BytesIO):
    """A remote file, written when it is closed."""

    def __init__(self, path: Remote, *, appends: bool):
        super().__init__()
        self._path = path
        self.is_wanted = True
        if appends and path.exists():
            self.write(path.read_bytes())

    def __exit__(self, kind: Any, *rest: Any) -> None:
        self.is_wanted = kind is None
        self.close()

    def close(self) -> None:
        """Writes it, unless an exception came before."""
        wanted = self.is_wanted and not self.closed
        content = self.getvalue() if wanted else b""
        super().close()
        if wanted:
            self._path.write_bytes(content)


class Text(io.TextIOWrapper):
    """Text in one of both."""

    def __exit__(self, kind: Any, *rest: Any) -> None:
        if isinstance(self.buffer, Writing):
            self.buffer.is_wanted = kind is None
        self.close()


@contextlib.contextmanager
def refusals(path: object) -> Iterator[None]:
    """Turns what TensorFlow raises into what Python does."""
    import tensorflow as tf

    try:
        yield
    except tf.errors.OpError as error:
        numbers: dict[type, int] = {
            tf.errors.NotFoundError: errno.ENOENT,
            tf.errors.PermissionDeniedError: errno.EACCES,
            tf.errors.UnauthenticatedError: errno.EACCES,
            tf.errors.AlreadyExistsError: errno.EEXIST,
        }
        number = numbers.get(type(error), errno.EIO)
        reason = " ".join(error.message.split()) or os.strerror(number)
        raise OSError(number, reason, str(path)) from error


def gfile() -> Any:
    """`tf.io.gfile`."""
    # Imported here: it takes seconds, and paths of this machine do without it.
    import tensorflow as tf

    return tf.io.gfile
