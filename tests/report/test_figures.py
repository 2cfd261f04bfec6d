"""What the figures show: lines, bars and pictures, read back from matplotlib's objects."""

import math

import numpy as np
import pytest

from tests.report.drawn import figures_of, make_document
from tfpix2pix.report.document import Image
from tfpix2pix.report.figures import curves_figure, distributions_figure, panels_of
from tfpix2pix.report.sheet import chosen_images, sheet_figure


def images(figures, runs=1):
    return [Image(f"{i}", 8, 8, [figure] * runs) for i, figure in enumerate(figures)]


def test_a_curve_in_no_panel_gets_its_own():
    titles = [panel.title for panel in panels_of(make_document())]
    assert titles == ["GAN losses", "L1", "validation SSIM", "learning_rate"]


@pytest.mark.parametrize("runs", [1, 2])
def test_curves_are_those_of_the_runs(runs):
    document = make_document(runs)
    axes = curves_figure(document).axes[0]
    assert len(axes.lines) == 2 * runs
    assert len({line.get_color() for line in axes.lines}) == 2
    assert len({line.get_linestyle() for line in axes.lines}) == runs
    expected = document.runs[0].curves["adversarial_loss"]
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), expected)


def test_distributions_count_images_and_mark_the_mean():
    psnr = [*np.linspace(10, 20, 30), math.inf, None]
    document = make_document(images=images([{"psnr": value} for value in psnr]))
    _, axes, l1 = distributions_figure(document).axes
    assert sum(bar.get_height() for bar in axes.containers[0]) == 30
    assert axes.get_title() == "PSNR (2 not finite, left out)"
    assert list(axes.lines[0].get_xdata()) == [document.runs[0].summaries[1].value] * 2
    assert axes.get_xlabel() == "dB, higher is better"
    assert l1.get_xlabel() == "lower is better"


def test_examples_are_the_worst_median_and_best():
    document = make_document(images=images([figures_of(index, 101) for index in range(101)]))
    figure = {index: image.figures[0]["ssim"] for index, image in enumerate(document.images)}
    order = sorted(figure, key=figure.get)
    expected = [("worst", order[:3]), ("median", order[49:52]), ("best", order[-3:])]
    assert chosen_images(document) == expected
    # L1 goes the other way round, and less is better: the same order.
    by_l1 = make_document(images=document.images, main_metric="l1")
    assert chosen_images(by_l1) == expected


def test_few_examples_are_all_shown_and_those_without_a_figure_are_not():
    values = [0.5, None, 0.25, math.nan]
    document = make_document(images=images([{"ssim": value} for value in values]))
    assert chosen_images(document) == [("worst to best", [2, 0])]
    nothing = make_document(images=images([{"ssim": None}]))
    assert chosen_images(nothing) == []


def test_the_sheet_shows_input_generated_and_target():
    document = make_document(2, images=images([{"ssim": 0.5}, {"ssim": 0.25}], runs=2))
    colour = {name: np.full((8, 8, 3), value, np.uint8) for value, name in enumerate("itab")}
    pictures = {number: [colour[name] for name in "itab"] for number in (0, 1)}
    axes = sheet_figure(document, pictures).axes
    shown = [int(a.images[0].get_array()[0, 0, 0]) for a in axes]
    assert shown == [0, 2, 3, 1] * 2  # input, a, b, target
    titles = [a.get_title() for a in axes[:4]]
    assert titles[:2] == ["worst to best: 1", "baseline: SSIM 0.250"]
    assert titles[3] == "target"
