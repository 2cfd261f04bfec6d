"""Run folders that commands are given."""

from pathlib import Path

from tfpix2pix.config import Settings


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
