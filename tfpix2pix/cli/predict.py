"""`tfpix2pix predict`."""

import argparse
import contextlib
import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfpix2pix.cli.parsing import Parser, add_checkpoint_flag, count, length, positive, seed
from tfpix2pix.cli.quiet import tensorflow_imported_quietly
from tfpix2pix.cli.runs import settings_of_run
from tfpix2pix.cli.server import add_server_flags, check_server_flags, connect_to_server
from tfpix2pix.config import Settings, dump_settings
from tfpix2pix.errors import SettingsError

if TYPE_CHECKING:
    from tfpix2pix.inference.files import FileTranslator
    from tfpix2pix.inference.jobs import Jobs, Prediction
    from tfpix2pix.inference.tiling import Tiling

SUMMARY = "Translate images with a trained run; no targets needed."

EXAMPLES = """examples:
  tfpix2pix predict runs/demo-1 photo.png folder/ --output pictures
  tfpix2pix predict runs/demo-1 folder/ --output pictures --resume
  tfpix2pix predict runs/demo-1 large.png --output pictures --size own
  tfpix2pix predict runs/demo-1 frames/ --output film --fixed-statistics frames/
  tfpix2pix predict runs/demo-1 photo.png --output pictures --checkpoint best
  tfpix2pix predict runs/demo-1 photo.png --output pictures --samples 8
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

# Of a folder that is given with --fixed-statistics.
STATISTICS_IMAGES = 16


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
        "one in tiles [4]",
    )
    parser.add_argument(
        "--window", type=count, metavar="PIXELS", help="height and width of a tile [512]"
    )
    parser.add_argument(
        "--overlap",
        type=length,
        metavar="PIXELS",
        help="of neighbouring tiles, over which their answers are blended [half the window]",
    )
    parser.add_argument(
        "--statistics",
        choices=("image", "tile"),
        help="what the norms take in tiles: the statistics of the whole image, or of each tile "
        "[image]",
    )
    parser.add_argument(
        "--fixed-statistics",
        type=Path,
        metavar="IMAGE",
        help="use the norms' statistics of this image, or of up to "
        f"{STATISTICS_IMAGES} spread over this folder, for all: less flicker in a film's frames",
    )


@dataclasses.dataclass(frozen=True)
class Predictor:
    """What answers the files of one call.

    Attributes:
        suffix: of the answers' files.
        made_by: what answers depend on, for the record beside them.
        predictions: has the files of jobs answered, and the answers written.
    """

    suffix: str
    made_by: dict[str, Any]
    predictions: "Callable[[Jobs], Iterator[Prediction]]"


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
        for prediction in track(predictor.predictions(todo), len(todo), "image"):
            written += prediction.failure is None
            if prediction.failure:
                failures.append(prediction)
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(
            f"stopped: {kept + written} of {len(jobs)} are in {arguments.output}; the same command "
            "with --resume goes on"
        ) from stop
    for prediction in failures:
        print(f"failed: {prediction.source}: {prediction.failure}")
    each = "" if arguments.samples is None else f", {arguments.samples} samples of each"
    before = f", {kept} kept from before" if kept else ""
    print(f"{written} written to {arguments.output}{each}{before}, {len(failures)} failed")
    return 1 if failures else 0


def predictor_of(arguments: argparse.Namespace) -> Predictor:
    """What answers, by the kind of thing that was named.

    Raises:
        UserError: there is no such thing, or the options do not fit it.
    """
    check_server_flags(arguments)
    return _of_run(arguments) if arguments.server is None else _of_server(arguments)


def _to_do(arguments: argparse.Namespace, jobs: "Jobs", made_by: dict[str, Any]) -> "Jobs":
    """The jobs that no earlier call has done; notes what is going to answer them."""
    from tfpix2pix.inference.record import are_done, begin

    if not jobs:
        return jobs
    since = begin(arguments.output, made_by, resume=arguments.resume)
    if not arguments.resume:
        return jobs
    return jobs.where(not done for done in are_done(jobs, since, arguments.samples))


def _of_run(arguments: argparse.Namespace) -> Predictor:
    from tfpix2pix.inference.jobs import some_images
    from tfpix2pix.training.kept import find_checkpoint, step_of
    from tfpix2pix.training.run_folder import RunFolder

    # Whatever can be said without TensorFlow is said before its slow import.
    settings = settings_of_run(arguments.run_dir, arguments.checkpoint)
    tiling = _tiling(arguments, settings)
    _check_samples(arguments, settings)
    frames = []
    if arguments.fixed_statistics is not None:
        frames = some_images(arguments.fixed_statistics, STATISTICS_IMAGES, "--fixed-statistics")
    with tensorflow_imported_quietly():
        from tfpix2pix.inference.files import load_file_translator
    translator = load_file_translator(
        arguments.run_dir,
        checkpoint=arguments.checkpoint,
        dropout_at_prediction=None if arguments.samples is None else True,
        tiling=tiling,
        statistics_of=frames,
        seed=arguments.seed or 0,
    )
    _check_noise(arguments, translator.draws)
    path, _ = find_checkpoint(RunFolder(arguments.run_dir).checkpoints, arguments.checkpoint)
    made_by = {
        "run": str(arguments.run_dir.resolve()),
        "settings": hashlib.sha256(dump_settings(settings).encode()).hexdigest(),
        "step": step_of(path),
        "tiling": None if tiling is None else dataclasses.asdict(tiling),
        "fixed_statistics": [str(frame.resolve()) for frame in frames],
        "samples": arguments.samples,
        "seed": arguments.seed or 0,
    }
    return Predictor(translator.suffix, made_by, _predictions(arguments, translator))


def _of_server(arguments: argparse.Namespace) -> Predictor:
    from tfpix2pix.inference.predict import predict_files

    answerer = connect_to_server(arguments)

    def predictions(jobs: "Jobs") -> "Iterator[Prediction]":
        with contextlib.closing(answerer):
            yield from predict_files(answerer, jobs)

    made_by = {"server": arguments.server, "version": answerer.version}
    return Predictor(answerer.suffix, made_by, predictions)


def _predictions(
    arguments: argparse.Namespace, translator: "FileTranslator"
) -> "Callable[[Jobs], Iterator[Prediction]]":
    from tfpix2pix.inference.predict import predict_files, predict_samples
    from tfpix2pix.inference.streaming import StreamingAnswerer

    if arguments.samples is not None:
        return lambda jobs: predict_samples(
            translator, jobs, arguments.samples, arguments.seed or 0
        )
    answerer = StreamingAnswerer(translator, arguments.batch_size or 1)
    return lambda jobs: predict_files(answerer, jobs)


def _tiling(arguments: argparse.Namespace, settings: Settings) -> "Tiling | None":
    """How images are answered at their own size; None where they are resized.

    Raises:
        SettingsError: options that do not fit each other, or the run.
    """
    from tfpix2pix.inference.tiling import (
        answers_at_own_size,
        check_image_statistics,
        choose_tiling,
    )

    if arguments.statistics is not None:
        check_image_statistics(settings, "--statistics")
    if arguments.fixed_statistics is not None:
        check_image_statistics(settings, "--fixed-statistics")
        if arguments.statistics is not None:
            raise SettingsError(
                "--fixed-statistics gives the norms their statistics already: leave --statistics "
                "out"
            )
    if not answers_at_own_size(settings, arguments.size):
        for name in ("whole_up_to", "window", "overlap", "statistics"):
            if getattr(arguments, name) is not None:
                raise SettingsError(
                    f"--{name.replace('_', '-')} is about answers at the images' own size: give "
                    "--size own too, or leave it out"
                )
        return None
    return choose_tiling(
        settings,
        arguments.whole_up_to,
        arguments.window,
        arguments.overlap,
        arguments.statistics or "image",
    )


def _check_samples(arguments: argparse.Namespace, settings: Settings) -> None:
    """Refuses options that do not go with samples."""
    if arguments.samples is None:
        return
    if settings.data.target_encoding == "labels":
        raise SettingsError(
            "--samples: this run answers with label maps, which have no mean and no deviation; "
            "leave --samples out"
        )
    if arguments.batch_size is not None:
        raise SettingsError("--batch-size: samples are drawn one by one; leave it out")


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
