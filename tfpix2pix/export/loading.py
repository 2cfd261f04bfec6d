"""An exported file as what `predict` drives; no TensorFlow but for its own formats."""

from pathlib import Path

from tfpix2pix.errors import UserError
from tfpix2pix.export.description import FILE_NAME, ModelDescription, read_description
from tfpix2pix.inference.exported import ExportedTranslator
from tfpix2pix.inference.runtimes import load_network


def load_exported(path: str | Path) -> ExportedTranslator:
    """The translator of what `tfpix2pix export` wrote.

    Args:
        path: a .tflite, .onnx, .xml (OpenVINO) or .keras file, or the folder of a version of a
            SavedModel. `tfpix2pix.json` lies beside the file or in the folder.

    Raises:
        UserError: it is none of these, is damaged, has no description, or its runtime is missing.
    """
    path = Path(path)
    network = load_network(path)
    description = read_description((path if path.is_dir() else path.parent) / FILE_NAME)
    if description.size_handling != "fixed":
        raise UserError(
            f"{path} brings images to its size itself ({description.size_handling}): ask it as a "
            "model server does, or predict with the run"
        )
    return ExportedTranslator(
        network,
        description.formats,
        description.size,
        description.input_interpolation,
        resizes=not _is_of_crops(description),
    )


def _is_of_crops(description: ModelDescription) -> bool:
    """Whether the run was trained on crops, and so knows one scale only."""
    resize = description.settings.get("data", {}).get("resize")
    return resize in ("crop", "scale_width_and_crop")
