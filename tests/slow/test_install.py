"""A plain `pip install .` gives a package that works without the checkout."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


WRITE_PAGE = """
from pathlib import Path
from tfpix2pix.report.document import Document, Metric, Run
from tfpix2pix.report.writing import writing_report

with writing_report(Path("page")) as report:
    run = Run("a", "runs/a", 1)
    report.finish(Document("title", "0.1", "today", [Metric("l1", "L1")], "l1", [run]))
"""


def run(*command, **environment):
    done = subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        cwd=environment.pop("cwd", None),
        env=os.environ | environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_an_installed_package_trains_predicts_and_exports(tmp_path, pairs_folder):
    site = tmp_path / "site"
    run("-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(ROOT))
    installed = {"PYTHONPATH": str(site), "cwd": str(tmp_path)}
    assert str(site) in run("-c", "import tfpix2pix; print(tfpix2pix.__file__)", **installed)
    assert "facades" in run("-m", "tfpix2pix", "presets", **installed)
    sizes = "--load-size 18 --crop-size 16 --base-filters 2 --depth 3 --n-layers 1 --steps 2"
    command = ["train", "--data", str(pairs_folder), *sizes.split()]
    assert "run folder runs/demo-1" in run("-m", "tfpix2pix", *command, **installed)
    answer = ["predict", "runs/demo-1", "runs/demo-1/samples/inputs", "--output", "pictures"]
    assert "3 written to pictures" in run("-m", "tfpix2pix", *answer, **installed)
    run("-c", WRITE_PAGE, **installed)
    assert "</html>" in (tmp_path / "page" / "evaluation.html").read_text()
    export = ["export", "runs/demo-1", "--output", "exports"]
    assert "wrote exports/1" in run("-m", "tfpix2pix", *export, **installed)
