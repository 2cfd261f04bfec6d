"""Trains the runs of a set one after another, and writes its table and sheet after each."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from tfpix2pix.ablation.checks import check_unchanged
from tfpix2pix.ablation.forgetting import networks_forgotten
from tfpix2pix.ablation.outcomes import (
    CommonPairs,
    Outcome,
    open_common_pairs,
    read_failure,
    read_outcome,
)
from tfpix2pix.ablation.recipe import SHEET, TABLE, TABLE_FOR_READING, Recipe, RecipeSet
from tfpix2pix.ablation.sheet import Column, comparison_sheet
from tfpix2pix.ablation.table import csv_table, markdown_table
from tfpix2pix.config.network_sizes import check_image_size, check_perceptual_size
from tfpix2pix.errors import SettingsError, UserError
from tfpix2pix.files import locked, write_atomically
from tfpix2pix.inference.segmenter import Segmenter
from tfpix2pix.progress import say
from tfpix2pix.report.fcn_score import check_judged
from tfpix2pix.training.length import check_patience
from tfpix2pix.training.run import resume, train
from tfpix2pix.training.run_folder import RunFolder
from tfpix2pix.training.samples import png_bytes


@dataclasses.dataclass(frozen=True)
class SetResult:
    """How a set ended.

    Attributes:
        outcomes: of every recipe, in order.
        stopped_by: number of the signal that stopped it, or None.
    """

    outcomes: tuple[Outcome, ...]
    stopped_by: int | None = None

    def count(self, status: str) -> int:
        """How many runs are `done`, `failed` or `waiting`."""
        return sum(outcome.status == status for outcome in self.outcomes)


def run_set(
    recipe_set: RecipeSet,
    output: Path,
    names: Sequence[str] | None = None,
    judge: Segmenter | None = None,
) -> SetResult:
    """Trains what is not done yet; a run that fails does not keep the others from being trained.

    SIGINT and SIGTERM stop the set after a checkpoint, and called again it goes on from there.

    Args:
        recipe_set: the runs.
        output: the folder of their run folders, the table and the sheet.
        names: of the recipes to train; default: all. The table has all of them.
        judge: for the FCN-score of each run, if it is wanted.

    Raises:
        UserError: the data cannot be used, the folder cannot be written or is in use, or holds
            runs with other settings.
    """
    check_unchanged(recipe_set, output)
    in_use = f"{output} is in use by another process: wait for it, or choose another --output"
    with locked(output / ".lock", in_use):
        pairs = open_common_pairs(recipe_set.recipes[0].settings)
        _check_sizes(recipe_set, pairs)
        if judge is not None:
            _check_judge(judge, pairs)
        return _Running(recipe_set, output, pairs, judge).run(names)


class _Running:
    """A set under way."""

    def __init__(
        self, recipe_set: RecipeSet, output: Path, pairs: CommonPairs, judge: Segmenter | None
    ):
        self._set = recipe_set
        self._judge = judge
        self._output = output
        self._pairs = pairs
        self._outcomes = {recipe.name: self._read_outcome(recipe) for recipe in recipe_set.recipes}

    def run(self, names: Sequence[str] | None) -> SetResult:
        self._write()
        signal = None
        for number, recipe in enumerate(self._set.recipes, start=1):
            if names is not None and recipe.name not in names:
                continue
            where = f"run {number} of {len(self._set.recipes)}, {recipe.name}"
            if self._outcomes[recipe.name].status == "done":
                say(f"{where}: done already")
                continue
            if signal is not None:  # it came in the last step of the run before
                return self._result(signal)
            say(where)
            signal = self._train(recipe)
            self._write()
            if self._outcomes[recipe.name].status == "waiting":
                return self._result(signal)
        return self._result()

    def _result(self, stopped_by: int | None = None) -> SetResult:
        return SetResult(tuple(self._outcomes.values()), stopped_by)

    def _train(self, recipe: Recipe) -> int | None:
        """Trains a run; returns the number of the signal that asked to stop, or None."""
        folder = self._folder(recipe)
        try:
            with networks_forgotten():
                go_on = folder.exists()
                result = resume(folder.path) if go_on else train(recipe.settings, folder.path)
        except UserError as error:
            say(f"failed: {error}")
            self._outcomes[recipe.name] = read_failure(recipe, folder, error)
            return None
        self._outcomes[recipe.name] = self._read_outcome(recipe)
        return result.signal

    def _read_outcome(self, recipe: Recipe) -> Outcome:
        folder = self._folder(recipe)
        try:
            with networks_forgotten():
                return read_outcome(recipe, folder, self._pairs, self._judge)
        except UserError as error:
            return read_failure(recipe, folder, error)

    def _folder(self, recipe: Recipe) -> RunFolder:
        return RunFolder(self._output / recipe.name)

    def _write(self) -> None:
        """Writes the table and, once there is an answer to show, the sheet."""
        outcomes = list(self._outcomes.values())
        what = (self._set.axes, outcomes, self._pairs.baseline)
        write_atomically(self._output / TABLE, csv_table(*what))
        write_atomically(self._output / TABLE_FOR_READING, markdown_table(*what))
        answers = [
            Column(_caption(outcome.recipe), outcome.answers)
            for outcome in outcomes
            if outcome.answers is not None
        ]
        if answers:
            inputs, targets = self._pairs.shown()
            common = [Column(["input"], inputs), Column(["target"], targets)]
            write_atomically(self._output / SHEET, png_bytes(comparison_sheet(common, answers)))


def _caption(recipe: Recipe) -> list[str]:
    """Its options; of a bare number, the axis too."""
    options = recipe.options.items()
    return [f"{axis} {option}" if option.isdecimal() else option for axis, option in options]


def _check_sizes(recipe_set: RecipeSet, pairs: CommonPairs) -> None:
    """Refuses recipes that do not fit the pairs, before the first run starts."""
    for recipe in recipe_set.recipes:
        try:
            check_image_size(recipe.settings.model, pairs.settings.crop_size)
            check_perceptual_size(recipe.settings.train, pairs.settings.crop_size)
            check_patience(recipe.settings.train, is_validated=bool(pairs.baseline))
        except SettingsError as error:
            raise SettingsError(f"{recipe_set.path}: recipe {recipe.name}: {error}") from error


def _check_judge(judge: Segmenter, pairs: CommonPairs) -> None:
    if not pairs.baseline:
        raise UserError(
            f"--fcn-score judges answers to held-out pairs, and {pairs.training.origin} has none: "
            "leave it out, or give a set with a val or test split"
        )
    check_judged(judge, pairs.formats, pairs.settings.crop_size)
