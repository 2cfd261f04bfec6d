"""`tfpix2pix predict`."""

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tfpix2pix.cli.parsing import Parser, add_checkpoint_flag, count, seed
from tfpix2pix.cli.quiet import tensorflow_imported_quietly
from tfpix2pix.cli.server import add_server_flags, check_server_flags, connected_server
from tfpix2pix.errors import SettingsError

if TYPE_CHECKING:
    from tfpix2pix.inference.predict import Prediction

SUMMARY = "Translate images with a trained run; no targets needed."

EXAMPLES = """examples:
  tfpix2pix predict runs/demo-1 photo.png folder/ --output pictures
  tfpix2pix predict runs/demo-1 photo.png --output pictures --checkpoint best
  tfpix2pix predict runs/demo-1 photo.png --output pictures --samples 8
  tfpix2pix predict --server grpc://localhost:8500/facades photo.png --output pictures

Writes pictures/photo.png and, for each image in the folder, one of the same name, in the type of
the training targets: PNG, with 16 bits if they have them, or TIFF for floats and many channels.
Runs with `resize` crop or scale_width_and_crop answer at each image's own scale; all others at
the size they were trained at (crop_size), to which images are resized first.

With --samples dropout is on, the generator's only noise, and each image gets so many answers:
photo_1.png, photo_2.png, ..., their mean, photo_mean.png, and their standard deviation for each
pixel and channel, photo_std.png, in the targets' own values: 12 gray levels are a pixel of 12.
"""


def add_arguments(parser: Parser) -> None:
    """Adds the command's arguments."""
    run_argument = parser.add_argument("run_dir", type=Path, metavar="RUN", help="run folder")
    parser.add_argument(
        "images", type=Path, nargs="+", metavar="IMAGE", help="image file, or folder of them"
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="folder for the results"
    )
    add_checkpoint_flag(parser)
    parser.add_argument(
        "--samples",
        type=count,
        metavar="N",
        help="N answers to each image with dropout on, their mean and standard deviation",
    )
    parser.add_argument(
        "--seed",
        type=seed,
        metavar="S",
        help="of dropout, where it is on; the same seed gives the same answers [0]",
    )
    add_server_flags(parser, run_argument)


def run(arguments: argparse.Namespace) -> int:
    """Translates; returns the exit status, 1 if any file failed."""
    check_server_flags(arguments)
    if arguments.server is not None:
        return _run_remote(arguments)
    from tfpix2pix.training.run_folder import RunFolder

    settings = RunFolder(arguments.run_dir).settings()  # is there one? Said before the slow import
    if arguments.samples is not None and settings.data.target_encoding == "labels":
        raise SettingsError(
            "--samples: this run answers with label maps, which have no mean and no deviation; "
            "leave --samples out"
        )
    with tensorflow_imported_quietly():
        from tfpix2pix.inference.files import load_file_translator
        from tfpix2pix.inference.predict import find_jobs, predict_files

    samples = arguments.samples
    translator = load_file_translator(
        arguments.run_dir,
        checkpoint=arguments.checkpoint,
        dropout_at_prediction=None if samples is None else True,
    )
    _check_noise(arguments, translator.draws)
    jobs, failures = find_jobs(arguments.images, arguments.output, translator.suffix, samples)
    predictions = predict_files(translator, jobs, samples, arguments.seed or 0)
    each = "" if samples is None else f", {samples} samples of each"
    return _conclude(predictions, len(jobs), failures, f"{arguments.output}{each}")


def _run_remote(arguments: argparse.Namespace) -> int:
    """Has the files answered by a server."""
    with connected_server(arguments) as answerer:
        # Not before: what is wrong about the server is said at once.
        from tfpix2pix.inference.predict import find_jobs, predict_files

        jobs, failures = find_jobs(arguments.images, arguments.output, answerer.suffix)
        predictions = predict_files(answerer, jobs)
        return _conclude(predictions, len(jobs), failures, str(arguments.output))


def _conclude(
    predictions: Iterable["Prediction"], total: int, failures: list["Prediction"], where: str
) -> int:
    """Shows the progress and what failed; returns the exit status."""
    from tfpix2pix.progress import track

    written = 0
    for prediction in track(predictions, total, "image"):
        written += prediction.failure is None
        if prediction.failure:
            failures.append(prediction)
    for prediction in failures:
        print(f"failed: {prediction.source}: {prediction.failure}")
    print(f"{written} written to {where}, {len(failures)} failed")
    return 1 if failures else 0


def _check_noise(arguments: argparse.Namespace, draws: bool) -> None:
    """Refuses options about dropout where there is none."""
    if arguments.samples is not None and not draws:
        raise SettingsError(
            "--samples: the generator of this run has no dropout, so all its answers to an image "
            "are the same; leave --samples out"
        )
    if arguments.seed is not None and not draws:
        raise SettingsError(
            "--seed is of dropout, which is off in this run's answers: give --samples too, or "
            "leave it out"
        )
