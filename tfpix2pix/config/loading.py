"""Settings from presets, YAML files and flags, laid over each other and checked."""

import dataclasses
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

import pydantic
import yaml

from tfpix2pix.config.checks import check_combinations
from tfpix2pix.config.settings import Settings
from tfpix2pix.config.showing import nearest, shown
from tfpix2pix.config.types import words_of
from tfpix2pix.config.yaml_files import parse_yaml, read_yaml
from tfpix2pix.errors import SettingsError

SECTIONS: dict[str, Any] = {field.name: field.type for field in dataclasses.fields(Settings)}

# How those train from whom weights are imported: the PyTorch reference, and TensorFlow's tutorial,
# whose generator most TF.js models are. With it, imported weights go on.
REFERENCE_PRESET = "pytorch"
TUTORIAL_PRESET = "tf-tutorial"

# A length is given in steps or in epochs: whichever layer speaks last decides.
_LENGTHS = ("steps", "epochs")


class SettingInfo(NamedTuple):
    """What the command line needs to know of one setting."""

    section: str
    name: str
    default: Any
    help: str
    metavar: str
    is_switch: bool
    may_be_bool: bool
    choices: tuple[str, ...]


def _metavar(field: Any) -> str:
    """What stands for a value in the help: `{AtoB,BtoA}`, `INT`, `SIZE`."""
    annotation = field.annotation
    if field.json_schema_extra:
        return field.json_schema_extra["metavar"]
    if get_origin(annotation) is Literal:
        return f"{{{','.join(get_args(annotation))}}}"
    if get_origin(annotation) is tuple:
        return "SIZE"
    kinds = [kind for kind in get_args(annotation) or (annotation,) if kind is not type(None)]
    kind = get_args(kinds[0])[0] if get_origin(kinds[0]) is Annotated else kinds[0]
    return kind.__name__.upper()


def all_settings() -> Iterator[SettingInfo]:
    """Yields every setting in the order of its definition."""
    for section, cls in SECTIONS.items():
        for name, field in cls.__pydantic_fields__.items():
            yield SettingInfo(
                section,
                name,
                field.default,
                field.description or "",
                _metavar(field),
                field.annotation is bool,
                field.annotation is bool or "on" in get_args(field.annotation),
                words_of(field.annotation),
            )


DEFAULTS = {info.name: info.default for info in all_settings()}
SECTION_OF = {info.name: info.section for info in all_settings()}


def preset_names() -> list[str]:
    """The presets that come with the package."""
    folder = resources.files("tfpix2pix.config") / "presets"
    return sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name[-5:] == ".yaml")


def preset_text(name: str) -> str:
    """The YAML text of a preset.

    Raises:
        SettingsError: there is no such preset.
    """
    if name not in preset_names():
        raise SettingsError(
            f"unknown preset {name!r}{nearest(name, preset_names())}; "
            f"there are {', '.join(preset_names())}"
        )
    return (resources.files("tfpix2pix.config") / "presets" / f"{name}.yaml").read_text()


def resolve(
    preset: str | None = None,
    file: Path | None = None,
    flags: Mapping[str, Any] | None = None,
    *,
    layers: Mapping[str, Any] | None = None,
    networks: bool = True,
) -> Settings:
    """Lays a settings file over a preset and flags over both, and checks the result.

    Args:
        preset: name of a preset, the lowest layer.
        file: a YAML file with the sections `data`, `model` and `train`.
        flags: values by setting name, e.g. `{"base_filters": "32"}`; text is read as its type.
        layers: more such sections, parsed, by where they come from; laid over the file, one after
            another, and under the flags.
        networks: False where the settings are looked at without networks, which then need not
            take images of `crop_size`.

    Raises:
        SettingsError: an unknown key, a value of the wrong type or out of range, or what cannot
            work together.
    """
    trees: dict[str, Any] = {}
    if preset:
        trees[f"preset {preset}"] = parse_yaml(preset_text(preset), f"preset {preset}")
    if file:
        trees[str(file)] = read_yaml(file)
    trees |= layers or {}
    laid = [checked_sections(tree, origin) for origin, tree in trees.items()]
    laid.append(_sectioned(flags or {}))
    merged: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for layer in laid:
        _lay_over(merged, layer)
    settings = _validated(merged)
    check_combinations(settings, networks=networks)
    return settings


