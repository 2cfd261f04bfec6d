"""Whether TFDS is there with all its parts, and a store is one of its own. No TensorFlow here."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from tfpix2pix.errors import UserError

FEATURES = "features.json"
CLASS_NAME = "pythonClassName"
OWN_CLASSES = "tensorflow_datasets.core.features."


def check_tfds() -> None:
    """Refuses a TFDS that logged an error of its own import and is there without its functions.

    Raises:
        UserError: that is so.
    """
    if not hasattr(tfds, "load"):
        raise UserError(
            "tensorflow_datasets is installed but does not work: see what "
            '`python -c "import tensorflow_datasets"` says, and install what is missing or does '
            "not fit"
        )


def check_features(store: Path) -> None:
    """Refuses a store of features that are not TFDS' own: it would import the modules they name.

    Raises:
        UserError: that is so, or the features cannot be read.
    """
    path = store / FEATURES
    try:
        names = list(_class_names(json.loads(path.read_text(encoding="utf-8"))))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(
            f"{store} is no complete store: {path.name} is missing or damaged. Write it anew with "
            "tfpix2pix prepare"
        ) from error
    for name in names:
        if not (isinstance(name, str) and name.startswith(OWN_CLASSES)):
            raise UserError(
                f"{path} names {str(name)[:80]!r}, code that is not TFDS' own, so it was not "
                "opened: write the store anew with tfpix2pix prepare"
            )


def _class_names(plain: Any) -> Iterator[Any]:
    """All values of that key, however deep; under `type` older files have them."""
    if isinstance(plain, dict):
        for key, value in plain.items():
            if key in (CLASS_NAME, "python_class_name", "type") and not isinstance(value, dict):
                yield value
            yield from _class_names(value)
    elif isinstance(plain, list):
        for value in plain:
            yield from _class_names(value)
