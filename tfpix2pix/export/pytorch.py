"""Weights for the PyTorch reference: `latest_net_G.pth` and `latest_net_D.pth`."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import cast

import keras
import tensorflow as tf

from tfpix2pix.config import ModelSettings, Settings
from tfpix2pix.data.formats import PairFormat
from tfpix2pix.errors import UserError
from tfpix2pix.files import check_new, files_written_together
from tfpix2pix.models.exchange.reference_discriminators import (
    DiscriminatorReference,
    PatchGanReference,
    PixelGanReference,
)
from tfpix2pix.models.exchange.reference_generators import (
    RESNET_DEPTH,
    GeneratorReference,
    ResnetReference,
    UnetReference,
)
from tfpix2pix.models.exchange.slots import Norm
from tfpix2pix.models.exchange.torch_files import Weights, write_weights
from tfpix2pix.models.exchange.transfer import state_dict
from tfpix2pix.places import as_place
from tfpix2pix.training.build import build_discriminator
from tfpix2pix.training.checkpoints import load_generator, restore_exactly
from tfpix2pix.training.kept import find_checkpoint
from tfpix2pix.training.run_folder import RunFolder
from tfpix2pix.training.state import named_weights

GENERATOR_FILE = "latest_net_G.pth"
DISCRIMINATOR_FILE = "latest_net_D.pth"

# The reference's UnetGenerator always has at least so many levels.
LEAST_UNET_DEPTH = 5

UNETS = ("unet", "unet_128", "unet_256", "unet_512")
RESNETS = {"resnet_6": 6, "resnet_9": 9}
NORMS = ("batch", "instance")


@dataclasses.dataclass(frozen=True)
class _Wanted:
    """What a setting must be for the reference to have such a network."""

    setting: str
    fits: Callable[[ModelSettings], bool]
    wanted: str


_BOTH = (_Wanted("norm_epsilon", lambda m: m.norm_epsilon == 1e-5, "1e-5"),)
_GENERATOR = (
    _Wanted("generator", lambda m: m.generator in (*UNETS, *RESNETS), "a U-Net or a ResNet"),
    _Wanted("upsampling", lambda m: m.upsampling == "transposed", "transposed"),
    _Wanted("spectral_norm", lambda m: m.spectral_norm != "both", "none"),
    _Wanted("norm", lambda m: m.norm in NORMS, "batch or instance"),
    *_BOTH,
)
_UNET = (
    _Wanted("skip", lambda m: m.skip == "relu", "relu"),
    _Wanted("innermost_norm", lambda m: not m.innermost_norm, "off"),
    _Wanted("leaky_slope", lambda m: m.leaky_slope == 0.2, "0.2"),
)
_RESNET = (_Wanted("depth", lambda m: m.depth in (None, RESNET_DEPTH), str(RESNET_DEPTH)),)
_DISCRIMINATOR = (
    _Wanted("discriminator_scales", lambda m: m.discriminator_scales == 1, "1"),
    _Wanted("spectral_norm", lambda m: m.spectral_norm == "none", "none"),
    _Wanted("discriminator_norm", lambda m: m.norm_of_discriminator in NORMS, "batch or instance"),
    _Wanted("leaky_slope", lambda m: m.leaky_slope == 0.2, "0.2"),
    *_BOTH,
)


def export_pytorch(
    run_dir: str | Path,
    output: str | Path,
    *,
    checkpoint: str | int = "latest",
    with_discriminator: bool = True,
) -> list[Path]:
    """Writes the networks of a run as state dicts that the PyTorch reference loads.

    The generator is the one that predicts: the moving average's in runs that have one.

    Args:
        run_dir: the run folder.
        output: the folder for the files; none of them may be there.
        checkpoint: `latest`, `best` or a step, as of `load_generator`.
        with_discriminator: whether its file is written too.

    Returns:
        The files.

    Raises:
        UserError: the run's networks are none of the reference's (the message names the setting
            which stands in the way), the run has no such checkpoint, it is the best one, which
            holds no discriminator, and that is wanted too, or the folder cannot be written.
    """
    folder, output = RunFolder(as_place(run_dir)), as_place(output)
    names = [GENERATOR_FILE, DISCRIMINATOR_FILE][: 2 if with_discriminator else 1]
    paths = [output / name for name in names]
    for file in paths:
        check_new(file)
    settings, formats = folder.settings(), folder.formats()
    _refuse_unlike(settings, formats, with_discriminator)
    path, generator_alone = find_checkpoint(folder.checkpoints, checkpoint)
    if with_discriminator and generator_alone:
        raise UserError(
            f"checkpoint {checkpoint} holds the generator alone: leave the discriminator out with "
            "--only-generator, or choose another checkpoint"
        )
    generator = load_generator(settings, folder.checkpoints, formats, checkpoint=checkpoint)
    steps = _steps_done(path)
    states = [_generator_state(settings.model, generator, steps)]
    if with_discriminator:
        discriminator = build_discriminator(settings.model, settings.data.crop_size, formats)
        weights = tf.train.Checkpoint(discriminator=named_weights(discriminator))
        restore_exactly(weights, path)
        states.append(_discriminator_state(settings.model, discriminator, steps))
    with files_written_together(output) as temporary:
        for file, state in zip(paths, states, strict=True):
            write_weights(temporary / file.name, state)
    return paths


def _refuse_unlike(settings: Settings, formats: PairFormat, with_discriminator: bool) -> None:
    """Refuses what computes anything that the reference's networks do not."""
    model = settings.model
    if formats.target.palette is not None:
        raise UserError(
            "target_encoding labels: the PyTorch reference's generators answer with images, not "
            "with classes; export a SavedModel"
        )
    kind = _UNET if model.generator in UNETS else _RESNET
    for wanted in (*_GENERATOR, *kind):
        _refuse(wanted, model, "generator", "train one it has with --preset pytorch")
    if formats.input.reversed_channels or formats.target.reversed_channels:
        raise UserError(
            "channel_order bgr: the PyTorch reference gives its networks RGB images: train with "
            "channel_order rgb to export there"
        )
    if with_discriminator and not settings.train.has_discriminator:
        raise UserError(
            "gan_weight 0: no discriminator was trained in this run; leave it out with "
            "--only-generator"
        )
    for wanted in _DISCRIMINATOR if with_discriminator else ():
        _refuse(wanted, model, "discriminator", "leave it out with --only-generator")


