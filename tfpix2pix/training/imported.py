"""A run that begins with weights of the PyTorch reference or of TF.js."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tfpix2pix.config import DataSettings, Settings, dump_settings
from tfpix2pix.config.loading import REFERENCE_PRESET, TUTORIAL_PRESET
from tfpix2pix.config.network_sizes import check_image_size
from tfpix2pix.data.formats import PairFormat, pair_format
from tfpix2pix.data.sources import absolute_data
from tfpix2pix.errors import SettingsError, UserError
from tfpix2pix.files import folder_written_atomically, write_atomically
from tfpix2pix.models.exchange.recognize import recognize_discriminator, recognize_generator
from tfpix2pix.models.exchange.reference_discriminators import DiscriminatorReference
from tfpix2pix.models.exchange.reference_generators import GeneratorReference, UnetReference
from tfpix2pix.models.exchange.tfjs import TfjsGenerator, is_tfjs, read_tfjs
from tfpix2pix.models.exchange.tfjs_files import model_file
from tfpix2pix.models.exchange.torch_files import read_weights
from tfpix2pix.models.exchange.transfer import set_weights
from tfpix2pix.places import as_place
from tfpix2pix.training.checkpoints import Checkpoints
from tfpix2pix.training.environment import environment
from tfpix2pix.training.import_settings import DEFAULT_SIZE, check_new_folder, import_settings
from tfpix2pix.training.run_folder import RunFolder
from tfpix2pix.training.state import TrainState

# Channels of images in files of 8 bits.
FILE_CHANNELS = (1, 3, 4)

Generator = GeneratorReference | TfjsGenerator


@dataclasses.dataclass(frozen=True)
class ImportedRun:
    """What was imported.

    Attributes:
        run_dir: the run folder.
        settings: of the run.
        generator: what the generator was recognized as.
        discriminator: the same for the discriminator, or None: a new one was drawn.
        generator_parameters: trainable ones.
        discriminator_parameters: the same.
    """

    run_dir: Path
    settings: Settings
    generator: Generator
    discriminator: DiscriminatorReference | None
    generator_parameters: int
    discriminator_parameters: int


def import_run(
    generator_file: str | Path,
    run_dir: str | Path,
    *,
    discriminator_file: str | Path | None = None,
    given: Mapping[str, Any] | None = None,
) -> ImportedRun:
    """Writes a new run folder with weights of another program, as if after step 0.

    It can predict, be exported, and be resumed once it knows data and a length.

    Args:
        generator_file: state dict of the generator, or the model.json of a TF.js model.
        run_dir: the new run folder; it appears whole or not at all.
        discriminator_file: state dict of the discriminator; default: a new one is drawn.
        given: settings by name, over those of preset `pytorch` or, for TF.js, `tf-tutorial`.

    Raises:
        UserError: a file is damaged, or of no network that is known; the folder cannot be written.
        SettingsError: a given setting is wrong or contradicts the weights.
    """
    run_dir = as_place(run_dir)
    check_new_folder(run_dir)
    generator, fill = _read_generator(Path(generator_file))
    discriminator, judge_weights = None, None
    if discriminator_file is not None:
        path = Path(discriminator_file)
        judge_weights = read_weights(path)
        discriminator = recognize_discriminator(judge_weights, path)
    settings = _settings(generator, discriminator, given or {})
    formats = _formats(settings.data, generator)
    check_image_size(settings.model, settings.data.crop_size)

    state = TrainState(settings, 1, formats)
    networks = state.networks
    for model in {networks.generator, state.predictor}:
        fill(model)
    if discriminator is not None and judge_weights is not None:
        set_weights(networks.discriminator, discriminator.slots(), judge_weights)
    files = {"generator": _origin(Path(generator_file))}
    if discriminator_file is not None:
        files["discriminator"] = _origin(Path(discriminator_file))
    with folder_written_atomically(run_dir, tf.errors.OpError) as temporary:
        folder = RunFolder(temporary)
        Checkpoints(state, folder.checkpoints, settings.train.keep_checkpoints).save()
        _describe(folder, settings, formats, files)
    return ImportedRun(
        run_dir,
        settings,
        generator,
        discriminator,
        _parameters(networks.generator),
        _parameters(networks.discriminator),
    )


def _read_generator(path: Path) -> tuple[Generator, Callable[[keras.Model], None]]:
    """The generator in a file, and what gives its weights to a network."""
    if is_tfjs(path):
        generator = read_tfjs(path)
        return generator, generator.set_weights
    weights = read_weights(path)
    reference = recognize_generator(weights, path)
    return reference, lambda model: set_weights(model, reference.slots(), weights)


def _settings(
    generator: Generator,
    discriminator: DiscriminatorReference | None,
    given: Mapping[str, Any],
) -> Settings:
    recognized = generator.settings() | {"output_channels": generator.output_channels}
    if given.get("input_encoding") != "labels":
        recognized["input_channels"] = generator.input_channels
    if discriminator is not None:
        recognized |= _judge_settings(generator, discriminator)
    elif given.get("spectral_norm") == "both":
        raise SettingsError("--spectral-norm both: the weights' generator has none; leave it out")
    size, preset = DEFAULT_SIZE, REFERENCE_PRESET
    if isinstance(generator, TfjsGenerator):
        preset = TUTORIAL_PRESET
        sized = {"crop_size", "load_size"} & given.keys()
        given = {**generator.defaults(), **given}
        given = given if sized else {**given, "crop_size": generator.image_size}
    elif isinstance(generator, UnetReference):
        size = generator.image_size
    settings = import_settings(given, recognized, size, preset)
    return dataclasses.replace(settings, data=absolute_data(settings.data))


def _judge_settings(generator: Generator, discriminator: DiscriminatorReference) -> dict[str, Any]:
    """Its settings, if it can be the one that judges this generator.

    Raises:
        UserError: it is of other images, or of another width, epsilon or slope.
    """
    output = generator.output_channels
    pair = generator.input_channels + output
    if discriminator.channels not in (output, pair):
        raise UserError(
            f"the discriminator sees {discriminator.channels} channels; with this generator it "
            f"must be {pair}, input and output, or {output}, the output alone: give the file that "
            "was trained beside it, or leave --discriminator out"
        )
    shared = generator.settings()
    for name, value in discriminator.settings().items():
        if shared.get(name, value) != value:
            raise UserError(
                f"the discriminator has {name} {value}, the generator {shared[name]}: both have "
                "the same here; leave --discriminator out, and a new one is drawn"
            )
    return discriminator.settings() | {"conditional": discriminator.channels == pair}


def _formats(data: DataSettings, generator: Generator) -> PairFormat:
    """Of images of 8 bits with the channels that the generator takes and makes.

    Raises:
        UserError: no files hold so many.
    """
    found = generator.input_channels, generator.output_channels
    formats = pair_format(data, (found[0], "uint8"), (found[1], "uint8"))
    for side, channels, image in zip(
        ("input", "output"), found, (formats.input, formats.target), strict=True
    ):
        if image.palette and image.network_channels != channels:
            raise SettingsError(
                f"palette: it has {image.network_channels} colours, and the generator takes "
                f"{channels} channels: give the palette that it was trained with"
            )
        if not image.palette and channels not in FILE_CHANNELS:
            labels = ", or give --input-encoding labels and its --palette" * (side == "input")
            raise UserError(
                f"the generator's {side} has {channels} channels: expected images of 1 (gray), "
                f"3 (RGB) or 4 (RGBA) channels of 8 bits{labels}"
            )
    return formats


def _describe(
    folder: RunFolder, settings: Settings, formats: PairFormat, files: dict[str, dict[str, str]]
) -> None:
    """Writes down what lies here: a run of which no pairs are known yet."""
    surroundings = environment() | {"imported": files}
    facts = {"train_pairs": None, "fingerprint": None, "format": formats.to_plain()}
    write_atomically(folder.environment, json.dumps(surroundings, indent=2) + "\n")
    write_atomically(folder.data, json.dumps(facts, indent=2) + "\n")
    write_atomically(folder.config, dump_settings(settings))


def _origin(path: Path) -> dict[str, str]:
    path = model_file(path) or path  # of a TF.js model, model.json stands for all its files
    return {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def _parameters(model: keras.Model) -> int:
    return sum(int(variable.value.shape.num_elements()) for variable in model.trainable_variables)
