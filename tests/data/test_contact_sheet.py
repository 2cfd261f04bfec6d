from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import complement, draw_shapes
from tfpix2pix.config import DataSettings
from tfpix2pix.data.contact_sheet import write_contact_sheet
from tfpix2pix.data.detect import detect_format
from tfpix2pix.data.formats import ImageFormat, PairFormat
from tfpix2pix.data.sheet_drawing import (
    CELL_WIDTH,
    GAP,
    IMAGE,
    LINE,
    MARGIN,
    RED,
    TITLE,
    Cell,
    contact_sheet,
)
from tfpix2pix.data.sources import Problem, list_pairs
from tfpix2pix.errors import UserError

# 64x64 images are shown at twice their size.
SHOWN = 128


def flat(height: int, width: int, colour: tuple[int, int, int]) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def at(sheet: np.ndarray, top: int, left: int, size: tuple[int, int]) -> np.ndarray:
    return sheet[top : top + size[0], left : left + size[1]]


def reds(sheet: np.ndarray) -> int:
    return int((sheet == RED).all(axis=-1).sum())


def write(data: Path, path: Path, **more) -> np.ndarray:
    settings = DataSettings(data=str(data), **more.pop("settings", {}))
    listing = list_pairs(settings)
    pair_format = more.pop("pair_format", None) or detect_format(settings, listing.splits["train"])
    write_contact_sheet(path, settings, listing, pair_format, **more)
    return np.array(Image.open(path))


def test_input_left_target_right():
    sheet = contact_sheet([Cell("one", flat(160, 160, (10, 20, 30)), flat(160, 160, (1, 2, 3)))])

    assert (at(sheet, MARGIN, MARGIN, (IMAGE, IMAGE)) == (10, 20, 30)).all()
    assert (at(sheet, MARGIN, MARGIN + IMAGE + GAP, (IMAGE, IMAGE)) == (1, 2, 3)).all()
    assert (at(sheet, MARGIN, MARGIN + IMAGE, (IMAGE, GAP)) == 255).all()
    assert sheet.dtype == np.uint8


def test_text_stands_below():
    image = flat(160, 160, (0, 0, 255))
    with_name = contact_sheet([Cell("a name", image, image)])
    without = contact_sheet([Cell("", image, image)])

    below = at(with_name, MARGIN + IMAGE + 4, 0, (LINE, CELL_WIDTH))
    assert below.min() < 128
    assert without[MARGIN + IMAGE :].min() == 255


def test_rows_of_cells_fill_from_the_left():
    colours = [(40 * i, 0, 7) for i in range(5)]
    sheet = contact_sheet(
        [Cell("", flat(160, 160, c), flat(160, 160, c)) for c in colours], columns=4
    )

    assert sheet.shape[1] == MARGIN + 4 * (CELL_WIDTH + MARGIN)
    for place, colour in enumerate(colours[:4]):
        left = MARGIN + place * (CELL_WIDTH + MARGIN)
        assert (at(sheet, MARGIN, left, (IMAGE, IMAGE)) == colour).all()
    below = MARGIN + (IMAGE + MARGIN)
    assert (at(sheet, below, MARGIN, (IMAGE, IMAGE)) == colours[4]).all()


def test_the_shape_of_images_is_kept():
    blue = (0, 0, 255)
    sheet = contact_sheet([Cell("", flat(100, 400, blue), flat(20, 40, (255, 0, 0)))])

    assert (at(sheet, MARGIN, MARGIN, (40, 160)) == blue).all()
    assert (sheet == blue).all(axis=-1).sum() == 40 * 160
    assert (sheet == (255, 0, 0)).all(axis=-1).sum() == 80 * 160


