import dataclasses
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tifffile
from PIL import Image

from tests.conftest import complement, draw_shapes
from tfpix2pix.config import DataSettings
from tfpix2pix.data import checking, detect, image_checks, pair_checks
from tfpix2pix.data.check_report import CheckReport
from tfpix2pix.data.checking import check_pairs, usable_pairs
from tfpix2pix.data.detect import detect_format
from tfpix2pix.data.encoding import encode_image
from tfpix2pix.data.formats import ImageFormat, PairFormat
from tfpix2pix.data.pairs import open_splits
from tfpix2pix.data.sources import Listing, list_pairs
from tfpix2pix.errors import UserError

GRAY_PALETTE = (0, 128, 255)


def settings_of(data: Path, **settings) -> DataSettings:
    return DataSettings(data=str(data), **settings)


def check(data: Path, limit: int | None = None, **settings) -> CheckReport:
    of_data = settings_of(data, **settings)
    listing = list_pairs(of_data)
    return check_pairs(
        of_data, listing, detect_format(of_data, listing.splits["train"]), limit=limit
    )


def warnings_of(report: CheckReport) -> dict[str, tuple[str, ...]]:
    return {finding.what: finding.names for finding in report.warnings}


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, pixels)
    else:
        path.write_bytes(encode_image(pixels)[0])


def write_folders(root: Path, suffix: str = ".png", count: int = 4, make=draw_shapes) -> Path:
    """train/input and train/target: the same names in both."""
    for number in range(count):
        image = make(number)
        save(root / f"train/input/{number}{suffix}", image)
        save(root / f"train/target/{number}{suffix}", image[::-1, ::-1].copy())
    return root


@pytest.fixture
def folders(tmp_path) -> Path:
    return write_folders(tmp_path / "folders")


def test_a_good_set_has_facts_and_nothing_else(pairs_folder):
    report = check(pairs_folder)

    assert report.problems == ()
    assert report.warnings == ()
    assert report.lines() == [
        f"{pairs_folder}: 9 pairs (train 6, val 3), all looked at; "
        "each file holds both images, A left",
        "inputs: RGB uint8, 64x64",
        "targets: RGB uint8, 64x64",
        "no problems",
    ]


def test_several_sizes_and_kinds_are_counted(folders):
    save(
        folders / "train/input/4.png",
        np.zeros((32, 48, 1), np.uint8) + draw_shapes(4)[:32, :48, :1],
    )
    save(folders / "train/target/4.png", draw_shapes(5)[:32, :48])

    lines = check(folders).lines()

    expected = "RGB uint8 (4), gray uint8 (1), 64x64 (4), 32x48 (1), all within 32x48 to 64x64"
    assert lines[1] == f"inputs: {expected}"


def test_made_splits_are_said(tmp_path):
    for number in range(12):
        save(tmp_path / f"{number}.png", np.hstack([draw_shapes(number), draw_shapes(number + 50)]))
    listing = list_pairs(settings_of(tmp_path))

    report = check_pairs(settings_of(tmp_path), listing, PairFormat())

    assert "split by a hash of their names" in report.headline()
    assert report.total == 12


def test_problems_of_the_listing_are_kept(folders):
    (folders / "train/target/2.png").unlink()

    (problem,) = check(folders).problems

    assert problem.name == "train/input/2.png"
    assert "no file of that name in" in problem.reason


def test_missing_files_of_a_manifest_are_kept(pairs_folder):
    manifest = pairs_folder / "pairs.csv"
    manifest.write_text(
        "input,target,split\ntrain/0.png,train/1.png,train\ntrain/2.png,gone.png,train\n"
    )

    (problem,) = check(manifest).problems

    assert problem == ("gone.png", "no such file (pairs.csv, line 3)")


