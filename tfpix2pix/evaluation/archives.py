"""Files of arrays by name: .npz, as numpy writes them."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from tfpix2pix.errors import UserError

# All that numpy and zipfile raise on damaged files, found by damaging every byte of one.
_DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file, each tested against its checksum in the file.

    Raises:
        UserError: the file is missing, damaged or another one.
    """
    try:
        # Opened here, since numpy leaves it open where the file is damaged.
        with path.open("rb") as stream:
            file = np.load(stream, allow_pickle=False)
            if isinstance(file, np.ndarray):
                raise ValueError("one array without a name")
            return {name: file[name] for name in file.files}
    except _DAMAGE as error:
        raise UserError(
            f"{path} is missing or damaged: expected an .npz file of arrays by name"
        ) from error
