"""What makes runs impossible to compare: refused before the first one starts."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfpix2pix.ablation.recipe import (
    SHEET,
    TABLE,
    TABLE_FOR_READING,
    Choice,
    Recipe,
    RecipeSet,
    flattened,
    shown,
)
from tfpix2pix.config import Settings
from tfpix2pix.errors import SettingsError
from tfpix2pix.training.run_folder import RunFolder

# What of the data may differ within a set: the runs are compared on the same pairs.
_TRAINING_ONLY = ("mirror", "vertical_mirror", "rotate", "cache_gib")
# Either gives the length of a run, so that a flag for the one overrides the other.
_LENGTHS = {"steps", "epochs"}


def _settings_of(options: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Names of the settings that some option of an axis gives."""
    return {
        name for sections in options.values() for values in sections.values() for name in values
    }


def check_flags(flags: Mapping[str, Any], options: Mapping[str, Any], path: Path) -> None:
    """Refuses flags for settings that an axis is there to choose.

    Raises:
        SettingsError: there is one, since it would lie over the options.
    """
    for axis, choices in options.items():
        varied = _settings_of(choices)
        varied |= _LENGTHS if varied & _LENGTHS else set()
        for name in flags:
            if name in varied:
                flag = "--" + name.replace("_", "-")
                raise SettingsError(
                    f"{flag} would lie over what axis {axis} of {path} chooses, and make runs "
                    "alike: leave it out, or change the options"
                )


def check_overlap(choice: Choice, options: Mapping[str, Any], where: str) -> None:
    """Refuses options of two axes that give the same setting.

    Raises:
        SettingsError: they do, so that one of them would count for nothing.
    """
    given: dict[str, str] = {}
    for axis, option in choice.items():
        for name in _settings_of({option: options[axis][option]}):
            if name in given:
                raise SettingsError(f"{where}: axes {given[name]} and {axis} both give {name}")
            given[name] = axis


def check_recipes(recipes: Sequence[Recipe], path: Path) -> None:
    """Refuses runs without a length, with one folder, alike, or on other pairs than the others.

    Raises:
        SettingsError: naming the runs.
    """
    for check in (_check_lengths, _check_names, _check_alike, _check_same_pairs):
        check(recipes, path)


def check_unchanged(recipe_set: RecipeSet, output: Path) -> None:
    """Compares the runs that were started in `output` with their recipes of today.

    Raises:
        SettingsError: one was started with other settings.
    """
    for recipe in recipe_set.recipes:
        folder = RunFolder(output / recipe.name)
        if not folder.exists():
            continue
        there, now = flattened(folder.settings()), flattened(recipe.settings)
        changed = [n for n in now if not _same(n, there[n], now[n], recipe.settings)]
        if changed:
            raise SettingsError(
                f"{folder.path} holds a run with other settings: "
                f"{shown({name: there[name] for name in changed})} there, "
                f"{shown({name: now[name] for name in changed})} now. Give the same recipes and "
                "flags as then, or choose another --output"
            )


def _same(name: str, there: Any, now: Any, settings: Settings) -> bool:
    """Whether a run's setting is what was asked for, or what the run made of that."""
    decided = {"train.jit"} if settings.train.jit == "auto" else set()
    if settings.data.takes_size_from_pairs:
        decided |= {"data.load_size", "data.crop_size"}
    if there == now or name in decided:
        return True
    # Runs write places down in full.
    texts = isinstance(there, str) and isinstance(now, str)
    return texts and str(Path(now).expanduser().absolute()) == there


def _check_lengths(recipes: Sequence[Recipe], path: Path) -> None:
    for recipe in recipes:
        if recipe.settings.train.steps is None and recipe.settings.train.epochs is None:
            raise SettingsError(
                f"{path}: recipe {recipe.name}: how long to train? Give --steps or --epochs, or "
                "either in the set's settings"
            )


def _check_names(recipes: Sequence[Recipe], path: Path) -> None:
    # Without case, as some file systems have it.
    seen = dict.fromkeys((TABLE, TABLE_FOR_READING, SHEET), "a file of the set")
    for recipe in recipes:
        folder = recipe.name.casefold()
        if folder in seen:
            raise SettingsError(
                f"{path}: recipe {recipe.name} would have the same folder as {seen[folder]}: "
                "rename an option"
            )
        seen[folder] = f"recipe {recipe.name}"


def _check_alike(recipes: Sequence[Recipe], path: Path) -> None:
    for one, other in itertools.combinations(recipes, 2):
        if one.settings == other.settings:
            raise SettingsError(
                f"{path}: recipes {one.name} and {other.name} are alike: their options come to "
                "the same settings"
            )


def _check_same_pairs(recipes: Sequence[Recipe], path: Path) -> None:
    first, *others = recipes
    for recipe in others:
        pairs = _what_is_compared_on(recipe.settings)
        for name, value in _what_is_compared_on(first.settings).items():
            if pairs[name] != value:
                raise SettingsError(
                    f"{path}: recipes {first.name} and {recipe.name} differ in {name}, and so in "
                    "the pairs that they are compared on; of the data only load_size (with resize "
                    f"resize_and_crop), {', '.join(_TRAINING_ONLY)} may differ"
                )


def _what_is_compared_on(settings: Settings) -> dict[str, Any]:
    free = set(_TRAINING_ONLY)
    if settings.data.resize == "resize_and_crop":
        free.add("load_size")
    return {name: v for name, v in dataclasses.asdict(settings.data).items() if name not in free}
