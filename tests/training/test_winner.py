"""When the discriminator is said to have won."""

import math

import pytest

from tfpix2pix.config import resolve
from tfpix2pix.losses import Objective
from tfpix2pix.training.winner import WON_LOSS, WinnerWatch, winner_warning


def rows_of(loss, *, accuracy=1.0, steps=2000, every=50, **others):
    return [
        {
            "step": step,
            "discriminator_loss": loss,
            "real_accuracy": 1.0,
            "fake_accuracy": accuracy,
            **others,
        }
        for step in range(every, steps + 1, every)
    ]


def told_at(rows, scales=1, **objective):
    watch = WinnerWatch(Objective(**objective), scales)
    return [row["step"] for row in rows if watch.tells(row)]


@pytest.mark.parametrize("gan_loss", WON_LOSS)
def test_it_tells_once_after_500_steps(gan_loss):
    # discriminator_weight is 0.5.
    rows = rows_of(0.49 * WON_LOSS[gan_loss])
    assert told_at(rows, gan_loss=gan_loss) == [500]
    validations = [{"step": row["step"], "val_ssim": 0.5} for row in rows]
    assert told_at(sum(zip(rows, validations, strict=True), ()), gan_loss=gan_loss) == [500]


@pytest.mark.parametrize(
    ("rows", "objective"),
    [
        (rows_of(0.5 * 2 * math.log(2), accuracy=0.5), {}),  # at chance
        (rows_of(0.0, accuracy=0.98), {}),
        (rows_of(0.06), {}),
        (rows_of(0.011), {"gan_loss": "lsgan"}),
        (rows_of(-5.0), {"gan_loss": "wgan_gp"}),  # a critic has to be good
        (rows_of(0.0, steps=450), {}),
        ([{"step": s, "discriminator_loss": 0.0} for s in range(50, 2000, 50)], {}),
    ],
)
def test_it_is_silent_while_the_generator_has_a_chance(rows, objective):
    assert told_at(rows, **objective) == []


def test_a_row_that_is_better_for_the_generator_starts_the_count_anew():
    rows = rows_of(0.0)
    rows[8] |= {"fake_accuracy": 0.9}  # step 450
    assert told_at(rows) == [950]


def test_it_is_not_told_again_after_a_break_or_a_resume():
    rows = rows_of(0.0)
    rows[15] |= {"fake_accuracy": 0.9}
    assert told_at(rows) == [500]
    watch = WinnerWatch(Objective(), 1)
    assert [watch.tells(row) for row in rows[:12]].count(True) == 1
    resumed = WinnerWatch(Objective(), 1)
    for row in rows[:12]:
        resumed.tells(row)
    assert not any(resumed.tells(row) for row in rows[12:])
    early = WinnerWatch(Objective(), 1)
    for row in rows[:4]:
        early.tells(row)
    assert [row["step"] for row in rows[4:] if early.tells(row)] == [500]


def test_what_is_added_to_the_loss_is_taken_off_again():
    """Weight, penalty, scales, and the entropy of a smoothed label, 0.3251 of 0.1."""
    smooth = {"label_smoothing": 0.1, "discriminator_weight": 1.0}
    assert told_at(rows_of(0.42), **smooth) == [500]
    assert told_at(rows_of(0.43), **smooth) == []
    penalised = {"r1_weight": 10.0, "discriminator_weight": 1.0}
    assert told_at(rows_of(5.09, r1_penalty=1.0), **penalised) == [500]
    assert told_at(rows_of(5.11, r1_penalty=1.0), **penalised) == []
    assert told_at(rows_of(0.14), scales=3) == [500]  # 0.28 over three scales
    assert told_at(rows_of(0.16), scales=3) == []


def test_the_warning_names_what_the_run_does_not_have_yet():
    (row,) = rows_of(0.0, accuracy=0.997, steps=50)
    shown = winner_warning(row, resolve())
    assert shown.startswith("step 50: warning: the discriminator has won.")
    assert "100.0% and 99.7%" in shown
    for advice in ("label_smoothing", "diff_augment", "pool_size", "rate below 0.0002"):
        assert advice in shown
    flags = {"gan_loss": "hinge", "diff_augment": "color", "pool_size": 5}
    shown = winner_warning(row, resolve(flags=flags))
    assert not any(name in shown for name in ("label_smoothing", "diff_augment", "pool_size"))
