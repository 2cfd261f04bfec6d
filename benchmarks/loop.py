"""What the training loop adds to its steps: pipeline, losses, rows, progress."""

import io
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.images import write_jpeg_pairs
from tfpix2pix.config import Settings, resolve
from tfpix2pix.progress import Progress
from tfpix2pix.training.checkpoints import Checkpoints
from tfpix2pix.training.datasets import open_run_data
from tfpix2pix.training.loop import execution, run_loop
from tfpix2pix.training.reporter import Reporter
from tfpix2pix.training.run_folder import RunFolder
from tfpix2pix.training.signals import StopRequest
from tfpix2pix.training.state import TrainState
from tfpix2pix.training.step import make_train_step
from tfpix2pix.training.strategies import choose_strategy

SIZE, BASE_FILTERS = 64, 32
STEPS = 50
AT_ONCE = (1, 10)
FOREVER = 10**9


def milliseconds_per_step(rounds: int) -> dict[str, float]:
    """Medians for steps alone and for the loop, in turn in this process."""
    with tempfile.TemporaryDirectory() as folder:
        ways = _ways(Path(folder))
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(rounds + 1):
            for name, run_steps in ways.items():
                start = time.perf_counter()
                run_steps()
                if turn > 0:  # the first traces
                    seconds[name].append(time.perf_counter() - start)
    return {name: 1e3 * statistics.median(times) / STEPS for name, times in seconds.items()}


def _ways(folder: Path) -> dict[str, Callable[[], None]]:
    write_jpeg_pairs(folder, SIZE, 20)
    settings = _settings(folder)
    data = open_run_data(settings.data)
    strategy = choose_strategy("one", 1)
    with strategy.scope():
        state = TrainState(settings, FOREVER)
    train_step = make_train_step(state.networks, crop_size=(SIZE, SIZE), strategy=strategy)
    run_folder = RunFolder(folder / "run")
    run_folder.describe(settings, data.train.pairs)
    checkpoints = Checkpoints(state, run_folder.checkpoints, keep=1)
    progress = Progress(0, FOREVER, stream=io.StringIO())
    reporter = _Reporter(settings, run_folder, state, data, checkpoints, progress)
    reporter.start()
    execute = execution(train_step)
    batches = iter(
        strategy.experimental_distribute_dataset(data.training_batches(settings.train, 0, FOREVER))
    )
    batch = next(batches)

    def alone() -> None:
        for step in range(STEPS):
            float(train_step(batch, step)["generator_loss"])

    def in_loop(at_once: int) -> None:
        run_loop(
            state,
            execute,
            batches,
            total_steps=state.steps_done + STEPS,
            steps_per_execution=at_once,
            reporter=reporter,
            stop=StopRequest(),
        )

    loops = {f"the loop, steps_per_execution {n}": lambda n=n: in_loop(n) for n in AT_ONCE}
    return {"steps alone": alone, **loops}


class _Reporter(Reporter):
    """Without what is due at the end of a run."""

    def after_steps(self, *args: object, last: bool) -> None:
        super().after_steps(*args, last=False)


def _settings(folder: Path) -> Settings:
    never = ("sample_every", "validate_every", "checkpoint_every")
    flags = {"data": str(folder), "crop_size": SIZE, "load_size": SIZE, "log_every": STEPS}
    return resolve(flags=flags | {"base_filters": BASE_FILTERS} | dict.fromkeys(never, FOREVER))
