"""Which colours are offered."""

import numpy as np

from tests.demo.tiny_runs import CMP
from tfpix2pix.data.drawn_facades import draw_pair
from tfpix2pix.data.formats import ImageFormat
from tfpix2pix.demo.swatches import BASIC, swatches_of

RGB = ImageFormat()


def noisy(picture, by):
    noise = np.random.default_rng(1).integers(-by, by + 1, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def test_the_classes_of_a_known_palette_have_their_names():
    swatches = swatches_of(ImageFormat(palette=CMP), [])
    assert list(swatches.colours)[:4] == ["background", "facade", "window", "door"]
    assert tuple(swatches.colours.values()) == CMP
    assert swatches.paper == CMP[0]


def test_the_classes_of_another_palette_are_numbered():
    swatches = swatches_of(ImageFormat(palette=((255, 0, 0), (0, 128, 255))), [])
    assert swatches.colours == {"class 0 #ff0000": (255, 0, 0), "class 1 #0080ff": (0, 128, 255)}


def test_gray_inputs_are_drawn_in_grays_on_white():
    swatches = swatches_of(ImageFormat(1), [])
    assert all(len(set(colour)) == 1 for colour in swatches.colours.values())
    assert swatches.paper == (255, 255, 255)


def test_rgb_pictures_of_the_known_classes_are_recognised():
    maps = [noisy(draw_pair(seed, 64)[0], 8) for seed in range(3)]
    assert tuple(swatches_of(RGB, maps).colours.values()) == CMP


def test_flat_pictures_give_their_commonest_colours_the_commonest_as_paper():
    picture = np.full((40, 40, 3), (250, 240, 230), np.uint8)
    picture[:10] = (30, 60, 90)
    picture[:5, :20] = (200, 10, 10)
    swatches = swatches_of(RGB, [picture])
    assert swatches.paper == (250, 240, 230)
    assert list(swatches.colours) == ["#faf0e6", "#1e3c5a", "#c80a0a"]


def test_photos_and_no_examples_give_the_basic_colours():
    photo = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    for examples in ([], [photo]):
        swatches = swatches_of(RGB, examples)
        assert swatches.colours == BASIC
        assert swatches.paper == (255, 255, 255)
