"""Runs on images of every kind: trained, resumed to the same bits, and answered in kind."""

import functools
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.inference.answered import answered
from tests.training.any_images import PALETTE, SETS, picture, several_sizes, write_image
from tfpix2pix.cli import main as cli
from tfpix2pix.config import resolve
from tfpix2pix.data import images
from tfpix2pix.data.encoding import to_display
from tfpix2pix.data.pairs import open_splits
from tfpix2pix.data.pipeline import fetcher
from tfpix2pix.data.reading import read_image
from tfpix2pix.data.sources import usable_listing
from tfpix2pix.errors import SettingsError, UserError
from tfpix2pix.export.savedmodel import export_savedmodel
from tfpix2pix.inference.files import load_file_translator
from tfpix2pix.report.reading import read_document
from tfpix2pix.training import pairs_sheet as pairs_sheet_module
from tfpix2pix.training.checkpoints import load_generator
from tfpix2pix.training.datasets import RunData, Split, open_run_data, training_resizing
from tfpix2pix.training.run import resume, train
from tfpix2pix.training.run_folder import RunFolder
from tfpix2pix.training.samples import file_names

TINY = {
    "load_size": 18,
    "crop_size": 16,
    "base_filters": 2,
    "depth": 3,
    "n_layers": 1,
    "split": "60/40/0",
    "sample_pairs": 2,
    "checkpoint_every": 2,
    "batch_size": 2,
}


STEPS = 5


def settings_of(name, folder, steps=STEPS):
    write, flags = SETS[name]
    write(folder / "set")
    return resolve(flags=TINY | flags | {"data": str(folder / "set"), "steps": steps})


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A function of a set's name that trains on it once: its result, in a folder beside set/."""

    @functools.cache
    def trained_on(name):
        folder = tmp_path_factory.mktemp(name)
        return train(settings_of(name, folder), folder / "run")

    return trained_on


def copy_of(run_dir, folder):
    """A copy of a run and of its set, which the test may change."""
    shutil.copytree(run_dir.parent, folder, dirs_exist_ok=True)
    config = folder / "run" / "config.yaml"
    config.write_text(config.read_text().replace(str(run_dir.parent), str(folder)))
    assert RunFolder(folder / "run").settings().data.data == str(folder / "set")
    return folder / "run"


def weights(run_dir):
    run = RunFolder(run_dir)
    return load_generator(run.settings(), run.checkpoints, run.formats()).get_weights()


def expected_answer(run_dir, stored):
    """What the run's generator makes of a stored image of its size, computed step by step."""
    run = RunFolder(run_dir)
    formats = run.formats()
    generator = load_generator(run.settings(), run.checkpoints, formats)
    x = tf.constant(stored[np.newaxis])
    if formats.input.palette:
        x = images.label_numbers(x, formats.input.palette)
    y = generator(images.to_network_range(x, formats.input), training=False)
    if formats.target.palette:
        return np.array(PALETTE)[np.argmax(y[0], axis=-1)]
    return images.from_network_range(y, formats.target)[0].numpy()


ANSWERS = {
    "gray": (".png", "uint8", 1),
    "16_bit_png_to_rgb": (".png", "uint8", 3),
    "rgb_to_16_bit_tiff": (".png", "uint16", 1),
    "5_floats_to_2": (".tif", "float32", 2),
    "labels": (".png", "uint8", 3),
    "to_labels": (".png", "uint8", 3),
}


EVALUATED = [name for name in SETS if name not in ("to_labels", "augmented", "tfrecord")]


@pytest.mark.slow
@pytest.mark.parametrize("name", EVALUATED)
def test_evaluate_finds_what_the_last_validation_found(name, trained, tmp_path):
    result = trained(name)
    assert cli.main(["evaluate", str(result.run_dir), "--output", str(tmp_path)]) == 0
    document = read_document(tmp_path / "evaluation.json")
    found = {summary.metric: summary.value for summary in document.runs[0].summaries}
    for metric, value in result.validation.items():
        assert found[metric] == pytest.approx(value, rel=1e-3), metric


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_are_of_the_targets_type(name, trained, tmp_path):
    result = trained(name)
    run_dir = result.run_dir
    assert np.isfinite(list(result.validation.values())).all()
    source = sorted((run_dir / "samples" / "inputs").iterdir())[0]
    translator = load_file_translator(run_dir)
    suffix, dtype, channels = ANSWERS[name]
    assert translator.suffix == suffix
    (tmp_path / f"answer{suffix}").write_bytes(answered(translator, source))
    answer = read_image(tmp_path / f"answer{suffix}").pixels
    assert answer.dtype == dtype
    assert answer.shape == (16, 16, channels)
    expected = expected_answer(run_dir, read_image(source).pixels)
    if dtype == "float32":  # compiled and eager sums differ in the last bits
        np.testing.assert_allclose(answer, expected, atol=4000 * 1e-5)
    else:  # a rounding step of 65535 shows them too
        tolerance = 1 if dtype == "uint16" else 0
        np.testing.assert_allclose(answer, expected, rtol=0, atol=tolerance)
    grid = np.asarray(Image.open(run_dir / "samples" / "latest.png"))
    assert grid.shape == (2 * 16 + 4, 3 * 16 + 2 * 4, 3)


