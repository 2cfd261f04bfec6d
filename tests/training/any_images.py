"""Small sets of every kind, for the tests that train on them."""

import imagecodecs
import numpy as np
import tifffile
from PIL import Image

from tfpix2pix.config import resolve
from tfpix2pix.data.store.options import StoreOptions
from tfpix2pix.data.store.writer import write_store

SIZE = 16
COUNT = 7
PALETTE = ((0, 0, 170), (0, 0, 255), (0, 85, 255))


def picture(number, channels, dtype, size=(SIZE, SIZE)):
    """Waves over the whole range of the type; floats from -1000 to 3000."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    waves = [np.sin(rows / (3 + c) + number) + np.cos(columns / (4 + c)) for c in range(channels)]
    unit = np.stack(waves, axis=-1) / 4 + 0.5
    if dtype == "float32":
        return (unit * 4000 - 1000).astype(np.float32)
    return (unit * np.iinfo(dtype).max).astype(dtype)


def write_image(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    plane = image[..., 0] if image.shape[-1] == 1 else image
    if path.suffix == ".npy":
        np.save(path, plane)
    elif path.suffix == ".tif":
        rgb = image.shape[-1] == 3
        tifffile.imwrite(
            path, plane, photometric="rgb" if rgb else "minisblack", planarconfig="contig"
        )
    elif image.dtype == np.uint16:
        path.write_bytes(imagecodecs.png_encode(plane))
    else:
        Image.fromarray(plane).save(path)


def two_folders(root, a, b):
    """input/ and target/: each (channels, dtype, suffix)."""
    for number in range(COUNT):
        for side, (channels, dtype, suffix), phase in (("input", a, 0), ("target", b, 1)):
            image = picture(number + phase, channels, dtype)
            write_image(root / side / f"{number}{suffix}", image)


def several_sizes(root):
    for number in range(COUNT):
        for side in ("input", "target"):
            image = picture(number, 3, "uint8", (18 + 2 * number, 20 + 3 * number))
            write_image(root / side / f"{number}.png", image if side == "input" else 255 - image)


def label_maps(root):
    for number in range(COUNT):
        classes = picture(number, 1, "uint8")[..., 0] // 86
        write_image(root / "input" / f"{number}.png", np.array(PALETTE, np.uint8)[classes])
        write_image(root / "target" / f"{number}.png", picture(number, 3, "uint8"))


def store(root, file_format):
    """What `prepare` writes of two folders, the target 16-bit."""
    files = root.parent / "files"
    two_folders(files, RGB, (1, "uint16", ".png"))
    settings = resolve(flags={"data": str(files), "split": "60/40/0"}).data
    write_store(settings, StoreOptions(file_format=file_format), root)


GRAY, RGB = (1, "uint8", ".png"), (3, "uint8", ".png")
RANGE = {"value_range": "-1000,3000"}

# By name: how to write the set, and the settings it wants.
SETS = {
    "gray": (lambda root: two_folders(root, GRAY, GRAY), {}),
    "16_bit_png_to_rgb": (lambda root: two_folders(root, (1, "uint16", ".png"), RGB), {}),
    "rgb_to_16_bit_tiff": (lambda root: two_folders(root, RGB, (1, "uint16", ".tif")), {}),
    "5_floats_to_2": (
        lambda root: two_folders(root, (5, "float32", ".tif"), (2, "float32", ".npy")),
        {"cache_gib": 0, **RANGE},
    ),
    "labels": (
        label_maps,
        {"input_encoding": "labels", "palette": "#0000aa,#0000ff,#0055ff"},
    ),
    # Label maps are A here.
    "to_labels": (
        label_maps,
        {"target_encoding": "labels", "palette": "#0000aa,#0000ff,#0055ff", "direction": "BtoA"},
    ),
    "crop": (several_sizes, {"resize": "crop"}),
    "scale_width_and_crop": (several_sizes, {"resize": "scale_width_and_crop", "load_size": 20}),
    "none": (lambda root: two_folders(root, GRAY, RGB), {"resize": "none", "crop_size": 32}),
    "scale_width": (
        lambda root: two_folders(root, GRAY, RGB),
        {"resize": "scale_width", "load_size": 24, "depth": 3},
    ),
    "array_record": (lambda root: store(root, "array_record"), {"cache_gib": 0}),
    "tfrecord": (lambda root: store(root, "tfrecord"), {"cache_gib": 0}),
    "augmented": (
        lambda root: two_folders(root, GRAY, RGB),
        {
            "vertical_mirror": True,
            "rotate": True,
            "diff_augment": ("color", "translation", "cutout"),
        },
    ),
}