def read_value(name: str, value: Any) -> Any:
    """A setting's value in its type, whatever goes with it: text is read as by `resolve`.

    Raises:
        SettingsError: there is no such setting, or the value is of the wrong type or out of range.
    """
    sections: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    settings = _validated(sections | _sectioned({name: value}))
    return getattr(getattr(settings, SECTION_OF[name]), name)


def load_settings(path: Path) -> Settings:
    """Reads a complete settings file, such as a run's `config.yaml`."""
    return resolve(file=path)


def dump_settings(settings: Settings) -> str:
    """The settings as YAML text, complete, that `load_settings` reads back unchanged."""
    plain = pydantic.TypeAdapter(Settings).dump_python(settings, mode="json")
    return yaml.safe_dump(plain, sort_keys=False)


def checked_sections(tree: Any, origin: str) -> dict[str, dict[str, Any]]:
    """Sections with settings by name; nothing but known ones. Values are checked by `resolve`.

    Raises:
        SettingsError: a section or a setting is unknown, with the nearest known one.
    """
    tree = {} if tree is None else tree
    if not isinstance(tree, dict):
        raise SettingsError(f"{origin}: expected the sections {', '.join(SECTIONS)}")
    for section, values in tree.items():
        _check_section(section, values, origin)
    return {section: values or {} for section, values in tree.items()}


def _check_section(section: Any, values: Any, origin: str) -> None:
    if section in SECTION_OF and section not in SECTIONS:
        raise SettingsError(f"{origin}: {section} belongs in section {SECTION_OF[section]}")
    if section not in SECTIONS:
        known = [*SECTIONS, *SECTION_OF]
        raise SettingsError(f"{origin}: unknown section {shown(section)}{nearest(section, known)}")
    if not isinstance(values, (dict, type(None))):
        raise SettingsError(f"{origin}: section {section} must hold `name: value` lines")
    for name in values or {}:
        if SECTION_OF.get(name) == section:
            continue
        if name in SECTION_OF:
            raise SettingsError(f"{origin}: {name} belongs in section {SECTION_OF[name]}")
        raise SettingsError(f"{origin}: unknown key {shown(name)}{nearest(name, SECTION_OF)}")


def _sectioned(flags: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    layer: dict[str, dict[str, Any]] = {}
    for name, value in flags.items():
        if name not in SECTION_OF:
            raise SettingsError(f"unknown setting {shown(name)}{nearest(name, SECTION_OF)}")
        # "none" gives a setting that may be unset its default back, over a preset's value.
        optional = value == "none" and DEFAULTS[name] is None
        layer.setdefault(SECTION_OF[name], {})[name] = None if optional else value
    return layer


def _lay_over(merged: dict[str, dict[str, Any]], layer: dict[str, dict[str, Any]]) -> None:
    given = [name for name in _LENGTHS if layer.get("train", {}).get(name) is not None]
    if len(given) == 2:
        raise SettingsError("steps and epochs both give the run's length: give one of them")
    if given:
        for name in _LENGTHS:
            merged["train"].pop(name, None)
    for section, values in layer.items():
        merged[section].update(values)


def _validated(merged: dict[str, dict[str, Any]]) -> Settings:
    for setting in all_settings():
        value = merged[setting.section].get(setting.name)
        if isinstance(value, bool) and not setting.may_be_bool:
            raise SettingsError(
                f"{setting.section}.{setting.name}: got a switch, {value} (YAML reads yes, no, "
                "on and off so); write the value itself, in quotes if it is text"
            )
    try:
        return pydantic.TypeAdapter(Settings).validate_python(merged)
    except pydantic.ValidationError as error:
        raise SettingsError("; ".join(dict.fromkeys(map(_explain, error.errors())))) from error


def _explain(problem: Any) -> str:
    where = [part for part in problem["loc"] if isinstance(part, str)]
    message = problem["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    return f"{'.'.join(where)}: {message}, got {shown(problem['input'])}"
