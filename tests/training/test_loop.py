"""What the loop collects of its steps."""

import numpy as np
import tensorflow as tf

from tfpix2pix.training.loop import LossRecorder

NAMES = ("l1_loss", "generator_gradient_norm")
NAN, INF = float("nan"), float("inf")


def recorded(*rows):
    recorder = LossRecorder(2, NAMES)
    recorder.add(len(rows), tf.constant(rows), seconds=1.0)
    return recorder, recorder.fetch()


def test_means_are_over_the_steps_that_measured():
    recorder, problem = recorded((1.0, NAN), (2.0, 3.0), (6.0, INF), (3.0, 5.0))
    assert problem is None
    means, rate = recorder.take()
    assert means == {"l1_loss": 3.0, "generator_gradient_norm": 4.0}
    np.testing.assert_allclose(rate, 8.0, rtol=0.1)  # two images a step
    assert recorder.last == {"l1_loss": 3.0}


def test_a_norm_that_no_step_measured_is_left_out():
    recorder, _ = recorded((1.0, NAN))
    assert recorder.take()[0] == {"l1_loss": 1.0}


def test_a_loss_that_is_no_number_is_a_problem_and_a_norm_is_none():
    assert (
        recorded((1.0, 2.0), (INF, 3.0))[1] == "step 2: a loss is not a finite number: l1_loss inf"
    )
