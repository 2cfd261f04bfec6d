"""pix2pix: learn to translate one kind of image into another from pairs of examples.

The public names below are imported at first use, so that `import tfpix2pix` costs no TensorFlow.
"""

import importlib
from typing import Any

_HOMES = {
    "DataSettings": "config",
    "FusedAdam": "training.optimizers",
    "ImageFormat": "data.formats",
    "Networks": "training.step",
    "PairFormat": "data.formats",
    "Resizing": "data.pipeline",
    "Settings": "config",
    "Translator": "inference.translator",
    "UserError": "errors",
    "adversarial_discriminator_loss": "losses",
    "adversarial_generator_loss": "losses",
    "encoder_decoder_generator": "models",
    "export_savedmodel": "export.savedmodel",
    "fetcher": "data.pipeline",
    "l1_loss": "losses",
    "load_translator": "inference.translator",
    "make_train_step": "training.step",
    "open_pairs": "data.pairs",
    "patchgan_discriminator": "models",
    "pixelgan_discriminator": "models",
    "resolve": "config",
    "resume": "training.run",
    "train": "training.run",
    "training_batches": "data.pipeline",
    "unet_generator": "models",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tfpix2pix' has no attribute {name!r}")
    return getattr(importlib.import_module(f"tfpix2pix.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
