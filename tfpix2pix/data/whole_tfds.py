"""Whether TFDS is there with all its parts. No TensorFlow here."""

import tensorflow_datasets as tfds

from tfpix2pix.errors import UserError


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
