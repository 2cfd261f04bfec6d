"""NumPy's files as images: one array [H, W] or [H, W, C] in each."""

import io
import math

import numpy as np

from tfpix2pix.data.stored import StoredImage, as_stored, refuse_unpacking, refusing_damage
from tfpix2pix.errors import UserError

ARRAY_START = np.lib.format.magic(1, 0)[:-2]
ZIP_START = b"PK"
# NumPy itself takes no header of more than 10,000 bytes.
MOST_HEADER = 2**14
HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
    # As 2, with the names of fields in UTF-8, which arrays of numbers do not have.
    (3, 0): np.lib.format.read_array_header_2_0,
}


def read_numpy(content: bytes) -> StoredImage:
    """Reads the content of a file; see `reading.read_image`.

    Raises:
        UserError: it is no such file, damaged, or holds another thing than one array of numbers.
    """
    if not content.startswith((ARRAY_START, ZIP_START)):
        raise UserError("it is no NumPy file: save it with numpy.save, not as text or by pickle")
    with refusing_damage():
        array = _load_numpy(content)
    return as_stored(array)


def _load_numpy(content: bytes) -> np.ndarray:
    try:
        if not content.startswith(ZIP_START):
            _check_header(content, len(content))
            return np.load(io.BytesIO(content), allow_pickle=False)
        loaded = np.load(io.BytesIO(content), allow_pickle=False)
        names = loaded.files
        if len(names) != 1:
            held = f"it holds {len(names)} arrays ({', '.join(names[:9])})"
            raise UserError(f"{held}: save one image array a file")
        with loaded.zip.open(loaded.zip.namelist()[0]) as member:
            _check_header(member.read(MOST_HEADER), len(content))
        return loaded[names[0]]
    except ValueError as error:
        if "Object arrays" in str(error):
            raise UserError("it is pickled: save an array of numbers") from error
        raise


def _check_header(start: bytes, stored: int) -> None:
    """Refuses what is no array, or says to be far larger than its file, before it is unpacked."""
    if not start.startswith(ARRAY_START):
        raise UserError("it holds no array: save it with numpy.savez")
    header = io.BytesIO(start)
    version = np.lib.format.read_magic(header)
    if version not in HEADERS:
        raise ValueError(f"version {version} of NumPy's format")
    shape, _, dtype = HEADERS[version](header)
    refuse_unpacking(math.prod(shape) * dtype.itemsize, stored)
