"""The plain data that the page, its JSON and the figures are made of.

A figure is a number, or None where nothing was measured. In JSON an infinite number is the text
"Infinity" or "-Infinity", one that is no number the text "NaN"; Python's `float` reads all three.
"""

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from tfpix2pix.report.values import Plain, Text

# Counted up when a reader of the older form would misunderstand the newer.
FORMAT = 1

# Whose pictures a figure is about.
GENERATED = "generated"
REAL = "real photos"
MEAN_PICTURE = "mean training picture"


_FORM = ConfigDict(extra="forbid", ser_json_inf_nan="strings")


@dataclass(frozen=True, config=_FORM)
class Metric:
    """A metric that gives every image a figure.

    Attributes:
        name: in the code and in JSON, such as "psnr".
        label: for people, such as "PSNR".
        unit: such as "dB"; empty: none.
        higher_is_better: False where less is better.
        digits: decimals to show.
    """

    name: Text
    label: Text
    unit: Text = ""
    higher_is_better: bool = True
    digits: int = 3


@dataclass(frozen=True, config=_FORM)
class Summary:
    """A metric's mean over the images of a run.

    Attributes:
        metric: its name.
        value: the mean.
        low, high: its 95 % interval.
        n: how many images it is the mean of.
    """

    metric: Text
    value: float
    low: float | None = None
    high: float | None = None
    n: int = 0


@dataclass(frozen=True, config=_FORM)
class Figure:
    """A figure of all images together, such as FID, or one to hold a metric's mean against.

    Attributes:
        name: in the code, such as "fid"; the name of a metric where it is that metric's mean for
            other pictures than the generated ones.
        label: for people.
        value: the figure.
        error: its standard error.
        low, high: its 95 % interval.
        unit, digits: as in `Metric`.
        higher_is_better: None where neither more nor less is better.
        group: the heading it stands under, such as "FCN-score".
        pictures: which were judged: `GENERATED`; `REAL`, for the ceiling; `MEAN_PICTURE`, for
            always answering with the mean training picture; or any other text.
        note: what else to know, in a sentence.
    """

    name: Text
    label: Text
    value: float
    error: float | None = None
    low: float | None = None
    high: float | None = None
    unit: Text = ""
    digits: int = 3
    higher_is_better: bool | None = None
    group: Text = "All images together"
    pictures: Text = GENERATED
    note: Text = ""


@dataclass(frozen=True, config=_FORM)
class Run:
    """A run, and what its generator is worth.

    Attributes:
        name: short, and unlike the other run's.
        folder: the run folder.
        step: of the checkpoint.
        settings: section -> setting -> value, as in config.yaml.
        environment: versions and devices, as in environment.json; may be nested.
        summaries: one for each metric.
        figures: of all images together.
        curves: column of metrics.csv -> (step, value) wherever it was measured.
    """

    name: Text
    folder: Text
    step: int
    settings: Plain = Field(default_factory=dict)
    environment: Plain = Field(default_factory=dict)
    summaries: tuple[Summary, ...] = ()
    figures: tuple[Figure, ...] = ()
    curves: dict[Text, tuple[tuple[float, float], ...]] = Field(default_factory=dict)


@dataclass(frozen=True, config=_FORM)
class Difference:
    """A paired difference, second run minus first, over the same images.

    Attributes:
        metric: the name of a metric, or of a figure of both runs.
        value: the difference of the means, or of the figures.
        low, high: its 95 % interval.
        p: probability of a difference as large if there were none.
        verdict: in words, such as "B is better".
    """

    metric: Text
    value: float
    low: float | None = None
    high: float | None = None
    p: float | None = None
    verdict: Text = ""


@dataclass(frozen=True, config=_FORM)
class Comparison:
    """Of two runs.

    Attributes:
        differences: one for each metric, and for figures that are found image by image.
        verdict: in a sentence or two.
        method: how it was found, in a sentence.
    """

    differences: tuple[Difference, ...]
    verdict: Text = ""
    method: Text = ""


@dataclass(frozen=True, config=_FORM)
class Panel:
    """Curves that are drawn over each other.

    Attributes:
        title: of the panel.
        names: keys of `Run.curves`.
    """

    title: Text
    names: tuple[Text, ...]


@dataclass(frozen=True, config=_FORM)
class Image:
    """A test image.

    Attributes:
        name: unlike all others, such as a file's name.
        height, width: of the target, in pixels, as it was evaluated.
        figures: metric -> figure, for each run in the order of the runs.
    """

    name: Text
    height: int
    width: int
    figures: tuple[dict[Text, float | None], ...]


@dataclass(frozen=True, config=_FORM)
class Document:
    """An evaluation of one run, or of two on the same images.

    Attributes:
        title: of the page.
        version: of tfpix2pix.
        created: date and time, ISO 8601.
        metrics: those that give every image a figure, in the order to show them.
        main_metric: the name of the one that images are sorted by at first.
        runs: one or two.
        images: filled in by `writing_report`.
        comparison: only with two runs.
        panels: which curves belong together; others get a panel of their own.
        facts: what was evaluated, as name -> text: data, split, time.
        warnings: what makes all of it doubtful, a sentence each.
        format: of this document.

    Raises:
        ValueError: the parts do not fit together.
    """

    title: Text
    version: Text
    created: Text
    metrics: tuple[Metric, ...]
    main_metric: Text
    runs: tuple[Run, ...]
    images: tuple[Image, ...] = ()
    comparison: Comparison | None = None
    panels: tuple[Panel, ...] = ()
    facts: dict[Text, Text] = Field(default_factory=dict)
    warnings: tuple[Text, ...] = ()
    format: int = FORMAT

    def __post_init__(self) -> None:
        names = [metric.name for metric in self.metrics]
        _check(len(set(names)) == len(names), "metrics have names of their own")
        _check(self.main_metric in names, f"main_metric is one of {names}")
        _check(len(self.runs) in (1, 2), "there are one or two runs")
        _check(len({run.name for run in self.runs}) == len(self.runs), "runs have different names")
        _check(self.comparison is None or len(self.runs) == 2, "two runs are compared")
        summaries = [summary for run in self.runs for summary in run.summaries]
        differences = self.comparison.differences if self.comparison else ()
        used = {summary.metric for summary in summaries}
        figures = {figure.name for run in self.runs for figure in run.figures}
        used.update({difference.metric for difference in differences} - figures)
        images = {image.name: image for image in self.images}
        _check(len(images) == len(self.images), "images have names of their own")
        for image in self.images:
            right = len(image.figures) == len(self.runs)
            _check(right, f"image {image.name} has figures for each of the {len(self.runs)} runs")
            used.update(*image.figures)
        _check(
            used <= set(names), f"figures are of the metrics {names}, not of {used - set(names)}"
        )


def _check(holds: bool, expected: str) -> None:
    if not holds:
        raise ValueError(f"expected that {expected}")
