"""The drawn facades: pure, in the palette, predictable from their labels, and a TFDS set."""

import hashlib

import numpy as np
import pytest

from tfpix2pix.data.drawn_facades import PALETTE, draw_pair
from tfpix2pix.data.drawn_facades.layout import draw_labels, draw_street
from tfpix2pix.data.drawn_facades.lighting import light
from tfpix2pix.data.drawn_facades.palette import Label
from tfpix2pix.data.drawn_facades.parts import CANVAS, Trim
from tfpix2pix.data.drawn_facades.photo import draw_photo


def streets(count):
    return [draw_street(np.random.default_rng(seed)) for seed in range(count)]


def photo_of(street, seed):
    return draw_photo(street, np.random.default_rng(seed)).astype(np.float32) / 255


def palette_classes(labels):
    """The class of each pixel of a label picture, -1 where the colour is none of the palette."""
    matches = (labels[..., None, :] == PALETTE).all(axis=-1)
    return np.where(matches.any(axis=-1), matches.argmax(axis=-1), -1)


def test_palette_is_the_published_one():
    assert PALETTE.shape == (12, 3)
    assert PALETTE.dtype == np.uint8
    assert tuple(PALETTE[Label.BACKGROUND]) == (0, 0, 170)
    assert tuple(PALETTE[Label.SILL]) == (85, 255, 170)
    assert tuple(PALETTE[Label.SHOP]) == (170, 0, 0)


def test_pair_depends_on_its_seed_alone():
    first, again, other = draw_pair(7), draw_pair(7), draw_pair(8)
    for image, same, different in zip(first, again, other, strict=True):
        assert image.dtype == np.uint8
        assert image.shape == (256, 256, 3)
        np.testing.assert_array_equal(image, same)
        assert (image != different).mean() > 0.1


def test_global_random_state_is_neither_read_nor_moved():
    np.random.seed(1)
    before = draw_pair(3)[1]
    expected = np.random.RandomState(1).random()
    assert np.random.random() == expected
    np.testing.assert_array_equal(draw_pair(3)[1], before)


def test_plan_of_a_seed_stays_what_it_was():
    """Label maps are whole numbers only, so a change here is a change of the data set."""
    digest = hashlib.sha256(draw_pair(0)[0].tobytes()).hexdigest()
    assert digest[:16] == "390daeb0da1c94d9"


@pytest.mark.parametrize("size", [64, 128, 143, 300])
def test_other_sizes_show_the_same_picture(size):
    labels, photo = draw_pair(5, size)
    whole_labels, whole_photo = draw_pair(5)
    assert labels.shape == photo.shape == (size, size, 3)
    assert (palette_classes(labels) >= 0).all()
    share = [(palette_classes(image) == Label.FACADE).mean() for image in (labels, whole_labels)]
    assert share[0] == pytest.approx(share[1], abs=0.03)
    np.testing.assert_allclose(photo.mean((0, 1)), whole_photo.mean((0, 1)), atol=1.0)


def test_half_size_is_the_mean_of_four_pixels():
    whole, half = draw_pair(5)[1].astype(np.float64), draw_pair(5, 128)[1]
    expected = whole.reshape(128, 2, 128, 2, 3).mean((1, 3))
    np.testing.assert_allclose(half, expected, atol=0.501)


@pytest.mark.parametrize("size", [0, -1])
def test_size_is_checked(size):
    with pytest.raises(ValueError, match="at least 1 pixel"):
        draw_pair(0, size)


def test_labels_hold_all_classes_and_no_other_colour():
    counts = np.zeros(len(PALETTE), dtype=int)
    for seed in range(40):
        classes = palette_classes(draw_pair(seed)[0])
        assert (classes >= 0).all()
        counts += np.bincount(classes.ravel(), minlength=len(PALETTE))
    assert (counts > 0).all(), dict(zip(Label, counts, strict=True))


