"""What counts as done, and what a call may go on from."""

import os

import numpy as np
import pytest

from tfpix2pix.data.encoding import encode_image
from tfpix2pix.errors import UserError
from tfpix2pix.inference.jobs import Job
from tfpix2pix.inference.record import RECORD, are_done, begin
from tfpix2pix.inference.samples import sample_paths

MADE_BY = {"run": "runs/a", "step": 100, "tiling": {"window": 64}, "seed": 0}
PICTURE, _ = encode_image(np.zeros((4, 4, 3), np.uint8))
NOW = 10**18


def dated(path, seconds, content=PICTURE):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    os.utime(path, ns=(0, NOW + seconds * 10**9))
    return path


def done(tmp_path, answer_age, source_age=-9, content=PICTURE):
    """Whether an answer of these seconds after the record counts."""
    source = dated(tmp_path / "in.png", source_age)
    target = tmp_path / "out" / "in.png"
    if answer_age is not None:
        dated(target, answer_age, content)
    return list(are_done([Job(source, target)], NOW)) == [True]


def test_younger_and_whole_answers_count(tmp_path):
    assert done(tmp_path, 1)
    assert done(tmp_path, 0)
    assert done(tmp_path, 5, source_age=4)


@pytest.mark.parametrize("content", [b"", PICTURE[:-1], b"no image"])
def test_broken_answers_do_not(content, tmp_path):
    assert not done(tmp_path, 1, content=content)


def test_answers_from_before_the_record_or_to_another_input_do_not(tmp_path):
    assert not done(tmp_path, -1)
    assert not done(tmp_path, 5, source_age=6)
    (tmp_path / "out" / "in.png").unlink()
    assert not done(tmp_path, None)


def test_of_samples_all_must_be_there(tmp_path):
    source = dated(tmp_path / "in.png", -9)
    job = Job(source, tmp_path / "out" / "in.png")
    paths = sample_paths(job.target, 3)
    for path in paths:
        assert list(are_done([job], NOW, samples=3)) == [False]
        dated(path, 1)
    assert list(are_done([job], NOW, samples=3)) == [True]
    assert list(are_done([job], NOW, samples=4)) == [False]


def test_each_job_is_asked_about_in_its_turn(tmp_path):
    jobs = []
    for number in range(50):
        source = dated(tmp_path / "in" / f"{number}.png", -9)
        jobs.append(Job(source, tmp_path / "out" / f"{number}.png"))
        if number % 3 == 0:
            dated(jobs[-1].target, 1)
    assert list(are_done(jobs, NOW)) == [number % 3 == 0 for number in range(50)]


def test_the_same_call_goes_on_from_its_record(tmp_path):
    since = begin(tmp_path / "out", MADE_BY, resume=True)
    os.utime(tmp_path / "out" / RECORD, ns=(0, since - 10**9))
    assert begin(tmp_path / "out", MADE_BY, resume=True) == since - 10**9
    # Without --resume all begins anew: what is there was made before.
    assert begin(tmp_path / "out", MADE_BY, resume=False) > since - 10**9


def test_another_network_or_other_options_are_named(tmp_path):
    begin(tmp_path, MADE_BY, resume=False)
    with pytest.raises(UserError, match=r"made otherwise \(step 100, now 200\): choose another"):
        begin(tmp_path, MADE_BY | {"step": 200}, resume=True)
    with pytest.raises(UserError, match=r"tiling {'window': 64}, now None"):
        begin(tmp_path, MADE_BY | {"tiling": None}, resume=True)
    begin(tmp_path, MADE_BY | {"step": 200}, resume=False)
    begin(tmp_path, MADE_BY | {"step": 200}, resume=True)


@pytest.mark.parametrize("content", ["", "no json", "[1]"])
def test_a_damaged_record_is_refused(content, tmp_path):
    (tmp_path / RECORD).write_text(content)
    with pytest.raises(UserError, match="leave out --resume"):
        begin(tmp_path, MADE_BY, resume=True)
