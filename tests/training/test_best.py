"""Which validation is the best, and when those without improvement end a run."""

import math

import pytest

from tfpix2pix.config import resolve
from tfpix2pix.errors import SettingsError, UserError
from tfpix2pix.evaluation.metrics import TRAINING_METRICS
from tfpix2pix.evaluation.segmentation import LABEL_METRICS
from tfpix2pix.training.best import Standing, ended_early, has_run_out, standing_of


def rows_of(*figures, metric="ssim"):
    """A validation every ten steps, and rows of losses between them."""
    rows = []
    for number, figure in enumerate(figures):
        rows.append({"step": 10 * number, f"val_{metric}": figure, "val_other": -figure})
        rows.append({"step": 10 * number + 5, "l1_loss": 0.5})
    return rows


@pytest.mark.parametrize(
    ("metric", "figures", "best_step", "best", "idle"),
    [
        ("ssim", (0.1, 0.4, 0.3, 0.2), 10, 0.4, 2),
        ("l1", (0.1, 0.4, 0.05, 0.2), 20, 0.05, 1),
        ("psnr", (9.0, math.inf, 20.0), 10, math.inf, 1),
        ("ssim", (0.5, 0.5, 0.5), 0, 0.5, 2),  # as good is not better
        ("ssim", (math.nan, 0.1, math.nan), 10, 0.1, 1),
    ],
)
def test_the_best_validation(metric, figures, best_step, best, idle):
    standing = standing_of(rows_of(*figures, metric=metric), metric, patience=0)
    last_step = 10 * (len(figures) - 1)
    assert standing == Standing(metric, best_step, best, last_step, idle)


def test_without_a_validation_nothing_is_best():
    assert standing_of([{"step": 5, "l1_loss": 0.5}], "ssim", 3) is None
    assert not has_run_out(None, 3)


@pytest.mark.parametrize(
    ("figures", "patience", "ends"),
    [
        ((0.1, 0.4, 0.3, 0.2), 2, True),
        ((0.1, 0.4, 0.3, 0.2), 3, False),
        ((0.1, 0.4, 0.3, 0.2), 0, False),
        ((0.1, 0.4, 0.3, 0.5), 2, False),
    ],
)
def test_patience_runs_out_after_so_many_validations_without_improvement(figures, patience, ends):
    rows = rows_of(*figures)
    assert has_run_out(standing_of(rows, "ssim", patience), patience) is ends
    assert ended_early(rows, "ssim", patience, step=30) is ends
    # A checkpoint after that validation: the run has gone on.
    assert not ended_early(rows, "ssim", patience, step=31)


def test_a_run_that_is_told_to_train_on_has_its_patience_anew():
    figures = [0.4, 0.3, 0.2, 0.1, 0.1]
    found = [standing_of(rows_of(*figures[:n]), "ssim", 2).idle for n in range(1, 6)]
    assert found == [0, 1, 2, 1, 2]


def test_the_settings_names_are_those_of_the_metrics():
    for name in TRAINING_METRICS:
        assert resolve(flags={"best_metric": name}).best_metric == name
    for name in LABEL_METRICS:
        flags = {"target_encoding": "labels", "palette": "cmp", "best_metric": name}
        assert resolve(flags=flags).best_metric == name
    assert resolve(flags={}).best_metric == "ssim"
    assert resolve(flags=flags | {"best_metric": "none"}).best_metric == "class_iou"
    with pytest.raises(SettingsError, match="best_metric ssim is not measured with target_enc"):
        resolve(flags=flags | {"best_metric": "ssim"})
    with pytest.raises(SettingsError, match="choose one of ssim, psnr, l1"):
        resolve(flags={"best_metric": "class_iou"})
    with pytest.raises(UserError, match="best_metric: input should be"):
        resolve(flags={"best_metric": "beauty"})
