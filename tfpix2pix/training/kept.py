"""Which checkpoints a run has kept, without TensorFlow: a wrong one is refused at once."""

import re
from collections.abc import Sequence
from pathlib import Path

from tfpix2pix.errors import UserError
from tfpix2pix.files import write_atomically
from tfpix2pix.places import as_place
from tfpix2pix.training.checksums import SUFFIX, find_damage

# The weights of the best validations, beside the checkpoints: `best/step-N/weights`.
BEST = "best"
BEST_FILES = "weights"

# Which checkpoints there are, as `tf.train.latest_checkpoint` reads it: a protobuf as text.
STATE_FILE = "checkpoint"
_STATE_LINE = re.compile(r'^(all_)?model_checkpoint_paths?: "(.*)"$', re.MULTILINE)
_NAME = re.compile(r"step-([0-9]{1,18})")


def best_paths(checkpoints: Path) -> dict[int, str]:
    """The path prefixes of best weights by their steps; the last is the best."""
    found = {
        int(folder.name.removeprefix("step-")): str(folder / BEST_FILES)
        for folder in (checkpoints / BEST).glob("step-*")
        if folder.name.removeprefix("step-").isdecimal()
        # Elsewhere than on a disk, it is the last to be there and the first to go.
        and (folder / f"{BEST_FILES}.index").exists()
    }
    return dict(sorted(found.items()))


def find_checkpoint(checkpoints: Path, which: str | int) -> tuple[str, bool]:
    """The path prefix of a checkpoint of a run, and whether it holds the predictor alone.

    Args:
        checkpoints: the folder of checkpoints.
        which: `latest`, `best`, or a step.

    Raises:
        UserError: there is none such; with those that there are.
    """
    latest, complete = _whole_paths(checkpoints)
    if which == "latest" and latest and (later := [n for n in complete if n > step_of(latest)]):
        raise UserError(
            f"{checkpoints / STATE_FILE} is damaged: it says that step {step_of(latest)} is the "
            f"last one, and names step {later[-1]}: choose one with --checkpoint"
        )
    if latest is None:
        raise UserError(
            f"{checkpoints} holds no complete checkpoint: train, or resume the run, first"
        )
    best = {str(step): (path, True) for step, path in best_paths(checkpoints).items()}
    whole = {str(step): (path, False) for step, path in complete.items()}
    named = {"latest": (latest, False)}
    if best:
        named[BEST] = list(best.values())[-1]
    found = (named | best | whole).get(str(which))
    if found is None:
        shown = [f"{name} (step {step_of(path)})" for name, (path, _) in named.items()]
        shown += sorted(best | whole, key=int)
        raise UserError(f"{checkpoints} holds no checkpoint {which}; it has {', '.join(shown)}")
    return found


def find_step(checkpoints: Path, which: str | int) -> int:
    """The step of a checkpoint now: `latest` may soon be another one, where a run goes on.

    Args and raises: see `find_checkpoint`.
    """
    return step_of(find_checkpoint(checkpoints, which)[0])


def step_of(path: str) -> int:
    """The step of a checkpoint by its path prefix, `.../step-N` or `.../best/step-N/weights`."""
    return int(path.removesuffix(f"/{BEST_FILES}").rpartition("-")[2])


def named_steps(checkpoints: Path) -> list[int]:
    """The steps that the state file names, oldest first, up to the one that it says is the last.

    Empty where it is missing or damaged.

    Raises:
        UserError: it names checkpoints of another folder.
    """
    last, names = _read_state(checkpoints)
    if last is None:
        return []
    # Whoever made an earlier one the last by hand wants to go on from there.
    return [*(names[: names.index(last)] if last in names else ()), last]


def write_state(checkpoints: Path, steps: Sequence[int]) -> None:
    """Names the checkpoints of these steps, oldest first, in the state file.

    Raises:
        UserError: it cannot be written; then it is as it was.
    """
    lines = [f'model_checkpoint_path: "step-{steps[-1]}"']
    lines += [f'all_model_checkpoint_paths: "step-{step}"' for step in steps]
    write_atomically(checkpoints / STATE_FILE, "\n".join(lines) + "\n")


def summed_steps(checkpoints: Path) -> list[int]:
    """The steps of checkpoints that have checksums, and so are complete, oldest first."""
    return _steps_of(checkpoints, SUFFIX)


def begun_steps(checkpoints: Path) -> set[int]:
    """The steps of checkpoints of which there is a file, complete or not."""
    return {*_steps_of(checkpoints, SUFFIX), *_steps_of(checkpoints, ".index")}


def _steps_of(checkpoints: Path, suffix: str) -> list[int]:
    names = [file.name.removesuffix(suffix) for file in checkpoints.glob(f"step-*{suffix}")]
    return sorted(int(name[5:]) for name in names if name[5:].isdecimal())


def check_whole(path: str) -> None:
    """Refuses a checkpoint, by its path prefix, that is not as it was written.

    Raises:
        UserError: with the file, and the earlier checkpoints.
    """
    damage = find_damage(path)
    if damage is None:
        return
    if path.endswith(f"/{BEST_FILES}"):
        raise UserError(f"{damage}, so it cannot be used: choose another one, --checkpoint latest")
    earlier = [str(step) for step in named_steps(as_place(path).parent) if step < step_of(path)]
    others = f"; there are {', '.join(earlier)}" if earlier else ""
    raise UserError(
        f"{damage}, so it cannot be used: choose another --checkpoint{others}, or resume the run, "
        "which goes on from the last one that is whole"
    )


def _whole_paths(checkpoints: Path) -> tuple[str | None, dict[int, str]]:
    """The path prefixes of the last checkpoint, and of all by their steps, if complete."""
    last, steps = _read_state(checkpoints)
    paths = {step: str(checkpoints / f"step-{step}") for step in steps}
    complete = {step: path for step, path in paths.items() if as_place(f"{path}.index").exists()}
    latest = None if last is None else str(checkpoints / f"step-{last}")
    return latest if latest and as_place(f"{latest}.index").exists() else None, complete


def _read_state(checkpoints: Path) -> tuple[int | None, list[int]]:
    """The step of the last checkpoint and those of all, as the state file has them."""
    try:
        lines = _STATE_LINE.findall((checkpoints / STATE_FILE).read_text())
    except (OSError, UnicodeDecodeError):
        return None, []
    last: list[int] = []
    steps: list[int] = []
    for of_all, name in lines:
        if "/" in name:
            raise UserError(
                f"{checkpoints / STATE_FILE} names {name!r}: expected checkpoints beside it, such "
                "as step-N"
            )
        if found := _NAME.fullmatch(name):
            (steps if of_all else last).append(int(found[1]))
    return last[0] if len(last) == 1 else None, steps
