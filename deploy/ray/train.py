"""Trains with workers that Ray starts, on a Ray cluster or on this computer.

    python train.py --workers 2 --data /shared/facades --run-dir /shared/runs/facades \
        --preset facades --set batch_size=2

Ray Train's TensorflowTrainer sets TF_CONFIG in each worker; all else is tfpix2pix's own. If a
worker is lost, Ray starts all again, and they go on from the last checkpoint.
"""

import argparse
from typing import Any

from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.tensorflow import TensorflowTrainer

from tfpix2pix.places import as_place


def train_here(asked: dict[str, Any]) -> None:
    """What each worker does."""
    from tfpix2pix import resolve, train

    settings = resolve(asked["preset"], None, asked["settings"])
    # Where the run is there already, it goes on.
    train(settings, asked["run_dir"], or_resume=True)


def main() -> None:
    """Reads the arguments, and trains."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--gpus", action="store_true", help="a GPU for each worker")
    parser.add_argument("--cpus", type=float, default=1, help="for each worker")
    parser.add_argument("--preset", default="facades")
    parser.add_argument("--data", type=as_place, required=True, help="where all workers find it")
    parser.add_argument("--run-dir", type=as_place, required=True, help="such a place, too")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="other settings")
    parser.add_argument("--retries", type=int, default=20, help="how often to go on after a loss")
    given = parser.parse_args()
    settings = dict(word.split("=", 1) for word in given.set)
    run_dir = given.run_dir.resolve()
    TensorflowTrainer(
        train_here,
        train_loop_config={
            "preset": given.preset,
            "settings": settings | {"data": str(given.data.resolve()), "strategy": "auto"},
            "run_dir": str(run_dir),
        },
        scaling_config=ScalingConfig(
            num_workers=given.workers,
            use_gpu=given.gpus,
            resources_per_worker={"CPU": given.cpus},
        ),
        run_config=RunConfig(
            name=run_dir.name,
            storage_path=str(run_dir.parent / "ray"),
            failure_config=FailureConfig(max_failures=given.retries),
        ),
    ).fit()


if __name__ == "__main__":
    main()
