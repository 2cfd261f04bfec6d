"""The benchmark suite: fair baselines, right counts, and a report that says what was measured.

Nothing here looks at a clock.
"""

import csv
import subprocess
import sys
from pathlib import Path

import keras
import pytest
import tensorflow as tf

from benchmarks import (
    answering,
    formats,
    images,
    large,
    long_run,
    memory,
    pipeline,
    scaling,
)
from benchmarks.alternate import Measurement, Task, alternate
from benchmarks.contenders import tensorflow_tutorial
from benchmarks.flops import convolution_flops, step_flops
from benchmarks.measure import Result
from benchmarks.report import Report
from benchmarks.suites import ALTERNATING, COMPILED, EAGER, PROJECT, SOURCES, TUTORIAL, all_cases
from tfpix2pix.config import resolve
from tfpix2pix.models import patchgan_discriminator, unet_generator
from tfpix2pix.training.run import train

FAKE_CONTENDER = """
import time
class WithPreparation:
    ready = False
    def before(self):
        time.sleep(0.2)
        self.ready = True
    def __call__(self):
        assert self.ready
        self.ready = False
def work(answer):
    def once():
        print("noise on the standard output")
        if answer == "fail":
            raise ValueError("the contender's own words")
    return once
"""


@pytest.fixture
def contender(tmp_path, monkeypatch):
    (tmp_path / "fake_contender.py").write_text(FAKE_CONTENDER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    return lambda answer: Task("fake_contender", "work", {"answer": answer})


def test_contenders_take_turns_and_every_call_is_kept(contender):
    measured = alternate({"a": contender("x"), "b": contender("y")}, rounds=3)
    assert list(measured) == ["a", "b"]
    for one in measured.values():
        assert len(one.seconds) >= 6
        assert one.first > 0
        assert one.peak_gib >= one.imported_gib > 0


def test_what_a_task_needs_before_each_time_is_not_counted(contender):
    [measured] = alternate({"a": Task("fake_contender", "WithPreparation", {})}, rounds=1).values()
    assert max(measured.seconds) < 0.1


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("way", [{}, {"cached": True}, {"cold": True}])
def test_pairs_are_delivered_anew_each_time(monkeypatch, source, way):
    """All of them, none of which was fetched before it was asked for."""
    monkeypatch.setattr(pipeline, "PAIRS", 3)
    events = []
    fetcher = pipeline.fetcher

    def watched_fetcher(*args, **options):
        fetch = fetcher(*args, **options)

        def watched(index):
            tf.py_function(lambda: events.append("fetch"), [], [])
            return fetch(index)

        return watched

    monkeypatch.setattr(pipeline, "fetcher", watched_fetcher)
    monkeypatch.setattr(pipeline, "forget", lambda place: events.append("forget"))
    task = pipeline.Delivery(16, source, **way)
    for _ in range(2):
        task.before()
        assert events == (["forget"] if way.get("cold") else [])
        task()
        assert events.count("fetch") == 3
        events.clear()


def test_every_source_is_measured_cold_warm_and_from_memory():
    [case] = [case for case in all_cases() if case.suite == "pipeline"]
    ways = [task.arguments for task in case.tasks.values()]
    for source in SOURCES:
        for way in ({}, {"cold": True}, {"cached": True}):
            assert {"size": 256, "source": source} | way in ways
    assert len(ways) == 3 * len(SOURCES)


def test_memory_of_a_stream_is_looked_at_on_the_way(tmp_path):
    data = pipeline.write_source(tmp_path, 64, "two folders", 5)
    found = large._streamed(data, 20)
    looks = [f"memory at {percent} % of 20 streamed" for percent in (10, 25, 50, 100)]
    assert list(found) == [*looks, "peak memory of 20 streamed"]
    assert 0 < max(found[look] for look in looks) <= found["peak memory of 20 streamed"] < 8


def test_the_large_set_is_streamed_whole():
    assert large.STREAMED[large.MANY] == large.MANY == 100_000
    assert large.LOOKS == (10, 25, 50, 100)


@pytest.mark.slow
def test_a_run_is_watched_to_its_end_and_what_fails_is_told(tmp_path):
    """Memory and handles stay; `python -m benchmarks.long_run` watches 50,000 steps."""
    images.write_jpeg_pairs(tmp_path / "pairs", long_run.SIZE, 4, splits=("train", "val"))
    looks = list(long_run.watched(tmp_path / "run", tmp_path / "pairs", 2000))
    steps = [look["step"] for look in looks]
    assert steps == sorted(set(steps))
    settled = [look for look in looks if look["step"] >= 1000]
    assert len(settled) > 2
    # What the first grids, plots and checkpoints need is there: then nothing grows.
    assert settled[-1]["memory_mib"] < 1.05 * settled[0]["memory_mib"]
    for what in ("handles", "threads"):
        assert abs(settled[-1][what] - settled[0][what]) <= 1
    long_run.write_looks(looks, tmp_path)
    assert (tmp_path / "long_run.csv").read_text().count("\n") == len(looks) + 1
    with pytest.raises(subprocess.CalledProcessError) as caught:
        list(long_run.watched(tmp_path / "run", tmp_path / "pairs", 2000))
    assert b"error: " in caught.value.stderr


def test_the_model_of_scaling_is_that_of_its_document():
    alone = scaling.step_seconds(1, 16, "25 Gb")
    assert alone == pytest.approx(16 * 80.5 / 20_000)
    # 229 MB around two nodes of 8: 7/8 twice within, once across.
    found = scaling.step_seconds(16, 16, "25 Gb") - alone
    assert found == pytest.approx(2 * 7 / 8 * 0.2288 / 200 + 0.2288 / 2.5, rel=2e-3)
    assert scaling.table() in Path("docs/scaling.md").read_text()


@pytest.mark.slow
def test_memory_of_a_step_is_measured():
    found = memory.measured(memory.Case(64, 2, 2, accumulate=2, recompute=True))
    assert 0 < found["imported_gib"] < found["peak_gib"]
    assert len(memory.cases({512: 64, 1024: 64})) == 12


def test_a_contender_that_fails_is_reported_in_its_own_words(contender):
    with pytest.raises(RuntimeError, match="the contender's own words"):
        alternate({"a": contender("x"), "b": contender("fail")}, rounds=1)


def test_the_tutorials_networks_have_the_parameters_it_prints():
    assert tensorflow_tutorial.generator(256).count_params() == 54_425_859
    assert tensorflow_tutorial.discriminator(256).count_params() == 2_770_433


def test_operations_are_counted_as_by_hand():
    """A multiplication and an addition for each weight at each place."""
    image = keras.Input((8, 12, 3))
    x = keras.layers.Conv2D(5, 4, 2, "same")(image)
    x = keras.layers.Conv2DTranspose(7, 4, 2, "same")(x)
    first, second = 2 * 4 * 6 * 16 * 3 * 5, 2 * 4 * 6 * 16 * 5 * 7
    assert convolution_flops(keras.Model(image, x)) == [first, second]


def test_the_papers_step_takes_what_pytorchs_own_counter_counts():
    """86.9400576 GFLOP, by torch.utils.flop_counter over the PyTorch reference's step."""
    generator, discriminator = unet_generator(256), patchgan_discriminator(256)
    assert step_flops(generator, discriminator, "alternating") == 86_940_057_600
    one_look_less = sum(convolution_flops(discriminator))
    assert step_flops(generator, discriminator, "simultaneous") == 86_940_057_600 - one_look_less


def test_every_contender_meets_this_project_at_the_same_size_and_order_of_updates():
    for case in all_cases():
        if case.suite == "pipeline":
            continue
        assert PROJECT in case.tasks
        for name, task in case.tasks.items():
            assert task.arguments["size"] == case.size
            assert task.arguments["batch_size"] == case.batch_size
            assert (task.arguments.get("update") == "alternating") == (
                case.title == ALTERNATING and name == PROJECT
            )
        if case.suite == "step":
            assert (TUTORIAL in case.tasks) != (EAGER in case.tasks)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--rounds", "0"], 2, "whole number from 1 on, got '0'"),
        (["--size", "100"], 2, "invalid choice: 100"),
        (["--output", "setup.cfg/results"], 1, "cannot write to setup.cfg/results"),
    ],
)
def test_wrong_arguments_are_refused_at_once(arguments, status, message):
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        capture_output=True,
        text=True,
        timeout=10,
        cwd=Path(__file__).parents[1],
    )
    assert done.returncode == status
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_every_format_is_measured_and_told(tmp_path, monkeypatch):
    """All of them, at a size that takes no time."""
    small = unet_generator(16, base_filters=2)
    monkeypatch.setattr(formats, "SIZE", 16)
    monkeypatch.setattr(formats, "unet_generator", lambda size: small)
    monkeypatch.setattr(formats, "alternate", lambda tasks, rounds: {
        name: Measurement([0.002, 0.004, 0.003], 1.0, 2.0, 0.5) for name in tasks
    })  # fmt: skip
    rows = formats.measure_formats(1)
    quantized = {f"litert {name}" for name in ("float16", "int8", "int8_full")} | {"onnx float16"}
    assert {row.name for row in rows} == {"savedmodel", "keras", "litert", "onnx", "openvino"} | (
        quantized
    )
    assert all(row.difference.mean < 1e-5 for row in rows if row.name not in quantized)
    assert all(row.milliseconds == {1: 3.0, 8: 3.0} for row in rows)
    Report(["a machine"], [], startup=[], loop={}, formats=rows).write(tmp_path)
    text = (tmp_path / "results.md").read_text()
    onnx = next(row for row in rows if row.name == "onnx")
    assert f"| onnx | {onnx.megabytes:.1f} | {onnx.difference.largest:.1e} |" in text
    assert f"{formats.COMPARED} images of noise." in text


