"""`model_card.md`: what an exported model is, for people. Imports no TensorFlow."""

import yaml

from tfpix2pix.export.description import (
    SERVING_DEFAULT,
    ModelDescription,
    request_file_name,
)

HANDLING = {
    "fixed": "Images of another size are resized to {size}; answers have {size}.",
    "resize": "Images of another size are resized to {size}, and their answers back.",
    "pad": "Images are answered at their own size: mirrored on at the right and below up to "
    "multiples of {multiple}, and answers cut back.",
}


def model_card(description: ModelDescription, name: str) -> str:
    """The card of a model.

    Args:
        description: of the model, with what is known of its signatures.
        name: under which it is served.
    """
    parts = [
        f"# {name}",
        _what(description),
        _training(description),
        _signatures(description),
        _calling(description, name),
        _settings(description),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _what(description: ModelDescription) -> str:
    source, target = description.formats.input, description.formats.target
    height, width = description.size
    assert description.size_handling is not None, "of every SavedModel"
    handling = HANDLING[description.size_handling].format(
        size=f"{height}x{width}", multiple=description.multiple
    )
    if description.scaled_width is not None:
        handling += f" Before that they are scaled to a width of {description.scaled_width}."
    limits = description.serving
    lines = [
        f"A pix2pix generator: {source.describe()} to {target.describe()}, trained at "
        f"{height}x{width} pixels (height x width).",
        handling,
        f"Images of more than {limits['max_megapixels']:g} megapixels are refused, and an "
        "orientation that a camera noted (EXIF) is not followed, as in training.",
        "Dropout is on: each image goes with a seed, and the same seed gives the same answer."
        if limits["dropout"]
        else "The same image gets the same answer, to the bit, whatever else is in the batch.",
    ]
    return "\n".join(lines)


def _training(description: ModelDescription) -> str:
    if description.step is None:
        return ""
    data = description.settings["data"]["data"]
    pairs = description.trained_on["train_pairs"]
    known = "Imported weights, pairs not known" if pairs is None else f"{pairs} pairs of {data}"
    lines = ["## Training", "", f"{known}, {description.step} steps."]
    if description.metrics:
        figures = [(n, v) for n, v in description.metrics.items() if n != "step"]
        lines += [
            f"Validation at step {description.metrics['step']:g}:",
            "",
            "| metric | value |",
            "| --- | --- |",
            *(f"| {metric.removeprefix('val_')} | {value:g} |" for metric, value in figures),
        ]
    return "\n".join(lines)


def _signatures(description: ModelDescription) -> str:
    lines = ["## Signatures", "", "| signature | inputs | outputs |", "| --- | --- | --- |"]
    for signature, sides in description.serving["signatures"].items():
        cells = [
            "; ".join(f"`{name}` {dtype} {_shape(shape)}" for name, (dtype, shape) in side.items())
            for side in (sides["inputs"], sides["outputs"])
        ]
        lines.append(f"| `{signature}` | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)


def _shape(shape: list[int | None]) -> str:
    return f"[{', '.join('any' if side is None else str(side) for side in shape)}]"


def _calling(description: ModelDescription, name: str) -> str:
    others = [
        f"`{request_file_name(signature)}`"
        for signature in description.serving["signatures"]
        if signature != SERVING_DEFAULT
    ]
    return "\n".join(
        [
            "## Calling it",
            "",
            "With TensorFlow Serving's REST interface, from this folder:",
            "",
            "```",
            f"curl -H 'Content-Type: application/json' -d @{request_file_name(SERVING_DEFAULT)} \\",
            f"  http://localhost:8501/v1/models/{name}:predict",
            "```",
            "",
            f"The other signatures are called the same way, with {' and '.join(others)}.",
            *_by_predict(description, name),
        ]
    )


def _by_predict(description: ModelDescription, name: str) -> list[str]:
    """Only files go that way, and no seeds."""
    inputs = description.serving["signatures"][SERVING_DEFAULT]["inputs"]
    if inputs.keys() != {"image_bytes"}:
        return []
    command = f"tfpix2pix predict --server http://localhost:8501/v1/models/{name}"
    return [f"Files go by `{command} photo.png --output answers`."]


def _settings(description: ModelDescription) -> str:
    if not description.settings:
        return ""
    versions = ", ".join(
        f"{package} {version}" for package, version in description.versions.items()
    )
    text = yaml.safe_dump(dict(description.settings), sort_keys=False)
    return f"## Settings of the run\n\n```yaml\n{text}```\n\nExported with {versions}."
