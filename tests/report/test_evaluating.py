"""Evaluations of real, tiny runs: what is reported is what the runs answer."""

import csv
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfpix2pix.cli import main as cli
from tfpix2pix.config import resolve
from tfpix2pix.report.document import MEAN_PICTURE, REAL
from tfpix2pix.report.reading import read_document
from tfpix2pix.report.subjects import Subject
from tfpix2pix.training.records import MetricsFile
from tfpix2pix.training.run import train

TINY = {
    "load_size": 36,
    "crop_size": 32,
    "base_filters": 4,
    "depth": 3,
    "n_layers": 1,
    "steps": 4,
    "learning_rate": 0.02,
    "sample_pairs": 1,
}
VALIDATED = ("l1", "psnr", "ssim")
SCORES = ("pixel_accuracy", "class_accuracy", "class_iou")


def trained(folder, data, **flags):
    train(resolve(flags=TINY | {"data": str(data)} | flags), folder)
    return folder


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory, module_pairs_folder):
    return trained(tmp_path_factory.mktemp("evaluated") / "run", module_pairs_folder)


@pytest.fixture(scope="module")
def noisy_run(tmp_path_factory, module_pairs_folder):
    """With dropout, which small U-Nets have none of."""
    folder = tmp_path_factory.mktemp("noisy") / "run"
    return trained(folder, module_pairs_folder, generator="resnet_6", depth=1)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory, noisy_run):
    """The folder of an evaluation with diversity and a distribution by a small extractor."""
    folder = tmp_path_factory.mktemp("evaluation")
    extractor = folder / "extractor.keras"
    keras.utils.set_random_seed(0)
    layers = [keras.Input([None, None, 3]), keras.layers.Conv2D(4, 3, strides=2)]
    keras.Sequential(layers).save(extractor)
    arguments = ["--data", str(noisy_run.parent / "many"), "--samples", "3", "--fid"]
    many = noisy_run.parent / "many" / "val"
    many.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(9):
        pair = rng.integers(0, 256, (8, 16, 3), np.uint8).repeat(4, 0).repeat(4, 1)
        Image.fromarray(pair).save(many / f"{number}.png")
    arguments += ["--features", str(extractor), "--output", str(folder / "out")]
    assert cli.main(["evaluate", str(noisy_run), *arguments]) == 0
    return folder / "out"


def summaries(document, number=0):
    return {summary.metric: summary.value for summary in document.runs[number].summaries}


def together(document, pictures="generated"):
    return {f.name: f for f in document.runs[0].figures if f.pictures == pictures}


def test_figures_are_those_of_the_validation_in_training(run_dir, tmp_path):
    assert cli.main(["evaluate", str(run_dir), "--output", str(tmp_path)]) == 0
    document = read_document(tmp_path / "evaluation.json")
    last = [row for row in MetricsFile(run_dir / "metrics.csv").read() if "val_l1" in row][-1]
    found = summaries(document)
    for name in VALIDATED:
        assert found[name] == pytest.approx(last[f"val_{name}"], rel=1e-4), name
    assert document.runs[0].step == 4
    assert dict(document.runs[0].curves["val_ssim"])[4.0] == pytest.approx(last["val_ssim"])
    assert together(document, MEAN_PICTURE).keys() == set(VALIDATED)


@pytest.mark.slow
def test_figures_of_images_are_those_of_what_predict_writes(noisy_run, evaluated, tmp_path):
    data = noisy_run.parent / "many" / "val"
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    targets = {}
    for path in sorted(data.iterdir()):
        pair = np.asarray(Image.open(path))
        Image.fromarray(pair[:, :32]).save(inputs / path.name)
        targets[path.stem] = pair[:, 32:] / 255
    predicted = tmp_path / "predicted"
    assert cli.main(["predict", str(noisy_run), str(inputs), "--output", str(predicted)]) == 0
    rows = {row["image"]: row for row in csv.DictReader((evaluated / "figures.csv").open())}
    assert rows.keys() == targets.keys()
    for name, target in targets.items():
        answer = np.asarray(Image.open(predicted / f"{name}.png")) / 255
        # Files are rounded to 1/255.
        assert float(rows[name]["l1"]) == pytest.approx(np.abs(answer - target).mean(), abs=2e-3)
        assert float(rows[name]["l2"]) == pytest.approx(((answer - target) ** 2).mean(), abs=2e-3)


