"""Which checkpoints a run has kept, without TensorFlow: a wrong one is refused at once."""

import re
from pathlib import Path

from tfpix2pix.errors import UserError
from tfpix2pix.places import as_place

# The weights of the best validations, beside the checkpoints: `best/step-N/weights`.
BEST = "best"
BEST_FILES = "weights"

_NAME = re.compile(r"[\w.-]*-\d{1,18}", re.ASCII)

# What `tf.train.CheckpointManager` keeps account in: a protobuf as text.
STATE_FILE = "checkpoint"
_STATE_LINE = re.compile(r'^(all_)?model_checkpoint_paths?: "(.+)"$', re.MULTILINE)


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


def foreign_checkpoint(checkpoints: Path, name: str) -> UserError:
    """The error to raise where a run's state file leads elsewhere: old ones are deleted by it."""
    return UserError(
        f"{checkpoints / STATE_FILE} names {name!r}: expected checkpoints beside it, such as step-N"
    )


def _whole_paths(checkpoints: Path) -> tuple[str | None, dict[int, str]]:
    """The path prefixes of the last checkpoint, and of all by their steps, if complete."""
    try:
        state = (checkpoints / STATE_FILE).read_text()
    except (OSError, UnicodeDecodeError):
        return None, {}
    latest: str | None = None
    complete = {}
    for of_all, name in _STATE_LINE.findall(state):
        if not _NAME.fullmatch(name):
            raise foreign_checkpoint(checkpoints, name)
        path = str(checkpoints / name)
        if not as_place(f"{path}.index").exists():
            continue
        if of_all:
            complete[step_of(path)] = path
        else:
            latest = path
    return latest, complete