def _refuse(wanted: _Wanted, model: ModelSettings, network: str, advice: str) -> None:
    if wanted.fits(model):
        return
    value = getattr(model, wanted.setting)
    value = model.norm_of_discriminator if wanted.setting == "discriminator_norm" else value
    raise UserError(
        f"{wanted.setting} {value}: the PyTorch reference has no such {network}, only with "
        f"{wanted.setting} {wanted.wanted}; {advice}"
    )


def _steps_done(checkpoint: str) -> int:
    step = tf.Variable(0, dtype=tf.int64)
    restore_exactly(tf.train.Checkpoint(step=step), checkpoint)
    return int(step.numpy())


def _generator_state(model: ModelSettings, generator: keras.Model, steps: int) -> Weights:
    reference = _generator_reference(model, generator)
    encoder_first = model.skip_order == "encoder_first"
    return state_dict(generator, reference.slots(), encoder_first=encoder_first, batches_seen=steps)


def _generator_reference(model: ModelSettings, generator: keras.Model) -> GeneratorReference:
    channels = generator.input_shape[-1], generator.output_shape[-1]
    norm = cast(Norm, model.norm)
    if model.generator in RESNETS:
        blocks, dropout = RESNETS[model.generator], model.dropout > 0
        return ResnetReference(*channels, model.base_filters, blocks, norm, dropout)
    names = [layer.name for layer in generator.layers]
    depth = sum(name.startswith("down") and name.endswith("_conv") for name in names)
    if depth < LEAST_UNET_DEPTH:
        raise UserError(
            f"depth {depth}: the PyTorch reference's U-Nets are of depth {LEAST_UNET_DEPTH} and "
            "more; train a deeper one, on larger images"
        )
    return UnetReference(*channels, model.base_filters, depth, norm)


def _discriminator_state(model: ModelSettings, discriminator: keras.Model, steps: int) -> Weights:
    channels = sum(shape.shape[-1] for shape in discriminator.inputs)
    norm = cast(Norm, model.norm_of_discriminator)
    reference: DiscriminatorReference
    if model.discriminator == "pixelgan":
        reference = PixelGanReference(channels, model.base_filters, norm)
    else:
        reference = PatchGanReference(channels, model.base_filters, model.n_layers, norm)
    return state_dict(discriminator, reference.slots(), encoder_first=True, batches_seen=steps)
