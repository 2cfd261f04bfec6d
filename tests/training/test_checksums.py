"""Checkpoints that are not as they were written."""

import hashlib

import numpy as np
import pytest
import tensorflow as tf

from tests.tiny_runs import write_settings
from tfpix2pix.errors import UserError
from tfpix2pix.training import checkpoints as checkpoints_module
from tfpix2pix.training.checkpoints import Checkpoints, load_generator
from tfpix2pix.training.checksums import find_damage, write_checksums
from tfpix2pix.training.kept import find_checkpoint
from tfpix2pix.training.state import TrainState

DATA = "step-6.data-00000-of-00001"


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    return TrainState(write_settings(tmp_path_factory.mktemp("settings")).settings(), 8)


@pytest.fixture
def folder(state, tmp_path):
    """Checkpoints of steps 4 and 6, whose step is all that differs; that of step 2 has gone."""
    folder = tmp_path / "checkpoints"
    for step in (2, 4, 6):
        state.step.assign(step)
        Checkpoints(state, folder, 2).save()
    return folder


def names(folder):
    return sorted(file.name for file in folder.iterdir())


def test_checksums_lie_beside_what_they_are_of_and_go_with_it(folder):
    files = [f"step-{n}.{kind}" for n in (4, 6) for kind in ("data-00000-of-00001", "index")]
    assert names(folder) == sorted(["checkpoint", *files, "step-4.sha256", "step-6.sha256"])
    expected = "".join(
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n"
        for name in ("step-6.index", DATA)
    )
    assert (folder / "step-6.sha256").read_text() == expected
    assert tf.train.latest_checkpoint(str(folder)) == str(folder / "step-6")
    assert find_damage(str(folder / "step-6")) is None


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def empty(path):
    path.write_bytes(b"")


def remove(path):
    path.unlink()


DAMAGES = [
    (DATA, flip, f"{DATA} is damaged (it is not what step-6.sha256 says was written)"),
    (DATA, cut, f"{DATA} is damaged"),
    (DATA, remove, f"{DATA} is missing"),
    ("step-6.index", flip, "step-6.index is damaged"),
    ("step-6.index", empty, "step-6.index is damaged"),
    ("step-6.index", remove, "step-6.index is missing"),
    ("step-6.sha256", empty, "step-6.sha256 is damaged"),
    ("step-6.sha256", lambda path: path.write_bytes(b"\xff"), "step-6.sha256 is damaged"),
]


@pytest.mark.parametrize(("name", "damage", "said"), DAMAGES)
def test_of_a_damaged_one_is_told_and_the_one_before_is_used(
    name, damage, said, state, folder, capsys
):
    damage(folder / name)
    checkpoints = Checkpoints(state, folder, 2)
    assert checkpoints.restore_latest()
    assert state.steps_done == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{folder}/{said}")
    assert line.endswith(": going on from the checkpoint before it, of step 4")
    assert tf.train.latest_checkpoint(str(folder)) == str(folder / "step-4")
    state.step.assign(5)
    checkpoints.save()
    assert not list(folder.glob("step-6*"))
    state.step.assign(6)
    checkpoints.save()
    assert find_damage(str(folder / "step-6")) is None


def test_a_damaged_one_is_not_predicted_with(folder, tmp_path):
    settings = write_settings(tmp_path / "run").settings()
    flip(folder / DATA)
    with pytest.raises(UserError, match=r"step-6.data.* is damaged .*--checkpoint; there are 4, "):
        load_generator(settings, folder)
    load_generator(settings, folder, checkpoint=4)


def test_none_is_whole(state, folder):
    for file in folder.glob("*.index"):
        cut(file)
    with pytest.raises(UserError, match=r"step-4.index is damaged .*no checkpoint before it"):
        Checkpoints(state, folder, 2).restore_latest()
    assert find_checkpoint(folder, "latest")[0].endswith("step-6")  # nothing was changed


def test_those_of_an_earlier_version_have_no_checksums(state, folder, capsys):
    for file in folder.glob("*.sha256"):
        file.unlink()
    assert Checkpoints(state, folder, 2).restore_latest()
    assert (state.steps_done, capsys.readouterr().err) == (6, "")
    (folder / DATA).unlink()
    assert Checkpoints(state, folder, 2).restore_latest()
    assert state.steps_done == 4
    assert "step-6.data-* is missing: going on" in capsys.readouterr().err


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b'model_checkpoint_path: "step-'])
def test_without_the_file_that_names_the_last_the_checksums_tell(content, state, folder, capsys):
    named = folder / "checkpoint"
    named.unlink() if content is None else named.write_bytes(content)
    assert Checkpoints(state, folder, 2).restore_latest()
    assert state.steps_done == 6
    assert f"{named} does not say which checkpoint is the last" in capsys.readouterr().err
    assert tf.train.latest_checkpoint(str(folder)) == str(folder / "step-6")


def test_an_earlier_one_is_not_taken_for_the_last(state, folder):
    named = folder / "checkpoint"
    named.write_text(named.read_text().replace("step-6", "step-4", 1))
    with pytest.raises(UserError, match="checkpoint is damaged: it says that step 4 is the last"):
        find_checkpoint(folder, "latest")
    assert find_checkpoint(folder, 6)[0] == str(folder / "step-6")
    assert Checkpoints(state, folder, 2).restore_latest()  # its end is the same from any
    assert state.steps_done == 4


def test_of_one_that_cannot_be_written_nothing_is_left(state, folder, monkeypatch):
    before = names(folder)

    def full(path):
        write_checksums(path)
        raise UserError("the disk is full")

    state.step.assign(8)
    monkeypatch.setattr(checkpoints_module, "write_checksums", full)
    with pytest.raises(UserError, match="the disk is full"):
        Checkpoints(state, folder, 2).save()
    assert names(folder) == before


@pytest.mark.parametrize("written", ["step-4.*", "step-4.[di]*"])  # all of it, or without its sums
def test_one_that_a_kill_left_behind_goes_with_the_next(written, state, folder):
    for file in folder.glob(written):
        file.with_name(file.name.replace("step-4", "step-3")).write_bytes(file.read_bytes())
    state.step.assign(8)
    Checkpoints(state, folder, 2).save()
    assert {name.split(".")[0] for name in names(folder)} == {"checkpoint", "step-6", "step-8"}


def test_bits_flipped_at_random_are_all_found(state, folder):
    path, rng = str(folder / "step-6"), np.random.default_rng(0)
    for file in (folder / "step-6.index", folder / DATA):
        content = file.read_bytes()
        for at in rng.integers(8 * len(content), size=100):
            flipped = bytearray(content)
            flipped[at // 8] ^= 1 << at % 8
            file.write_bytes(flipped)
            assert find_damage(path) == (
                f"{file} is damaged (it is not what step-6.sha256 says was written)"
            )
        file.write_bytes(content)
    assert find_damage(path) is None
