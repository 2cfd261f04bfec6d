"""The settings and the place of a run that begins with imported weights, without TensorFlow."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tfpix2pix.config import Settings, resolve
from tfpix2pix.config.loading import REFERENCE_PRESET, read_value
from tfpix2pix.data.sources import IMPORTED
from tfpix2pix.errors import SettingsError, UserError

# The reference resizes to 286 and crops 256.
LOAD_FOR_CROP = 286 / 256
DEFAULT_SIZE = 256


def import_settings(
    given: Mapping[str, Any],
    recognized: Mapping[str, Any] = MappingProxyType({}),
    default_size: int = DEFAULT_SIZE,
    preset: str = REFERENCE_PRESET,
) -> Settings:
    """Lays what was given over a preset, and what was recognized over both.

    The run has no data and no length unless they are given.

    Args:
        given: settings by name, as flags give them.
        recognized: those that the weights fix; without them, nothing is said of sizes.
        default_size: of the networks, where none is given.
        preset: how those train from whom the weights are.

    Raises:
        SettingsError: a given setting is wrong, or contradicts the weights, whose generator
            answers with images.
    """
    if given.get("target_encoding") == "labels":
        raise SettingsError(
            "--target-encoding labels: the generators that can be imported answer with images, not "
            "with classes; leave it out"
        )
    for name in sorted(given.keys() & recognized.keys()):
        _check_agreement(name, given[name], recognized[name])
    flags = {"data": IMPORTED, "steps": None, "epochs": None, **_sizes(given, default_size)}
    dropout = {**given, **recognized}.get("dropout")
    if dropout is not None and read_value("dropout", dropout) == 0:
        flags["dropout_at_prediction"] = False
    if recognized.get("norm") == "instance":
        # As the reference makes a new discriminator.
        flags["discriminator_bias"] = "all"
    flags = {**flags, **given, **recognized}
    return resolve(preset, flags=flags, networks=bool(recognized))


def check_new_folder(path: Path) -> None:
    """Refuses a folder that is there already and holds anything.

    Raises:
        UserError: it does, or it cannot be looked into.
    """
    try:
        taken = path.exists() and (not path.is_dir() or any(path.iterdir()))
    except OSError as error:
        raise UserError(f"cannot look into {path}: {error.strerror}") from error
    if taken:
        raise UserError(f"{path} is there already: choose a new folder")


def _check_agreement(name: str, given: Any, recognized: Any) -> None:
    value = read_value(name, given)
    if value != recognized:
        flag = "--" + name.replace("_", "-")
        raise SettingsError(
            f"{flag} {value}: the weights are of a network of {name} {_shown(recognized)}; "
            f"leave {flag} out"
        )


def _shown(value: Any) -> str:
    return "none (its name says it)" if value is None else str(value)


def _sizes(given: Mapping[str, Any], default_size: int) -> dict[str, Any]:
    """`load_size` and `crop_size`, each made of the other where only one is given."""
    if "crop_size" in given and "load_size" in given:
        return {}
    if "load_size" in given:
        load = read_value("load_size", given["load_size"])
        return {"crop_size": tuple(min(side, default_size) for side in load)}
    crop = given.get("crop_size", default_size)
    crop = read_value("crop_size", crop)
    return {"crop_size": crop, "load_size": tuple(round(side * LOAD_FOR_CROP) for side in crop)}