@pytest.mark.slow
def test_means_and_intervals_are_of_the_images_figures(evaluated):
    document = read_document(evaluated / "evaluation.json")
    rows = list(csv.DictReader((evaluated / "figures.csv").open()))
    for summary in document.runs[0].summaries:
        values = np.array([float(row[summary.metric]) for row in rows])
        assert summary.value == pytest.approx(values.mean(), rel=1e-6)
        # About 1.96 standard errors each way; resampling nine images makes it narrower.
        error = values.std() / 3
        assert summary.low == pytest.approx(values.mean() - 1.96 * error, abs=0.35 * error)
        assert summary.high == pytest.approx(values.mean() + 1.96 * error, abs=0.35 * error)


@pytest.mark.slow
def test_all_images_together(evaluated):
    figures = together(read_document(evaluated / "evaluation.json"))
    assert {"lab_l", "lab_a", "lab_b", "fid", "kid", "diversity_l1", "diversity_std"} <= set(
        figures
    )
    assert 0 < figures["lab_l"].value < 1
    assert figures["fid"].value > 0
    assert "2,000" in figures["fid"].note
    assert figures["kid"].error > 0
    assert figures["diversity_l1"].value > 0


@pytest.mark.slow
def test_a_run_does_not_differ_from_its_copy(run_dir, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(run_dir, copy)
    assert cli.main(["evaluate", str(run_dir), str(copy), "--output", str(tmp_path / "out")]) == 0
    document = read_document(tmp_path / "out" / "evaluation.json")
    assert [run.name for run in document.runs] == ["run", "copy"]
    for difference in document.comparison.differences:
        assert (difference.value, difference.p) == (0, 1)
        assert difference.verdict == "no more than noise"


@pytest.mark.slow
def test_a_better_run_is_called_so(run_dir, module_pairs_folder, tmp_path, capsys):
    # Pairs whose targets are what the first run answers.
    inputs, answers, data = (tmp_path / name for name in ("inputs", "answers", "data"))
    inputs.mkdir()
    (data / "val").mkdir(parents=True)
    for number in range(6):
        noise = np.random.default_rng(number).integers(0, 256, (32, 32, 3), np.uint8)
        Image.fromarray(noise).save(inputs / f"{number}.png")
    assert cli.main(["predict", str(run_dir), str(inputs), "--output", str(answers)]) == 0
    for path in inputs.iterdir():
        sides = [np.asarray(Image.open(folder / path.name)) for folder in (inputs, answers)]
        Image.fromarray(np.concatenate(sides, 1)).save(data / "val" / path.name)
    other = trained(tmp_path / "other", module_pairs_folder, seed=1, steps=1)
    arguments = ["--data", str(data), "--output", str(tmp_path / "out")]
    assert cli.main(["evaluate", str(other), str(run_dir), *arguments]) == 0
    document = read_document(tmp_path / "out" / "evaluation.json")
    l1 = next(d for d in document.comparison.differences if d.metric == "l1")
    # All six images are better: of the 64 ways to exchange them, two are as extreme.
    assert (l1.value < 0, l1.p) == (True, pytest.approx(2 / 64))
    assert summaries(document, 1)["l1"] < 0.003  # files are rounded
    assert l1.verdict == "run is better"
    assert "L1: run is better" in capsys.readouterr().out


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """Pairs of a label map of two classes and a photo: black where red, white where blue."""
    root = tmp_path_factory.mktemp("labelled") / "pairs"
    rng = np.random.default_rng(0)
    for split, count in {"train": 4, "val": 3}.items():
        (root / split).mkdir(parents=True)
        for number in range(count):
            classes = rng.integers(0, 2, (4, 4)).repeat(8, 0).repeat(8, 1)
            label_map = np.array([[255, 0, 0], [0, 0, 255]], np.uint8)[classes]
            photo = (classes * 255).astype(np.uint8)[..., np.newaxis].repeat(3, 2)
            Image.fromarray(np.concatenate([label_map, photo], 1)).save(
                root / split / f"{number}.png"
            )
    return root


@pytest.fixture(scope="module")
def brightness_judge(tmp_path_factory):
    """A Keras segmenter that calls what is brighter than gray class 1."""
    path = tmp_path_factory.mktemp("judge") / "judge.keras"
    layer = keras.layers.Conv2D(2, 1)
    model = keras.Sequential([keras.Input([None, None, 3]), layer])
    kernel = np.zeros((1, 1, 3, 2), np.float32)
    kernel[..., 1] = 1 / 3
    layer.set_weights([kernel, np.array([0.5, 0], np.float32)])
    model.save(path)
    return path


@pytest.mark.slow
def test_the_fcn_score_of_real_photos_is_what_the_judge_sees(labelled, brightness_judge, tmp_path):
    run_dir = trained(tmp_path / "run", labelled, direction="AtoB")
    judge = ["--fcn-score", str(brightness_judge), "--palette", "#ff0000,#0000ff"]
    output = ["--output", str(tmp_path / "out")]
    assert cli.main(["evaluate", str(run_dir), *judge, *output]) == 0
    document = read_document(tmp_path / "out" / "evaluation.json")
    real, generated = together(document, REAL), together(document)
    # The judge knows these photos by heart.
    assert {real[name].value for name in SCORES} == {1}
    assert 0 < generated["pixel_accuracy"].value < 1


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["{run}", "{run}"], 1, "is given twice"),
        (["{run}", "{run}", "{run}"], 2, "3 are given"),
        (["nowhere"], 1, "nowhere is not a run folder"),
        (["{run}", "--split", "test"], 1, "has no test/ pairs"),
        (["{run}", "--features", "x.keras"], 2, "--features is for --fid"),
        (["{run}", "--palette", "cmp"], 2, "--palette is for --fcn-score"),
        (["{run}", "--fcn-score", "nowhere.keras"], 1, "nowhere.keras"),
        (["{run}", "--fcn-score", "{run}"], 1, "expected a run from RGB to label maps"),
        (["{run}", "--fid"], 1, "KID needs 4 images or more, and there are 3"),
        (["{run}", "--checkpoint", "7"], 1, "no checkpoint 7"),
        (["{run}", "--limit", "0"], 2, "whole number of at least 1"),
    ],
)
def test_what_cannot_be_evaluated_is_said(run_dir, tmp_path, capsys, arguments, status, message):
    given = [argument.format(run=run_dir) for argument in arguments]
    output = tmp_path / "out"
    assert cli.main(["evaluate", *given, "--output", str(output)]) == status
    assert message in capsys.readouterr().err
    assert not output.exists() or not any(output.iterdir())


