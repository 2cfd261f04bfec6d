"""The table and the sheet of many runs, from outcomes written by hand."""

from pathlib import Path

import numpy as np
import pytest

from tfpix2pix.ablation.outcomes import Outcome
from tfpix2pix.ablation.recipe import Recipe
from tfpix2pix.ablation.sheet import Column, comparison_sheet
from tfpix2pix.ablation.table import csv_table, markdown_table
from tfpix2pix.config import resolve

MARGIN, GUTTER, LINE = 16, 4, 15


def outcome(options, status="done", **known):
    return Outcome(Recipe("_".join(options.values()), options, resolve()), status, **known)


OUTCOMES = [
    outcome(
        {"loss": "L1", "patch": "70"},
        steps=3000,
        figures={"l1": 0.123456, "psnr": 20.5, "ssim": 0.5},
        generator_parameters=54414979,
        minutes=12.345678,
    ),
    outcome(
        {"loss": "a|b"},
        steps=3000,
        figures={"l1": 0.2, "psnr": 21.0, "ssim": 0.5},
        generator_parameters=5,
        discriminator_parameters=2768705,
        minutes=0.04,
    ),
    outcome({"loss": "GAN"}, "failed", steps=1000, reason="step 1234: a loss is not finite"),
    outcome({"loss": "cGAN"}, "waiting"),
]
BASELINE = {"l1": 0.1, "psnr": 30.0, "ssim": 0.123456789}


def test_the_csv_table_leaves_nothing_out():
    assert csv_table(["loss", "patch"], OUTCOMES, BASELINE).splitlines() == [
        "run,loss,patch,status,steps,l1,psnr,ssim,generator_parameters,discriminator_parameters,"
        "minutes",
        "L1_70,L1,70,done,3000,0.123456,20.5,0.5,54414979,,12.3457",
        "a|b,a|b,,done,3000,0.2,21.0,0.5,5,2768705,0.04",
        "GAN,GAN,,failed,1000,,,,,,",
        "cGAN,cGAN,,waiting,0,,,,,,",
        "mean training picture,,,,,0.1,30,0.123457,,,",
    ]


def test_the_best_runs_of_each_figure_are_bold():
    text = markdown_table(["loss", "patch"], OUTCOMES, BASELINE)
    assert text.splitlines()[2:7] == [
        "| L1 | 70 | 3000 | **0.1235** | 20.50 | **0.500** | 54,414,979 |  | 12.3 |",
        "| a\\|b |  | 3000 | 0.2000 | **21.00** | **0.500** | 5 | 2,768,705 | 0.0 |",
        "| GAN |  | failed at 1000 |  |  |  |  |  |  |",
        "| cGAN |  | waiting |  |  |  |  |  |  |",
        "| mean training picture |  |  | 0.1000 | 30.00 | 0.123 |  |  |  |",
    ]
    assert text.endswith("\n\n- GAN failed: step 1234: a loss is not finite\n")
    assert len({line.count(" | ") for line in text.splitlines()[:6]}) == 1


def test_without_held_out_pairs_there_are_no_figures_and_no_baseline():
    bare = [outcome({"loss": "L1"}, steps=3, generator_parameters=5, minutes=1.0)]
    assert markdown_table(["loss"], bare, {}).splitlines()[2:4] == [
        "| L1 | 3 |  |  |  | 5 |  | 1.0 |",
        "",
    ]
    assert len(csv_table(["loss"], bare, {}).splitlines()) == 2


def columns(count, size=(200, 200), seed=0):
    images = np.random.default_rng(seed).integers(0, 256, (count, 2, *size, 3), np.uint8)
    return [Column([f"run {number}"], images[number]) for number in range(count)]


def test_many_runs_are_broken_into_blocks_of_equal_width():
    """2400 pixels hold 11 columns of 200 and a gutter; 20 runs stand in 3 blocks, 7 a block."""
    common, answers = columns(2, seed=1), columns(20)
    sheet = comparison_sheet(common, answers)
    head = MARGIN + LINE + GUTTER
    block = head + 2 * 200 + GUTTER + MARGIN
    assert sheet.shape == (3 * block, 2 * MARGIN + 9 * 204 - GUTTER, 3)
    for number in range(3):
        for row in range(2):
            top = number * block + head + row * 204
            shown = [*common, *answers[number * 7 : number * 7 + 7]]
            for place, column in enumerate(shown):
                left = MARGIN + place * 204
                found = sheet[top : top + 200, left : left + 200]
                np.testing.assert_array_equal(found, column.images[row])
    assert (sheet[2 * block + head :, MARGIN + 8 * 204 :] == 255).all()


def test_long_captions_are_broken_and_stay_above_their_images():
    common, (answer,) = columns(2, seed=1), columns(1)
    sheet = comparison_sheet(common, [Column(["W" * 30, "second"], answer.images)])
    # 30 W of 12 pixels do not fit in 200.
    lines = (sheet.shape[0] - 2 * MARGIN - GUTTER - 404) // LINE
    assert lines >= 3
    head = sheet[: MARGIN + lines * LINE]
    right = MARGIN + 2 * 204
    for line in range(lines):
        rows = slice(MARGIN + line * LINE, MARGIN + (line + 1) * LINE)
        assert (head[rows, right : right + 200] < 128).any()
        # Input and target have one line, the last.
        assert (head[rows, MARGIN : MARGIN + 200] < 128).any() == (line == lines - 1)
    assert (head[:, right + 200 :] == 255).all()


@pytest.mark.parametrize(
    ("size", "shown"), [((40, 50), (80, 100)), ((96, 96), (96, 96)), ((512, 1024), (128, 256))]
)
def test_tiles_are_large_enough_to_see_and_small_enough_to_compare(size, shown):
    common, answers = columns(2, size, seed=1), columns(1, size)
    sheet = comparison_sheet(common, answers)
    height, width = shown
    assert sheet.shape[:2] == (
        2 * MARGIN + LINE + 2 * (GUTTER + height),
        2 * MARGIN + 3 * (width + GUTTER) - GUTTER,
    )


def test_large_tiles_are_averages_not_samples():
    """Stripes of one pixel become gray."""
    stripes = np.zeros((1, 512, 512, 3), np.uint8)
    stripes[:, :, ::2] = 255
    column = Column(["stripes"], stripes)
    sheet = comparison_sheet([column], [column])
    top = MARGIN + LINE + GUTTER
    inner = sheet[top + 8 : top + 248, MARGIN + 8 : MARGIN + 248]
    assert np.abs(inner.astype(int) - 127.5).max() < 8


def test_places_of_the_papers_sets_are_named_in_the_docs():
    docs = (Path(__file__).parents[2] / "docs" / "ablations.md").read_text()
    for path in (Path(__file__).parents[2] / "configs" / "ablations").iterdir():
        assert f"{path.name}" in docs
