"""A run from photos to label maps: what it learns, leaves behind, answers and exports."""

import csv
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfpix2pix.ablation.outcomes import open_common_pairs, read_outcome
from tfpix2pix.ablation.recipe import Recipe
from tfpix2pix.ablation.table import csv_table, markdown_table
from tfpix2pix.cli import main as cli
from tfpix2pix.config import resolve
from tfpix2pix.data.formats import RGB_PAIRS, ImageFormat, PairFormat
from tfpix2pix.data.reading import read_image
from tfpix2pix.errors import SettingsError, UserError
from tfpix2pix.export.pytorch import export_pytorch
from tfpix2pix.export.savedmodel import export_savedmodel
from tfpix2pix.training import run_folder
from tfpix2pix.training.import_settings import import_settings
from tfpix2pix.training.run import train
from tfpix2pix.training.run_folder import RunFolder

SIZE = 16
PALETTE = np.uint8([[0, 0, 0], [200, 0, 0], [0, 200, 0]])
FIGURES = ("pixel_accuracy", "class_accuracy", "class_iou")
FLAGS = {
    "palette": "#000000,#c80000,#00c800",
    "load_size": SIZE,
    "crop_size": SIZE,
    "mirror": False,
    "base_filters": 8,
    "depth": 2,
    "n_layers": 1,
    "learning_rate": 5e-3,
    "steps": 60,
    "sample_pairs": 2,
    "split": "60/40/0",
}


