"""`tfpix2pix predict`."""

import argparse
import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tfpix2pix.cli.parsing import Parser, add_checkpoint_flag, count, length, positive, seed
from tfpix2pix.cli.predictors import STATISTICS_IMAGES, predictor_of
from tfpix2pix.cli.server import add_server_flags
from tfpix2pix.errors import one_line
from tfpix2pix.places import as_place

if TYPE_CHECKING:
    from tfpix2pix.inference.jobs import Jobs, Prediction

SUMMARY = "Translate images with a trained run, an exported model or a model on a server."

EXAMPLES = """examples:
  tfpix2pix predict runs/demo-1 photo.png folder/ --output pictures
  tfpix2pix predict runs/demo-1 folder/ --output pictures --resume
  tfpix2pix predict runs/demo-1 large.png --output pictures --size own
  tfpix2pix predict runs/demo-1 frames/ --output film --fixed-statistics frames/
  tfpix2pix predict runs/demo-1 photo.png --output pictures --checkpoint best
  tfpix2pix predict runs/demo-1 photo.png --output pictures --samples 8
  tfpix2pix predict exports/demo-onnx/model.onnx photo.png --output pictures
  tfpix2pix predict --server grpc://localhost:8500/facades photo.png --output pictures

Writes pictures/photo.png and, for each image in the folder, one of the same name, in the type of
the training targets: PNG, with 16 bits if they have them, or TIFF for floats and many channels.
pictures/predict.json says what made them; with --resume, what a stopped call left is answered.
Runs with `resize` crop or scale_width_and_crop answer at each image's own scale; all others at
the size they were trained at (crop_size), to which images are resized first, unless --size own
is given. Large images are cut into tiles then, whose answers are blended (docs/large_images.md).

With --samples dropout is on, the generator's only noise, and each image gets so many answers:
photo_1.png, photo_2.png, ..., their mean, photo_mean.png, and their standard deviation for each
pixel and channel, photo_std.png, in the targets' own values: 12 gray levels are a pixel of 12.
"""


def add_arguments(parser: Parser) -> None:
    """Adds the command's arguments."""
    run_argument = parser.add_argument(
        "run_dir",
        type=as_place,
        metavar="RUN",
        help="run folder, or what `tfpix2pix export` wrote: a .onnx, .tflite, .xml or .keras file, "
        "or a SavedModel's folder",
    )
    parser.add_argument(
        "images", type=as_place, nargs="+", metavar="IMAGE", help="image file, or folder of them"
    )
    parser.add_argument(
        "--output", type=as_place, required=True, metavar="DIR", help="folder for the results"
    )
    add_checkpoint_flag(parser)
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with a stopped call: keep answers of the same run, checkpoint and options "
        "that are whole and younger than their inputs",
    )
    parser.add_argument(
        "--batch-size",
        type=count,
        metavar="N",
        help="images translated together; more than 1 is faster, and may round a value in a "
        "million to the next gray level [1]",
    )
    _add_noise_arguments(parser)
    _add_size_arguments(parser)
    add_server_flags(parser, run_argument)


def _add_noise_arguments(parser: argparse.ArgumentParser) -> None:
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


def _add_size_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--size",
        choices=("trained", "own"),
        help="answer at the size of training, or at each image's own [trained; own for runs on "
        "crops]",
    )
    parser.add_argument(
        "--whole-up-to",
        type=positive,
        metavar="MP",
        help="at its own size, an image of up to so many megapixels is answered whole, a larger "
        "one in tiles [4.2]",
    )
    parser.add_argument(
        "--window",
        type=count,
        metavar="PIXELS",
        help="height and width of a tile [512, or 4 times what it was trained at]",
    )
    parser.add_argument(
        "--overlap",
        type=length,
        metavar="PIXELS",
        help="of neighbouring tiles, over which they are blended [a quarter of the window]",
    )
    parser.add_argument(
        "--statistics",
        choices=("image", "tile"),
        help="what the norms take in tiles: the statistics of the whole image, or of each tile "
        "[image]",
    )
    parser.add_argument(
        "--fixed-statistics",
        type=as_place,
        metavar="IMAGE",
        help="use the norms' statistics of this image, or of up to "
        f"{STATISTICS_IMAGES} spread over this folder, for all: less flicker in a film's frames",
    )


def run(arguments: argparse.Namespace) -> int:
    """Translates; returns the exit status, 1 if any file failed."""
    from tfpix2pix.inference.jobs import find_jobs
    from tfpix2pix.progress import track

    predictor = predictor_of(arguments)
    jobs, failures = find_jobs(
        arguments.images, arguments.output, predictor.suffix, arguments.samples
    )
    todo = _to_do(arguments, jobs, predictor.made_by)
    kept, written = len(jobs) - len(todo), 0
    try:
        with contextlib.closing(predictor.predictions(todo)) as predictions:
            for prediction in track(predictions, len(todo), "image"):
                written += prediction.failure is None
                if prediction.failure:
                    failures.append(prediction)
    except KeyboardInterrupt as stop:
        _print_failures(failures)
        raise KeyboardInterrupt(
            f"stopped: {kept + written} of {len(jobs)} are in {arguments.output}; the same command "
            "with --resume goes on"
        ) from stop
    _print_failures(failures)
    each = "" if arguments.samples is None else f", {arguments.samples} samples of each"
    before = f", {kept} kept from before" if kept else ""
    print(f"{written} written to {arguments.output}{each}{before}, {len(failures)} failed")
    return 1 if failures else 0


def _print_failures(failures: "Sequence[Prediction]") -> None:
    lines = [one_line(f"failed: {failed.source}: {failed.failure}") + "\n" for failed in failures]
    # Before what comes on stderr, also where stdout is no terminal.
    print(*lines, sep="", end="", flush=True)


def _to_do(arguments: argparse.Namespace, jobs: "Jobs", made_by: dict[str, Any]) -> "Jobs":
    """The jobs that no earlier call has done; notes what is going to answer them."""
    from tfpix2pix.inference.record import are_done, begin

    if not jobs:
        return jobs
    # Of other folders, other images may have the same names.
    folders = {path if path.is_dir() else path.parent for path in arguments.images}
    made_by = made_by | {"inputs": sorted(str(folder.resolve()) for folder in folders)}
    since = begin(arguments.output, made_by, resume=arguments.resume)
    if not arguments.resume:
        return jobs
    return jobs.where(not done for done in are_done(jobs, since, arguments.samples))
