"""A warning when the discriminator has won, so that the generator learns little from it.

It has won when, over at least `WON_STEPS` steps in a row, every row of metrics.csv says that it
tells nearly every patch and that hardly anything is left of its adversarial loss. In a healthy run
it errs now and then: at chance the loss is 1.39 (vanilla), 0.5 (lsgan) or 2 (hinge).
"""

import math

from tfpix2pix.config import Settings
from tfpix2pix.losses.gan import GAN_LOSSES
from tfpix2pix.losses.objective import Objective
from tfpix2pix.training.records import Row

# Shorter spells are common at the beginning, and pass.
WON_STEPS = 500
# The share of logits on the right side, of real and of generated images alike.
WON_ACCURACY = 0.99
# What is left of D's adversarial loss, the sum of its two terms, at one scale.
WON_LOSS = {
    "vanilla": 0.1,  # it is 95 % sure: -2 log 0.95
    "lsgan": 0.02,  # its logits are 0.1 from their labels
    "hinge": 0.1,  # its logits fall 0.05 short of the margin
    # wgan_gp is not here: a critic is to be trained until it can do no better.
}


class WinnerWatch:
    """Looks at the rows of a run one after the other, and tells once that D has won."""

    def __init__(self, objective: Objective, scales: int):
        self._objective = objective
        self._scales = scales
        self._last_step = 0.0
        self._winning_since: float | None = None
        self._told = False

    def tells(self, row: Row) -> bool:
        """Takes the next row; True where D has won, the first time only."""
        if "discriminator_loss" not in row:
            return False
        start, self._last_step = self._last_step, row["step"]
        if not self._is_winning(row):
            self._winning_since = None
            return False
        if self._winning_since is None:
            self._winning_since = start  # the row's figures are means since the one before
        has_won = row["step"] - self._winning_since >= WON_STEPS
        told, self._told = self._told, self._told or has_won
        return has_won and not told

    def _is_winning(self, row: Row) -> bool:
        bound = WON_LOSS.get(self._objective.gan_loss)
        if bound is None:
            return False
        # A run of an earlier version has rows without accuracies.
        accuracy = min(row.get(f"{side}_accuracy", 0.0) for side in ("real", "fake"))
        return accuracy >= WON_ACCURACY and self._loss_left(row) < bound

    def _loss_left(self, row: Row) -> float:
        """Of the adversarial loss at one scale: without weight and penalty, less its least."""
        objective = self._objective
        loss = row["discriminator_loss"] / objective.discriminator_weight
        loss -= objective.r1_weight / 2 * row.get("r1_penalty", 0.0)
        least = 0.0
        if objective.gan_loss == "vanilla" and objective.label_smoothing:
            # The entropy of the smoothed label.
            shares = objective.label_smoothing, 1 - objective.label_smoothing
            least = -sum(share * math.log(share) for share in shares)
        return loss / self._scales - least


def winner_warning(row: Row, settings: Settings) -> str:
    """What is the matter, and what usually helps that the run does not have yet."""
    helps, train = [], settings.train
    if GAN_LOSSES[train.gan_loss].has_labels and not train.label_smoothing:
        helps.append("label_smoothing 0.1")
    if not train.diff_augment:
        # Classes have no colours.
        color = "" if settings.data.target_encoding == "labels" else "color,"
        helps.append(f"diff_augment {color}translation,cutout")
    if not train.pool_size:
        helps.append("pool_size 50")
    rate = train.discriminator_learning_rate or train.learning_rate
    helps.append(f"a discriminator_learning_rate below {rate:g}")
    return (
        f"step {row['step']:.0f}: warning: the discriminator has won. For {WON_STEPS} steps and "
        f"more it has told real from generated (right about {row['real_accuracy']:.1%} and "
        f"{row['fake_accuracy']:.1%} of the patches) and its loss is near 0, so the generator "
        f"learns little from it. What usually helps, in a new run: {', or '.join(helps)}; see "
        "docs/training.md, Balance"
    )
