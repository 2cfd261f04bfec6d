"""YAML from anywhere: read as plain data, never as objects of Python."""

from pathlib import Path
from typing import Any

import yaml

from tfpix2pix.errors import SettingsError

# What PyYAML lets through besides its own: of impossible dates, numbers and switches behind a tag,
# of broken escapes, and of thousands of brackets within each other.
_NO_YAML = (
    *(yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError),
    *(OverflowError, RecursionError),
)


def read_yaml(path: Path) -> Any:
    """What a YAML file holds.

    Raises:
        SettingsError: it cannot be read, or is no YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text file"
        raise SettingsError(f"cannot read the settings file {path}: {reason}") from error
    return parse_yaml(text, str(path))


def parse_yaml(text: str, origin: str) -> Any:
    """What YAML text holds; `origin` says in errors where it comes from.

    Raises:
        SettingsError: it is no YAML.
    """
    try:
        return yaml.safe_load(text)
    except _NO_YAML as error:
        problem = " ".join(str(error).split()) or type(error).__name__
        raise SettingsError(f"{origin} is not valid YAML: {problem}") from error
