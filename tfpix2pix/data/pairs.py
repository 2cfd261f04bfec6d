"""One split of a paired set, whatever it comes from: names, and a function that loads the i-th.

Loading runs inside tf.data. Images are [H, W, C] of the size and type they are stored in.
"""

import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import tensorflow as tf

from tfpix2pix.config import DataSettings, resolve
from tfpix2pix.data.formats import RGB_PAIRS, PairFormat
from tfpix2pix.data.sources import RECORD_KINDS, Listing, kind_of, usable_listing
from tfpix2pix.errors import UserError, plain_reason

ImagePair = tuple[tf.Tensor, tf.Tensor]
Load = Callable[[tf.Tensor], ImagePair]


@dataclasses.dataclass(frozen=True)
class Pairs:
    """One split of a paired data set.

    Attributes:
        names: of the pairs, in the order of their indices.
        load: int64 scalar index -> (input_image, target_image), [H, W, C] each, of the format's
            channels and types; a label map as RGB.
        origin: where they come from, for messages.
        format: what the images are.
        identity: changes with the contents; default: made of the names.
        advice: what to do about a pair that cannot be used.
    """

    names: Sequence[str]
    load: Load
    origin: str
    format: PairFormat = RGB_PAIRS
    identity: str = ""
    advice: str = "Mend it or take it out, or leave out all that cannot be used with --on-bad skip"

    def __len__(self) -> int:
        return len(self.names)

    def fingerprint(self) -> str:
        """Changes when a pair is added, removed or renamed."""
        names = self.identity or "\n".join(self.names)
        return hashlib.sha256(os.fsencode(names)).hexdigest()[:16]

    def find_broken(self, indices: Iterable[int], fetch: Load | None = None) -> UserError | None:
        """The first of these pairs that cannot be loaded (or fetched), as an error that names it.

        Args:
            indices: of the pairs to try.
            fetch: what is tried on each; default: `load`.
        """
        for index in indices:
            try:
                (fetch or self.load)(tf.constant(index, tf.int64))
            except tf.errors.OpError as error:
                reason = plain_reason(error)
                return UserError(
                    f"cannot use {self.origin}/{self.names[index]}: {reason}. {self.advice}"
                )
        return None


def open_pairs(data: str | DataSettings, split: str, **settings: Any) -> Pairs:
    """Opens one split of a data set.

    Args:
        data: what `--data` may name, such as a folder; or complete settings.
        split: `"train"`, `"val"` or `"test"`.
        settings: any data settings by name, such as `direction="BtoA"`, where `data` names a set.

    Raises:
        UserError: there is no such set, folder or split, or it holds no pairs.
        SettingsError: unknown settings, or float images without `value_range`.
    """
    if isinstance(data, str):
        data = resolve(flags={"data": data, **settings}, networks=False).data
    listing = None if kind_of(data.data) in RECORD_KINDS else usable_listing(data, split)
    return open_splits(data, listing, [split])[split]


def open_splits(
    settings: DataSettings, listing: Listing | None, splits: Sequence[str] | None = None
) -> dict[str, Pairs]:
    """Opens some splits of a data set, or all that it has; all have one format.

    Args:
        settings: of the data.
        listing: the pairs of a folder or a manifest; None for sets of records.
        splits: of the set.

    Raises:
        UserError: see `open_pairs`.
    """
    if listing is not None:
        from tfpix2pix.data.file_pairs import open_file_splits

        return open_file_splits(settings, listing, splits)
    # Imported here: TFDS takes a second to import, and folders do without it.
    from tfpix2pix.data.record_pairs import open_record_splits

    return open_record_splits(settings, splits)
