"""Fixtures that several rooms share: a tiny set of drawn pairs in a folder."""

import gc
import sys
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from PIL import Image

SIZE = 64

# PyTorch's optimizers and compiler import Triton, which is for GPUs, and which kills the process
# where TensorFlow was imported first. Without it they do as well.
sys.modules["triton"] = None

# TensorFlow keeps hundreds of thousands of objects, which each collection looks through.
gc.set_threshold(20_000, 20, 50)

# The same examples in every run, and no time limit on a busy machine.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("repeatable")


def draw_shapes(number: int) -> np.ndarray:
    """A flat disc on a flat box, in other colours and places for each number: uint8 [64, 64, 3]."""
    rng = np.random.default_rng(number)
    background, box, disc = rng.choice([0, 64, 128, 192, 255], (3, 3))
    image = np.full((SIZE, SIZE, 3), background, np.uint8)
    top, left, height, width = rng.integers(8, 28, 4)
    image[top : top + height, left : left + width] = box
    rows, columns = np.mgrid[:SIZE, :SIZE] - rng.integers(20, 44, 2)[:, None, None]
    image[rows**2 + columns**2 < rng.integers(8, 16) ** 2] = disc
    return image


def complement(image: np.ndarray) -> np.ndarray:
    """What the right image of a pair is, given the left one."""
    return 255 - image[..., ::-1]


SPLITS = {"train": range(6), "val": range(6, 9)}


def write_pairs(root: Path, splits: dict[str, range] = SPLITS) -> Path:
    """Writes train/ (6) and val/ (3): 64x128 PNGs, shapes left, their complement right."""
    for split, numbers in splits.items():
        (root / split).mkdir(parents=True)
        for number in numbers:
            shapes = draw_shapes(number)
            pair = np.concatenate([shapes, complement(shapes)], axis=1)
            Image.fromarray(pair).save(root / split / f"{number}.png")
    return root


@pytest.fixture
def pairs_folder(tmp_path) -> Path:
    """A folder of pairs that the test may change."""
    return write_pairs(tmp_path / "pairs")


@pytest.fixture(scope="module")
def module_pairs_folder(tmp_path_factory) -> Path:
    """A folder of pairs for all tests of a module, which leave it as it is."""
    return write_pairs(tmp_path_factory.mktemp("module") / "pairs")


@pytest.fixture(scope="session")
def vgg19():
    """VGG19 without its dense layers, of random weights."""
    import keras

    keras.utils.set_random_seed(0)
    return keras.applications.VGG19(include_top=False, weights=None)


@pytest.fixture(scope="session")
def vgg19_weights_file(vgg19, tmp_path_factory) -> Path:
    """Its weights as Keras writes them; 80 MB."""
    path = tmp_path_factory.mktemp("vgg") / "vgg19.weights.h5"
    vgg19.save_weights(path)
    return path
