"""TFDS builder of the drawn facades.

Examples hold `A`, a label map, and `B`, the photo drawn from it, so that AtoB draws: uint8 RGB
PNG, [256, 256, 3]. Nothing is downloaded; the whole set is drawn in well under a minute.
"""

import pathlib
from collections.abc import Iterator
from typing import ClassVar

import tensorflow_datasets as tfds

from tfpix2pix.data.drawn_facades import draw_pair

SIZE = 256
SEEDS_PER_SPLIT = 100_000  # far more than any split has pairs, so that splits never share one


class DrawnFacades(tfds.core.GeneratorBasedBuilder):
    """House fronts drawn from a seed, and their label maps in the CMP palette."""

    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {
        "1.1.0": "Records stay in the order of their names.",
        "1.0.0": "First version.",
    }
    # Left to itself, TFDS looks this up with importlib_resources, which it does not depend on.
    code_path = pathlib.Path(__file__)
    # Pairs per split, in the order that seeds are given out; a subclass may shrink it.
    SPLIT_SIZES: ClassVar[dict[str, int]] = {"train": 400, "val": 50, "test": 50}

    def _info(self) -> tfds.core.DatasetInfo:
        def image(doc: str) -> tfds.features.Image:
            return tfds.features.Image(shape=(SIZE, SIZE, 3), encoding_format="png", doc=doc)

        features = {
            "A": image("label map in the 12 colours of the CMP facade palette"),
            "B": image("photo"),
            "name": tfds.features.Text(doc="split and number, such as train_0001"),
        }
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.__doc__,
            features=tfds.features.FeaturesDict(features),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict:
        del dl_manager  # nothing to download
        return {
            split: self._generate_examples(split, count, number * SEEDS_PER_SPLIT)
            for number, (split, count) in enumerate(self.SPLIT_SIZES.items())
        }

    def _generate_examples(
        self, split: str, count: int, first_seed: int
    ) -> Iterator[tuple[str, dict]]:
        for index in range(count):
            labels, photo = draw_pair(first_seed + index, SIZE)
            name = f"{split}_{index + 1:04d}"
            yield name, {"A": labels, "B": photo, "name": name}