def test_parts_lie_on_the_canvas_and_outlive_halving():
    for street in streets(300):
        for house in street.houses:
            for part in house.parts:
                assert 0 <= part.top < part.bottom <= CANVAS, part
                assert 0 <= part.left < part.right <= CANVAS, part
                assert min(part.height, part.width) >= 4, part


def test_streets_vary_as_a_street_should():
    houses = [house for street in streets(200) for house in street.houses]
    assert {house.trim for house in houses} == set(Trim)
    roles = {part.role for house in houses for part in house.parts}
    assert {"hip", "mansard", "coping", "shop", "door", "balcony"} <= roles
    assert {len(street.houses) for street in streets(50)} == {1, 2, 3}


def test_two_photos_of_one_plan_are_nearly_the_same():
    """What labels cannot tell is far less than what tells two plans apart."""
    photos = [(photo_of(street, 1), photo_of(street, 2)) for street in streets(16)]
    unknown = np.mean([np.abs(first - second).mean() for first, second in photos])
    firsts = np.stack([first for first, _ in photos])
    mean_image_error = np.abs(firsts - firsts.mean(axis=0)).mean()
    assert 0.002 < unknown < 0.03
    assert mean_image_error > 5 * unknown


def test_wall_colour_follows_from_the_trim():
    colours = {trim: [] for trim in Trim}
    for seed, street in enumerate(streets(40)):
        photo, labels = photo_of(street, seed + 1000), draw_labels(street)
        for house in street.houses:
            rows, columns = slice(house.eaves, street.ground), slice(house.left, house.right)
            wall = labels[rows, columns] == Label.FACADE
            colours[house.trim].append(np.median(photo[rows, columns][wall], axis=0))
    centres = {trim: np.mean(found, axis=0) for trim, found in colours.items()}
    for trim, found in colours.items():
        assert len(found) >= 3
        spread = np.abs(np.array(found) - centres[trim]).mean()
        to_others = min(np.abs(centres[trim] - centres[t]).max() for t in Trim if t is not trim)
        assert to_others > 0.1, trim
        assert spread < to_others / 4, trim


def test_light_comes_from_the_upper_left():
    relief = np.zeros((40, 40), dtype=np.float32)
    relief[15:25, 15:25] = 4
    lit = light(np.full((40, 40, 3), 0.5, dtype=np.float32), relief).mean(axis=-1)
    open_wall = lit[3, 3]
    below, right, above, left = lit[26, 20], lit[20, 25], lit[13, 20], lit[20, 13]
    assert below < 0.7 * open_wall
    assert right < 0.85 * open_wall
    assert min(above, left) > 0.85 * open_wall
    assert lit[15, 20] > lit[20, 20]  # the upper edge is bright


def test_builder_writes_pairs_that_read_back_unchanged(tmp_path, monkeypatch):
    tfds = pytest.importorskip("tensorflow_datasets")
    from tfpix2pix.data.builders.drawn_facades import SEEDS_PER_SPLIT, DrawnFacades

    assert DrawnFacades.SPLIT_SIZES == {"train": 400, "val": 50, "test": 50}
    monkeypatch.setattr(DrawnFacades, "SPLIT_SIZES", {"train": 3, "val": 1, "test": 2})
    builder = DrawnFacades(data_dir=tmp_path)
    builder.download_and_prepare()
    assert {name: split.num_examples for name, split in builder.info.splits.items()} == {
        "train": 3, "val": 1, "test": 2,
    }  # fmt: skip
    examples = {
        example["name"].decode(): example
        for split in ("train", "val", "test")
        for example in tfds.as_numpy(builder.as_dataset(split=split))
    }
    assert sorted(examples) == [
        "test_0001", "test_0002", "train_0001", "train_0002", "train_0003", "val_0001",
    ]  # fmt: skip
    for name, seed in {"train_0002": 1, "val_0001": SEEDS_PER_SPLIT}.items():
        labels, photo = draw_pair(seed)
        np.testing.assert_array_equal(examples[name]["B"], photo)
        np.testing.assert_array_equal(examples[name]["A"], labels)
