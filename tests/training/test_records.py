"""metrics.csv and losses.png."""

import numpy as np
import tensorflow as tf

from tfpix2pix.losses import STEP_NAMES
from tfpix2pix.training.records import (
    COLUMNS,
    PANELS,
    MetricsFile,
    _thinned,
    as_written,
    plot_losses,
)


def test_rows_are_read_as_they_were_written(tmp_path):
    metrics = MetricsFile(tmp_path / "metrics.csv")
    metrics.truncate(-1)
    metrics.append({"step": 2, "l1_loss": 0.5})
    metrics.append({"step": 1000000, "val_ssim": 0.25, "learning_rate": 2e-4})
    assert (tmp_path / "metrics.csv").read_text().splitlines()[0] == ",".join(COLUMNS)
    assert metrics.read() == [
        {"step": 2, "l1_loss": 0.5},
        {"step": 1000000, "val_ssim": 0.25, "learning_rate": 2e-4},
    ]


def test_half_a_line_of_a_killed_run_is_dropped_and_later_rows_too(tmp_path):
    metrics = MetricsFile(tmp_path / "metrics.csv")
    metrics.truncate(-1)
    for step in (1, 2, 3):
        metrics.append({"step": step, "l1_loss": 0.5})
    with (tmp_path / "metrics.csv").open("a") as file:
        file.write("4,0.1")
    assert [row["step"] for row in metrics.read()] == [1, 2, 3]
    metrics.truncate(2)
    metrics.append({"step": 3, "l1_loss": 0.25})
    assert [(row["step"], row["l1_loss"]) for row in metrics.read()] == [
        (1, 0.5),
        (2, 0.5),
        (3, 0.25),
    ]


def test_a_file_of_fewer_columns_is_read_by_its_own_header(tmp_path):
    """As an earlier version wrote it."""
    (tmp_path / "metrics.csv").write_text("step,l1_loss,discriminator_loss,val_l1\n2,0.5,0.7,\n")
    metrics = MetricsFile(tmp_path / "metrics.csv")
    expected = {"step": 2, "l1_loss": 0.5, "discriminator_loss": 0.7}
    assert metrics.read() == [expected]
    metrics.truncate(2)
    metrics.append({"step": 4, "r1_penalty": 0.25})
    assert metrics.read() == [expected, {"step": 4, "r1_penalty": 0.25}]


def test_everything_measured_has_a_column_and_a_place_in_the_plot(tmp_path):
    assert set(STEP_NAMES) < set(COLUMNS)
    drawn = {name for names in PANELS.values() for name in names}
    assert set(STEP_NAMES) - drawn == {"generator_loss"}  # the sum of the others
    heights = []
    for name in ("l1_loss", "r1_penalty", "charbonnier_loss"):
        plot_losses([{"step": 1, name: 0.5}], tmp_path / "losses.png")
        plot = tf.io.decode_png((tmp_path / "losses.png").read_bytes())
        heights.append(plot.shape[0])
    # A fifth panel takes a row of its own.
    assert heights[0] < heights[1] == heights[2]


def test_where_classes_are_validated_no_panels_of_images_are_drawn(tmp_path):
    heights = []
    for row in ({"val_ssim": 0.5}, {"val_class_iou": 0.5, "cross_entropy_loss": 1.0}):
        plot_losses([{"step": 1} | row], tmp_path / "losses.png")
        plot = tf.io.decode_png((tmp_path / "losses.png").read_bytes())
        heights.append(plot.shape[0])
    assert heights == [600, 300]  # two rows of panels, or one


def test_the_plot_shows_what_there_is(tmp_path):
    plot_losses([], tmp_path / "empty.png")
    plot_losses([{"step": 1, "l1_loss": 0.5}, {"step": 2, "l1_loss": 0.1}], tmp_path / "full.png")
    empty, full = (
        tf.io.decode_png((tmp_path / f"{name}.png").read_bytes(), channels=3).numpy()
        for name in ("empty", "full")
    )
    assert (empty != 255).any()
    assert empty.shape == full.shape
    assert (empty != full).any()


def test_a_row_as_written_is_the_row_that_is_read_back(tmp_path):
    row = {"step": 1234567, "val_ssim": 0.123456789, "val_psnr": float("inf")}
    metrics = MetricsFile(tmp_path / "metrics.csv")
    metrics.append(row)
    assert [as_written(row)] == metrics.read()
    assert as_written(row)["val_ssim"] == 0.123457
    assert as_written(row)["step"] == 1234567


def test_long_curves_are_thinned_to_means():
    steps = np.arange(0, 2500)
    points = np.stack([steps, 2.0 * steps], axis=1)
    thinned = _thinned(points)
    assert len(thinned) == 834  # of 3 each; the last is of 1
    np.testing.assert_allclose(thinned[[0, 1, -1]], [[1, 2], [4, 8], [2499, 4998]])
    np.testing.assert_array_equal(_thinned(points[:1000]), points[:1000])
