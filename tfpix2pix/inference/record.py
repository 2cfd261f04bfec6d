"""`predict.json`, beside the answers: what made them, so that a stopped call can go on.

An answer counts as done where the record says that it was made by the same network with the same
options, where it is younger than the record and than its input, and where it can be read whole.
Copying a folder of answers may change which file is the younger; then more is answered anew.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tfpix2pix.data.reading import read_image
from tfpix2pix.errors import UserError
from tfpix2pix.files import write_atomically
from tfpix2pix.inference.jobs import Job, written_paths
from tfpix2pix.inference.threads import THREADS, in_order, thread_pool

RECORD = "predict.json"
CHOICES = "choose another --output, or leave out --resume to answer all anew"


def begin(output: Path, made_by: Mapping[str, object], *, resume: bool) -> int:
    """Writes the record of a call, or finds that of the call to go on with.

    Args:
        output: the folder of the answers.
        made_by: the network and all options that answers depend on, as JSON holds them.
        resume: whether to go on. Where there is no record yet, there is nothing to go on with,
            and one is written.

    Returns:
        Since when answers count, in nanoseconds as `st_mtime_ns`.

    Raises:
        UserError: the answers were made by another network or with other options, the record is
            damaged, or it cannot be written.
    """
    path = output / RECORD
    if not resume or not path.exists():
        write_atomically(path, json.dumps(made_by, indent=2) + "\n")
    else:
        _check_same(path, made_by)
    return path.stat().st_mtime_ns


def are_done(jobs: Iterable[Job], since: int, samples: int | None = None) -> Iterator[bool]:
    """Whether the answer to each job is there, and whole.

    Args:
        jobs: from `find_jobs`.
        since: from `begin`.
        samples: how many there are to be of each.
    """

    def is_done(job: Job) -> bool:
        return all(_counts(path, job.source, since) for path in written_paths(job.target, samples))

    with thread_pool() as pool:
        yield from in_order(pool, is_done, jobs, 4 * THREADS)


def _counts(answer: Path, source: Path, since: int) -> bool:
    try:
        written = answer.stat().st_mtime_ns
        if written < since or written < source.stat().st_mtime_ns:
            return False
        read_image(answer)
    # Not there, damaged, or its input is gone: it is answered again, which says what is wrong.
    except (OSError, UserError):
        return False
    return True


def _check_same(path: Path, made_by: Mapping[str, object]) -> None:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(
            f"{path} cannot be read, so nothing can go on from it: {CHOICES}"
        ) from error
    wanted = json.loads(json.dumps(made_by))
    if found == wanted:
        return
    found = found if isinstance(found, dict) else {}
    other = [name for name in found | wanted if found.get(name) != wanted.get(name)]
    shown = ", ".join(f"{name} {found.get(name)}, now {wanted.get(name)}" for name in other)
    raise UserError(f"the answers in {path.parent} were made otherwise ({shown}): {CHOICES}")
