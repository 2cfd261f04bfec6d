"""What is known of a run, for those who get a model exported from it."""

from pathlib import Path
from typing import Any, cast

import yaml

from tfpix2pix.config import Settings, dump_settings
from tfpix2pix.export.description import ModelDescription
from tfpix2pix.places import as_place
from tfpix2pix.training.environment import environment
from tfpix2pix.training.kept import find_checkpoint, step_of
from tfpix2pix.training.records import VALIDATION_NAMES, MetricsFile
from tfpix2pix.training.run_folder import RunFolder


def describe_run(run_dir: str | Path, checkpoint: str | int = "latest") -> ModelDescription:
    """The description of a run's generator alone, at the size it was trained at.

    Args:
        run_dir: the run folder.
        checkpoint: as of `load_translator`.

    Raises:
        UserError: it is no run folder, is damaged, or holds no such checkpoint.
    """
    folder = RunFolder(as_place(run_dir))
    settings = folder.settings()
    path, _ = find_checkpoint(folder.checkpoints, checkpoint)
    step = step_of(path)
    return ModelDescription(
        folder.formats(),
        settings.data.crop_size,
        None if settings.data.crops_each_pair else "fixed",
        input_interpolation=settings.data.input_interpolation,
        target_interpolation=settings.data.target_interpolation,
        settings=_plain(settings),
        step=step,
        metrics=_metrics(folder, step),
        trained_on=folder.trained_on(),
        versions=cast(dict[str, str], environment()["packages"]),
    )


def _plain(settings: Settings) -> dict[str, Any]:
    """As the run's config.yaml holds them."""
    return yaml.safe_load(dump_settings(settings))


def _metrics(folder: RunFolder, step: int) -> dict[str, float]:
    """Those of the last validation up to a step; a checkpoint need not have one of its own."""
    for row in reversed(MetricsFile(folder.metrics).read()):
        found = {name: row[name] for name in VALIDATION_NAMES if name in row}
        if row["step"] <= step and found:
            return {"step": row["step"]} | found
    return {}
