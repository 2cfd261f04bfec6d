"""Progress: a bar on a terminal, plain lines elsewhere."""

import io

import pytest

from tfpix2pix import progress
from tfpix2pix.losses import LOSS_NAMES
from tfpix2pix.progress import Progress, short_name, track

LOSSES = {"generator_loss": 12.5, "l1_loss": 0.25}


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_elsewhere_a_line_tells_step_losses_rate_and_time_left(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    stream = io.StringIO()
    shown = Progress(100, 400, stream)
    now[0] = 50.0  # 100 steps in 50 s, 200 to go
    shown.advance()
    shown.losses(200, LOSSES, images_per_second=8.0)
    shown.say("hello")
    shown.close()
    assert stream.getvalue() == "step 200/400 G 12.500 L1 0.250 8.0 images/s 1:40 left\nhello\n"


def test_the_last_validation_stands_beside_the_losses_from_then_on():
    for stream, expected in (
        (io.StringIO(), "step 1/4 G 12.500 L1 0.250, ssim 0.5 (the best so far), 8.0 images/s"),
        (Terminal(), "8.0 images/s G 12.500 L1 0.250, ssim 0.5 (the best so far)"),
    ):
        shown = Progress(0, 4, stream)
        shown.validation("ssim 0.5 (the best so far)")
        shown.losses(1, LOSSES, images_per_second=8.0)
        shown.advance()
        shown.say("")
        shown.close()
        assert expected in stream.getvalue()


def test_on_a_terminal_there_is_a_bar_with_the_losses():
    stream = Terminal()
    shown = Progress(0, 4, stream)
    shown.losses(1, LOSSES, images_per_second=8.0)
    for _ in range(4):
        shown.advance()
    shown.say("hello")
    shown.close()
    text = stream.getvalue()
    assert "4/4" in text
    assert "8.0 images/s G 12.500 L1 0.250" in text
    assert "hello\n" in text


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0:00"), (61, "1:01"), (3600, "1:00:00"), (90061, "25:01:01")]
)
def test_time_left_is_shown_as_a_clock(seconds, shown):
    assert progress._clock(seconds) == shown


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_track_gives_every_item_on(stream):
    assert list(track(iter("abc"), 3, "image", stream)) == ["a", "b", "c"]


def test_track_tells_from_time_to_time(monkeypatch):
    ticks = iter(range(0, 1000, 6))  # six seconds an item
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(ticks))
    stream = io.StringIO()
    list(track(range(4), 4, "image", stream))
    assert stream.getvalue() == "2/4 images 0.111/s 0:18 left\n4/4 images 0.111/s 0:00 left\n"


def test_track_counts_what_is_in_an_item(monkeypatch):
    ticks = iter(range(0, 1000, 6))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(ticks))
    stream = io.StringIO()
    batches = ["abcd", "efgh", "i"]
    assert list(track(batches, 9, "image", stream, size=len)) == batches
    assert stream.getvalue() == "8/9 images 0.444/s 0:02 left\n"
    terminal = Terminal()
    assert list(track(batches, 9, "image", terminal, size=len)) == batches
    assert "9/9" in terminal.getvalue()


def test_every_loss_has_a_short_name():
    assert [name for name in LOSS_NAMES if short_name(name) == name] == []