def test_unreadable_files_are_named(pairs_folder):
    broken = pairs_folder / "train/3.png"
    broken.write_bytes(broken.read_bytes()[:-40])
    (pairs_folder / "val/7.png").write_bytes(b"")

    problems = check(pairs_folder).problems

    assert [problem.name for problem in problems] == ["train/3.png", "val/7.png"]
    assert "it is cut short" in problems[0].reason
    assert problems[1].reason.startswith("it is empty")


def test_both_files_of_a_pair_are_named(folders):
    (folders / "train/input/1.png").write_bytes(b"x")
    (folders / "train/target/1.png").write_bytes(b"")

    names = [problem.name for problem in check(folders).problems]

    assert names == ["train/input/1.png", "train/target/1.png"]


def test_odd_width_of_side_by_side_files(pairs_folder):
    save(pairs_folder / "train/2.png", np.zeros((64, 127, 3), np.uint8))

    (problem,) = check(pairs_folder).problems

    assert problem.name == "train/2.png"
    assert "even width" in problem.reason


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_wrong_channels_name_the_file(folders, direction):
    save(folders / "train/target/1.png", np.zeros((64, 64, 3), np.uint8))
    settings = settings_of(folders, direction=direction)
    gray, colours = ImageFormat(1), ImageFormat(3)
    formats = (colours, gray) if direction == "AtoB" else (gray, colours)

    problems = check_pairs(settings, list_pairs(settings), PairFormat(*formats)).problems

    assert ("train/target/1.png", "it has 3 channels, expected 1 (gray)") in problems
    assert {problem.name.split("/")[1] for problem in problems} == {"target"}


def test_colours_become_gray_only_when_that_was_said(folders):
    assert check(folders, output_channels=1).problems == ()


def test_wrong_type_names_the_file(tmp_path):
    def deep(number: int) -> np.ndarray:
        return draw_shapes(number)[..., :1].astype(np.uint16) * 256

    write_folders(tmp_path, make=deep)
    report = check(tmp_path)
    assert report.problems == ()
    assert report.inputs.kinds == {"gray uint16": 4}

    settings = settings_of(tmp_path)
    eight_bits = PairFormat(ImageFormat(1), ImageFormat(1))
    problems = check_pairs(settings, list_pairs(settings), eight_bits).problems
    assert len(problems) == 8
    assert problems[0] == ("train/input/0.png", "16-bit among 8-bit images")


