"""A SavedModel for TensorFlow Serving: MODELS/NAME/1/, MODELS/NAME/2/, ..."""

import dataclasses
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfpix2pix.export import description as described
from tfpix2pix.export.describing import describe_run
from tfpix2pix.export.description import ModelDescription
from tfpix2pix.export.model_card import model_card
from tfpix2pix.export.requests import example_request, write_warmup
from tfpix2pix.files import folder_written_atomically
from tfpix2pix.inference.served import ServedModel, ServingOptions, load_served_model

CARD, REQUEST = "model_card.md", "request_rest.json"
# Where TensorFlow Serving looks for requests to run before it says that a model is ready.
WARMUP = Path("assets.extra") / "tf_serving_warmup_requests"


def export_savedmodel(
    run_dir: str | Path,
    model_dir: str | Path,
    *,
    checkpoint: str | int = "latest",
    options: ServingOptions | None = None,
) -> Path:
    """Writes the next version of a model from a run; it appears whole or not at all.

    Args:
        run_dir: the run folder.
        model_dir: the model's folder, which holds a folder for each version.
        checkpoint: `latest`, `best` (of the validations, by the run's `best_metric`), or the step
            of one that is kept.
        options: of the signatures; default: answers as `predict` writes them.

    Returns:
        The version's folder; see `write_savedmodel`.

    Raises:
        UserError: it is no run folder, holds no such checkpoint, or the folder cannot be written.
        SettingsError: the options do not fit the run.
    """
    model = load_served_model(run_dir, checkpoint=checkpoint, options=options)
    return write_savedmodel(model, model_dir, describe_run(run_dir, checkpoint))


def write_savedmodel(
    model: ServedModel, model_dir: str | Path, description: ModelDescription | None = None
) -> Path:
    """Writes the next version of a model; it appears whole or not at all.

    Signatures: see `ServedModel.signatures`. Beside them: `model_card.md`, `tfpix2pix.json`,
    `request_rest.json` and, in `assets.extra/`, requests for TensorFlow Serving to warm up with.

    Args:
        model: what is written.
        model_dir: the model's folder, which holds a folder for each version.
        description: what is known of the run; that of the images is taken from the model.

    Returns:
        The version's folder.

    Raises:
        UserError: the folder cannot be written.
    """
    version = Path(model_dir) / str(_next_version(Path(model_dir)))
    name = Path(model_dir).resolve().name
    description = with_serving(model, description)
    with folder_written_atomically(version, tf.errors.OpError) as temporary:
        tf.saved_model.save(model, str(temporary), signatures=model.signatures())
        (temporary / described.FILE_NAME).write_text(description.to_json(), encoding="utf-8")
        (temporary / CARD).write_text(model_card(description, name), encoding="utf-8")
        (temporary / REQUEST).write_text(example_request(model), encoding="utf-8")
        (temporary / WARMUP).parent.mkdir(exist_ok=True)
        write_warmup(model, temporary / WARMUP, name)
    return version


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
            "max_megapixels": fitting.most_pixels / 1e6,
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


def _next_version(model_dir: Path) -> int:
    if not model_dir.is_dir():
        return 1
    versions = [int(entry.name) for entry in model_dir.iterdir() if entry.name.isdecimal()]
    return max(versions, default=0) + 1
