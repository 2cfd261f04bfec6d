"""Reads prepared sets through TFDS, preparing them at the first use."""

import contextlib
import io
import sys
from pathlib import Path

import tensorflow as tf
import tensorflow_datasets as tfds
from google.protobuf.json_format import ParseError

from tfpix2pix.data.builders.drawn_facades import DrawnFacades
from tfpix2pix.errors import UserError
from tfpix2pix.files import writing
from tfpix2pix.progress import say

BUILDERS = {"drawn_facades": DrawnFacades}


def read_examples(
    name: str, split: str, data_dir: str | None = None
) -> tuple[list[str], list[bytes], list[bytes]]:
    """Reads one split of a prepared set: names, and the encoded images A and B.

    Args:
        name: of the set, one of `BUILDERS`.
        split: `"train"`, `"val"` or `"test"`.
        data_dir: where prepared sets are kept; default: TFDS' own place.

    Raises:
        UserError: the place cannot be written, or what is there is damaged.
    """
    place = Path(data_dir or tfds.core.constants.DATA_DIR).expanduser()
    try:
        builder = BUILDERS[name](data_dir=str(place))
        if not builder.info.splits:
            say(f"preparing {name} in {place}: once, less than a minute")
            _prepare(builder, place)
        encoded = {key: tfds.decode.SkipDecoding() for key in ("A", "B")}
        examples = list(tfds.as_numpy(builder.as_dataset(split=split, decoders=encoded)))
    except (tf.errors.OpError, ParseError, ValueError, KeyError) as error:
        raise UserError(
            f"the prepared set in {place / name} is damaged: delete that folder, and it will be "
            "prepared anew"
        ) from error
    examples.sort(key=lambda example: example["name"])
    names = [example["name"].decode() for example in examples]
    return names, [e["A"] for e in examples], [e["B"] for e in examples]


def _prepare(builder: tfds.core.DatasetBuilder, place: Path) -> None:
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    # TFDS speaks of downloads on stdout, where there are none; its bars are on stderr.
    with writing(place), contextlib.redirect_stdout(io.StringIO()):
        builder.download_and_prepare()
