"""What is done in a forked process before its command, by name: see `zygote`.

A phase is one call of what a run does again and again: a step, a checkpoint, a sample grid, a row
of metrics.csv, the best weights; or the one call of an export.
"""

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path


def eagerly(stack):
    """Without compiled graphs: what takes longest in a short life is to trace them."""
    import tensorflow as tf

    from tfpix2pix.cli import main

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.run_functions_eagerly(True)
    main.main = tf.autograph.experimental.do_not_convert(main.main)


def without_tensorboard(stack):
    from tfpix2pix.training import tensorboard

    tensorboard.tensorboard_is_installed = lambda: False


def telling_phases(stack, pipe):
    """Writes each phase and when it began and ended (+ and -) to a named pipe."""
    file = os.open(pipe, os.O_WRONLY)

    def tell(sign, phase):
        os.write(file, f"{sign}{phase} {time.monotonic()}\n".encode())

    _around_phases(lambda phase, _: tell("+", phase), lambda phase: tell("-", phase))


def filling_disk_at(stack, phase, number, folder, free):
    """Before a phase for the so-manieth time, fills the disk of a folder but for some bytes."""
    filler = Path(folder) / "filler"

    def fill(name, count):
        if (name, count) == (phase, number):
            with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while file.write(b"\0" * 4096):
                    pass
            os.truncate(filler, max(0, filler.stat().st_size - free))

    _around_phases(fill)


def running_at(stack, phase, number, *command):
    """Before a phase for the so-manieth time, runs a shell's command."""

    def run(name, count):
        if (name, count) == (phase, number):
            subprocess.run(command, check=True)

    _around_phases(run)


def removing_at(stack, phase, number, path):
    def remove(name, count):
        if (name, count) == (phase, number):
            shutil.rmtree(path) if Path(path).is_dir() else Path(path).unlink()

    _around_phases(remove)


def truncating_at(stack, phase, number, *files):
    def truncate(name, count):
        if (name, count) == (phase, number):
            for file in files:
                os.truncate(file, 60)

    _around_phases(truncate)


def stopping_at(stack, phase, number):
    """Before a phase for the so-manieth time, stops until SIGCONT."""

    def stop(name, count):
        if (name, count) == (phase, number):
            os.kill(os.getpid(), signal.SIGSTOP)

    _around_phases(stop)


def clock_set_back(stack):
    """The clock goes back by a day each time that somebody looks."""
    days = itertools.count()
    real = time.time
    time.time = lambda: real() - 86400 * next(days)
    time.time_ns = lambda: int(time.time() * 1e9)


def _around_phases(before, after=lambda phase: None):
    """Calls before(phase, how often it has come) and after(phase) around each phase."""
    from tfpix2pix.cli import export
    from tfpix2pix.training import executions, records, reporter
    from tfpix2pix.training.best_weights import BestWeights
    from tfpix2pix.training.checkpoints import Checkpoints

    counts = {}

    def wrapped(phase, function):
        def call(*args, **kwargs):
            counts[phase] = counts.get(phase, 0) + 1
            before(phase, counts[phase])
            result = function(*args, **kwargs)
            after(phase)
            return result

        return call

    for owner, name, phase in (
        (Checkpoints, "save", "checkpoint"),
        (BestWeights, "save", "best weights"),
        (records.MetricsFile, "append", "log row"),
        (reporter.Reporter, "draw", "sample grid"),
        (export, "settings_of_run", "export"),
    ):
        setattr(owner, name, wrapped(phase, getattr(owner, name)))
    build = executions.execution
    executions.execution = lambda *args: wrapped("step", build(*args))
    if "tensorflow" in sys.modules:
        import tensorflow as tf

        tf.saved_model.save = wrapped("writing of an export", tf.saved_model.save)