@pytest.mark.parametrize("side", ["input", "target"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_no_numbers(tmp_path, side, value):
    write_folders(tmp_path, ".npy", make=lambda i: draw_shapes(i).astype(np.float32) / 255)
    path = tmp_path / f"train/{side}/1.npy"
    pixels = np.load(path)
    pixels[:32] = value
    np.save(path, pixels)

    (problem,) = check(tmp_path, value_range=(0, 1)).problems

    assert problem == (f"train/{side}/1.npy", "50 % of its values are NaN or infinite")


def test_one_file_says_which_of_its_images(tmp_path):
    for number in range(3):
        pixels = np.random.default_rng(number).random((8, 16, 1), np.float32)
        pixels[0, 0] = np.nan if number == 1 else 0
        save(tmp_path / f"train/{number}.npy", pixels)

    (problem,) = check(tmp_path, value_range=(0, 1), direction="BtoA").problems

    assert problem.name == "train/1.npy"
    assert problem.reason == "target: 1.6 % of its values are NaN or infinite"


@pytest.mark.parametrize(
    ("resize", "sizes", "message"),
    [
        ("resize_and_crop", ((64, 64), (128, 128)), ""),
        ("resize_and_crop", ((64, 64), (64, 65)), ""),
        ("resize_and_crop", ((64, 64), (64, 80)), "their shapes differ"),
        ("scale_width", ((64, 64), (80, 64)), "their shapes differ"),
        ("none", ((64, 64), (128, 128)), "they must be of one size"),
        ("crop", ((64, 64), (64, 65)), "they must be of one size"),
        ("crop", ((64, 47), (64, 47)), "it is 64x47, smaller than crop_size 48x48"),
        ("crop", ((48, 48), (48, 48)), ""),
        ("scale_width_and_crop", ((64, 128), (64, 128)), "it is 32x64 after scaling, smaller"),
        ("scale_width_and_crop", ((96, 128), (96, 128)), ""),
    ],
)
def test_sizes_within_a_pair(resize, sizes, message):
    settings = DataSettings(resize=resize, load_size=64, crop_size=48)

    reason = pair_checks.size_reason(*sizes, settings)

    assert message in reason
    assert bool(reason) == bool(message)


def test_shapes_are_judged_as_in_training():
    from tfpix2pix.data import pipeline

    assert pair_checks.ASPECT_TOLERANCE == pipeline.ASPECT_TOLERANCE


def test_a_pair_that_does_not_match_is_named(folders):
    save(folders / "train/target/3.png", draw_shapes(3)[:40])

    (problem,) = check(folders).problems

    assert problem.name == "train/input/3.png"
    assert problem.reason.startswith("the input is 64x64 and the target 40x64 (height x width)")


@pytest.mark.parametrize(("resize", "odd"), [("none", "32x32"), ("scale_width", "")])
def test_the_odd_one_out_is_named_even_if_it_is_the_first(folders, resize, odd):
    for side in ("input", "target"):
        path = folders / f"train/{side}/0.png"
        save(path, np.array(Image.open(path))[:32, :32])

    problems = check(folders, resize=resize).problems

    assert [(p.name, p.reason[:11]) for p in problems] == (
        [("train/input/0.png", f"it is {odd}")] if odd else []
    )


def test_the_odd_shape_is_named_for_scale_width(folders):
    for side in ("input", "target"):
        path = folders / f"train/{side}/2.png"
        save(path, np.array(Image.open(path))[:48])

    (problem,) = check(folders, resize="scale_width", load_size=128).problems

    assert problem.name == "train/input/2.png"
    assert problem.reason.startswith("it is 96x128 after scaling, most others 128x128 (3)")


def label_map(number: int) -> np.ndarray:
    labels = np.random.default_rng(number).choice(GRAY_PALETTE, (8, 8)).astype(np.uint8)
    return np.repeat(labels.repeat(8, 0).repeat(8, 1)[..., np.newaxis], 3, axis=-1)


def test_label_maps_with_strange_colours(tmp_path):
    write_folders(tmp_path, make=label_map)
    labels = {"input_encoding": "labels", "palette": GRAY_PALETTE}
    assert check(tmp_path, **labels).problems == ()

    strange = label_map(1)
    strange[:16, :32] = (255, 0, 170)
    save(tmp_path / "train/input/1.png", strange)
    (problem,) = check(tmp_path, **labels).problems

    assert problem.name == "train/input/1.png"
    assert "no colour of the palette, most of them #ff00aa" in problem.reason


def test_edges_of_label_maps_may_be_mixed(tmp_path):
    palette = ((0, 0, 255), (255, 0, 0), (0, 255, 0))
    for number in range(3):
        classes = np.random.default_rng(number).integers(0, 3, (8, 8))
        blocks = np.array(palette, np.uint8)[classes].repeat(8, 0).repeat(8, 1)
        both = Image.fromarray(np.hstack([blocks, draw_shapes(number)]))
        (tmp_path / "train").mkdir(exist_ok=True)
        both.save(tmp_path / f"train/{number}.jpg", quality=75)

    labels = {"input_encoding": "labels", "palette": palette}
    assert check(tmp_path, **labels).problems == ()
    the_other_way = check(tmp_path, **labels, direction="BtoA").problems
    assert [problem.name for problem in the_other_way] == [f"train/{i}.jpg" for i in range(3)]


def test_large_label_maps_are_looked_at_on_a_grid():
    label = np.zeros((1000, 2000, 3), np.uint8)
    label[:, :100] = (255, 0, 255)
    labels = ImageFormat(palette=((0, 0, 0), (255, 255, 255)))

    (reason,) = image_checks.wrong_values(label, labels)

    assert reason.startswith("4.")  # of 5 %, less the edge that is mixed with its neighbour
    assert "#ff00ff" in reason


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (5, 2), (3, 3)])
def test_tiny_label_maps(size):
    labels = ImageFormat(palette=((0, 0, 0), (255, 255, 255)))
    assert image_checks.wrong_values(np.zeros((*size, 3), np.uint8), labels) == []


