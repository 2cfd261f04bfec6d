"""A SavedModel for TensorFlow Serving: MODELS/NAME/1/, MODELS/NAME/2/, ..."""

from pathlib import Path

import tensorflow as tf

from tfpix2pix.files import folder_written_atomically
from tfpix2pix.inference.translator import Translator


def export_savedmodel(translator: Translator, model_dir: str | Path) -> Path:
    """Writes the next version of a model; it appears whole or not at all.

    Signatures: `serving_default`: `image_bytes`, string [N] -> `generated_image_bytes`, PNGs (for
    floats, more than four channels and runs on crops: arrays of the stored types and of the
    networks' size, see `Translator`);
    `generate`: `input_image`, float32 [N, H, W, C] in [-1, 1] -> `generated_image`, the same; of
    label maps, the probability of each class.

    Args:
        translator: of the run.
        model_dir: the model's folder, which holds a folder for each version.

    Returns:
        The version's folder.

    Raises:
        UserError: the folder cannot be written.
    """
    version = Path(model_dir) / str(_next_version(Path(model_dir)))
    default = translator.translate or translator.translate_images
    signatures = {"serving_default": default, "generate": translator.generate}
    with folder_written_atomically(version, tf.errors.OpError) as temporary:
        tf.saved_model.save(translator, str(temporary), signatures=signatures)
    return version


def _next_version(model_dir: Path) -> int:
    if not model_dir.is_dir():
        return 1
    versions = [int(entry.name) for entry in model_dir.iterdir() if entry.name.isdecimal()]
    return max(versions, default=0) + 1
