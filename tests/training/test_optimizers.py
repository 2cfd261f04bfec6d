"""The fused Adam against Keras' own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.training.optimizers import FusedAdam
from tfpix2pix.training.schedules import LinearDecay

OPTIONS = {"beta_1": 0.5, "beta_2": 0.99, "epsilon": 1e-8, "name": "adam"}


def trained(optimizer_class, learning_rate, *, jit):
    rng = np.random.default_rng(0)
    shapes = {"a": (5, 7), "b": (3,)}
    weights = [
        keras.Variable(rng.normal(size=s), dtype="float32", name=n) for n, s in shapes.items()
    ]
    optimizer = optimizer_class(learning_rate, **OPTIONS)
    optimizer.build(weights)
    gradients = [[rng.normal(size=w.shape) for w in weights] for _ in range(6)]

    @tf.function(jit_compile=jit)
    def apply(*gradients):
        optimizer.apply(gradients)

    for step in gradients:
        apply(*(tf.constant(g, tf.float32) for g in step))
    return [v.numpy() for v in (*weights, *optimizer.variables)], optimizer


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("learning_rate", [0.01, LinearDecay(0.01, 2, 6)])
def test_weights_and_moments_after_some_steps_are_those_of_keras(learning_rate, jit):
    (actual, fused), (expected, plain) = (
        trained(cls, learning_rate, jit=jit) for cls in (FusedAdam, keras.optimizers.Adam)
    )
    assert [v.name for v in fused.variables] == [v.name for v in plain.variables]
    for ours, theirs in zip(actual, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)


def test_amsgrad_is_refused():
    with pytest.raises(ValueError, match="amsgrad"):
        FusedAdam(0.01, amsgrad=True)


def test_the_first_step_moves_each_weight_by_the_learning_rate():
    """m / sqrt(v) is 1 or -1 then, whatever the gradient's size."""
    weight = keras.Variable([1.0, 1.0, 1.0])
    optimizer = FusedAdam(0.01, **OPTIONS)
    optimizer.build([weight])
    optimizer.apply([tf.constant([3.0, -0.002, 50.0])])
    np.testing.assert_allclose(weight.numpy(), [0.99, 1.01, 0.99], rtol=1e-4)
