"""Importing TensorFlow without its start-up messages."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

from tfpix2pix.errors import UserError

LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"


@contextlib.contextmanager
def tensorflow_imported_quietly() -> Iterator[None]:
    """Imports TensorFlow, then runs the block, holding back what they write to stderr.

    TensorFlow's C++ side writes its first messages before any log level counts: a dozen lines on
    every start. They are shown when the import fails, and always when the user sets
    TF_CPP_MIN_LOG_LEVEL; not with a `UserError`, whose message says all.
    """
    if LOG_LEVEL in os.environ:
        yield
        return
    os.environ[LOG_LEVEL] = "2"
    sys.stderr.flush()
    real = os.dup(2)
    with tempfile.TemporaryFile() as held_back:
        os.dup2(held_back.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_physical_devices()  # says at once what it has to say of GPUs
            tf.get_logger().setLevel("ERROR")  # and what it advises on retracing
            yield
        except UserError:
            raise
        except BaseException:
            held_back.seek(0)
            os.write(real, held_back.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(real, 2)
            os.close(real)
