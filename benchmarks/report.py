"""The results as a table (Markdown and CSV) and a plot."""

import csv
import dataclasses
import io
import itertools
import statistics
from collections.abc import Iterable
from pathlib import Path

import matplotlib.pyplot as plt

from benchmarks.alternate import Measurement
from benchmarks.formats import FormatRow, table
from benchmarks.measure import Result
from benchmarks.suites import (
    ALTERNATING,
    EAGER,
    MATRIX_SIZE,
    PAPER_SIZE,
    PROJECT,
    SIMULTANEOUS,
    SIZES,
    TUTORIAL,
)


@dataclasses.dataclass(frozen=True)
class Report:
    """Everything that a run measured.

    Attributes:
        machine: what it ran on, line by line.
        results: of all cases.
        startup: seconds from the command to the demo's first step, of each try.
        loop: milliseconds of a short step, alone and in the training loop.
        large: seconds and GiB of sets of few and of many pairs.
        formats: a generator in every format.
    """

    machine: list[str]
    results: list[Result]
    startup: list[float]
    loop: dict[str, float]
    large: dict[str, float] = dataclasses.field(default_factory=dict)
    formats: list[FormatRow] = dataclasses.field(default_factory=list)

    def write(self, folder: Path) -> None:
        """Writes results.md, and of what was measured results.csv and results.png."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "results.md").write_text(self.markdown())
        if self.results:
            (folder / "results.csv").write_text(self.csv())
        steps = [result for result in self.results if result.case.suite == "step"]
        if steps:
            plot_steps(steps, folder / "results.png")

    def csv(self) -> str:
        """A row for each contender of each case."""
        text = io.StringIO()
        rows = [row for result in self.results for row in _rows(result)]
        writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()

    def markdown(self) -> str:
        """The tables."""
        parts = ["# Benchmark results", "", *(f"- {line}" for line in self.machine)]
        rates = [result.matrix_rate / 1e9 for result in self.results]
        if rates:
            shown = f"{statistics.median(rates):.0f} GFLOP/s ({min(rates):.0f} to {max(rates):.0f})"
            parts.append(f"- a float32 product of {MATRIX_SIZE}x{MATRIX_SIZE} matrices: {shown}")
        if self.startup:
            shown = ", ".join(f"{seconds:.1f}" for seconds in self.startup)
            parts.append(f"- from `tfpix2pix-train` to the demo's first step: {shown} s")
        parts += [
            "",
            "Median milliseconds of a call (fastest to slowest), measured in turn. The share of",
            "the matrix rate counts the operations of plain convolutions, even where a contender",
            "does without some. Memory: the peak, in brackets what came after the imports.",
        ]
        for title in dict.fromkeys(result.case.title for result in self.results):
            parts += ["", *self._table([r for r in self.results if r.case.title == title])]
        if self.loop:
            parts += ["", "## What the loop adds to a short step (64x64, 32 filters)", ""]
            parts += ["| | ms per step |", "| --- | --- |"]
            parts += [f"| {name} | {value:.1f} |" for name, value in self.loop.items()]
        if self.large:
            parts += ["", "## Sets of many pairs (64x64, JPEG)", "", "| what | |", "| --- | --- |"]
            parts += [f"| {name} | {value:.3g} |" for name, value in self.large.items()]
        if self.formats:
            parts += ["", "## A generator in every format", ""]
            parts += ["Differences to the Keras generator are absolute, in units of [-1, 1], on"]
            parts += [f"{self.formats[0].difference.images}.", ""]
            parts += table(self.formats)
        return "\n".join(parts) + "\n"

    def _table(self, results: list[Result]) -> Iterable[str]:
        title = results[0].case.title
        yield f"## {title[0].upper()}{title[1:]}"
        yield ""
        yield "| size | batch | contender | ms | times tfpix2pix | of the matrix rate | peak GiB |"
        yield "| --- | --- | --- | --- | --- | --- | --- |"
        for result in results:
            for name, measured in result.measured.items():
                yield self._line(result, name, measured)

    def _line(self, result: Result, name: str, measured: Measurement) -> str:
        case = result.case
        low, middle, high = (
            _milliseconds(s)
            for s in (min(measured.seconds), measured.median, max(measured.seconds))
        )
        slower = f"{result.times(name):.2f}" if PROJECT in result.measured else ""
        share = f"{result.share(name):.0%}" if result.flops else ""
        memory = f"{measured.peak_gib:.2f} ({measured.peak_gib - measured.imported_gib:.2f})"
        return (
            f"| {case.size} | {case.batch_size} | {name} | {middle} ({low} to {high}) "
            f"| {slower} | {share} | {memory} |"
        )


def plot_steps(steps: list[Result], path: Path) -> None:
    """Bars of the steps at the paper's size, and how the cost grows with the size."""
    figure, (bars, growth) = plt.subplots(1, 2, figsize=(12, 4), layout="constrained")
    rows = [
        (
            f"batch {r.case.batch_size}, {_order(r.case.title)}: {name}",
            m.median / r.case.batch_size,
            name,
        )
        for r in steps
        if r.case.size == PAPER_SIZE
        for name, m in r.measured.items()
    ]
    labels, seconds, names = zip(*rows, strict=True) if rows else ((), (), ())
    bars.barh(labels, seconds, color=[_color(name) for name in names])
    bars.invert_yaxis()
    bars.set_xlabel("seconds per pair, 256x256")
    for title, name in itertools.product((SIMULTANEOUS, ALTERNATING), (PROJECT, TUTORIAL, EAGER)):
        points = sorted(
            (r.case.size, r.measured[name].median)
            for r in steps
            if r.case.title == title and r.case.batch_size == 1 and name in r.measured
        )
        if points:
            line = "-o" if title == SIMULTANEOUS else "--s"
            growth.plot(
                *zip(*points, strict=True),
                line,
                color=_color(name),
                label=f"{name}, {_order(title)}",
            )
    growth.set(xscale="log", yscale="log", xlabel="pixels a side", ylabel="seconds per step")
    growth.set_xticks(SIZES, map(str, SIZES))
    growth.yaxis.set_major_formatter("{x:g}")
    growth.minorticks_off()
    growth.legend(fontsize="small")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _order(title: str) -> str:
    return "at once" if title == SIMULTANEOUS else "D before G"


def _color(contender: str) -> str:
    colors = {PROJECT: "tab:orange", TUTORIAL: "tab:blue", EAGER: "tab:gray"}
    return colors.get(contender, "lightgray")


def _milliseconds(seconds: float) -> str:
    return f"{1e3 * seconds:.0f}" if seconds >= 0.1 else f"{1e3 * seconds:.3g}"


def _rows(result: Result) -> Iterable[dict[str, str]]:
    for name, measured in result.measured.items():
        yield {
            "suite": result.case.suite,
            "title": result.case.title,
            "size": str(result.case.size),
            "batch_size": str(result.case.batch_size),
            "contender": name,
            "calls": str(len(measured.seconds)),
            "median_s": f"{measured.median:.6f}",
            "min_s": f"{min(measured.seconds):.6f}",
            "max_s": f"{max(measured.seconds):.6f}",
            "flops": str(result.flops or ""),
            "matrix_flops_per_s": f"{result.matrix_rate:.4g}",
            "start_to_first_call_s": f"{measured.first:.2f}",
            "peak_gib": f"{measured.peak_gib:.3f}",
            "after_imports_gib": f"{measured.imported_gib:.3f}",
        }
