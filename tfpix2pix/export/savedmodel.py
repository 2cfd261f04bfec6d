"""A SavedModel for TensorFlow Serving: MODELS/NAME/1/, MODELS/NAME/2/, ..."""

import contextlib
import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfpix2pix.export import description as described
from tfpix2pix.export.checking import Exported
from tfpix2pix.export.describing import describe_run
from tfpix2pix.export.description import ModelDescription
from tfpix2pix.export.model_card import model_card
from tfpix2pix.export.requests import example_bodies, write_warmup
from tfpix2pix.export.samples import find_check_data
from tfpix2pix.export.savedmodel_check import check_savedmodel, generator_answers
from tfpix2pix.files import folder_written_atomically
from tfpix2pix.inference.served import ServedModel, ServingOptions, load_served_model
from tfpix2pix.inference.tiling import MEGAPIXEL
from tfpix2pix.inference.translator import load_run_generator
from tfpix2pix.places import as_place
from tfpix2pix.training.kept import find_step
from tfpix2pix.training.run_folder import RunFolder

CARD = "model_card.md"
# Where TensorFlow Serving looks for requests to run before it says that a model is ready.
WARMUP = Path("assets.extra") / "tf_serving_warmup_requests"


def export_savedmodel(
    run_dir: str | Path,
    model_dir: str | Path,
    *,
    checkpoint: str | int = "latest",
    options: ServingOptions | None = None,
    data: str | None = None,
) -> Exported:
    """Writes the next version of a model from a run; it appears whole or not at all.

    It is loaded and its `generate` compared with the Keras generator first, on validation inputs
    of the run or, where its data are gone, on noise.

    Args:
        run_dir: the run folder.
        model_dir: the model's folder, which holds a folder for each version.
        checkpoint: `latest`, `best` (of the validations, by the run's `best_metric`), or the step
            of one that is kept.
        options: of the signatures; default: answers as `predict` writes them.
        data: where the run's data are now, if not where they were.

    Returns:
        What was written, in a folder as of `write_savedmodel`.

    Raises:
        UserError: it is no run folder, holds no such checkpoint, the folder cannot be written, or
            the answers differ from the generator's by more than float32 sums do.
        SettingsError: the options do not fit the run.
    """
    folder = RunFolder(as_place(run_dir))
    settings = folder.settings({} if data is None else {"data": data})
    step = find_step(folder.checkpoints, checkpoint)
    model = load_served_model(run_dir, checkpoint=step, options=options)
    load = functools.partial(
        load_run_generator, run_dir, checkpoint=step, dropout_at_prediction=model.draws
    )
    expected = generator_answers(model.fitting, load)
    found = find_check_data(folder, settings, must=data is not None)
    with _version_written(model, model_dir, describe_run(run_dir, step)) as (version, written):
        difference = check_savedmodel(written, model, expected, found.samples)
        size = sum(part.stat().st_size for part in written.rglob("*") if part.is_file())
    return Exported(version, size, difference, found.no_data)


def write_savedmodel(
    model: ServedModel, model_dir: str | Path, description: ModelDescription | None = None
) -> Path:
    """Writes the next version of a model; it appears whole or not at all.

    Signatures: see `ServedModel.signatures`. Beside them: `model_card.md`, `tfpix2pix.json`, the
    body of a request for each signature (`request_rest.json`, `request_rest_generate.json`, ...)
    and, in `assets.extra/`, requests for TensorFlow Serving to warm up with.

    Args:
        model: what is written.
        model_dir: the model's folder, which holds a folder for each version.
        description: what is known of the run; that of the images is taken from the model.

    Returns:
        The version's folder.

    Raises:
        UserError: the folder cannot be written.
    """
    with _version_written(model, model_dir, description) as (version, _):
        pass
    return version


@contextlib.contextmanager
def _version_written(
    model: ServedModel, model_dir: str | Path, description: ModelDescription | None
) -> Iterator[tuple[Path, Path]]:
    """Writes a version, which appears when the block ends well; gives it, and where it is now."""
    model_dir = as_place(model_dir)
    version = model_dir / str(_next_number(model_dir))
    name = model_dir.resolve().name
    description = with_serving(model, description)
    with folder_written_atomically(version, tf.errors.OpError) as temporary:
        tf.saved_model.save(model, str(temporary), signatures=model.signatures())
        (temporary / described.FILE_NAME).write_text(description.to_json(), encoding="utf-8")
        (temporary / CARD).write_text(model_card(description, name), encoding="utf-8")
        for signature, body in example_bodies(model).items():
            name_of_body = described.request_file_name(signature)
            (temporary / name_of_body).write_text(body, encoding="utf-8")
        (temporary / WARMUP).parent.mkdir(exist_ok=True)
        write_warmup(model, temporary / WARMUP, name)
        yield version, temporary


def with_serving(model: ServedModel, description: ModelDescription | None) -> ModelDescription:
    """The description with what the model itself knows."""
    fitting, pads = model.fitting, model.fitting.handling == "pad"
    return dataclasses.replace(
        description or ModelDescription(fitting.formats, fitting.size),
        formats=fitting.formats,
        size=fitting.size,
        size_handling=fitting.handling,
        input_interpolation=fitting.input_interpolation,
        target_interpolation=fitting.target_interpolation,
        multiple=fitting.multiple if pads else None,
        scaled_width=fitting.scaled_width,
        serving={
            "signatures": {name: _shown(call) for name, call in model.signatures().items()},
            "max_megapixels": fitting.most_pixels / MEGAPIXEL,
            "smallest_side": fitting.smallest_side,
            "dropout": model.draws,
        },
    )


def _shown(call: Any) -> dict[str, dict[str, Any]]:
    """A signature's inputs and outputs: their types and shapes, None for any length."""
    function = call.get_concrete_function()
    inputs = {spec.name: spec for spec in call.input_signature}
    sides = {"inputs": inputs, "outputs": function.structured_outputs}
    return {
        side: {name: [spec.dtype.name, spec.shape.as_list()] for name, spec in specs.items()}
        for side, specs in sides.items()
    }


def _next_number(model_dir: Path) -> int:
    if not model_dir.is_dir():
        return 1
    versions = [int(entry.name) for entry in model_dir.iterdir() if entry.name.isdecimal()]
    return max(versions, default=0) + 1
