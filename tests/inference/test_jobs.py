"""Which files are found, under which names; what listing many of them takes."""

import os
import tracemalloc

import pytest

from tfpix2pix.errors import UserError
from tfpix2pix.inference.jobs import find_jobs, some_images


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


def found(paths, output, **how):
    jobs, failures = find_jobs(paths, output, **how)
    return [(str(job.source), str(job.target)) for job in jobs], failures


def test_a_folder_is_walked_in_the_order_of_its_names(tmp_path):
    folder = touch(tmp_path / "in", "b.png", "a/2.jpg", "a/10.TIF", "a.webp", "c/d/e.bmp", "no.txt")
    jobs, failures = found([folder], "out")
    assert not failures
    assert jobs == [
        (f"{folder}/a/10.TIF", "out/a/10.png"),
        (f"{folder}/a/2.jpg", "out/a/2.png"),
        (f"{folder}/a.webp", "out/a.png"),
        (f"{folder}/b.png", "out/b.png"),
        (f"{folder}/c/d/e.bmp", "out/c/d/e.png"),
    ]


def test_one_name_twice_keeps_its_suffix_or_is_refused(tmp_path):
    one = touch(tmp_path / "one", "a.png", "b.png", "c.png")
    two = touch(tmp_path / "two", "a.jpg", "b.png", "c.png.png")
    jobs, failures = found([one, two], "out")
    assert jobs == [
        (f"{one}/a.png", "out/a.png.png"),
        (f"{one}/b.png", "out/b.png.png"),
        (f"{one}/c.png", "out/c.png"),
        (f"{two}/a.jpg", "out/a.jpg.png"),
        (f"{two}/c.png.png", "out/c.png.png"),
    ]
    (failure,) = failures
    assert failure.failure == f"out/b.png.png is the answer to {one}/b.png already"


def test_no_input_is_overwritten_whatever_the_links(tmp_path):
    """`out/deep` is the folder of inputs under another name."""
    folder = touch(tmp_path / "in", "deep/a.png", "deep/b.jpg")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "deep").symlink_to(folder / "deep")
    jobs, failures = found([folder], tmp_path / "out")
    assert [source for source, _ in jobs] == [f"{folder}/deep/b.jpg"]
    assert "deep/a.png is an input itself" in failures[0].failure


def test_what_a_linked_input_points_to_is_an_input(tmp_path):
    touch(tmp_path, "out/a.png", "in/a.jpg")
    (tmp_path / "in" / "b.png").symlink_to(tmp_path / "out" / "a.png")
    jobs, failures = found([tmp_path / "in" / "a.jpg", tmp_path / "in" / "b.png"], tmp_path / "out")
    assert jobs == [(f"{tmp_path}/in/b.png", f"{tmp_path}/out/b.png")]
    assert "out/a.png is an input itself" in failures[0].failure


def test_earlier_answers_are_no_inputs_also_through_links(tmp_path):
    folder = touch(tmp_path / "in", "a.png", "out/b.png")
    (folder / "c.png").symlink_to(folder / "out" / "b.png")
    (folder / "d").symlink_to(folder / "out")
    jobs, _ = found([folder], folder / "out")
    assert jobs == [(f"{folder}/a.png", f"{folder}/out/a.png")]


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    folder = touch(tmp_path / "in", "a.png", "b/c.png")
    scandir = os.scandir

    def refusing(path):
        if path == f"{folder}/b":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    jobs, failures = found([folder], "out")
    assert len(jobs) == 1
    assert (str(failures[0].source), failures[0].failure) == (
        f"{folder}/b",
        "the folder cannot be read: Permission denied",
    )


def test_links_to_nothing_and_loops_are_named(tmp_path):
    folder = touch(tmp_path / "in", "1.png")
    (folder / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (folder / "loop.png").symlink_to(folder / "loop.png")
    jobs, failures = find_jobs([folder, tmp_path / ("long" * 99)], tmp_path / "out")
    assert [job.source.name for job in jobs] == ["1.png"]
    assert [(f.source.name, f.failure) for f in failures[:2]] == [
        ("gone.png", "a link to nothing"),
        ("loop.png", "a link to nothing"),
    ]
    assert failures[2].failure == "there is no such file or folder"


def test_many_jobs_take_little(tmp_path):
    folder = touch(tmp_path, *(f"{number % 7}/{number:06}.jpg" for number in range(3000)))

    def measured():
        tracemalloc.start()
        jobs, _ = find_jobs([folder], "pictures")
        held, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(jobs) == 3000
        return held, most

    # The least of some: what Python keeps for itself, such as its names, grows at times.
    held, most = map(min, zip(*(measured() for _ in range(3)), strict=True))
    assert held / 3000 < 500
    assert most / 3000 < 1500


def test_jobs_are_a_sequence(tmp_path):
    folder = touch(tmp_path, *(f"{number}.png" for number in range(5)))
    jobs, _ = find_jobs([folder], "out")
    assert [job.source.name for job in jobs[1:3]] == ["1.png", "2.png"]
    assert jobs[-1].target.name == "4.png"
    assert [job.source.name for job in jobs.where([True, False, False, True, False])] == [
        "0.png",
        "3.png",
    ]


def test_some_images_are_spread_over_a_folder(tmp_path):
    folder = touch(tmp_path / "in", *(f"{number:02}.png" for number in range(11)))
    assert [path.stem for path in some_images(folder, 3, "--x")] == ["00", "05", "10"]
    assert len(some_images(folder, 99, "--x")) == 11
    assert some_images(folder / "03.png", 3, "--x") == [folder / "03.png"]
    with pytest.raises(UserError, match=r"--x .*none: there is no such file or folder"):
        some_images(tmp_path / "none", 3, "--x")
    with pytest.raises(UserError, match="holds no"):
        some_images(touch(tmp_path / "empty", "a.txt"), 3, "--x")
