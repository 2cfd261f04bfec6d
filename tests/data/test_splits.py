"""The split of a pair is a function of its name and the shares, and of nothing else."""

import os
from collections import Counter

import pytest

from tfpix2pix.data.splits import SPLITS, split_of

NAMES = [f"set/{number:05d}.png" for number in range(10_000)]


@pytest.mark.parametrize(
    ("name", "of_80_10_10", "of_50_25_25"),
    [
        ("0001.png", "train", "val"),
        ("0002.png", "train", "train"),
        ("a.png", "train", "test"),
        ("x/1.png", "train", "train"),
        ("x/2.png", "train", "val"),
        ("photo 1.jpg", "val", "test"),
        ("facade.tif", "train", "val"),
        ("ä.png", "train", "train"),
    ],
)
def test_splits_never_change(name, of_80_10_10, of_50_25_25):
    """Of these names they are as they were in the first version."""
    assert split_of(name, (80, 10, 10)) == of_80_10_10
    assert split_of(name, (50, 25, 25)) == of_50_25_25


@pytest.mark.parametrize(
    "shares", [(80, 10, 10), (50, 25, 25), (98, 1, 1), (0, 50, 50), (34, 33, 33)]
)
def test_shares_are_kept_within_one_percent(shares):
    counts = Counter(split_of(name, shares) for name in NAMES)
    for split, share in zip(SPLITS, shares, strict=True):
        assert abs(counts[split] / len(NAMES) - share / 100) < 0.01


@pytest.mark.parametrize(
    ("shares", "only"), [((100, 0, 0), "train"), ((0, 100, 0), "val"), ((0, 0, 100), "test")]
)
def test_a_share_of_all_takes_all(shares, only):
    assert {split_of(name, shares) for name in NAMES} == {only}


def test_the_suffix_does_not_count():
    for name in NAMES[:200]:
        stem = name.removesuffix(".png")
        assert len({split_of(stem + end, (34, 33, 33)) for end in (".png", ".JPG", ".npy")}) == 1


def test_names_with_dots_are_told_apart():
    splits = {split_of(f"a.{number}.png", (34, 33, 33)) for number in range(50)}
    assert splits == set(SPLITS)


def test_a_smaller_share_of_training_moves_no_pair_into_it():
    for name in NAMES[:1000]:
        if split_of(name, (60, 20, 20)) == "train":
            assert split_of(name, (80, 10, 10)) == "train"


def test_names_that_are_not_utf8_have_a_split():
    assert split_of(os.fsdecode(b"caf\xe9.png"), (80, 10, 10)) in SPLITS
