"""The commands against Google Cloud Storage: TensorFlow's own client, and a bucket on loopback."""

import os
import subprocess
import sys

import pytest

from tests.fake_gcs import FakeGcs
from tfpix2pix.training.records import MetricsFile

pytestmark = pytest.mark.slow

TINY = "--load-size=36 --crop-size=32 --base-filters=4 --depth=3 --n-layers=1"
BUCKET = "gs://bucket"
# One process for all, since each start costs TensorFlow's import; --config is read there too.
COMMANDS = (
    f"train --data {BUCKET}/pairs --run-dir {BUCKET}/runs/a --config {BUCKET}/my.yaml {TINY}",
    f"train --run-dir {BUCKET}/runs/a --resume --steps 4",
    f"predict {BUCKET}/runs/a {BUCKET}/pairs/val --output {BUCKET}/answers",
    f"evaluate {BUCKET}/runs/a",
    f"export {BUCKET}/runs/a --output {BUCKET}/models/a",
    f"predict {BUCKET}/models/a {BUCKET}/pairs/val/6.png --output OUT",
    f"prepare --check {BUCKET}/pairs --contact-sheet OUT/sheet.png",
)
CODE = """
import sys
from tfpix2pix.cli.main import main
for command in sys.argv[1:]:
    print("$", command, flush=True)
    status = main(command.split())
    if status:
        sys.exit(status)
"""


def test_a_run_lives_in_a_bucket(tmp_path, module_pairs_folder):
    fake = FakeGcs(tmp_path)
    for path in module_pairs_folder.rglob("*.png"):
        name = path.relative_to(module_pairs_folder.parent).as_posix()
        fake.objects["bucket", name] = path.read_bytes()
    fake.objects["bucket", "my.yaml"] = b"train: {steps: 2, log_every: 1}\n"
    before = set(fake.objects)
    commands = [command.replace("OUT", str(tmp_path / "out")) for command in COMMANDS]
    with fake.serving():
        environment = {k: v for k, v in os.environ.items() if k.lower() != "no_proxy"}
        done = subprocess.run(
            [sys.executable, "-c", CODE, *commands],
            env=environment | fake.environment(),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=600,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    made = {name for bucket, name in set(fake.objects) - before}
    assert {
        "runs/a/config.yaml",
        "runs/a/metrics.csv",
        "runs/a/losses.png",
        "runs/a/samples/latest.png",
        "runs/a/checkpoints/checkpoint",
        "runs/a/checkpoints/step-4.index",
        "runs/a/evaluation/val_step_4/evaluation.html",
        "answers/6.png",
        "answers/predict.json",
        "models/a/1/saved_model.pb",
    } <= made
    assert not {name for name in made if ".partial-" in name or name.endswith(".lock")}
    (tmp_path / "metrics.csv").write_bytes(fake.objects["bucket", "runs/a/metrics.csv"])
    assert [row["step"] for row in MetricsFile(tmp_path / "metrics.csv").read()] == [0, 1, 2, 3, 4]
    assert (tmp_path / "out" / "6.png").read_bytes()[:4] == b"\x89PNG"
    assert not list(tmp_path.glob("gs:*"))