def test_a_run_that_diverged_is_named(run_dir, tmp_path, monkeypatch, capsys):
    def no_numbers(self, images):
        return tf.cast(images, tf.float32) * np.nan

    monkeypatch.setattr(Subject, "answer", no_numbers)
    output = tmp_path / "out"
    assert cli.main(["evaluate", str(run_dir), "--output", str(output)]) == 1
    assert f"{run_dir} answers with values that are no numbers at step 4" in capsys.readouterr().err
    assert not any(output.iterdir())


def test_a_keras_judge_needs_its_colours(run_dir, brightness_judge, capsys):
    assert cli.main(["evaluate", str(run_dir), "--fcn-score", str(brightness_judge)]) == 1
    assert "Give --palette: cmp" in capsys.readouterr().err


def test_a_broken_pair_is_named(run_dir, module_pairs_folder, tmp_path, capsys):
    data = tmp_path / "pairs"
    shutil.copytree(module_pairs_folder, data)
    content = (data / "val" / "7.png").read_bytes()
    (data / "val" / "7.png").write_bytes(content[: len(content) // 2])
    output = tmp_path / "out"
    arguments = ["--data", str(data), "--output", str(output)]
    assert cli.main(["evaluate", str(run_dir), *arguments]) == 1
    assert "7.png" in capsys.readouterr().err
    assert not any(output.glob("*"))


def test_bad_pairs_are_left_out_where_that_is_wanted(run_dir, module_pairs_folder, tmp_path):
    data = tmp_path / "pairs"
    shutil.copytree(module_pairs_folder, data)
    (data / "val" / "7.png").write_bytes(b"")
    arguments = ["--data", str(data), "--output", str(tmp_path / "out")]
    assert cli.main(["evaluate", str(run_dir), *arguments]) == 1
    assert cli.main(["evaluate", str(run_dir), *arguments, "--on-bad", "skip"]) == 0
    document = read_document(tmp_path / "out" / "evaluation.json")
    assert [image.name for image in document.images] == ["6", "8"]


def test_runs_of_other_directions_are_not_compared(run_dir, tmp_path, capsys):
    other = tmp_path / "other"
    shutil.copytree(run_dir, other)
    text = (other / "config.yaml").read_text()
    (other / "config.yaml").write_text(text.replace("direction: AtoB", "direction: BtoA"))
    assert cli.main(["evaluate", str(run_dir), str(other)]) == 1
    assert "they answer other questions" in capsys.readouterr().err


@pytest.mark.slow
def test_a_set_of_runs_has_the_fcn_score_in_its_table(labelled, brightness_judge, tmp_path):
    recipes = tmp_path / "set.yaml"
    recipes.write_text("options: {loss: {L1: {train: {gan_weight: 0}}, L1+cGAN: {}}}\n")
    output = tmp_path / "out"
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in TINY.items()]
    judge = ["--fcn-score", str(brightness_judge), "--judge-palette", "#ff0000,#0000ff"]
    arguments = [str(recipes), "--data", str(labelled), "--output", str(output), *flags, *judge]
    assert cli.main(["ablate", *arguments]) == 0
    rows = {row["run"]: row for row in csv.DictReader((output / "table.csv").open())}
    assert {float(rows["real photos"][name]) for name in SCORES} == {1}
    assert not rows["mean training picture"]["class_iou"]
    for run in ("L1", "L1+cGAN"):
        assert cli.main(["evaluate", str(output / run), *judge_of(judge)]) == 0
        (place,) = (output / run / "evaluation").iterdir()
        figures = together(read_document(place / "evaluation.json"))
        for name in SCORES:
            assert float(rows[run][name]) == pytest.approx(figures[name].value, abs=1e-5)


def judge_of(flags):
    """As `evaluate` takes it."""
    return ["--palette" if flag == "--judge-palette" else flag for flag in flags]


@pytest.mark.slow
def test_the_score_is_of_each_runs_own_answers(labelled, brightness_judge, run_dir, tmp_path):
    dark = trained(tmp_path / "dark", labelled, steps=1, learning_rate=1e-6)
    judge = ["--fcn-score", str(brightness_judge), "--palette", "#ff0000,#0000ff"]
    both = ["--data", str(labelled), *judge, "--output", str(tmp_path / "both")]
    assert cli.main(["evaluate", str(run_dir), str(dark), *both]) == 0
    document = read_document(tmp_path / "both" / "evaluation.json")
    for run, number in ((run_dir, 0), (dark, 1)):
        alone = ["--data", str(labelled), *judge, "--output", str(tmp_path / str(number))]
        assert cli.main(["evaluate", str(run), *alone]) == 0
        single = together(read_document(tmp_path / str(number) / "evaluation.json"))
        found = {f.name: f for f in document.runs[number].figures if f.pictures == "generated"}
        assert {n: found[n].value for n in SCORES} == {n: single[n].value for n in SCORES}