def test_sections_begin_a_new_row_with_a_title():
    image = flat(160, 160, (9, 9, 9))
    cells = [Cell("", image, image, section) for section in ("train", "train", "val")]

    sheet = contact_sheet(cells)

    assert len(sheet) == MARGIN + 2 * (TITLE + IMAGE + MARGIN)
    assert at(sheet, MARGIN, MARGIN, (TITLE, 60)).min() < 128
    second = MARGIN + 2 * TITLE + IMAGE + MARGIN
    assert (at(sheet, second, MARGIN, (IMAGE, IMAGE)) == 9).all()
    assert (at(sheet, second, MARGIN + CELL_WIDTH + MARGIN, (IMAGE, IMAGE)) == 255).all()


def test_only_problems_have_a_red_frame():
    image = flat(160, 160, (9, 9, 9))

    assert reds(contact_sheet([Cell("a", image, image)])) == 0
    framed = contact_sheet([Cell("a", image, image, problem="it is cut short")])
    assert reds(framed) >= 3 * 2 * (IMAGE + CELL_WIDTH)
    # The frame is drawn around the images, not over them.
    assert (at(framed, MARGIN, MARGIN, (IMAGE, IMAGE)) == 9).all()
    assert (at(framed, MARGIN, MARGIN + IMAGE + GAP, (IMAGE, IMAGE)) == 9).all()


def test_images_that_cannot_be_read_leave_a_gray_place():
    sheet = contact_sheet([Cell("a", None, None, problem="it is empty")])

    assert (at(sheet, MARGIN, MARGIN, (IMAGE, IMAGE)) == 235).all()


@pytest.mark.parametrize("name", ["x" * 300, "grüße/日本.png", "bytes\udcff.png"])
def test_any_name_can_be_drawn(name):
    image = flat(16, 16, (9, 9, 9))
    sheet = contact_sheet([Cell(name, image, image)], title=name[:60])

    assert sheet[MARGIN + TITLE + IMAGE + 4 :].min() < 128


def test_a_set_on_a_sheet(pairs_folder, tmp_path):
    sheet = write(pairs_folder, tmp_path / "sheets/sheet.png")

    top = MARGIN + 2 * TITLE
    first = draw_shapes(0).repeat(2, 0).repeat(2, 1)
    np.testing.assert_array_equal(at(sheet, top, MARGIN, (SHOWN, SHOWN)), first)
    np.testing.assert_array_equal(
        at(sheet, top, MARGIN + IMAGE + GAP, (SHOWN, SHOWN)), complement(first)
    )
    # Two rows of six train pairs, one of three val pairs, two lines of text in each.
    rows = 3 * (SHOWN + 2 * LINE + MARGIN)
    assert len(sheet) == MARGIN + 3 * TITLE + rows
    assert [path.name for path in (tmp_path / "sheets").iterdir()] == ["sheet.png"]


def test_direction_says_which_is_left(pairs_folder, tmp_path):
    sheet = write(pairs_folder, tmp_path / "sheet.png", settings={"direction": "BtoA"})

    first = draw_shapes(0).repeat(2, 0).repeat(2, 1)
    top = MARGIN + 2 * TITLE
    np.testing.assert_array_equal(at(sheet, top, MARGIN, (SHOWN, SHOWN)), complement(first))


def test_each_split_has_its_share_evenly_spread(pairs_folder, tmp_path):
    sheet = write(pairs_folder, tmp_path / "sheet.png", count=4)

    row = SHOWN + 2 * LINE + MARGIN
    assert len(sheet) == MARGIN + 3 * TITLE + 2 * row
    second = MARGIN + CELL_WIDTH + MARGIN
    tops = {0: MARGIN + 2 * TITLE, 6: MARGIN + 3 * TITLE + row}
    for (first, top), last in zip(tops.items(), (5, 8), strict=True):
        for left, number in ((MARGIN, first), (second, last)):
            expected = draw_shapes(number).repeat(2, 0).repeat(2, 1)
            np.testing.assert_array_equal(at(sheet, top, left, (SHOWN, SHOWN)), expected)


