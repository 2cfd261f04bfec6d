"""A folder with a run, an export of it, and everything that can be wrong with what they are given.

The names are those of docs/errors.md.
"""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from tests.data.claiming_png import claiming_png
from tests.tiny_runs import write_run

SIZE = 16  # that of tests.tiny_runs


def encoded(image: np.ndarray, kind: str) -> bytes:
    """An image file's content."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind)
    return file.getvalue()


def bad_files() -> dict[str, bytes]:
    """By name: what is no image, or not one for a network of RGB photos."""
    photo = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    png, jpeg = encoded(photo, "PNG"), encoded(photo, "JPEG")
    nan = np.zeros((SIZE, SIZE, 3), np.float32)
    nan[3, 4] = np.nan
    arrays = {"five_channels.npy": np.zeros((SIZE, SIZE, 5), np.uint8), "nan.npy": nan}
    files = {
        "empty.png": b"",
        "text.png": b"not a picture",
        "cut.png": png[: len(png) // 2],
        "cut.jpg": jpeg[: len(jpeg) // 2],
        "huge.png": claiming_png(50_000, 50_000),
        "photo.gif": encoded(photo, "GIF"),
        "photo.heic": b"another format",
    }
    for name, array in arrays.items():
        content = io.BytesIO()
        np.save(content, array)
        files[name] = content.getvalue()
    return files


def make_place(folder: Path) -> None:
    """Writes `run/`, `crops/`, `photo.png`, `photos/`, `no_photos/`, and the bad files."""
    for name, flags in {"run": {}, "crops": {"resize": "crop", "load_size": None}}.items():
        write_run(folder / name, **flags)
    photo = np.random.default_rng(1).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    (folder / "photos").mkdir()
    for path in ("photo.png", "photos/a.png"):
        Image.fromarray(photo).save(folder / path)
    (folder / "no_photos").mkdir()
    for name, content in bad_files().items():
        (folder / name).write_bytes(content)
