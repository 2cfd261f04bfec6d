"""Measures this project against the TensorFlow tutorial's and the PyTorch reference's code.

All take turns in one run, each in a process of its own, and medians are compared, so that a
machine whose speed drifts drifts for all. Without arguments it takes about half an hour.
"""

import argparse
import dataclasses
import importlib.util
import os
import platform
import sys
from importlib import metadata
from pathlib import Path

from benchmarks.suites import PYTORCH, SIZES, Case, all_cases

STARTUPS = 4
SUITES = ("step", "forward", "png", "pipeline", "loop", "startup", "large", "formats")


def main() -> int:
    """Measures, prints each result as it comes, and writes the report."""
    arguments = _parsed()
    # For this process and all it starts: TensorFlow would use a GPU by itself, PyTorch not.
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    if arguments.layers:
        _print_layers(arguments.layers)
        return 0
    try:
        arguments.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(f"error: cannot write to {arguments.output}: {error.strerror}", file=sys.stderr)
        return 1
    cases = [
        case
        for case in _possible(all_cases())
        if case.suite in arguments.suite and case.size in arguments.size
    ]
    _measure(cases, arguments)
    print(f"written to {arguments.output}")
    return 0


def _measure(cases: list[Case], arguments: argparse.Namespace) -> None:
    # Only now: asking for --help costs no TensorFlow import.
    from benchmarks.formats import measure_formats
    from benchmarks.large import measure_large
    from benchmarks.loop import milliseconds_per_step
    from benchmarks.measure import measure_case
    from benchmarks.report import Report
    from benchmarks.startup import seconds_to_first_step

    results = []
    for case in cases:
        results.append(measure_case(case, arguments.rounds))
        print(results[-1].described(), flush=True)
        # So that a contender that fails later takes nothing with it.
        Report(_machine(), results, startup=[], loop={}).write(arguments.output)
    startups = range(STARTUPS) if "startup" in arguments.suite else ()
    report = Report(
        machine=_machine(),
        results=results,
        # The first may have to draw the demo's pictures.
        startup=[seconds_to_first_step() for _ in startups][1:],
        loop=milliseconds_per_step(arguments.rounds) if "loop" in arguments.suite else {},
        large=measure_large() if "large" in arguments.suite else {},
        formats=(
            measure_formats(arguments.rounds, arguments.run) if "formats" in arguments.suite else []
        ),
    )
    report.write(arguments.output)


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--suite", nargs="+", choices=SUITES, default=SUITES, help="what to measure [everything]"
    )
    parser.add_argument(
        "--size", nargs="+", type=int, choices=SIZES, default=SIZES, help="pixels a side [all]"
    )
    parser.add_argument(
        "--rounds", type=_positive, default=10, help="turns of each contender, 1 or more [10]"
    )
    parser.add_argument(
        "--output", type=Path, default=Path("build/benchmarks"), metavar="DIR",
        help="folder for results.md, results.csv and results.png [build/benchmarks]",
    )  # fmt: skip
    parser.add_argument(
        "--run", type=Path, metavar="RUN",
        help="of the suite formats: a trained run on RGB images instead of random weights",
    )  # fmt: skip
    parser.add_argument(
        "--layers", type=_positive, metavar="BATCH",
        help="instead: time each convolution of the networks at 256x256 in every way there is",
    )  # fmt: skip
    return parser.parse_args()


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, got {text!r}")
    return int(text)


def _possible(cases: list[Case]) -> list[Case]:
    """Without PyTorch's tasks where it is not installed."""
    if importlib.util.find_spec("torch") is not None:
        return cases
    print("PyTorch is not installed: its rows are left out (pip install '.[benchmark]')")
    return [
        dataclasses.replace(
            case, tasks={k: task for k, task in case.tasks.items() if k not in PYTORCH}
        )
        for case in cases
    ]


def _print_layers(batch_size: int) -> None:
    from benchmarks.layers import measure_layers

    print("layer                     input            filters  way       forward  gradients (ms)")
    for row in measure_layers(256, batch_size):
        mark = "*" if row["chosen"] else " "
        print(
            f"{row['layer']:25} {row['input']:16} {row['filters']:7}  {row['way']:9}"
            f"{row['forward_ms']:8.2f} {row['gradients_ms']:10.2f} {mark}",
            flush=True,
        )
    print("* the way that is used")


def _machine() -> list[str]:
    versions = {}
    for name in ("tensorflow", "keras", "torch", "numpy"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    shown = ", ".join(f"{name} {version}" for name, version in versions.items())
    return [
        f"{os.cpu_count()} cores of {_processor()}, no GPU used; {platform.system()}",
        f"Python {platform.python_version()}, {shown}",
    ]


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                vector = "AVX-512" if "avx512f" in info.read_text() else "no AVX-512"
                return f"{line.split(':')[1].strip()} ({vector})"
    return platform.processor() or "an unknown processor"


if __name__ == "__main__":
    sys.exit(main())