def draw_set(root):
    """Label maps of blocks, and photos in which the classes are gray, pale and dark with noise."""
    for number in range(10):
        rng = np.random.default_rng(number)
        classes = rng.choice(3, (4, 4), p=[0.5, 0.25, 0.25]).repeat(4, 0).repeat(4, 1)
        photo = np.uint8([90, 250, 10])[classes, np.newaxis] + rng.integers(-5, 6, (SIZE, SIZE, 3))
        for side, image in (("input", photo.astype(np.uint8)), ("target", PALETTE[classes])):
            (root / side).mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(root / side / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    data = {"data": str(draw_set(tmp_path_factory.mktemp("label") / "set"))}
    return resolve("segmenter", flags=FLAGS | data)


@pytest.fixture(scope="module")
def run(settings, tmp_path_factory):
    """Folder and result of a run with preset segmenter."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    return folder, train(settings, folder)


def colours(image):
    return {tuple(colour) for colour in image.reshape(-1, 3).tolist()}


def test_it_learns_and_is_validated_by_classes(run):
    folder, result = run
    assert tuple(result.validation) == tuple(result.baseline) == FIGURES
    assert result.validation["pixel_accuracy"] > 0.9 > 0.7 > result.baseline["pixel_accuracy"]
    rows = list(csv.DictReader((folder / "metrics.csv").open()))
    last = rows[-1]
    assert {n: float(last[f"val_{n}"]) for n in FIGURES} == pytest.approx(
        result.validation, abs=1e-5
    )
    assert not any(row["val_ssim"] or row["discriminator_loss"] for row in rows)
    assert float(last["generator_loss"]) == float(last["cross_entropy_loss"])


def test_the_grid_shows_colours_of_classes(run):
    grid = np.asarray(Image.open(run[0] / "samples" / "latest.png"))
    palette = set(map(tuple, PALETTE.tolist()))
    answers, targets = grid[:SIZE, SIZE + 4 : 2 * SIZE + 4], grid[:SIZE, 2 * SIZE + 8 :]
    assert colours(answers) <= palette
    assert colours(targets) <= palette
    assert (answers == targets).all(axis=-1).mean() > 0.8
    assert not colours(grid[:SIZE, :SIZE]) <= palette


def test_predict_and_the_export_answer_with_colours(run, tmp_path, capsys):
    folder, _ = run
    inputs = folder / "samples" / "inputs"
    assert cli.main(["predict", str(folder), str(inputs), "--output", str(tmp_path / "out")]) == 0
    version = export_savedmodel(folder, tmp_path / "model").path
    signatures = tf.saved_model.load(str(version)).signatures
    for path in inputs.iterdir():
        answer = read_image(tmp_path / "out" / path.name).pixels
        assert colours(answer) <= set(map(tuple, PALETTE.tolist()))
        served = signatures["serving_default"](tf.constant([path.read_bytes()]))
        png = tf.io.decode_png(served["generated_image_bytes"][0]).numpy()
        np.testing.assert_array_equal(png, answer)
        seen = tf.constant(read_image(path).pixels[np.newaxis] / 127.5 - 1, tf.float32)
        probabilities = signatures["generate"](input_image=seen)["generated_image"][0].numpy()
        np.testing.assert_allclose(probabilities.sum(axis=-1), 1, atol=1e-5)
        np.testing.assert_array_equal(PALETTE[probabilities.argmax(axis=-1)], answer)


def test_what_needs_images_is_refused(run, tmp_path, capsys):
    folder, _ = run
    inputs = str(folder / "samples" / "inputs")
    many = ["predict", str(folder), inputs, "--output", str(tmp_path / "out"), "--samples", "2"]
    assert cli.main(many) == 2
    assert "--samples: this run answers with label maps" in capsys.readouterr().err
    with pytest.raises(UserError, match="target_encoding labels: the PyTorch reference's"):
        export_pytorch(folder, tmp_path / "torch")
    with pytest.raises(SettingsError, match="--target-encoding labels: the generators that can"):
        import_settings({"target_encoding": "labels", "palette": "0,255"})
    labels = ImageFormat(palette=tuple(map(tuple, PALETTE.tolist())))
    pairs = SimpleNamespace(format=PairFormat(target=labels), origin="photos")
    with pytest.raises(UserError, match="target_encoding labels: the imported generator"):
        run_folder._check_channels(RGB_PAIRS, pairs)


def test_sets_of_runs_are_compared_by_classes(run, settings):
    folder, result = run
    pairs = open_common_pairs(settings)
    assert pairs.baseline == result.baseline
    outcome = read_outcome(Recipe("one", {}, settings), RunFolder(folder), pairs)
    assert outcome.figures == pytest.approx(result.validation, abs=1e-5)
    assert set.union(*map(colours, outcome.answers)) <= set(map(tuple, PALETTE.tolist()))
    lines = csv_table([], [outcome], pairs.baseline).splitlines()
    assert lines[0].startswith("run,status,steps,pixel_accuracy,class_accuracy,class_iou,")
    assert lines[2].startswith("commonest class of each pixel,")
    assert "| class IoU |" in markdown_table([], [outcome], pairs.baseline)


@pytest.mark.parametrize(
    "flags",
    [
        {"gan_weight": 1, "l1_weight": 100, "cross_entropy_weight": 0},
        pytest.param(
            {"gan_weight": 1, "l2_weight": 1, "feature_matching_weight": 1, "ema_decay": 0.5},
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"gan_weight": 1, "r1_weight": 1, "pool_size": 2, "diff_augment": "translation,cutout"},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_discriminator_may_judge_label_maps(flags, settings, tmp_path):
    flags = FLAGS | {"data": settings.data.data, "steps": 2, "batch_size": 1} | flags
    result = train(resolve("segmenter", flags=flags), tmp_path / "run")
    assert tuple(result.validation) == FIGURES
    row = list(csv.DictReader((tmp_path / "run" / "metrics.csv").open()))[-1]
    assert all(np.isfinite(float(row[name])) for name in ("discriminator_loss", "adversarial_loss"))


def test_both_sides_may_be_label_maps(tmp_path):
    """Of one palette: here the same maps."""
    for side in ("input", "target"):
        (tmp_path / "set" / side).mkdir(parents=True)
        for path in (draw_set(tmp_path / "drawn") / "target").iterdir():
            (tmp_path / "set" / side / path.name).write_bytes(path.read_bytes())
    flags = FLAGS | {"data": str(tmp_path / "set"), "input_encoding": "labels", "steps": 2}
    result = train(resolve("segmenter", flags=flags), tmp_path / "run")
    assert tuple(result.validation) == FIGURES
    formats = RunFolder(tmp_path / "run").formats()
    assert formats.input == formats.target
    assert formats.input.network_channels == 3


def test_evaluate_says_where_the_figures_of_label_maps_are(run, capsys):
    assert cli.main(["evaluate", str(run[0])]) == 1
    assert "answers with label maps" in capsys.readouterr().err
