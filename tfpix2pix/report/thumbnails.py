"""Small WebP pictures, as text that a page can hold, one after another in a file.

Images are uint8 [H, W, 3], or [H, W, 1] for gray.
"""

import base64
import io
import json
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

import numpy as np
from PIL import Image

# Pixels of the longer side.
LONGEST = 256
# Looked at on photos and label maps of facades, magnified: 45 begins to smear foliage, and 75,
# which looks like 60, takes a fifth more bytes.
QUALITY = 50
# WebP's own trade: 4 takes twice the time of 2, for 5 % fewer bytes.
METHOD = 2

_PREFIX = "data:image/webp;base64,"


class Thumbnails:
    """The thumbnails of all images, in a file: what is in memory is where each begins.

    Each image has a line: a script element that no browser runs, of the pictures' data in JSON.
    """

    def __init__(self, file: BinaryIO, longest: int = LONGEST, quality: int = QUALITY):
        """Starts with none.

        Args:
            file: opened for writing and reading, empty.
            longest: pixels of the longer side, at the most.
            quality: of WebP, 0 to 100.
        """
        self._file = file
        self._longest = longest
        self._quality = quality
        self._starts: list[int] = []
        # Pillow encodes without Python's lock: an image's pictures at once.
        self._threads = ThreadPoolExecutor(4)

    def append(self, pictures: Sequence[np.ndarray]) -> None:
        """Adds an image's pictures."""
        encoded = list(self._threads.map(self._encode, pictures))
        self._file.seek(0, io.SEEK_END)
        self._starts.append(self._file.tell())
        number = len(self._starts) - 1
        line = f'<script type="text/plain" id="pictures-{number}">{json.dumps(encoded)}</script>\n'
        self._file.write(line.encode())

    def read(self, number: int) -> list[np.ndarray]:
        """The pictures of image `number`, as thumbnails: uint8 [H, W, 3]."""
        self._file.seek(self._starts[number])
        line = self._file.readline().decode()
        encoded = json.loads(line[line.index(">") + 1 : line.rindex("<")])
        files = [io.BytesIO(base64.b64decode(text.removeprefix(_PREFIX))) for text in encoded]
        return [np.array(Image.open(file).convert("RGB")) for file in files]

    def copy_to(self, page: BinaryIO) -> None:
        """Writes all of them to a page."""
        self._file.seek(0)
        shutil.copyfileobj(self._file, page, 1 << 20)

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown()

    def _encode(self, picture: np.ndarray) -> str:
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] not in (1, 3):
            raise ValueError(
                f"expected uint8 [height, width, 1 or 3], got {picture.dtype} {list(picture.shape)}"
            )
        image = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)
        image.thumbnail((self._longest, self._longest), Image.Resampling.LANCZOS)
        file = io.BytesIO()
        image.convert("RGB").save(file, "WEBP", quality=self._quality, method=METHOD)
        return _PREFIX + base64.b64encode(file.getvalue()).decode()
