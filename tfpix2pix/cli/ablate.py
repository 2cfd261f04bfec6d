"""`tfpix2pix ablate`."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tfpix2pix.cli.parsing import add_judge_flags, add_setting_flags, given_settings
from tfpix2pix.cli.quiet import tensorflow_imported_quietly
from tfpix2pix.config.showing import nearest
from tfpix2pix.errors import SettingsError
from tfpix2pix.places import local_place

if TYPE_CHECKING:
    from tfpix2pix.ablation.recipe import RecipeSet
    from tfpix2pix.ablation.running import SetResult

SUMMARY = "Train a set of runs that differ in named options, and compare them."

EXAMPLES = """examples:
  tfpix2pix ablate configs/ablations/losses.yaml --data PATH --output ablations/losses
  tfpix2pix ablate configs/ablations/losses.yaml --data PATH --output ablations/small \\
      --load-size 72 --crop-size 64 --base-filters 32 --steps 3000
  tfpix2pix ablate configs/ablations/all.yaml --output ablations/all --dry-run

Writes a run folder for each recipe, table.md, table.csv and sheet.png into the --output folder,
the last three after each run. The same command again goes on where it stopped.
Flags lie over the settings of every recipe. See docs/ablations.md.
"""

EXIT_SIGNAL = 128


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.usage = "%(prog)s SET --output DIR [--data PATH] [--dry-run] [SETTING ...]"
    parser.add_argument(
        "set", type=local_place, metavar="SET", help="YAML file with a set of recipes"
    )
    parser.add_argument(
        "--output",
        type=local_place,
        required=True,
        metavar="DIR",
        help="folder for all that is made",
    )
    parser.add_argument(
        "--only", metavar="NAMES", help="train these recipes alone: NAME,NAME as in --dry-run"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="check everything and list the runs, train none"
    )
    add_judge_flags(parser, palette="judge_palette")
    add_setting_flags(parser)


def run(arguments: argparse.Namespace) -> int:
    """Trains; returns the exit status, 1 if any run failed."""
    from tfpix2pix.ablation.checks import check_unchanged
    from tfpix2pix.ablation.recipes import load_recipes
    from tfpix2pix.data.sources import check_source

    recipe_set = load_recipes(arguments.set, given_settings(arguments))
    if arguments.judge_palette is not None and arguments.fcn_score is None:
        raise SettingsError("--judge-palette is for --fcn-score: give that too")
    names = _names(arguments.only, recipe_set)
    check_unchanged(recipe_set, arguments.output)
    if arguments.dry_run:
        _list(recipe_set, names)
        return 0
    check_source(recipe_set.recipes[0].settings.data)
    with tensorflow_imported_quietly():
        from tfpix2pix.ablation.running import run_set
        from tfpix2pix.report.fcn_score import load_judge

    judge = None
    if arguments.fcn_score is not None:
        judge = load_judge(arguments.fcn_score, arguments.judge_palette, "--judge-palette")
    try:
        return _conclude(run_set(recipe_set, arguments.output, names, judge), arguments.output)
    except KeyboardInterrupt:  # between runs, or pressed twice
        print("the same command goes on from the last checkpoint")
        raise


def _names(only: str | None, recipe_set: "RecipeSet") -> list[str] | None:
    """The recipes named by `--only`."""
    if only is None:
        return None
    known = [recipe.name for recipe in recipe_set.recipes]
    names = only.split(",")
    for name in names:
        if name not in known:
            raise SettingsError(
                f"--only: {recipe_set.path} has no recipe {name!r}{nearest(name, known)}; "
                "--dry-run lists them"
            )
    return names


def _list(recipe_set: "RecipeSet", names: list[str] | None) -> None:
    """Prints the runs, and the settings in which they differ."""
    from tfpix2pix.ablation.recipe import shown

    for name, values in recipe_set.differing().items():
        if names is None or name in names:
            print(name)
            print(f"    {shown(values)}")
    print(f"{len(names or recipe_set.recipes)} runs of {recipe_set.path}")


def _conclude(result: "SetResult", output: Path) -> int:
    """Says how the set ended, where things are and what to do next."""
    from tfpix2pix.ablation.recipe import SHEET, TABLE, TABLE_FOR_READING

    done, failed, waiting = (result.count(status) for status in ("done", "failed", "waiting"))
    print(f"{done} done, {failed} failed, {waiting} waiting")
    for outcome in result.outcomes:
        if outcome.status == "failed":
            print(f"failed: {outcome.recipe.name}: {outcome.reason}")
    print(f"table        {output / TABLE_FOR_READING}, {output / TABLE}")
    if done:
        print(f"pictures     {output / SHEET}")
    if result.stopped_by is not None:
        print("stopped; a checkpoint is written, and the same command goes on from there")
        return EXIT_SIGNAL + result.stopped_by
    return 1 if failed else 0