def test_problems_come_first_and_once(pairs_folder, tmp_path):
    (pairs_folder / "val/7.png").write_bytes(b"")
    problems = [
        Problem("val/7.png", "it is empty"),
        Problem("train/3.png", "input: 17 % of its pixels are of no colour of the palette"),
        Problem("train/3.png", "another"),
        Problem("elsewhere.png", "no partner"),
    ]

    sheet = write(pairs_folder, tmp_path / "sheet.png", problems=problems)

    top = MARGIN + 2 * TITLE
    third = draw_shapes(3).repeat(2, 0).repeat(2, 1)
    np.testing.assert_array_equal(at(sheet, top, MARGIN, (SHOWN, SHOWN)), third)
    unreadable = MARGIN + CELL_WIDTH + MARGIN
    assert (at(sheet, top, unreadable, (IMAGE, IMAGE)) == 235).all()
    again = sheet[top + SHOWN :]
    windows = [
        at(again, row, column, (SHOWN, SHOWN))
        for row in range(0, len(again) - SHOWN)
        for column in [MARGIN + i * (CELL_WIDTH + MARGIN) for i in range(4)]
    ]
    assert not any(np.array_equal(window, third) for window in windows)


def test_label_maps_keep_their_colours_and_ranges_are_spread(tmp_path):
    labels = flat(160, 160, (0, 170, 255))
    target = np.full((160, 160, 1), 2.5, np.float32)
    for side, pixels in (("input", labels), ("target", target)):
        (tmp_path / f"train/{side}").mkdir(parents=True)
        if side == "input":
            Image.fromarray(pixels).save(tmp_path / "train/input/1.png")
        else:
            np.save(tmp_path / "train/target/1.npy", pixels)
    pair_format = PairFormat(
        ImageFormat(palette=((0, 170, 255), (0, 0, 0))), ImageFormat(1, "float32", (0.0, 10.0))
    )

    sheet = write(tmp_path, tmp_path / "sheet.png", pair_format=pair_format)

    top = MARGIN + 2 * TITLE
    assert (at(sheet, top, MARGIN, (IMAGE, IMAGE)) == (0, 170, 255)).all()
    assert (at(sheet, top, MARGIN + IMAGE + GAP, (IMAGE, IMAGE)) == 64).all()


def test_large_images_are_shrunk_as_soon_as_they_are_read(tmp_path, monkeypatch):
    (tmp_path / "train").mkdir()
    for number in range(3):
        wide = np.repeat(flat(400, 600, (9 * number, 0, 255)), 2, axis=1)
        Image.fromarray(wide).save(tmp_path / f"train/{number}.png")
    drawn = []
    monkeypatch.setattr(
        "tfpix2pix.data.contact_sheet.contact_sheet",
        lambda cells, title: drawn.extend(cells) or contact_sheet(cells, title=title),
    )

    sheet = write(tmp_path, tmp_path / "sheet.png")

    images = [image for cell in drawn for image in (cell.input, cell.target)]
    assert [image.shape for image in images] == [(107, IMAGE, 3)] * 6
    assert all(image.base is None for image in images)
    assert drawn[0].size == "train, 400x600"
    assert (at(sheet, MARGIN + 2 * TITLE, MARGIN, (107, IMAGE)) == (0, 0, 255)).all()


def test_images_that_do_not_fit_the_set_are_shown_as_stored(pairs_folder, tmp_path):
    five = PairFormat(ImageFormat(5), ImageFormat(5))

    sheet = write(pairs_folder, tmp_path / "sheet.png", pair_format=five)

    first = draw_shapes(0).repeat(2, 0).repeat(2, 1)
    np.testing.assert_array_equal(at(sheet, MARGIN + 2 * TITLE, MARGIN, (SHOWN, SHOWN)), first)


def test_equal_sets_give_equal_files(pairs_folder, tmp_path):
    write(pairs_folder, tmp_path / "1.png")
    write(pairs_folder, tmp_path / "2.png")

    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "2.png").read_bytes()


def test_a_place_that_cannot_be_written(pairs_folder, tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(UserError, match="cannot write"):
        write(pairs_folder, tmp_path / "file/sheet.png")
