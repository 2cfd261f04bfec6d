"""What a recipe set says when it is read: runs with names, options and settings."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfpix2pix.config import Settings

# Files of the set, beside which its run folders stand.
TABLE, TABLE_FOR_READING, SHEET = "table.csv", "table.md", "sheet.png"

Choice = dict[str, str]  # the name of an option by axis


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One run of a set.

    Attributes:
        name: of its folder, made of its options: `L1+cGAN_U-Net_70`.
        options: the chosen option of each axis that counts for it.
        settings: all that it amounts to.
    """

    name: str
    options: Choice
    settings: Settings


@dataclasses.dataclass(frozen=True)
class RecipeSet:
    """The runs to compare, no two alike.

    Attributes:
        path: of the file.
        axes: names of what they differ in.
        recipes: the runs.
    """

    path: Path
    axes: tuple[str, ...]
    recipes: tuple[Recipe, ...]

    def differing(self) -> dict[str, dict[str, Any]]:
        """By recipe, the values of those settings (`model.n_layers`) that are not all the same."""
        flat = {recipe.name: flattened(recipe.settings) for recipe in self.recipes}
        first = flat[self.recipes[0].name]
        names = [
            name for name in first if any(values[name] != first[name] for values in flat.values())
        ]
        return {recipe: {name: values[name] for name in names} for recipe, values in flat.items()}


def flattened(settings: Settings) -> dict[str, Any]:
    """Values by section and name: `{"model.n_layers": 3, ...}`."""
    return {
        f"{section}.{name}": value
        for section, values in dataclasses.asdict(settings).items()
        for name, value in values.items()
    }


def shown(values: Mapping[str, Any]) -> str:
    """Settings and their values in a line."""
    return ", ".join(f"{name} {_plain(value)}" for name, value in values.items())


def _plain(value: Any) -> str:
    words = {None: "none", True: "on", False: "off"}
    return words[value] if value is None or isinstance(value, bool) else str(value)