@pytest.mark.parametrize(("gap", "noise", "is_stray"), [(1, 1, True), (1, 0, False), (9, 4, False)])
def test_classes_close_together_leave_less_room(gap, noise, is_stray):
    palette = tuple((level, level, level) for level in range(0, 4 * gap, gap))
    labels = ImageFormat(palette=palette)
    pixels = np.full((16, 16, 3), 3 * gap + noise, np.uint8)
    assert bool(image_checks.wrong_values(pixels, labels)) == is_stray


def test_palette_images_are_read_as_colours(folders):
    Image.fromarray(draw_shapes(9)).quantize(8).save(folders / "train/input/1.png")

    report = check(folders)

    assert report.problems == ()
    assert report.inputs.kinds == {"RGB uint8": 4}


def test_bmp_of_few_bits_is_read_as_its_colours(folders):
    for side in ("input", "target"):
        (folders / f"train/{side}/1.png").unlink()
    few = Image.fromarray(draw_shapes(9)).quantize(8)
    few.save(folders / "train/input/1.bmp")
    black_and_white = Image.fromarray(draw_shapes(8)).convert("1")
    black_and_white.save(folders / "train/target/1.bmp")

    assert check(folders).problems == ()
    pairs = open_splits(settings_of(folders), list_pairs(settings_of(folders)))["train"]
    a, b = pairs.load(tf.constant(pairs.names.index("1.bmp"), tf.int64))
    np.testing.assert_array_equal(a, few.convert("RGB"))
    np.testing.assert_array_equal(b, black_and_white.convert("RGB"))


def test_the_same_pair_twice(pairs_folder):
    for copy in ("train/5a.png", "val/9.png"):
        (pairs_folder / copy).write_bytes((pairs_folder / "train/5.png").read_bytes())

    warnings = warnings_of(check(pairs_folder))

    assert warnings == {
        "the same pair twice in train": ("train/5.png = train/5a.png",),
        "the same pair in two splits": ("train/5.png = val/9.png",),
    }


def test_the_same_pixels_in_another_format_are_the_same_pair(pairs_folder):
    Image.open(pairs_folder / "train/5.png").save(pairs_folder / "val/other.bmp")

    assert warnings_of(check(pairs_folder)) == {
        "the same pair in two splits": ("train/5.png = val/other.bmp",)
    }


def test_identical_and_constant_images(pairs_folder):
    save(pairs_folder / "train/1.png", np.hstack([draw_shapes(1), draw_shapes(1)]))
    flat = np.full((64, 64, 3), (1, 2, 3), np.uint8)
    save(pairs_folder / "val/8.png", np.hstack([draw_shapes(8), flat]))

    report = check(pairs_folder)

    assert report.problems == ()
    assert warnings_of(report) == {
        image_checks.CONSTANT: ("val/8.png",),
        pair_checks.IDENTICAL: ("train/1.png",),
    }


def test_one_different_pixel_is_not_constant(pairs_folder):
    image = np.zeros((64, 64, 3), np.uint8)
    image[33, 17, 2] = 1
    save(pairs_folder / "val/8.png", np.hstack([draw_shapes(8), image]))

    assert check(pairs_folder).warnings == ()


def test_values_outside_the_range(tmp_path):
    write_folders(tmp_path, ".npy", make=lambda i: draw_shapes(i).astype(np.float32) / 255)
    pixels = np.load(tmp_path / "train/target/2.npy")
    pixels[:16] = 1.5
    np.save(tmp_path / "train/target/2.npy", pixels)

    report = check(tmp_path, value_range=(0, 1))

    assert report.problems == ()
    assert warnings_of(report) == {image_checks.OUTSIDE: ("train/target/2.npy (25 %)",)}


