"""`tfpix2pix evaluate`."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from tfpix2pix.cli.parsing import add_checkpoint_flag, add_judge_flags, count, seed, several
from tfpix2pix.cli.quiet import tensorflow_imported_quietly
from tfpix2pix.cli.runs import settings_of_run
from tfpix2pix.config.types import OnBad
from tfpix2pix.errors import SettingsError
from tfpix2pix.places import as_place, local_place

if TYPE_CHECKING:
    from tfpix2pix.report.document import Document, Figure, Metric, Summary

SUMMARY = "Measure how good a run is, or which of two is better, and write a page to look at."

EXAMPLES = """examples:
  tfpix2pix evaluate runs/demo-1
  tfpix2pix evaluate runs/facades --data PATH --split test --checkpoint best --fid
  tfpix2pix evaluate runs/l1 runs/l1-cgan --output comparison
  tfpix2pix evaluate runs/facades --fcn-score runs/judge

Writes evaluation.html, a page that holds all pictures and works without a network; figures.csv, the
figures of every image; evaluation.json; and plots as PNG and SVG. Answers are those of `predict`
at the size the run was trained at. Intervals are of 95 %, from a bootstrap over the images.

--fid measures FID and KID on InceptionV3's features, whose weights Keras downloads, and
--fcn-score the paper's FCN-score: a run of preset segmenter, or a .keras model, says which classes
it sees in the answers, and the label maps that they were made from say which it should see.
See docs/evaluation.md.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        "run_dirs", type=as_place, nargs="+", metavar="RUN", help="run folder, or two to compare"
    )
    parser.add_argument(
        "--output",
        type=as_place,
        metavar="DIR",
        help="folder for what is written [RUN/evaluation/...]",
    )
    _add_pairs(parser.add_argument_group("which pairs, and which of the run's weights"))
    _add_metrics(parser.add_argument_group("more metrics"))


def _add_pairs(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--data", metavar="PATH", help="other pairs than the run's own")
    group.add_argument(
        "--split", choices=("train", "val", "test"), help="of the pairs [val, or else test]"
    )
    group.add_argument(
        "--on-bad",
        choices=get_args(OnBad),
        help="pairs that cannot be used: stop and list them, or list them and go on without "
        "[as the run's settings say]",
    )
    group.add_argument("--limit", type=count, metavar="N", help="evaluate the first N pairs alone")
    add_checkpoint_flag(group)
    group.add_argument(
        "--seed", type=seed, default=0, metavar="S", help="of dropout and bootstrap [0]"
    )


def _add_metrics(group: argparse._ArgumentGroup) -> None:
    add_judge_flags(group)
    group.add_argument("--fid", action="store_true", help="FID and KID")
    group.add_argument(
        "--inception-weights", metavar="FILE", help="for --fid, instead of a download"
    )
    group.add_argument(
        "--features",
        type=local_place,
        metavar="MODEL",
        help="for --fid, a .keras model instead of it, of images in [-1, 1]",
    )
    group.add_argument(
        "--lpips",
        type=local_place,
        nargs=2,
        metavar=("VGG16", "HEADS"),
        help="LPIPS, with these weights",
    )
    group.add_argument(
        "--samples", type=several, metavar="N", help="diversity of N answers with dropout on"
    )
    group.add_argument(
        "--thumbnail",
        type=count,
        default=256,
        metavar="PIXELS",
        help="longest side of the page's pictures [256]",
    )


def run(arguments: argparse.Namespace) -> int:
    """Evaluates; returns the exit status."""
    _check(arguments)
    for run_dir in arguments.run_dirs:
        settings_of_run(run_dir, arguments.checkpoint)
    from tfpix2pix.report.options import IMAGENET, EvaluationOptions

    options = EvaluationOptions(
        data=arguments.data,
        split=arguments.split,
        on_bad=arguments.on_bad,
        limit=arguments.limit,
        checkpoint=arguments.checkpoint,
        seed=arguments.seed,
        judge=arguments.fcn_score,
        palette=arguments.palette,
        fid=arguments.fid,
        inception_weights=arguments.inception_weights or IMAGENET,
        features=arguments.features,
        lpips=tuple(arguments.lpips) if arguments.lpips else None,
        samples=arguments.samples or 0,
        thumbnail=arguments.thumbnail,
    )
    with tensorflow_imported_quietly():
        from tfpix2pix.report.evaluating import evaluate

    folder, document = evaluate(arguments.run_dirs, arguments.output, options)
    _conclude(folder, document)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    """Refuses flags that do not go together, and files that are not there."""
    from tfpix2pix.data.sources import kind_of

    if len(arguments.run_dirs) > 2:
        raise SettingsError(
            f"one run is evaluated, or two are compared: {len(arguments.run_dirs)} are given"
        )
    for flag in ("inception_weights", "features"):
        if getattr(arguments, flag) is not None and not arguments.fid:
            raise SettingsError(f"--{flag.replace('_', '-')} is for --fid: give that too")
    if arguments.inception_weights is not None and arguments.features is not None:
        raise SettingsError("--features takes the place of InceptionV3: leave one of the two out")
    for path in (arguments.features, *(arguments.lpips or ())):
        if path is not None and not path.is_file():
            raise SettingsError(f"there is no file {path}")
    if arguments.data is not None:
        kind_of(arguments.data)
    if arguments.palette is not None and arguments.fcn_score is None:
        raise SettingsError("--palette is for --fcn-score: give that too")


def _conclude(folder: Path, document: "Document") -> None:
    """Says what came out, and where to look."""
    from tfpix2pix.report.document import GENERATED
    from tfpix2pix.report.writing import FIGURES, JSON, PAGE

    metrics = {metric.name: metric for metric in document.metrics}
    for run in document.runs:
        print(f"{run.name}, step {run.step}")
        for summary in run.summaries:
            metric = metrics[summary.metric]
            print(_line(metric.label, summary, metric))
        for figure in run.figures:
            of = "" if figure.pictures == GENERATED else f", {figure.pictures}"
            print(_line(f"{figure.label}{of}", figure, figure))
    if document.comparison is not None:
        print(document.comparison.verdict)
    for warning in document.warnings:
        print(f"warning: {warning}")
    print(f"page         {folder / PAGE}")
    print(f"figures      {folder / FIGURES}, {folder / JSON}")


def _line(label: str, figure: "Summary | Figure", form: "Metric | Figure") -> str:
    """`  SSIM       0.612  (0.590 to 0.633)`."""
    value, low, high, error = (
        None if number is None else f"{number:.{form.digits}f}"
        for number in (figure.value, figure.low, figure.high, getattr(figure, "error", None))
    )
    shown = f"{value} {form.unit}".rstrip()
    interval = "" if low is None or high is None else f"({low} to {high})"
    interval = interval if error is None else f"± {error}"
    return f"  {label:<36} {shown:<10} {interval}".rstrip()
