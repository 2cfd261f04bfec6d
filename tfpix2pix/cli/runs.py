"""Run folders that commands are given."""

import argparse
from pathlib import Path

from tfpix2pix.cli.parsing import LATEST
from tfpix2pix.config import Settings
from tfpix2pix.errors import SettingsError

# Flags of `predict` that change how a run answers.
FLAGS_OF_RUNS = (
    "samples",
    "seed",
    "size",
    "whole_up_to",
    "window",
    "overlap",
    "statistics",
    "fixed_statistics",
)


def settings_of_run(run_dir: Path, checkpoint: str) -> Settings:
    """The settings of a run that has such a checkpoint; no TensorFlow, so that errors come at once.

    Raises:
        UserError: there is no such run or checkpoint.
    """
    from tfpix2pix.training.kept import find_checkpoint
    from tfpix2pix.training.run_folder import RunFolder

    folder = RunFolder(run_dir)
    settings = folder.settings()
    find_checkpoint(folder.checkpoints, checkpoint)
    return settings


def refuse_flags_of_runs(arguments: argparse.Namespace, model: str) -> None:
    """Refuses them where something else answers.

    Args:
        arguments: of `predict`.
        model: what answers, such as "an exported model".

    Raises:
        SettingsError: with what to leave out.
    """
    given = [name for name in FLAGS_OF_RUNS if getattr(arguments, name) is not None]
    given += [] if arguments.checkpoint == LATEST else ["checkpoint"]
    if given:
        raise SettingsError(
            f"--{given[0].replace('_', '-')} needs a run: {model} answers as it was exported; "
            "leave it out"
        )