def test_most_values_outside_the_range_are_a_problem(tmp_path):
    """A range meant for floats, say, and 16-bit targets."""
    write_folders(tmp_path, ".npy", make=lambda i: draw_shapes(i).astype(np.float32) / 255)
    for path in (tmp_path / "train/target").iterdir():
        np.save(path, (np.load(path) * 255).astype(np.uint16) * 257 + 2)

    report = check(tmp_path, value_range=(0, 1))

    assert len(report.problems) == 4
    assert "% of its values are outside 0 to 1, and would be clipped" in report.problems[0].reason
    assert warnings_of(report) == {}
    assert check(tmp_path, value_range=(0, 1), target_value_range=(0, 65535)).problems == ()


def test_float_tiff_of_several_channels(tmp_path):
    for number in range(3):
        for side in ("input", "target"):
            path = tmp_path / f"train/{side}/{number}.tif"
            path.parent.mkdir(parents=True, exist_ok=True)
            seed = 2 * number + (side == "target")
            pixels = np.random.default_rng(seed).random((5, 16, 16), np.float32)
            tifffile.imwrite(path, pixels, photometric="minisblack", planarconfig="separate")

    report = check(tmp_path, value_range=(0, 1))

    assert report.problems == ()
    assert report.inputs.kinds == {"5 channels float32": 3}


@pytest.mark.parametrize("opaque", [True, False])
def test_transparency_that_is_dropped(folders, opaque):
    alpha = np.full((64, 64, 1), 255, np.uint8)
    alpha[0, 0] = 255 if opaque else 254
    save(folders / "train/input/1.png", np.dstack([draw_shapes(1), alpha]))

    dropped = {} if opaque else {image_checks.TRANSPARENT: ("train/input/1.png",)}
    assert warnings_of(check(folders)) == dropped
    assert warnings_of(check(folders, input_channels=4)) == {}


def test_a_limit_is_spread_over_each_split(pairs_folder):
    listing = list_pairs(settings_of(pairs_folder))

    places = list(checking.places_to_look_at(listing, 4))

    assert places == [("train", 0), ("train", 5), ("val", 0)]
    report = check(pairs_folder, limit=4)
    assert report.headline().split(";")[0].endswith("9 pairs (train 6, val 3), 3 of them looked at")


def test_reports_do_not_depend_on_the_threads(pairs_folder, monkeypatch):
    for number in (1, 4):
        (pairs_folder / f"train/{number}.png").write_bytes(b"")
    (pairs_folder / "val/9.png").write_bytes((pairs_folder / "train/5.png").read_bytes())

    reports = []
    for threads in (1, 3, 8):
        monkeypatch.setattr(checking, "_threads", lambda threads=threads: threads)
        reports.append(check(pairs_folder))

    assert reports[0] == reports[1] == reports[2]
    assert len(reports[0].problems) == 2


def test_few_pairs_are_under_way_at_a_time(monkeypatch):
    monkeypatch.setattr(checking, "_threads", lambda: 2)
    taken = 0
    done = threading.Semaphore(0)

    def items():
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield number

    results = checking.map_in_threads(lambda n: (done.release(), n)[1], items())
    for expected, result in enumerate(results):
        assert result == expected
        assert taken - expected <= 2 * checking.WINDOW


def test_what_is_kept_of_a_pair_holds_no_pixels(pairs_folder):
    settings = settings_of(pairs_folder)
    listing = list_pairs(settings)
    (pair, *_) = listing.splits["train"]

    kept = pair_checks.look_at(pair, settings, PairFormat(), listing.origin)

    assert kept == ((), (), kept.digest, ((64, 64), (64, 64)), ("RGB uint8", "RGB uint8"))
    assert len(kept.digest) == 16


