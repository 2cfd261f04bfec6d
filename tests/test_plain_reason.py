"""TensorFlow's errors in a line, wherever they come from."""

import pytest
import tensorflow as tf

from tfpix2pix.errors import UserError, plain_reason


def refuse(values):
    with tf.control_dependencies([tf.debugging.Assert(tf.size(values) > 3, ["too few", values])]):
        return tf.identity(values)


def complain(values):
    raise UserError("no such picture. Choose another")


def from_python(values):
    return tf.py_function(complain, [values], tf.float32)


def from_a_pipeline(values):
    return next(iter(tf.data.Dataset.from_tensors(values).map(from_python)))


def refuse_equal(values):
    tf.debugging.assert_equal(tf.size(values) > 3, True, "too few: give more")
    return values


def no_image(values):
    return tf.io.decode_image(tf.constant(b"no image"))


@pytest.mark.parametrize(
    ("call", "start"),
    [
        (tf.function(refuse), "too few [1 2]"),
        (refuse_equal, "too few: give more"),
        (tf.function(refuse_equal), "too few: give more"),
        (no_image, "Unknown image file format. One of "),
        (tf.function(no_image), "Unknown image file format. One of "),
        (tf.function(from_python), "no such picture. Choose another"),
        (from_a_pipeline, "no such picture. Choose another"),
    ],
)
def test_the_reason_is_found(call, start):
    with pytest.raises(tf.errors.OpError) as raised:
        call(tf.constant([1.0, 2.0]))
    reason = plain_reason(raised.value)
    assert reason.startswith(start)
    assert [mark for mark in ("\n", "{{", "[[", "[Op:") if mark in reason] == []


def error(message):
    return tf.errors.InvalidArgumentError(None, None, message)


def test_marks_of_a_graph_are_left_out():
    assert plain_reason(error("../pairs/a.png cannot be read. ")) == "../pairs/a.png cannot be read"
    several = "Graph execution error:\n2 root error(s) found.\n(0) INVALID_ARGUMENT: no image"
    assert plain_reason(error(several)) == "no image"
    with pytest.raises(tf.errors.OpError) as raised:
        tf.function(refuse_equal)(tf.constant([1.0]))
    assert plain_reason(raised.value) == "too few: give more"


def test_an_error_without_a_reason_is_named():
    assert plain_reason(tf.errors.DataLossError(None, None, "")) == "DataLossError"
