"""Recipe sets: YAML files that say which runs to compare. No TensorFlow here.

preset    a preset, the lowest layer; may be left out
settings  sections laid over it, common to all runs
options   by axis, by name: the sections that choosing the option lays over that
runs      products: a name, a list of names or `all` for each axis that counts; without it the
          product of all axes
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tfpix2pix.ablation.checks import check_flags, check_overlap, check_recipes
from tfpix2pix.ablation.recipe import Choice, Recipe, RecipeSet
from tfpix2pix.config import resolve
from tfpix2pix.config.loading import checked_sections
from tfpix2pix.config.showing import nearest, shown
from tfpix2pix.config.yaml_files import read_yaml
from tfpix2pix.errors import SettingsError

KEYS = ("preset", "settings", "options", "runs")
ALL = "all"


def load_recipes(path: Path, flags: Mapping[str, Any] | None = None) -> RecipeSet:
    """Reads a recipe set, and resolves and checks every run of it.

    Args:
        path: the YAML file.
        flags: settings by name that lie over those of every run.

    Raises:
        SettingsError: the file cannot be used, a flag says what the options are to say, or two
            runs would be alike or could not be compared.
    """
    tree = _checked_tree(read_yaml(path), path)
    options = _checked_options(tree.get("options"), path)
    flags = flags or {}
    check_flags(flags, options, path)
    common = {f"{path}, settings": tree.get("settings")}
    recipes = []
    for choice in _choices(tree.get("runs"), options, path):
        name = _folder_name(choice)
        chosen = {
            f"{path}, {axis} {option}": options[axis][option] for axis, option in choice.items()
        }
        check_overlap(choice, options, f"{path}: recipe {name}")
        try:
            settings = resolve(tree.get("preset"), None, flags, layers=common | chosen)
        except SettingsError as error:
            raise SettingsError(f"{path}: recipe {name}: {error}") from error
        recipes.append(Recipe(name, choice, settings))
    check_recipes(recipes, path)
    return RecipeSet(path, tuple(options), tuple(recipes))


def _checked_tree(tree: Any, path: Path) -> dict[str, Any]:
    if not isinstance(tree, dict):
        raise SettingsError(f"{path}: expected a recipe set with the keys {', '.join(KEYS)}")
    for key in tree:
        if key not in KEYS:
            raise SettingsError(f"{path}: unknown key {shown(key)}{nearest(key, KEYS)}")
    if not isinstance(tree.get("preset"), (str, type(None))):
        raise SettingsError(f"{path}: preset: expected the name of a preset")
    checked_sections(tree.get("settings"), f"{path}, settings")
    return tree


def _checked_options(tree: Any, path: Path) -> dict[str, dict[str, dict[str, dict[str, Any]]]]:
    if not isinstance(tree, dict) or not tree:
        raise SettingsError(f"{path}: options: expected axes, each with options by name")
    axes = {}
    for key, options in tree.items():
        axis = _option_name(key, f"{path}: options")
        if not isinstance(options, dict) or not options:
            raise SettingsError(f"{path}: axis {axis}: expected options by name")
        names = [_option_name(name, f"{path}: axis {axis}") for name in options]
        for name in names:
            if names.count(name) > 1 or name == ALL:
                why = "stands for all options" if name == ALL else "is there twice"
                raise SettingsError(f"{path}: axis {axis}: option {name} {why}: rename it")
        axes[axis] = {
            name: checked_sections(sections, f"{path}, {axis} {name}")
            for name, sections in zip(names, options.values(), strict=True)
        }
    return axes


def _option_name(name: Any, where: str) -> str:
    if isinstance(name, bool) or not isinstance(name, (str, int, float)) or name == "":
        raise SettingsError(f"{where}: {shown(name)} cannot be an option's name: put it in quotes")
    return _text(name)


def _text(name: Any) -> str:
    """A name, which may be a number, as text; of anything else, what stands in messages."""
    return name if isinstance(name, str) else shown(name)


def _choices(runs: Any, options: Mapping[str, Mapping[str, Any]], path: Path) -> list[Choice]:
    """The options of every run, in order, each once."""
    products = [dict.fromkeys(options, ALL)] if runs is None else runs
    if not isinstance(products, list) or not products:
        raise SettingsError(f"{path}: runs: expected a list such as - {{{_example(options)}}}")
    found: list[Choice] = []
    for number, product in enumerate(products, start=1):
        where = f"{path}: runs, entry {number}"
        found += [c for c in _product(product, options, where) if c not in found]
    return found


def _example(options: Mapping[str, Mapping[str, Any]]) -> str:
    return ", ".join(f"{axis}: {ALL}" for axis in options)


def _product(
    product: Any, options: Mapping[str, Mapping[str, Any]], where: str
) -> Iterator[Choice]:
    if not isinstance(product, dict) or not product:
        raise SettingsError(f"{where}: expected options by axis, such as {{{_example(options)}}}")
    for axis in product:
        if axis not in options:
            raise SettingsError(f"{where}: unknown axis {shown(axis)}{nearest(axis, options)}")
    # In the order of the axes, whatever that of the entry.
    axes = [axis for axis in options if axis in product]
    wanted = [_named(product[axis], options[axis], f"{where}: {axis}") for axis in axes]
    for names in itertools.product(*wanted):
        yield dict(zip(axes, names, strict=True))


def _named(value: Any, options: Mapping[str, Any], where: str) -> list[str]:
    if value == ALL:
        return list(options)
    names = [_text(name) for name in value] if isinstance(value, list) else [_text(value)]
    if not names:
        raise SettingsError(f"{where}: expected an option, a list of them, or {ALL}")
    for name in names:
        if name not in options:
            raise SettingsError(f"{where}: unknown option {shown(name)}{nearest(name, options)}")
    return names


def _folder_name(choice: Choice) -> str:
    return re.sub(r"[^\w.+-]", "-", "_".join(choice.values())).lstrip(".-") or "run"
