"""A look at what a run trains on: some pairs of each split, as the set holds them."""

import numpy as np
import tensorflow as tf

from tfpix2pix.data.encoding import to_display
from tfpix2pix.data.pairs import Pairs
from tfpix2pix.data.sheet_drawing import Cell, contact_sheet
from tfpix2pix.errors import plain_reason
from tfpix2pix.training.datasets import RunData

PAIRS_SHOWN = 12


def pairs_sheet(data: RunData) -> np.ndarray:
    """Draws a contact sheet of training and held-out pairs, evenly spread: uint8 [H, W, 3]."""
    cells = _cells(data.train.pairs, "train")
    if data.validation is not None:
        cells += _cells(data.validation.pairs, "held out")
    return contact_sheet(cells, title="input left, target right")


def _cells(pairs: Pairs, section: str) -> list[Cell]:
    indices = np.unique(np.linspace(0, len(pairs) - 1, PAIRS_SHOWN).astype(np.int64))
    return [_cell(pairs, int(index), section) for index in indices]


def _cell(pairs: Pairs, index: int, section: str) -> Cell:
    name = pairs.names[index]
    try:
        images = [image.numpy() for image in pairs.load(tf.constant(index, tf.int64))]
    except tf.errors.OpError as error:  # the run says so too, when it comes to this pair
        return Cell(name, None, None, section, problem=plain_reason(error))
    sizes = dict.fromkeys(f"{image.shape[0]}x{image.shape[1]}" for image in images)
    shown = [
        to_display(image, None if image.dtype == np.uint8 else image_format.value_range)
        for image, image_format in zip(
            images, (pairs.format.input, pairs.format.target), strict=True
        )
    ]
    return Cell(name, shown[0], shown[1], section, " and ".join(sizes))
