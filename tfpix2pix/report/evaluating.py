"""Evaluates a run, or two on the same pairs, and writes the report."""

import dataclasses
import datetime
import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfpix2pix.data.sources import IMPORTED
from tfpix2pix.errors import UserError, plain_reason
from tfpix2pix.evaluation.baseline import mean_image_figures
from tfpix2pix.evaluation.distribution import few_images_warning
from tfpix2pix.evaluation.intervals import mean
from tfpix2pix.evaluation.lpips import lpips_metric
from tfpix2pix.evaluation.metrics import METRICS, ImageMetric, measurable
from tfpix2pix.places import as_place
from tfpix2pix.progress import track
from tfpix2pix.report import document as form
from tfpix2pix.report.comparing import comparison
from tfpix2pix.report.document import Document
from tfpix2pix.report.fcn_score import check_judged, load_judge
from tfpix2pix.report.figure_of import figure_of, interval_or_none
from tfpix2pix.report.looking import ImageFigures, look_at_pairs
from tfpix2pix.report.options import EvaluationOptions
from tfpix2pix.report.set_metrics import set_metrics
from tfpix2pix.report.subjects import (
    EvaluationPairs,
    Subject,
    load_subjects,
    open_test_pairs,
    other_pairs,
)
from tfpix2pix.report.writing import writing_report
from tfpix2pix.training.datasets import EVALUATION_BATCH, open_run_data
from tfpix2pix.training.records import PANELS, MetricsFile

MAIN_METRIC = "ssim"
FEW_IMAGES = 30
USUAL_OPTIONS = EvaluationOptions()


def evaluate(
    run_dirs: Sequence[Path],
    output: Path | None = None,
    options: EvaluationOptions = USUAL_OPTIONS,
) -> tuple[Path, Document]:
    """Evaluates one or two runs, and writes the report into a folder.

    Args:
        run_dirs: the run folders.
        output: the folder; by default one in the (first) run folder, named by what is evaluated.
        options: which pairs, which metrics.

    Returns:
        The folder, and the document that `evaluation.json` holds.

    Raises:
        UserError: a run, its pairs or a file that the options name cannot be used.
    """
    subjects = load_subjects(run_dirs, options.checkpoint, options.seed)
    pairs = open_test_pairs(
        subjects[0], options.data, options.split, limit=options.limit, on_bad=options.on_bad
    )
    folder = as_place(output) if output else _default_folder(subjects, pairs)
    metrics = _image_metrics(subjects[0], options)
    judge = None if options.judge is None else load_judge(options.judge, options.palette)
    if judge is not None:
        check_judged(judge, subjects[0].formats, subjects[0].translator.size)
    # What may fail comes before the long pass, which would be lost.
    curves = [_curves(MetricsFile(subject.folder.metrics).read()) for subject in subjects]
    baseline, why_not = _baseline(subjects[0], pairs)
    with writing_report(folder, longest=options.thumbnail) as report:
        together = set_metrics(subjects, pairs, options, judge, metrics.get("lpips"))
        palette = judge.palette if judge else None
        figures = look_at_pairs(subjects, pairs, metrics, together, report, palette)
        found = [
            [*baseline, *(figure for metric in together for figure in metric.figures(number))]
            for number in range(len(subjects))
        ]
        warnings = [*other_pairs(subjects), *why_not, *_few_images(pairs.count, options)]
        runs = [
            _run(subject, own, metrics, rest, lines, options.seed)
            for subject, own, rest, lines in zip(subjects, figures, found, curves, strict=True)
        ]
        compared = None
        if len(subjects) == 2:
            names = subjects[0].name, subjects[1].name
            both = figures[0], figures[1]
            compared = comparison(names, metrics, both, together, options.seed)
        document = report.finish(_document(subjects, pairs, metrics, runs, compared, warnings))
    return folder, document


def _image_metrics(subject: Subject, options: EvaluationOptions) -> dict[str, ImageMetric]:
    """Those that can measure the run's answers.

    Raises:
        UserError: LPIPS is wanted and cannot.
    """
    metrics = measurable(_shape(subject))
    if options.lpips is not None:
        wanted = {"lpips": lpips_metric(*options.lpips)}
        found = measurable(_shape(subject), wanted)
        if not found:
            raise UserError(
                "--lpips measures RGB or gray images of 16 pixels a side or more, and the targets "
                f"are {subject.formats.target.describe()} of "
                f"{'x'.join(map(str, subject.translator.size))}: leave it out"
            )
        metrics |= found
    return metrics


def _shape(subject: Subject) -> tuple[int, int, int]:
    return (*subject.translator.size, subject.formats.target.channels)


