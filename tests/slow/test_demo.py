"""The demo as it comes: minutes of training, and pictures that are plainly houses."""

import pytest
import tensorflow as tf

from tfpix2pix.config import resolve
from tfpix2pix.data.pairs import open_pairs
from tfpix2pix.data.pipeline import Resizing, evaluation_batches, fetcher
from tfpix2pix.demo.web.writing import export_web
from tfpix2pix.evaluation.baseline import mean_image_figures
from tfpix2pix.evaluation.metrics import make_validator
from tfpix2pix.training.checkpoints import load_generator
from tfpix2pix.training.run import train
from tfpix2pix.training.run_folder import RunFolder


def batches(split, settings):
    pairs = open_pairs(
        settings.data, split, direction=settings.direction, data_dir=settings.data_dir
    )
    fetch = fetcher(pairs, Resizing(settings.crop_size))
    return evaluation_batches(fetch, len(pairs), batch_size=5)


@pytest.mark.slow
def test_the_demo_beats_the_mean_picture_on_the_test_split(tmp_path):
    settings = resolve("demo", flags={"data_dir": str(tmp_path / "tfds")})
    train(settings, tmp_path / "run")
    generator = load_generator(settings, RunFolder(tmp_path / "run").checkpoints)
    test_split = batches("test", settings.data)
    figures = make_validator(generator)(test_split)
    baseline = mean_image_figures(batches("train", settings.data), test_split)
    assert figures["l1"] <= baseline["l1"] / 2
    assert figures["ssim"] >= baseline["ssim"] + 0.3
    assert figures["psnr"] >= baseline["psnr"] + 4
    assert tf.io.decode_png((tmp_path / "run/samples/latest.png").read_bytes()).shape[2] == 3
    page = export_web(tmp_path / "run", tmp_path / "page")
    assert page.size < 20e6
    assert page.difference.images == "8 validation inputs"
