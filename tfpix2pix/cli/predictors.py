"""What answers the files of `tfpix2pix predict`: a run, an exported file, a model on a server."""

import argparse
import contextlib
import dataclasses
import hashlib
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfpix2pix.cli.predict_checks import check_noise, check_samples, tiling_of
from tfpix2pix.cli.quiet import tensorflow_imported_quietly
from tfpix2pix.cli.runs import refuse_flags_of_runs, settings_of_run
from tfpix2pix.cli.server import check_server_flags, connect_to_server
from tfpix2pix.config import Settings, dump_settings
from tfpix2pix.places import as_place

if TYPE_CHECKING:
    from tfpix2pix.inference.answering import ArrayTranslator
    from tfpix2pix.inference.exported import StoredTranslator
    from tfpix2pix.inference.files import FileTranslator
    from tfpix2pix.inference.jobs import Jobs, Prediction
    from tfpix2pix.inference.tiling import Tiling

# Of a folder that is given with --fixed-statistics.
STATISTICS_IMAGES = 16


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
    predictions: "Callable[[Jobs], Generator[Prediction, None, None]]"


def predictor_of(arguments: argparse.Namespace) -> Predictor:
    """What answers, by the kind of thing that was named.

    Raises:
        UserError: there is no such thing, or the options do not fit it.
    """
    from tfpix2pix.export.loading import find_exported

    check_server_flags(arguments)
    if arguments.server is not None:
        return _of_server(arguments)
    exported = find_exported(arguments.run_dir)
    return _of_run(arguments) if exported is None else _of_export(arguments, exported)


@dataclasses.dataclass(frozen=True)
class OpenedRun:
    """A run, ready to answer as the options of a command say.

    Attributes:
        settings: of the run.
        tiling: of images at their own size; None where they are resized, or the options say
            nothing.
        frames: whose statistics the norms take for all images.
        translator: what answers.
    """

    settings: Settings
    tiling: "Tiling | None"
    frames: "list[Path]"
    translator: "FileTranslator"


def open_run(arguments: argparse.Namespace) -> OpenedRun:
    """Opens the run that was named, with the options of `predict`.

    Raises:
        UserError: there is no such run, or the options do not fit it.
    """
    from tfpix2pix.inference.jobs import some_images

    # Whatever can be said without TensorFlow is said before its slow import.
    settings = settings_of_run(arguments.run_dir, arguments.checkpoint)
    tiling = tiling_of(arguments, settings)
    check_samples(arguments, settings)
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
    check_noise(arguments, translator.draws)
    return OpenedRun(settings, tiling, frames, translator)


def open_export(arguments: argparse.Namespace, path: Path) -> "StoredTranslator":
    """Opens what `export` wrote.

    Raises:
        UserError: it cannot be opened, or options were given that need a run.
    """
    from tfpix2pix.export.loading import load_exported
    from tfpix2pix.inference.runtimes import needs_tensorflow

    refuse_flags_of_runs(arguments, "an exported model")
    quietly = tensorflow_imported_quietly if needs_tensorflow(path) else contextlib.nullcontext
    with quietly():
        return load_exported(path)


def _of_run(arguments: argparse.Namespace) -> Predictor:
    from tfpix2pix.training.kept import find_checkpoint, step_of
    from tfpix2pix.training.run_folder import RunFolder

    run = open_run(arguments)
    path, _ = find_checkpoint(RunFolder(arguments.run_dir).checkpoints, arguments.checkpoint)
    made_by = {
        "run": str(arguments.run_dir.resolve()),
        "settings": hashlib.sha256(dump_settings(run.settings).encode()).hexdigest(),
        "step": step_of(path),
        "modified": as_place(f"{path}.index").stat().st_mtime_ns,
        "tiling": None if run.tiling is None else dataclasses.asdict(run.tiling),
        "fixed_statistics": [[str(f.resolve()), f.stat().st_mtime_ns] for f in run.frames],
        "samples": arguments.samples,
        "seed": arguments.seed or 0,
    }
    translator = run.translator
    return Predictor(translator.suffix, made_by, _predictions(arguments, translator))


def _of_export(arguments: argparse.Namespace, path: Path) -> Predictor:
    translator = open_export(arguments, path)
    made_by = {"model": str(path.resolve()), "modified": path.stat().st_mtime_ns}
    return Predictor(translator.suffix, made_by, _streamed(translator, arguments.batch_size))


def _of_server(arguments: argparse.Namespace) -> Predictor:
    from tfpix2pix.inference.predict import predict_files

    answerer = connect_to_server(arguments)

    def predictions(jobs: "Jobs") -> "Generator[Prediction, None, None]":
        with contextlib.closing(answerer):
            yield from predict_files(answerer, jobs)

    made_by = {"server": arguments.server, "version": answerer.version}
    return Predictor(answerer.suffix, made_by, predictions)


def _predictions(
    arguments: argparse.Namespace, translator: "FileTranslator"
) -> "Callable[[Jobs], Generator[Prediction, None, None]]":
    from tfpix2pix.inference.predict import predict_samples

    if arguments.samples is not None:
        return lambda jobs: predict_samples(
            translator, jobs, arguments.samples, arguments.seed or 0
        )
    return _streamed(translator, arguments.batch_size)


def _streamed(
    translator: "ArrayTranslator", batch_size: int | None
) -> "Callable[[Jobs], Generator[Prediction, None, None]]":
    from tfpix2pix.inference.predict import predict_files
    from tfpix2pix.inference.streaming import StreamingAnswerer

    answerer = StreamingAnswerer(translator, batch_size or 1)
    return lambda jobs: predict_files(answerer, jobs)
