"""`tfpix2pix train`, also called `tfpix2pix-train`."""

import argparse
import shlex
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfpix2pix.cli.parsing import add_setting_flags, given_settings
from tfpix2pix.cli.quiet import tensorflow_imported_quietly
from tfpix2pix.config import resolve
from tfpix2pix.config.loading import SECTION_OF
from tfpix2pix.errors import SettingsError
from tfpix2pix.places import as_place

if TYPE_CHECKING:
    from tfpix2pix.training.cluster import Cluster
    from tfpix2pix.training.result import TrainResult
    from tfpix2pix.training.run_folder import RunFolder

SUMMARY = "Train on pairs of images, or on drawn facades when no data are given."

EXAMPLES = """examples:
  tfpix2pix-train                                             minutes on a CPU, no data needed
  tfpix2pix-train --preset facades --data PATH --run-dir RUN  the paper's settings on your pairs
  tfpix2pix-train --run-dir RUN --resume                      goes on where it stopped

PATH holds pairs side by side or in input/ and target/; --data tfds:pix2pix/facades downloads a
published set. See docs/data.md, and `tfpix2pix prepare --check PATH`.
Settings come from the preset, over it the --config file, over both the flags.
"""

DEFAULT_PRESET = "demo"
RUNS = Path("runs")
# What may be said anew of a run that goes on.
RESUMABLE = {"steps"}
# What may be said of imported weights when they are trained for the first time.
CHOSEN_ONCE = {name for name, section in SECTION_OF.items() if section == "data"} | {
    "steps",
    "epochs",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.usage = "%(prog)s [--data PATH] [--run-dir DIR] [--resume] [SETTING ...]"
    parser.add_argument(
        "--preset",
        metavar="PRESET",
        help=f"settings to start from, see `tfpix2pix presets` [{DEFAULT_PRESET}]",
    )
    parser.add_argument("--config", type=as_place, metavar="FILE", help="YAML file with settings")
    parser.add_argument(
        "--run-dir",
        type=as_place,
        metavar="DIR",
        help="folder for all that the run makes [runs/...]",
    )
    goes_on = parser.add_mutually_exclusive_group()
    goes_on.add_argument("--resume", action="store_true", help="continue the run in --run-dir")
    goes_on.add_argument(
        "--resume-or-start",
        action="store_true",
        help="the same where there is a run, begun with the same settings, else start it: one "
        "command for schedulers that start it again and again",
    )
    add_setting_flags(parser)


def run(arguments: argparse.Namespace) -> int:
    """Trains; returns the exit status."""
    if arguments.resume:
        return _resume(arguments)
    if arguments.resume_or_start and arguments.run_dir is None:
        raise SettingsError("--resume-or-start needs --run-dir: the same folder each time")
    preset = arguments.preset or (None if arguments.config else DEFAULT_PRESET)
    settings = resolve(preset, arguments.config, given_settings(arguments))
    # What can be seen to be wrong without TensorFlow is said before it is imported.
    if settings.train.steps is None and settings.train.epochs is None:
        raise SettingsError("how long to train? Give --steps or --epochs")
    from tfpix2pix.data.sources import check_source
    from tfpix2pix.training.cluster import joined
    from tfpix2pix.training.run_folder import RunFolder, claim_run_folder

    check_source(settings.data)
    cluster = joined(settings.train.strategy)
    if cluster is not None and arguments.run_dir is None:
        raise SettingsError("several workers need --run-dir: one folder that all of them reach")
    is_chief = cluster is None or cluster.is_chief
    if arguments.run_dir is not None and is_chief and not arguments.resume_or_start:
        RunFolder(arguments.run_dir).check_free()
    with tensorflow_imported_quietly():
        from tfpix2pix.training.run import train

    name = preset or arguments.config.stem
    run_dir = arguments.run_dir or claim_run_folder(RUNS, name).path
    origin = f"preset {preset}" if preset else str(arguments.config)
    if is_chief:
        print(f"run folder {run_dir}, {origin}", flush=True)
    return _conclude(train(settings, run_dir, or_resume=arguments.resume_or_start), cluster)


def _resume(arguments: argparse.Namespace) -> int:
    given = given_settings(arguments)
    if arguments.run_dir is None:
        raise SettingsError("--resume needs --run-dir: the folder of the run to continue")
    from tfpix2pix.training.run_folder import RunFolder

    folder = RunFolder(arguments.run_dir)
    if folder.exists() and folder.awaits_pairs():
        return _begin(arguments, folder, given)
    _refuse_others(arguments, given, RESUMABLE, "only --steps can, to train longer")
    # Checked like any setting, before the slow import.
    steps = resolve(flags=given).train.steps
    from tfpix2pix.training.cluster import joined

    cluster = joined(folder.settings().train.strategy)
    if cluster is None or cluster.is_chief:
        with folder.locked():  # where another process runs there, it is said at once
            pass
    with tensorflow_imported_quietly():
        from tfpix2pix.training.run import resume

    return _conclude(resume(arguments.run_dir, steps=steps), cluster)


def _begin(arguments: argparse.Namespace, folder: "RunFolder", given: dict[str, Any]) -> int:
    """Trains imported weights for the first time: on what and how long is said now."""
    _refuse_others(arguments, given, CHOSEN_ONCE, "only data settings, --steps and --epochs can")
    from tfpix2pix.data.sources import IMPORTED, check_source

    settings = folder.settings(given)
    if settings.data.data == IMPORTED:
        raise SettingsError(f"{folder.path} holds imported weights, and no data yet: give --data")
    if settings.train.steps is None and settings.train.epochs is None:
        raise SettingsError("how long to train? Give --steps or --epochs")
    check_source(settings.data)
    from tfpix2pix.training.cluster import joined

    cluster = joined(settings.train.strategy)
    with tensorflow_imported_quietly():
        from tfpix2pix.training.run import resume

    return _conclude(resume(arguments.run_dir, changes=given), cluster)


def _refuse_others(
    arguments: argparse.Namespace, given: Collection[str], allowed: set[str], may: str
) -> None:
    others = sorted(set(given) - allowed)
    if others or arguments.preset or arguments.config:
        named = others[0] if others else "preset" if arguments.preset else "config"
        raise SettingsError(
            f"--resume takes the run's own settings, so --{named.replace('_', '-')} cannot be "
            f"given; {may}"
        )


def _conclude(result: "TrainResult", cluster: "Cluster | None") -> int:
    """Says how the run ended, where things are and what to do next; of several workers one does."""
    if cluster is not None and not cluster.is_chief:
        return 0 if result.stopped_by is None else 128 + result.stopped_by
    from tfpix2pix.evaluation.validation import describe_baseline, describe_validation

    run_dir = shlex.quote(str(result.run_dir))
    if result.stopped_by is not None:
        print(f"stopped at step {result.step} of {result.total_steps}; a checkpoint is written")
        print(f"resume with: tfpix2pix-train --run-dir {run_dir} --resume")
        return 128 + result.stopped_by
    print(_done(result, run_dir))
    if result.validation:
        print(f"validation   {describe_validation(result.validation)}")
        baseline = describe_validation(result.baseline)
        print(f"for scale    {baseline} ({describe_baseline(result.baseline)})")
    if result.standing is not None:
        print(f"best         {_best(result)}")
    print(f"pictures     {result.run_dir}/samples/latest.png (input | generated | target)")
    print(f"curves       {result.run_dir}/losses.png, {result.run_dir}/metrics.csv")
    print(f"next         tfpix2pix predict {run_dir} {run_dir}/samples/inputs --output pictures")
    if "ssim" in result.validation:  # the targets are images
        print(f"             tfpix2pix evaluate {run_dir}")
    print(f"             tfpix2pix export {run_dir} --output exports/{result.run_dir.name}")
    return 0


def _done(result: "TrainResult", run_dir: str) -> str:
    """Says that the run is at its end, and why if that came early."""
    if not result.ended_early or result.standing is None:
        return f"done: {result.step} steps"
    standing = result.standing
    return (
        f"done: ended early at step {result.step} of {result.total_steps}: {standing.idle} "
        f"validations without a better {standing.metric} (patience)\n"
        f"train on with: tfpix2pix-train --run-dir {run_dir} --resume --steps N"
    )


def _best(result: "TrainResult") -> str:
    """Says which checkpoint is the best and how it is used."""
    assert result.standing is not None
    shown = result.standing.describe_best()
    if not result.best_is_kept:
        return f"{shown}; its weights are not kept: that step was done by an earlier version"
    if result.standing.best_step == result.step:
        return f"{shown}, the last one"
    return f"{shown}; use it with predict, export and evaluate: --checkpoint best"
