"""Splits for sets that have none: by a hash of the name, so that they never change."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import PurePath

SPLITS = ("train", "val", "test")
# What they may be called.
SPLIT_NAMES = {split: split for split in SPLITS} | {"validation": "val", "valid": "val"}


def split_of(name: str, shares: Sequence[int]) -> str:
    """The split of a pair: the same tomorrow, on any machine, whatever else is in the set.

    Args:
        name: relative path of the pair; its suffix does not count.
        shares: percent for train, val and test.
    """
    stem = os.fsencode(PurePath(name).with_suffix("").as_posix())
    place = int.from_bytes(hashlib.sha256(stem).digest()[:8], "big") * 100 / 2**64
    for split, share in zip(SPLITS, shares, strict=True):
        place -= share
        if place < 0:
            return split
    return SPLITS[-1]
