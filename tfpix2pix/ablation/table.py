"""The table of a set: a row for each run, and what always answering with the mean picture gives."""

import csv
import io
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tfpix2pix.ablation.outcomes import Outcome

BASELINE = "mean training picture"


class Figure(NamedTuple):
    """A column of figures in the table that people read."""

    name: str
    title: str
    form: str
    best: Callable[[Sequence[float]], float]


FIGURES = (
    Figure("l1", "L1", "{:.4f}", min),
    Figure("psnr", "PSNR, dB", "{:.2f}", max),
    Figure("ssim", "SSIM", "{:.3f}", max),
)


def csv_table(axes: Sequence[str], outcomes: Sequence[Outcome], baseline: dict[str, float]) -> str:
    """The table as CSV: figures as the runs wrote them down, empty where there are none."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [figure.name for figure in FIGURES]
    sizes = ("generator_parameters", "discriminator_parameters")
    writer.writerow(["run", *axes, "status", "steps", *names, *sizes, "minutes"])
    for outcome in outcomes:
        minutes = "" if outcome.minutes is None else f"{outcome.minutes:.6g}"
        writer.writerow(
            [
                outcome.recipe.name,
                *(outcome.recipe.options.get(axis, "") for axis in axes),
                outcome.status,
                outcome.steps,
                *(outcome.figures.get(name, "") for name in names),
                *(getattr(outcome, size) for size in sizes),
                minutes,
            ]
        )
    if baseline:
        rest = ("", "", "")
        figures = [f"{baseline[name]:.6g}" for name in names]
        writer.writerow([BASELINE, *("" for _ in axes), "", "", *figures, *rest])
    return text.getvalue()


def markdown_table(
    axes: Sequence[str], outcomes: Sequence[Outcome], baseline: dict[str, float]
) -> str:
    """The table for people, with the best run of each figure in bold, and what went wrong below."""
    titles = [figure.title for figure in FIGURES]
    header = [*axes, "steps", *titles, "generator", "discriminator", "minutes"]
    rows = [header, ["---"] * len(header)]
    rows += [_row(axes, outcome, outcomes) for outcome in outcomes]
    if baseline:
        figures = [figure.form.format(baseline[figure.name]) for figure in FIGURES]
        rows.append([BASELINE, *[""] * len(axes), *figures, "", "", ""])
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    failures = [f"- {o.recipe.name} failed: {o.reason}" for o in outcomes if o.reason]
    notes = ["", "Validation figures; parameters in the networks; minutes of training steps."]
    return "\n".join([*lines, *notes, *([""] if failures else []), *failures]) + "\n"


def _row(axes: Sequence[str], outcome: Outcome, outcomes: Sequence[Outcome]) -> list[str]:
    steps = str(outcome.steps) if outcome.status == "done" else _unfinished(outcome)
    sizes = (outcome.generator_parameters, outcome.discriminator_parameters)
    return [
        *(outcome.recipe.options.get(axis, "").replace("|", "\\|") for axis in axes),
        steps,
        *(_figure(figure, outcome, outcomes) for figure in FIGURES),
        *("" if size is None else f"{size:,}" for size in sizes),
        "" if outcome.minutes is None else f"{outcome.minutes:.1f}",
    ]


def _unfinished(outcome: Outcome) -> str:
    return f"{outcome.status} at {outcome.steps}" if outcome.steps else outcome.status


def _figure(figure: Figure, outcome: Outcome, outcomes: Sequence[Outcome]) -> str:
    if not outcome.figures:
        return ""
    value = outcome.figures[figure.name]
    best = figure.best([o.figures[figure.name] for o in outcomes if o.figures])
    text = figure.form.format(value)
    return f"**{text}**" if value == best else text