def test_many_problems_are_counted_and_given_in_full_when_asked(tmp_path):
    write_folders(tmp_path, count=30)
    for number in range(1, 26):
        (tmp_path / f"train/input/{number}.png").write_bytes(b"")
    settings = settings_of(tmp_path)

    report = check_pairs(settings, list_pairs(settings), PairFormat())

    assert report.lines()[-1] == "25 problems"
    assert sum(line.startswith("problem: ") for line in report.lines()) == 25


def test_many_names_are_counted(tmp_path):
    write_folders(tmp_path, count=7, make=lambda number: np.full((32, 32, 3), number, np.uint8))

    lines = check(tmp_path).lines()

    assert (
        f"warning: {image_checks.CONSTANT} (14): train/input/0.png, train/target/0.png, "
        "train/input/1.png, train/target/1.png and 10 more" in lines
    )


def test_usable_pairs_of_a_good_set(pairs_folder, capsys):
    settings = settings_of(pairs_folder)

    listing = usable_pairs(settings)

    assert listing == dataclasses.replace(list_pairs(settings), format=PairFormat())
    assert capsys.readouterr().err == (
        f"{pairs_folder}: 9 pairs (train 6, val 3), all looked at; "
        "each file holds both images, A left\n"
    )


def test_pairs_are_opened_in_the_format_that_was_checked(folders):
    """Most of the few files left may differ from most of those looked at."""
    save(folders / "train/input/0.png", draw_shapes(0)[..., :1])
    listing = usable_pairs(settings_of(folders, on_bad="skip"))
    gray = ImageFormat(1)
    listing = dataclasses.replace(listing, format=PairFormat(gray, gray))

    assert open_splits(settings_of(folders), listing)["train"].format == PairFormat(gray, gray)


def test_how_the_files_were_taken_is_said(folders, pairs_folder, tmp_path):
    manifest = tmp_path / "pairs.csv"
    manifest.write_text("input,target,split\nfolders/train/input/0.png,pairs/val/8.png,train\n")

    assert check(folders).headline().endswith("; two folders")
    assert check(pairs_folder, layout="top_bottom").headline().endswith("both images, A on top")
    assert check(manifest).headline().endswith("; manifest")


def test_what_was_left_aside_is_a_warning(folders):
    save(folders / "train/stray.png", draw_shapes(0))
    (folders / "train/input/x.gif").touch()

    lines = check(folders).lines()

    aside = "images beside train/input/, train/target/: 1 in train/"
    assert f"warning: ignored: {aside}" in lines
    assert any(line.startswith("warning: ignored: 1 .gif (read are ") for line in lines)
    assert lines[-1] == "no problems"


def test_a_set_whose_first_files_are_broken_is_looked_at_further(folders, monkeypatch):
    monkeypatch.setattr(detect, "LOOKED_AT", 1)
    (folders / "train/input/0.png").write_bytes(b"broken")
    (folders / "train/input/1.png").write_bytes(b"broken")

    with pytest.raises(UserError, match=r"2 of the pairs in .* cannot be used: .*0\.png.*1\.png"):
        usable_pairs(settings_of(folders))


def test_a_bmp_under_another_suffix_is_a_problem(folders):
    """Its palette is what TensorFlow does not decode."""
    palette = Image.fromarray(draw_shapes(1)).convert("P")
    palette.save(folders / "train/input/1.png", "BMP")

    (problem,) = check(folders).problems

    assert problem == ("train/input/1.png", "it is a BMP: call it .bmp")


def test_usable_pairs_say_warnings(pairs_folder, capsys):
    (pairs_folder / "val/9.png").write_bytes((pairs_folder / "train/5.png").read_bytes())

    usable_pairs(settings_of(pairs_folder))

    said = capsys.readouterr().err
    assert "warning: the same pair in two splits (1): train/5.png = val/9.png\n" in said