def _default_folder(subjects: Sequence[Subject], pairs: EvaluationPairs) -> Path:
    first, *others = subjects
    parts = [pairs.split, f"step_{first.step}"]
    if pairs.settings.data != first.settings.data.data:
        parts.append(f"of_{as_place(pairs.settings.data).name}")
    if pairs.count < len(pairs.pairs):
        parts.append(f"first_{pairs.count}")
    parts += [f"against_{other.name.replace('/', '_')}" for other in others]
    return first.folder.path / "evaluation" / "_".join(parts)


def _document(
    subjects: Sequence[Subject],
    pairs: EvaluationPairs,
    metrics: Mapping[str, ImageMetric],
    runs: Sequence[form.Run],
    compared: form.Comparison | None,
    warnings: Sequence[str],
) -> Document:
    names = " and ".join(subject.name for subject in subjects)
    return Document(
        title=f"{names} on {pairs.count} {pairs.split} pairs",
        version=importlib.metadata.version("tfpix2pix"),
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        metrics=tuple(_metric(name, metric) for name, metric in metrics.items()),
        main_metric=MAIN_METRIC if MAIN_METRIC in metrics else next(iter(metrics)),
        runs=tuple(runs),
        comparison=compared,
        panels=tuple(form.Panel(title, panel) for title, panel in PANELS.items()),
        facts=_facts(pairs, subjects[0]),
        warnings=tuple(warnings),
    )


def _metric(name: str, metric: ImageMetric) -> form.Metric:
    return form.Metric(name, metric.label, metric.unit, metric.higher_is_better, metric.digits)


def _run(
    subject: Subject,
    figures: ImageFigures,
    metrics: Mapping[str, ImageMetric],
    together: Sequence[form.Figure],
    curves: dict[str, tuple[tuple[float, float], ...]],
    seed: int,
) -> form.Run:
    return form.Run(
        subject.name,
        str(subject.folder.path),
        subject.step,
        settings=dataclasses.asdict(subject.settings),
        environment=_environment(subject.folder.environment),
        summaries=tuple(
            _summary(name, metrics[name].averageable(values), seed)
            for name, values in figures.items()
        ),
        figures=tuple(together),
        curves=curves,
    )


def _summary(name: str, values: np.ndarray, seed: int) -> form.Summary:
    low, high = interval_or_none(mean, values, seed)
    return form.Summary(name, float(values.mean()), low, high, len(values))


def _environment(path: Path) -> dict[str, Any]:
    """What the run wrote down; nothing where the file is gone, as it only describes."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _curves(rows: Sequence[Mapping[str, float]]) -> dict[str, tuple[tuple[float, float], ...]]:
    columns = {name for row in rows for name in row} - {"step", "epoch"}
    return {
        name: tuple((row["step"], row[name]) for row in rows if name in row)
        for name in sorted(columns)
    }


def _facts(pairs: EvaluationPairs, subject: Subject) -> dict[str, str]:
    of_all = "" if pairs.count == len(pairs.pairs) else f" (the first of {len(pairs.pairs)})"
    left_out = METRICS.keys() - measurable(_shape(subject)).keys()
    facts = {
        "data": pairs.pairs.origin,
        "split": pairs.split,
        "pairs": f"{pairs.count}{of_all}",
        "size": "x".join(map(str, subject.translator.size)),
        "images": f"{subject.formats.input.describe()} to {subject.formats.target.describe()}",
    }
    if left_out:
        labels = ", ".join(METRICS[name].label for name in sorted(left_out))
        facts["left out"] = f"{labels}: the images are too small for it"
    return facts


def _few_images(count: int, options: EvaluationOptions) -> list[str]:
    warning = few_images_warning(count) if options.fid else None
    warnings = [] if warning is None else [warning]
    if count == 1:
        return [*warnings, "one image: there are no intervals, and two runs cannot be compared"]
    if count < FEW_IMAGES:
        warnings.append(f"{count} images are few: intervals from so few are too narrow")
    return warnings


def _baseline(subject: Subject, pairs: EvaluationPairs) -> tuple[list[form.Figure], list[str]]:
    """What always answering with the mean training picture gives, or why that is not known."""
    target = subject.formats.target
    unknown = "the mean training picture is not known"
    if subject.settings.data.data == IMPORTED:
        return [], [f"{unknown}: the weights were imported, and their training pairs are not here"]
    try:
        data = open_run_data(dataclasses.replace(subject.settings.data, cache_gib=0))
        subject.folder.check_same_data(data.train.pairs)
        test = track(
            pairs.batches(EVALUATION_BATCH), pairs.count, "target", size=lambda pair: len(pair[0])
        )
        figures = mean_image_figures(data.plain_training_batches(), test, target)
    except UserError as error:
        return [], [f"{unknown}: {error}"]
    except tf.errors.OpError as error:
        return [], [f"{unknown}: {plain_reason(error)}"]
    return [
        figure_of(name, METRICS[name], value, group="For scale", pictures=form.MEAN_PICTURE)
        for name, value in figures.items()
    ], []
