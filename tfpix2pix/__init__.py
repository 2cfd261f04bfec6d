"""pix2pix: learn to translate one kind of image into another from pairs of examples.

The public names below are imported at first use, so that `import tfpix2pix` costs no TensorFlow.
"""

import importlib
from typing import Any

_HOMES = {
    "DataSettings": "config",
    "Distribution": "evaluation.distribution",
    "FeatureExtractor": "evaluation.features",
    "FusedAdam": "training.optimizers",
    "ImageFormat": "data.formats",
    "ImagePool": "training.pool",
    "LabHistograms": "evaluation.color",
    "METRICS": "evaluation.metrics",
    "Networks": "training.networks",
    "Objective": "losses",
    "PairFormat": "data.formats",
    "Resizing": "data.pipeline",
    "ServedModel": "inference.served",
    "ServingOptions": "inference.served",
    "Settings": "config",
    "Translator": "inference.translator",
    "UserError": "errors",
    "bootstrap": "evaluation.intervals",
    "charbonnier_loss": "losses",
    "compare_runs": "evaluation.intervals",
    "encoder_decoder_generator": "models",
    "export_network": "export.exporting",
    "export_savedmodel": "export.savedmodel",
    "feature_matching_loss": "losses",
    "feature_model": "models",
    "fetcher": "data.pipeline",
    "frechet_distance": "evaluation.distribution",
    "hinge_discriminator_loss": "losses",
    "hinge_generator_loss": "losses",
    "inception_extractor": "evaluation.features",
    "keras_extractor": "evaluation.features",
    "kernel_distance": "evaluation.distribution",
    "l1_loss": "losses",
    "l2_loss": "losses",
    "load_exported": "export.loading",
    "load_served_model": "inference.served",
    "load_translator": "inference.translator",
    "local_enhancer_generator": "models",
    "lpips_metric": "evaluation.lpips",
    "lsgan_discriminator_loss": "losses",
    "lsgan_generator_loss": "losses",
    "make_train_step": "training.step",
    "measure_distribution": "evaluation.reference",
    "open_pairs": "data.pairs",
    "patchgan_discriminator": "models",
    "perceptual_loss": "losses",
    "pixelgan_discriminator": "models",
    "reference_distribution": "evaluation.reference",
    "resnet_generator": "models",
    "resolve": "config",
    "resume": "training.run",
    "sample_diversity": "evaluation.diversity",
    "serve_locally": "serving.local.server",
    "train": "training.run",
    "training_batches": "data.pipeline",
    "unet_generator": "models",
    "vanilla_discriminator_loss": "losses",
    "vanilla_generator_loss": "losses",
    "vgg19_features": "losses",
    "wasserstein_discriminator_loss": "losses",
    "wasserstein_generator_loss": "losses",
    "write_savedmodel": "export.savedmodel",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tfpix2pix' has no attribute {name!r}")
    return getattr(importlib.import_module(f"tfpix2pix.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