def test_usable_pairs_refuse_bad_ones(pairs_folder):
    (pairs_folder / "train/3.png").write_bytes(b"")
    (pairs_folder / "val/6.png").write_bytes(b"x")

    with pytest.raises(UserError, match=r"2 of the pairs .*train/3\.png: it is empty.*val/6\.png"):
        usable_pairs(settings_of(pairs_folder))


def test_usable_pairs_skip_bad_ones_and_say_each(pairs_folder, capsys):
    for number in (0, 3, 5):
        (pairs_folder / f"train/{number}.png").write_bytes(b"")

    listing = usable_pairs(settings_of(pairs_folder, on_bad="skip"))

    assert listing is not None
    assert [pair.name for pair in listing.splits["train"]] == ["1.png", "2.png", "4.png"]
    assert len(listing.splits["val"]) == 3
    said = capsys.readouterr().err.splitlines()
    left_out = [line.split(": ")[1] for line in said if line.startswith("left out: ")]
    assert left_out == ["train/0.png", "train/3.png", "train/5.png"]


@pytest.mark.parametrize(("bad", "warned"), [(4, False), (5, True)])
def test_leaving_out_most_of_a_set_is_said(pairs_folder, capsys, bad, warned):
    for number in range(bad):
        (pairs_folder / f"train/{number}.png").write_bytes(b"")

    usable_pairs(settings_of(pairs_folder, on_bad="skip"))

    said = capsys.readouterr().err
    assert (f"warning: {bad} of 9 pairs are left out" in said) == warned


def test_usable_pairs_skip_unmatched_files(folders, capsys):
    (folders / "train/target/2.png").unlink()

    listing = usable_pairs(settings_of(folders, on_bad="skip"))

    assert isinstance(listing, Listing)
    assert listing.problems == ()
    assert len(listing.splits["train"]) == 3
    assert "left out: train/input/2.png: no file of that name" in capsys.readouterr().err


def test_usable_pairs_leave_out_a_split_that_has_none(pairs_folder):
    for path in (pairs_folder / "val").iterdir():
        path.write_bytes(b"")

    listing = usable_pairs(settings_of(pairs_folder, on_bad="skip"))

    assert list(listing.splits) == ["train"]


def test_usable_pairs_refuse_when_none_is_left(tmp_path):
    write_folders(tmp_path)
    labels = {"input_encoding": "labels", "palette": ((1, 2, 3), (4, 5, 6))}

    with pytest.raises(UserError, match=r"no train/ pairs: .*found none"):
        usable_pairs(settings_of(tmp_path, on_bad="skip", **labels))


def test_usable_pairs_need_train_pairs(pairs_folder):
    for path in (pairs_folder / "train").iterdir():
        path.unlink()

    with pytest.raises(UserError, match=r"no train/ pairs: .* found val/"):
        usable_pairs(settings_of(pairs_folder))


@pytest.mark.parametrize(("on_bad", "looked_at"), [("fail", "3 of them"), ("skip", "all")])
def test_large_sets_are_looked_at_here_and_there(
    pairs_folder, capsys, monkeypatch, on_bad, looked_at
):
    monkeypatch.setattr(checking, "QUICK_CHECK", 4)

    usable_pairs(settings_of(pairs_folder, on_bad=on_bad))

    assert f"{looked_at} looked at" in capsys.readouterr().err


def test_sets_of_records_were_checked_when_they_were_prepared():
    assert usable_pairs(DataSettings(data="drawn_facades")) is None


def test_tensorflow_is_not_imported():
    code = (
        "import sys, tfpix2pix.data.checking, tfpix2pix.data.contact_sheet;"
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_top_and_bottom(tmp_path):
    for number in range(3):
        shapes = draw_shapes(number)
        save(tmp_path / f"train/{number}.png", np.vstack([shapes, complement(shapes)]))
    save(tmp_path / "train/9.png", np.zeros((63, 64, 3), np.uint8))

    (problem,) = check(tmp_path, layout="top_bottom").problems

    assert problem.name == "train/9.png"
    assert "even height" in problem.reason
