"""A disk that is full, and a folder that can only be read."""

import os
import shutil
import subprocess

import pytest

from tests.conftest import write_pairs
from tests.faults.tiny import (
    EAGERLY,
    assert_named_are_whole,
    assert_one_error,
    assert_same_run,
    new_run,
    resumed,
)
from tfpix2pix.cli import main as cli

pytestmark = pytest.mark.slow

SIZE = "8m"
# Where the disk is full, the how-manieth time in that life of the run, and what room is left.
FULL = [
    ("log row", 1, 0),
    ("checkpoint", 1, 0),
    ("checkpoint", 1, 8192),
    ("log row", 2, 0),
    ("checkpoint", 2, 65536),
    ("sample grid", 1, 0),
    ("best weights", 1, 4096),
    ("checkpoint", 2, 32768),
    ("sample grid", 1, 4096),
]


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory):
    """A folder on a file system of its own, of a few megabytes."""
    folder = tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(
            f"no small disk can be mounted here ({done.stderr.strip()}): run it as root, or by "
            "`unshare -rm pytest -m slow tests/faults/test_disk.py`"
        )
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("place")


@pytest.fixture(scope="module")
def pairs(place):
    return write_pairs(place / "pairs")


@pytest.fixture(scope="module")
def whole(zygote, place, pairs):
    status, said = zygote.run(place / "log", new_run(place / "whole", pairs), EAGERLY)
    assert status == 0, said
    return place / "whole"


def test_a_full_disk_is_told_of_and_with_room_the_run_ends_in_the_same_bits(
    zygote, place, pairs, whole, small_disk, tally
):
    run_dir, filler = small_disk / "run", small_disk / "filler"
    for phase, number, free in FULL:
        began = (run_dir / "config.yaml").exists()
        before = assert_named_are_whole(run_dir)
        command = resumed(run_dir) if began else new_run(run_dir, pairs)
        full = ["filling_disk_at", phase, number, str(small_disk), free]
        status, said = zygote.run(place / "log", command, [*EAGERLY, full])
        assert status == 1, (phase, number, free, said)
        assert_one_error(said, rf"^error: cannot write {run_dir}.*: .*[Nn]o space.*make room$")
        assert (assert_named_are_whole(run_dir) or 0) >= (before or 0)
        assert not list(run_dir.rglob("step-*_temp"))
        filler.unlink()
        tally.add(f"disk full at a {phase}".replace("a best", "best"))
    status, said = zygote.run(place / "log", resumed(run_dir), EAGERLY)
    assert status == 0, said
    assert_same_run(run_dir, whole)


@pytest.mark.parametrize("free", [0, 65536])
def test_an_export_to_a_full_disk_leaves_nothing(zygote, place, whole, small_disk, tally, free):
    output = small_disk / f"export-{free}"
    full = ["filling_disk_at", "writing of an export", 1, str(small_disk), free]
    command = ["export", whole, "--output", output]
    status, said = zygote.run(place / "log", command, [full])
    assert status == 1, said
    assert_one_error(said, rf"^error: cannot write {output}.*[Nn]o space.*make room$")
    assert not list(output.iterdir())
    (small_disk / "filler").unlink()
    tally.add("disk full at an export")


@pytest.fixture
def read_only(small_disk, whole):
    """A copy of the run on a file system that can only be read."""
    run_dir = shutil.copytree(whole, small_disk / "read-only")
    remount = ["mount", "-o", "remount,ro", str(small_disk)]
    subprocess.run(remount, check=True)
    yield run_dir
    subprocess.run([*remount[:2], "remount,rw", str(small_disk)], check=True)


def test_a_folder_that_can_only_be_read(read_only, place, pairs, capsys, tally):
    """It can be answered with, not trained in."""
    message = r"^error: cannot write .*Read-only file system. Choose a folder that can be written"
    others = str(read_only.parent / "new")
    for command in (
        resumed(str(read_only)),
        [*resumed(str(read_only)), "--steps", "30"],
        new_run(others, str(pairs)),
        ["export", str(read_only), "--output", others],
        ["predict", str(read_only), str(pairs / "val"), "--output", others],
    ):
        assert cli.main(command) == 1
        assert_one_error(capsys.readouterr().err, message)
        tally.add("folder that can only be read")
    images = os.fspath(read_only / "samples" / "inputs")
    assert cli.main(["predict", str(read_only), images, "--output", str(place / "answers")]) == 0
    tally.add("folder that can only be read")
