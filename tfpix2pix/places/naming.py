"""What a name means: a path of this machine, or an address of other storage."""

import os
import re
import sys
import urllib.parse
from pathlib import Path

from tfpix2pix.errors import SettingsError
from tfpix2pix.places.opening import gfile
from tfpix2pix.places.remote import RemotePath

# What TensorFlow reaches by itself; `ram` lives and dies with a process.
BUILT_IN = ("gs", "ram")
# Bytes that are read at once from Google Cloud Storage.
READ_AHEAD = 1 << 22
# pathlib makes gs:/bucket of gs://bucket.
_COLLAPSED = tuple((f"{scheme}:",) for scheme in BUILT_IN)
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


def as_place(name: str | os.PathLike[str]) -> Path:
    """The path that a name means: of this machine, or a `RemotePath` where it is an address.

    Args:
        name: such as `runs/a`, `gs://bucket/runs/a` or `file:///data`.

    Raises:
        SettingsError: no storage is known at such an address.
    """
    if isinstance(name, RemotePath):
        return name
    text = os.fspath(name)
    if isinstance(name, Path):  # pathlib makes gs:/bucket of gs://bucket
        return RemotePath(name) if name.parts[:1] in _COLLAPSED else name
    found = _ADDRESS.match(text)
    if found is None:
        return Path(text)
    scheme = found[1].lower()
    if scheme == "file":
        return Path(urllib.parse.unquote(urllib.parse.urlsplit(text).path))
    if os.name == "nt" or not _is_known(scheme):
        raise SettingsError(
            f"there is no storage at {scheme}://, as in {text}: expected a path of this machine, "
            "or gs://BUCKET/PATH; mount other stores as a folder (docs/storage.md)"
        )
    # Before TensorFlow is imported; by itself it reads 64 MiB, for each record of a store, too.
    os.environ.setdefault("GCS_READAHEAD_BUFFER_SIZE_BYTES", str(READ_AHEAD))
    return RemotePath(f"{scheme}://{text[found.end() :]}")


def local_place(name: str | os.PathLike[str]) -> Path:
    """A path of this machine, where nothing else will do.

    Raises:
        SettingsError: it is an address of other storage.
    """
    path = as_place(name)
    if is_remote(path):
        raise SettingsError(
            f"{path} is not on this machine, and this has to be: copy it here first, or give a "
            "path of this machine (docs/storage.md)"
        )
    return path


def is_remote(name: str | os.PathLike[str]) -> bool:
    """Whether it is an address, not a path of this machine.

    Raises:
        SettingsError: see `as_place`.
    """
    return isinstance(as_place(name), RemotePath)


def _is_known(scheme: str) -> bool:
    """Built in, or of a plugin that was loaded into TensorFlow, which then is imported already."""
    if scheme in BUILT_IN:
        return True
    return "tensorflow" in sys.modules and scheme in gfile().get_registered_schemes()
