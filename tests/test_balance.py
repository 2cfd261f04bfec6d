"""The balance of the two networks, by hand."""

import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.losses import BALANCE_NAMES, GAN_LOSSES, STEP_NAMES, Objective
from tfpix2pix.losses.balance import logit_figures
from tfpix2pix.losses.objective import Judgement


def logits(*values):
    return tf.constant(np.array(values, np.float32).reshape(1, -1, 1, 1))


def test_shares_on_the_right_side_and_means_by_hand():
    figures = logit_figures([logits(2, 1, -1, 0)], [logits(-3, 1)], boundary=0.0)
    assert {name: float(value) for name, value in figures.items()} == {
        "real_accuracy": 0.5,
        "fake_accuracy": 0.5,
        "real_logit_mean": 0.5,
        "fake_logit_mean": -1.0,
    }


def test_every_scale_counts_the_same():
    real = [logits(1, 1, 1, 1), logits(-1)]
    figures = logit_figures(real, [logits(-1, -1, -1, 4), logits(-2)], boundary=0.0)
    assert float(figures["real_accuracy"]) == 0.5  # not 0.8
    assert float(figures["fake_accuracy"]) == 0.875
    assert float(figures["real_logit_mean"]) == 0.0
    assert float(figures["fake_logit_mean"]) == -0.875


@pytest.mark.parametrize(
    ("gan_loss", "real", "fake"),
    [("vanilla", 1.0, 0.0), ("hinge", 1.0, 0.0), ("lsgan", 0.5, 0.5), ("wgan_gp", None, None)],
)
def test_the_boundary_is_between_what_d_learns_to_give(gan_loss, real, fake):
    """Logits 0.25 and 0.75: all real to a sigmoid's, one of two nearer to LSGAN's label 1."""
    judged = Judgement([logits(0.25, 0.75)], [])
    figures = Objective(gan_loss=gan_loss).logit_figures(judged, judged)
    assert figures.get("real_accuracy") == real
    assert figures.get("fake_accuracy") == fake
    assert float(figures["real_logit_mean"]) == 0.5


@pytest.mark.parametrize("gan_loss", GAN_LOSSES)
def test_what_is_measured_has_its_name_and_place(gan_loss):
    objective = Objective(gan_loss=gan_loss)
    judged = Judgement([logits(0.0)], [])
    measured = {*objective.logit_figures(judged, judged), *BALANCE_NAMES[-2:]}
    assert set(objective.balance_names) == measured
    assert objective.step_names == objective.loss_names + objective.balance_names
    assert [n for n in STEP_NAMES if n in objective.step_names] == list(objective.step_names)


def test_without_a_discriminator_the_generators_gradient_is_measured():
    assert Objective(gan_weight=0.0).balance_names == ("generator_gradient_norm",)