@pytest.mark.slow
def test_of_a_trained_run_it_is_its_generator_on_its_validation_inputs(
    module_pairs_folder, tmp_path
):
    tiny = {"load_size": 18, "crop_size": 16, "base_filters": 2, "depth": 3, "n_layers": 1}
    data = {"data": str(module_pairs_folder), "steps": 1}
    train(resolve(flags=tiny | data), tmp_path / "run")
    subject = formats._trained(tmp_path / "run")
    assert subject.generator.input_shape == (None, 16, 16, 3)
    assert subject.calibration.shape == (6, 16, 16, 3)
    assert subject.compared.images.shape == (3, 16, 16, 3)
    assert subject.compared.origin == "3 validation inputs"


def test_an_answer_is_that_of_a_file(monkeypatch):
    shapes = []
    monkeypatch.setattr(answering, "load_network", lambda path: lambda x: shapes.append(x.shape))
    answering.answer("model.onnx", (16, 16), 8)()
    assert shapes == [(8, 16, 16, 3)]


def test_the_report_says_medians_ratios_and_shares(tmp_path):
    cases = [case for case in all_cases() if case.suite == "step" and case.batch_size == 1]
    times = {PROJECT: 0.2, TUTORIAL: 0.3, EAGER: 0.5, COMPILED: 0.4}
    results = [
        Result(
            case,
            {name: Measurement([t, t, 9 * t], 1.0, 2.0, 0.5) for name, t in times.items()
             if name in case.tasks},
            flops=20 * 10**9,
            matrix_rate=200e9,
        )
        for case in cases
    ]  # fmt: skip
    Report(["a machine"], results, startup=[9.5], loop={"steps alone": 1.0}).write(tmp_path)
    text = (tmp_path / "results.md").read_text()
    assert "- a machine" in text
    assert "200 GFLOP/s" in text
    assert "first step: 9.5 s" in text
    assert f"| 256 | 1 | {TUTORIAL} | 300 (300 to 2700) | 1.50 | 33% | 2.00 (1.50) |" in text
    assert f"| 256 | 1 | {COMPILED} | 400 (400 to 3600) | 2.00 |" in text
    rows = list(csv.DictReader((tmp_path / "results.csv").open()))
    assert len(rows) == sum(len(result.measured) for result in results)
    assert (tmp_path / "results.png").stat().st_size > 10_000
