"""Order, accounting and limits of the stream, by translators of plain numbers."""

import itertools
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tfpix2pix.errors import UserError
from tfpix2pix.inference import streaming, threads
from tfpix2pix.inference.predict import Job, predict_files
from tfpix2pix.inference.streaming import StreamingAnswerer
from tfpix2pix.inference.threads import in_order


class Doubling:
    """Files are named after their size and value; answers are twice the value, as text."""

    suffix = ".txt"

    def __init__(self):
        self.batches = []
        self.read_count = 0
        self._lock = threading.Lock()

    def read(self, source):
        with self._lock:
            self.read_count += 1
        side, value = source.stem.split("_")
        time.sleep(int(value) % 3 / 1000)  # later ones may be read first
        if value == "13":
            raise UserError("unlucky")
        if value == "14":
            raise FileNotFoundError(2, "No such file or directory")
        return np.full((int(side), 1, 1), int(value))

    def translate(self, images):
        self.batches.append(images[:, 0, 0, 0].tolist())
        if 15 in images:
            raise UserError("cannot be translated")
        return images * 2

    def encode(self, image):
        if image[0, 0, 0] == 32:
            raise UserError("cannot be encoded")
        return str(image[0, 0, 0]).encode()


FAILURES = {
    13: "unlucky",
    14: "cannot be read: No such file or directory",
    15: "cannot be translated",
    16: "cannot be encoded",
}


def sources(count, sides=(1,)):
    return [Path(f"{sides[number % len(sides)]}_{number}.x") for number in range(count)]


@pytest.mark.parametrize("batch_size", [1, 4, 64])
@pytest.mark.parametrize("sides", [(1,), (1, 2, 3)])
def test_every_file_is_answered_in_its_turn(batch_size, sides):
    translator = Doubling()
    answers = list(StreamingAnswerer(translator, batch_size).answers(sources(50, sides)))
    assert [answer.source for answer in answers] == sources(50, sides)
    for number, answer in enumerate(answers):
        if number in FAILURES:
            assert (answer.content, answer.failure) == (None, FAILURES[number])
        else:
            assert (answer.content, answer.failure) == (str(2 * number).encode(), None)


def test_images_of_one_size_are_translated_together_even_among_others():
    translator = Doubling()
    answers = list(StreamingAnswerer(translator, 4).answers(sources(12, sides=(1, 2))))
    assert [answer.content for answer in answers] == [str(2 * n).encode() for n in range(12)]
    assert translator.batches == [[0, 2, 4, 6], [1, 3, 5, 7], [8, 10], [9, 11]]


def test_one_that_fails_does_not_take_its_batch_along():
    translator = Doubling()
    list(StreamingAnswerer(translator, 8).answers(sources(24)[15:23]))
    assert translator.batches == [[15, 16, 17, 18, 19, 20, 21, 22]] + [[n] for n in range(15, 23)]


def test_nothing_is_answered_of_nothing():
    assert list(StreamingAnswerer(Doubling()).answers([])) == []


@pytest.mark.parametrize("batch_size", [1, 4])
def test_a_stream_without_end_is_read_only_a_little_ahead(batch_size):
    translator = Doubling()
    endless = (Path(f"1_{20 + number}.x") for number in itertools.count())
    answers = StreamingAnswerer(translator, batch_size).answers(endless)
    assert [answer.content for answer in itertools.islice(answers, 200)][-1] == b"438"
    assert translator.read_count < 200 + 100
    answers.close()


def test_of_large_images_only_so_many_bytes_are_held(monkeypatch):
    monkeypatch.setattr(streaming, "BYTES_AHEAD", 3 * 8 * 1000)  # three of them
    most = 0

    class Counting(Doubling):
        def translate(self, images):
            nonlocal most
            done = sum(map(len, self.batches))
            most = max(most, self.read_count - done)
            return super().translate(images)

    translator = Counting()
    places = [Path(f"1000_{20 + number}.x") for number in range(40)]
    assert len(list(StreamingAnswerer(translator, 2).answers(places))) == 40
    assert 1 <= most <= 3 + 3  # so many read ahead, and so many that wait for their batch


def test_answers_are_written_each_to_its_own_file(tmp_path):
    jobs = [
        Job(source, tmp_path / f"{number % 3}" / f"{number}.txt")
        for number, source in enumerate(sources(40))
    ]
    (tmp_path / "0" / "18.txt").mkdir(parents=True)
    predictions = list(predict_files(StreamingAnswerer(Doubling()), jobs))
    assert [prediction.source for prediction in predictions] == sources(40)
    for number, prediction in enumerate(predictions):
        if number in FAILURES:
            assert prediction.failure == FAILURES[number]
        elif number == 18:
            assert "cannot write" in prediction.failure
        else:
            assert prediction.output.read_text() == str(2 * number)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 40 - len(FAILURES) - 1


def test_a_stop_leaves_whole_files_alone(tmp_path):
    jobs = [Job(Path(f"1_{20 + n}.x"), tmp_path / f"{n}.txt") for n in range(200)]

    def stopping():
        for number, job in enumerate(jobs):
            if number == 100:
                raise KeyboardInterrupt
            yield job

    class Once:
        """The first iteration is whole, the second one stops."""

        def __init__(self):
            self._ways = iter((stopping, jobs.__iter__))

        def __iter__(self):
            return next(self._ways)()

    with pytest.raises(KeyboardInterrupt):
        list(predict_files(StreamingAnswerer(Doubling()), Once()))
    for path in tmp_path.iterdir():
        assert path.read_text() == str(2 * (20 + int(path.stem)))
    assert len(list(tmp_path.iterdir())) <= 100


def test_ctrl_c_ends_the_reading_ahead(tmp_path, monkeypatch):
    gate = threading.Event()

    class Pool(ThreadPoolExecutor):
        """Opens the gate once it is told to end, and not before it has cancelled what waits."""

        def shutdown(self, wait=True, *, cancel_futures=False):
            super().shutdown(wait=False, cancel_futures=cancel_futures)
            gate.set()
            super().shutdown(wait=wait)

    class Stopping(Doubling):
        def read(self, source):
            image = super().read(source)
            if image[0, 0, 0] > 21:
                assert gate.wait(60)
            return image

        def translate(self, images):
            if len(self.batches) == 1:
                signal.raise_signal(signal.SIGINT)
            return super().translate(images)

    monkeypatch.setattr(threads, "ThreadPoolExecutor", Pool)
    monkeypatch.setattr(streaming, "THREADS", 20)  # that is, 40 are read ahead
    jobs = [Job(Path(f"1_{20 + n}.x"), tmp_path / f"{n}.txt") for n in range(100)]
    translator, before = Stopping(), set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt):
        list(predict_files(StreamingAnswerer(translator), jobs))
    assert translator.batches == [[20]]
    assert translator.read_count <= 2 + threads.THREADS
    assert set(threading.enumerate()) <= before


def test_large_images_after_small_ones_are_held_by_their_bytes():
    held = most = 0

    def read(nbytes):
        nonlocal held, most
        with lock:
            held += nbytes
            most = max(most, held)
        return nbytes

    lock = threading.Lock()
    sizes = [1] * 100 + [1000] * 50
    with ThreadPoolExecutor(2) as pool:
        for nbytes in in_order(pool, read, sizes, 64, lambda size: size, 3000):
            time.sleep(0.001)  # so that what is read ahead is done
            with lock:
                held -= nbytes
    # Three, one more for each thread that began before the first was done, and one given on.
    assert most <= 1000 * (3 + 2 + 1)
