"""The table of a set: a row for each run, and what always answering with the mean picture gives."""

import csv
import io
from collections.abc import Mapping, Sequence

from tfpix2pix.ablation.outcomes import Outcome
from tfpix2pix.evaluation.metrics import TRAINING_METRICS, Metric
from tfpix2pix.evaluation.segmentation import LABEL_METRICS
from tfpix2pix.evaluation.validation import VALIDATION_METRICS
from tfpix2pix.report.document import REAL

BASELINE = "mean training picture"
LABEL_BASELINE = "commonest class of each pixel"


def _columns(outcomes: Sequence[Outcome], baseline: Mapping[str, float]) -> list[str]:
    """The metrics that there are figures of; before there are any, those of such targets."""
    measured = {name for figures in (*(o.figures for o in outcomes), baseline) for name in figures}
    if not measured:
        measured = set(LABEL_METRICS if _has_label_targets(outcomes) else TRAINING_METRICS)
    return [name for name in VALIDATION_METRICS if name in measured]


def _for_scale(
    outcomes: Sequence[Outcome], baseline: Mapping[str, float]
) -> list[tuple[str, Mapping[str, float]]]:
    """What the figures are to be held against: rows below those of the runs."""
    one_answer = LABEL_BASELINE if _has_label_targets(outcomes) else BASELINE
    ceiling = next((outcome.ceiling for outcome in outcomes if outcome.ceiling), {})
    return [(of, known) for of, known in ((one_answer, baseline), (REAL, ceiling)) if known]


def _has_label_targets(outcomes: Sequence[Outcome]) -> bool:
    return any(o.recipe.settings.data.target_encoding == "labels" for o in outcomes)


def csv_table(axes: Sequence[str], outcomes: Sequence[Outcome], baseline: dict[str, float]) -> str:
    """The table as CSV: figures as the runs wrote them down, empty where there are none."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = _columns(outcomes, baseline)
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
    for of, known in _for_scale(outcomes, baseline):
        rest = ("", "", "")
        figures = [f"{known[name]:.6g}" if name in known else "" for name in names]
        writer.writerow([of, *("" for _ in axes), "", "", *figures, *rest])
    return text.getvalue()


def markdown_table(
    axes: Sequence[str], outcomes: Sequence[Outcome], baseline: dict[str, float]
) -> str:
    """The table for people, with the best run of each figure in bold, and what went wrong below."""
    names = _columns(outcomes, baseline)
    titles = [_title(VALIDATION_METRICS[name]) for name in names]
    header = [*axes, "steps", *titles, "generator", "discriminator", "minutes"]
    rows = [header, ["---"] * len(header)]
    rows += [_row(axes, outcome, outcomes, names) for outcome in outcomes]
    for of, known in _for_scale(outcomes, baseline):
        figures = [_text(name, known) for name in names]
        rows.append([of, *[""] * len(axes), *figures, "", "", ""])
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    failures = [f"- {o.recipe.name} failed: {o.reason}" for o in outcomes if o.reason]
    notes = ["", "Validation figures; parameters in the networks; minutes of training steps."]
    return "\n".join([*lines, *notes, *([""] if failures else []), *failures]) + "\n"


def _row(
    axes: Sequence[str], outcome: Outcome, outcomes: Sequence[Outcome], names: Sequence[str]
) -> list[str]:
    steps = str(outcome.steps) if outcome.status == "done" else _unfinished(outcome)
    sizes = (outcome.generator_parameters, outcome.discriminator_parameters)
    return [
        *(outcome.recipe.options.get(axis, "").replace("|", "\\|") for axis in axes),
        steps,
        *(_figure(name, outcome, outcomes) for name in names),
        *("" if size is None else f"{size:,}" for size in sizes),
        "" if outcome.minutes is None else f"{outcome.minutes:.1f}",
    ]


def _unfinished(outcome: Outcome) -> str:
    return f"{outcome.status} at {outcome.steps}" if outcome.steps else outcome.status


def _figure(name: str, outcome: Outcome, outcomes: Sequence[Outcome]) -> str:
    """Bold, if it is the best."""
    text = _text(name, outcome.figures)
    figures = [o.figures[name] for o in outcomes if name in o.figures]
    best = max if VALIDATION_METRICS[name].higher_is_better else min
    return f"**{text}**" if text and outcome.figures[name] == best(figures) else text


def _text(name: str, figures: Mapping[str, float]) -> str:
    return f"{figures[name]:.{VALIDATION_METRICS[name].digits}f}" if name in figures else ""


def _title(metric: Metric) -> str:
    return f"{metric.label}, {metric.unit}" if metric.unit else metric.label
