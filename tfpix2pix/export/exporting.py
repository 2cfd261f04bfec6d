"""A run's generator in a file of another format, checked before it appears."""

import functools
from pathlib import Path
from typing import Any

import numpy as np

from tfpix2pix.errors import UserError
from tfpix2pix.export.checking import (
    Difference,
    Exported,
    measure_difference,
    refuse_difference,
)
from tfpix2pix.export.describing import describe_run
from tfpix2pix.export.description import FILE_NAME
from tfpix2pix.export.formats import NETWORK_FORMATS, QUANTIZATIONS
from tfpix2pix.export.samples import CheckData, Samples, calibration_images, find_check_data
from tfpix2pix.files import check_new, folder_written_atomically
from tfpix2pix.inference.runtimes import load_network, require
from tfpix2pix.places import as_place
from tfpix2pix.training.checkpoints import load_generator
from tfpix2pix.training.kept import find_step
from tfpix2pix.training.run_folder import RunFolder

CALIBRATION_IMAGES = 100


def export_network(
    run_dir: str | Path,
    output: str | Path,
    format_name: str,
    *,
    checkpoint: str | int = "latest",
    quantize: str = "float32",
    calibration_count: int = CALIBRATION_IMAGES,
    data: str | None = None,
) -> Exported:
    """Writes a run's generator, with dropout off, as a folder that appears whole or not at all.

    It is answered by the format's own runtime and compared with the Keras generator first, on
    validation inputs of the run or, where its data are gone, on noise.

    Args:
        run_dir: the run folder.
        output: the folder to be.
        format_name: of `NETWORK_FORMATS`.
        checkpoint: as of `load_generator`.
        quantize: one of the format's quantizations.
        calibration_count: training inputs that int8 takes the ranges of values from.
        data: where the run's data are now, if not where they were.

    Returns:
        What was written; `tfpix2pix.json` lies beside the file.

    Raises:
        UserError: the format's packages are missing, the folder is there already or cannot be
            written, there is no such checkpoint, int8 has no data to calibrate on, or the answers
            differ from the generator's by more than the format's bound.
    """
    output, chosen = as_place(output), NETWORK_FORMATS[format_name]
    require(chosen.modules, format_name, f"--format {format_name}")
    check_new(output)
    folder = RunFolder(as_place(run_dir))
    settings = folder.settings({} if data is None else {"data": data})
    step = find_step(folder.checkpoints, checkpoint)
    generator = load_generator(
        settings, folder.checkpoints, folder.formats(), checkpoint=step, dropout_at_prediction=False
    )
    found = find_check_data(folder, settings, must=data is not None)
    calibration = None
    if QUANTIZATIONS[quantize].is_calibrated:
        calibration = _calibration(found, calibration_count)
    with folder_written_atomically(output) as temporary:
        file = temporary / chosen.file_name
        chosen.write(generator, file, quantize, calibration)
        written = sum(part.stat().st_size for part in temporary.iterdir())
        difference = _checked(file, generator, found.samples, quantize)
        description = describe_run(run_dir, step).to_json()
        (temporary / FILE_NAME).write_text(description, encoding="utf-8")
    return Exported(output / chosen.file_name, written, difference, found.no_data)


def _checked(file: Path, generator: Any, samples: Samples, quantize: str) -> Difference:
    expected = functools.partial(generator, training=False)
    difference = measure_difference(load_network(file), expected, samples)
    chosen = QUANTIZATIONS[quantize]
    refuse_difference(difference, chosen.bound, file.name, chosen.advice)
    return difference


def _calibration(found: CheckData, count: int) -> np.ndarray:
    if found.data is None:
        raise UserError(
            f"int8 is calibrated on training inputs, and there are none: {found.no_data}. Say "
            "where they are with --data, or choose float16"
        )
    return calibration_images(found.data, count)
