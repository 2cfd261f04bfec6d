"""Networks of keras.applications with their weights: downloaded by Keras, or from a file."""

import urllib.error
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import keras

from tfpix2pix.errors import UserError

# What stands for weights that Keras downloads.
IMAGENET = "imagenet"
# What Keras lets through of files that it cannot read, or that name classes which are none of its
# own; .keras files are ZIP archives.
UNREADABLE = (
    *(OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, RuntimeError),
    *(AssertionError, ArithmeticError, MemoryError, zipfile.BadZipFile, zlib.error),
)
# And of a download that failed or is damaged; all else is a defect.
NOT_DOWNLOADED = (OSError, ValueError, KeyError, zipfile.BadZipFile, zlib.error)


def load_pretrained(
    build: Callable[..., keras.Model],
    weights: str,
    *,
    setting: str,
    network: str,
    file_name: str,
    **options: Any,
) -> keras.Model:
    """The network without its dense layers, in float32 whatever Keras' policy is.

    Args:
        build: a function of keras.applications.
        weights: a file of the network's weights without its dense layers, as Keras writes them,
            or `"imagenet"`: Keras downloads them once.
        setting, network, file_name: the names, for messages, of what gave `weights`, of the
            network, and of the file that Keras downloads.
        options: others of `build`.

    Raises:
        UserError: there is no such file, it holds something else, or the download failed.
    """
    if weights == IMAGENET:
        refusal = (
            f"{setting} imagenet: the weights of {network} could not be downloaded. Give "
            f"{setting} FILE, a copy of {file_name} of keras.applications"
        )
    else:
        refusal = (
            f"{setting}: {weights} is missing, damaged or of another network. Give {setting} FILE "
            f"with the weights of {network} without its dense layers, such as {file_name} of "
            "keras.applications"
        )
    refused = NOT_DOWNLOADED if weights == IMAGENET else UNREADABLE
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        return build(include_top=False, weights=weights, **options)
    except refused as error:
        raise UserError(refusal) from error
    except Exception as error:
        # Keras raises nothing more special where a download fails.
        if isinstance(error.__context__, urllib.error.URLError):
            raise UserError(refusal) from error
        raise
    finally:
        keras.config.set_dtype_policy(policy)
