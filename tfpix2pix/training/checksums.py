"""SHA-256 of a checkpoint's files, in a file beside them: `step-20.sha256`, as `sha256sum` has it.

TensorFlow's own checksums cover each tensor, not the index, and are looked at when a tensor is
read. This one covers both files, and needs no TensorFlow. It is written after them and before the
state file names the checkpoint: where it is there and right, the checkpoint is whole.
"""

import hashlib
import re
from pathlib import Path

from tfpix2pix.files import write_atomically
from tfpix2pix.places import as_place

SUFFIX = ".sha256"
_LINE = re.compile(r"([0-9a-f]{64})  ([\w.-]+)")


def checkpoint_files(path: str) -> list[Path]:
    """The files of the checkpoint of a path prefix that are there: its index and its data."""
    folder, name = as_place(path).parent, as_place(path).name
    # The data last: without an index nothing takes them for a checkpoint.
    return [*folder.glob(f"{name}.index"), *sorted(folder.glob(f"{name}.data-?????-of-?????"))]


def write_checksums(path: str) -> None:
    """Writes the checksums of a complete checkpoint.

    Raises:
        UserError: they cannot be written.
    """
    lines = [f"{_sha256(file)}  {file.name}\n" for file in checkpoint_files(path)]
    write_atomically(as_place(f"{path}{SUFFIX}"), "".join(lines))


def find_damage(path: str) -> str | None:
    """Says in which file a checkpoint is not as it was written; None if it is.

    One without checksums, of an earlier version, is looked at for missing files alone.
    """
    names = [file.name for file in checkpoint_files(path)]
    sums = as_place(f"{path}{SUFFIX}")
    if not sums.exists():
        # If one of several files of data is missing, TensorFlow says so.
        found = [any(f".{kind}" in name for name in names) for kind in ("index", "data-")]
        return None if all(found) else f"{path}{'.data-*' if found[0] else '.index'} is missing"
    try:
        lines = [_LINE.fullmatch(line) for line in sums.read_text("ascii").splitlines()]
        expected = {match[2]: match[1] for match in lines if match}
        if len(expected) < max(2, len(lines)):
            return f"{sums} is damaged"
        for name, digest in expected.items():
            file = sums.with_name(name)
            if not file.exists():
                return f"{file} is missing"
            if _sha256(file) != digest:
                return f"{file} is damaged (it is not what {sums.name} says was written)"
    except UnicodeDecodeError:
        return f"{sums} is damaged"
    except OSError as error:
        return f"{error.filename or path} cannot be read ({error.strerror})"
    return None


def remove_checkpoint(path: str) -> None:
    """Removes a checkpoint's files, those that are there.

    Raises:
        OSError: one cannot be removed.
    """
    for file in (*checkpoint_files(path), as_place(f"{path}{SUFFIX}")):
        file.unlink(missing_ok=True)


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