def test_label_maps_are_shown_in_their_colours(trained):
    run_dir = trained("labels").run_dir
    grid = np.asarray(Image.open(run_dir / "samples" / "latest.png"))
    assert {tuple(colour) for colour in grid[:16, :16].reshape(-1, 3).tolist()} <= set(PALETTE)
    assert not {tuple(colour) for colour in grid[:16, 40:56].reshape(-1, 3)} <= set(PALETTE)
    format_ = json.loads((run_dir / "data.json").read_text())["format"]
    assert [tuple(colour) for colour in format_["input"]["palette"]] == list(PALETTE)


@pytest.mark.parametrize(
    ("name", "size"), [("none", (16, 16)), ("scale_width", (24, 24)), ("crop", (16, 16))]
)
def test_the_size_of_the_networks_is_kept_with_the_run(name, size, trained):
    assert RunFolder(trained(name).run_dir).settings().data.crop_size == size


@pytest.mark.parametrize(("name", "scaled"), [("crop", False), ("scale_width_and_crop", True)])
def test_runs_on_crops_answer_at_the_images_own_scale(name, scaled, trained, tmp_path):
    run_dir = trained(name).run_dir
    image = picture(3, 3, "uint8", (21, 30))
    write_image(tmp_path / "photo.png", image)
    translator = load_file_translator(run_dir)
    (tmp_path / "answer.png").write_bytes(answered(translator, tmp_path / "photo.png"))
    answer = read_image(tmp_path / "answer.png").pixels
    if scaled:
        image = images.resize(image, (14, 20), "bicubic").numpy()
    assert answer.shape == image.shape
    run = RunFolder(run_dir)
    height, width = (-(-side // 64) * 64 for side in image.shape[:2])
    padded = np.pad(
        image, [(0, height - image.shape[0]), (0, width - image.shape[1]), (0, 0)], mode="reflect"
    )
    generator = load_generator(
        run.settings(), run.checkpoints, run.formats(), image_size=(height, width)
    )
    y = generator(images.to_network_range(padded[np.newaxis]), training=False)
    expected = images.from_network_range(y)[0, : image.shape[0], : image.shape[1]].numpy()
    np.testing.assert_array_equal(answer, expected)


@pytest.mark.parametrize(
    "name",
    [
        "scale_width_and_crop",
        *(pytest.param(n, marks=pytest.mark.slow) for n in SETS if n != "scale_width_and_crop"),
    ],
)
def test_a_resumed_run_ends_with_the_same_bits(name, trained, tmp_path):
    whole = trained(name).run_dir
    resumed = copy_of(whole, tmp_path)
    # As if killed in the middle of an epoch, right after the checkpoint of step 2.
    latest = resumed / "checkpoints" / "checkpoint"
    latest.write_text(latest.read_text().replace(f'step-{STEPS}"', 'step-2"', 1))
    for file in latest.parent.glob(f"step-{STEPS}.*"):
        file.unlink()
    assert resume(resumed).step == STEPS
    for one, other in zip(weights(whole), weights(resumed), strict=True):
        np.testing.assert_array_equal(one, other)


def test_other_images_than_the_run_began_with_are_refused(trained, tmp_path):
    run_dir = copy_of(trained("gray").run_dir, tmp_path)
    for file in (tmp_path / "set").rglob("*.png"):
        write_image(file, np.asarray(Image.open(file).convert("RGB")))
    with pytest.raises(UserError, match="gray uint8 to gray uint8 then, RGB uint8 to RGB uint8"):
        resume(run_dir, steps=STEPS + 1)


def test_floats_without_a_value_range_are_refused_before_a_run_begins(tmp_path):
    write, _ = SETS["5_floats_to_2"]
    write(tmp_path / "set")
    settings = resolve(flags=TINY | {"data": str(tmp_path / "set"), "steps": 1})
    with pytest.raises(SettingsError, match=r"value_range: float images need one \(found -?\d"):
        train(settings, tmp_path / "run")
    assert not (tmp_path / "run" / "config.yaml").exists()


def test_bad_pairs_stop_the_run_or_are_left_out_by_name(tmp_path, capsys):
    settings = settings_of("gray", tmp_path, steps=2)
    whole = len(list((tmp_path / "set" / "input").iterdir()))
    bad = tmp_path / "set" / "input" / "0.png"
    bad.write_bytes(bad.read_bytes()[:40])
    with pytest.raises(UserError, match=r"1 of the pairs in .* input/0\.png.*--on-bad skip"):
        train(settings, tmp_path / "run")
    flags = {"data": settings.data.data, "steps": 2, "on_bad": "skip"}
    train(resolve(flags=TINY | flags), tmp_path / "run")
    assert "left out: input/0.png" in capsys.readouterr().err
    trained = json.loads((tmp_path / "run" / "data.json").read_text())["train_pairs"]
    assert trained < whole


@pytest.mark.parametrize("absolute", [True, False])
def test_samples_stay_in_the_run_folder_whatever_pairs_are_called(absolute, tmp_path):
    place = tmp_path / "a" / "photos"
    lines = ["input,target,split"]
    for number in range(3):
        for side in ("in", "out"):
            write_image(place / f"{side}{number}.png", picture(number, 3, "uint8"))
        start = f"{place}/" if absolute else "../photos/"
        lines.append(f"{start}in{number}.png,{start}out{number}.png,{'val' if number else 'train'}")
    manifest = tmp_path / "a" / "lists" / "pairs.csv"
    manifest.parent.mkdir()
    manifest.write_text("\n".join(lines))
    before = {file: file.read_bytes() for file in place.iterdir()}
    train(resolve(flags=TINY | {"data": str(manifest), "steps": 1}), tmp_path / "run")
    assert {file: file.read_bytes() for file in place.iterdir()} == before
    assert len(list((tmp_path / "run" / "samples" / "inputs").rglob("*.png"))) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "run"]


def test_file_names_are_relative_and_differ():
    names = [
        "/x/a.jpg",
        "../b.png",
        "c/a.png",
        "d.png",
        "d.jpg",
        "COCO.0001",
        "COCO.0002",
        "/d.png",
    ]
    assert file_names(names) == [
        "x/a", "b", "c/a", "d.png_3", "d.jpg", "COCO.0001", "COCO.0002", "d.png_7"
    ]  # fmt: skip


def test_an_image_too_small_for_the_crop_is_named_when_it_is_met(tmp_path):
    several_sizes(tmp_path / "set")
    for side in ("input", "target"):
        write_image(tmp_path / "set" / side / "9.png", picture(1, 3, "uint8", (10, 12)))
    flags = TINY | {
        "data": str(tmp_path / "set"),
        "resize": "crop",
        "steps": 20,
        "split": "100/0/0",
    }
    settings = resolve(flags=flags)
    listing = usable_listing(settings.data)
    data = RunData(settings.data, split_of_listing(settings.data, listing), None)
    with pytest.raises(tf.errors.InvalidArgumentError):
        list(data.training_batches(settings.train, 0, 20))
    assert "9.png: " in str(data.broken_pair(settings.train, 0))
    assert "10x12, smaller than crop_size 16x16" in str(data.broken_pair(settings.train, 0))


def split_of_listing(settings, listing):
    pairs = open_splits(settings, listing)["train"]
    return Split(pairs, fetcher(pairs, training_resizing(settings), cache_gib=0))


@pytest.mark.parametrize(
    ("size", "flags", "message"),
    [
        ((16, 24), {"rotate": True, "resize": "none"}, "rotate needs square images.*16x24"),
        ((8, 8), {"resize": "none"}, "the pairs are 8x8, and networks take 16"),
        ((16, 64), {"resize": "scale_width", "load_size": 32}, "the pairs are 8x32, and networks"),
    ],
)
def test_sizes_that_pairs_bring_are_checked_too(size, flags, message, tmp_path):
    for number in range(4):
        for side in ("input", "target"):
            write_image(
                tmp_path / "set" / side / f"{number}.png", picture(number, 1, "uint8", size)
            )
    settings = resolve(flags=TINY | {"data": str(tmp_path / "set"), "steps": 1} | flags)
    with pytest.raises(SettingsError, match=message):
        train(settings, tmp_path / "run")
    assert not (tmp_path / "run" / "config.yaml").exists()


def test_an_export_of_a_run_on_crops_answers_at_each_images_scale_as_predict_does(
    trained, tmp_path
):
    run_dir = trained("crop").run_dir
    photo = tmp_path / "photo.png"
    write_image(photo, picture(1, 3, "uint8", (37, 70)))
    assert cli.main(["predict", str(run_dir), str(photo), "--output", str(tmp_path / "out")]) == 0
    expected = read_image(tmp_path / "out" / "photo.png").pixels
    exported = tf.saved_model.load(str(export_savedmodel(run_dir, tmp_path / "models").path))
    served = exported.signatures["serving_default"](image_bytes=tf.constant([photo.read_bytes()]))
    answer = tf.io.decode_png(served["generated_image_bytes"][0]).numpy()
    assert answer.shape == (37, 70, 3)
    # Where the size is not known, convolutions may be computed in another way.
    assert np.abs(answer.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("name", ["gray", "5_floats_to_2", "labels", "crop"])
def test_the_pairs_are_drawn_before_the_run_begins(name, tmp_path):
    settings = settings_of(name, tmp_path, steps=1)
    data = open_run_data(settings.data)
    cells = pairs_sheet_module._cells(data.train.pairs, "train")
    assert [cell.name for cell in cells] == list(data.train.pairs.names)
    image = read_image(tmp_path / "set" / "input" / cells[0].name).pixels
    assert cells[0].size == f"{image.shape[0]}x{image.shape[1]}"
    expected = to_display(image, None if image.dtype == np.uint8 else (-1000.0, 3000.0))
    np.testing.assert_array_equal(cells[0].input, expected)
    assert pairs_sheet_module.pairs_sheet(data).shape[2] == 3
