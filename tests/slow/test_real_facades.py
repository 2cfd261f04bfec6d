"""A short run on real facades, labels to photo, where the folder is at hand."""

import os
from pathlib import Path

import pytest

from tfpix2pix.cli.main import train_main
from tfpix2pix.training.records import MetricsFile


@pytest.mark.real_data
def test_a_short_run_learns_from_real_pairs(tmp_path):
    run_dir = tmp_path / "run"
    sizes = "--load-size 72 --crop-size 64 --base-filters 16 --steps 1000 --validate-every 500"
    data = str(Path(os.environ["FACADES"]).resolve())
    arguments = ["--preset", "facades", "--data", data, "--run-dir", str(run_dir), *sizes.split()]
    assert train_main(arguments) == 0
    rows = MetricsFile(run_dir / "metrics.csv").read()
    start, end = rows[0], rows[-1]
    assert end["step"] == 1000
    assert end["val_ssim"] > start["val_ssim"] + 0.08
    assert end["val_l1"] < start["val_l1"]
    # Always answering with the mean training photo has an SSIM of .13 here.
    assert end["val_ssim"] > 0.16
