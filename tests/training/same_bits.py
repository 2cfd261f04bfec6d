"""What the last checkpoint of a run holds."""

import numpy as np
import tensorflow as tf

# TensorFlow's own count of saves differs, rightly: a resumed run saved once more.
_OWN = ("_CHECKPOINTABLE_OBJECT_GRAPH", "save_counter/.ATTRIBUTES/VARIABLE_VALUE")


def checkpoint_tensors(run_dir):
    reader = tf.train.load_checkpoint(str(run_dir / "checkpoints"))
    names = reader.get_variable_to_shape_map()
    return {name: reader.get_tensor(name) for name in names if name not in _OWN}


def assert_same_bits(one, other):
    """Of two runs."""
    found, expected = checkpoint_tensors(one), checkpoint_tensors(other)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)
