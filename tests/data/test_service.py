"""Pairs from tf.data's service: all of them, each once an epoch, in the order without it."""

import argparse
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.cli import parsing
from tfpix2pix.cli.main import main
from tfpix2pix.config import TrainSettings, resolve
from tfpix2pix.data import service
from tfpix2pix.data.order import WHOLE, Share
from tfpix2pix.data.service import check_service, in_order
from tfpix2pix.errors import SettingsError
from tfpix2pix.training.datasets import open_run_data

PAIRS = 6


@pytest.mark.parametrize(
    ("arriving", "made"),
    [
        ([3, 4, 5, 6, 7], []),
        ([5, 3, 7, 6, 4], []),
        ([3, 5, 6, 7], [4]),
        ([7, 6], [3, 4, 5]),
        ([], [3, 4, 5, 6, 7]),
    ],
)
def test_what_arrives_is_put_in_order_and_what_does_not_is_made(arriving, made):
    asked = []

    def make(number):
        asked.append(number)
        return f"part {number}"

    parts = in_order(((n, f"part {n}") for n in arriving), range(3, 8), make)
    assert list(parts) == [f"part {n}" for n in range(3, 8)]
    assert asked == made


def test_a_part_that_others_wait_for_too_long_is_made_and_dropped_when_it_comes(monkeypatch):
    monkeypatch.setattr(service, "MOST_WAITING", 2)
    arriving = iter([(1, "b"), (2, "c"), (3, "d"), (0, "late"), (4, "e")])
    parts = in_order(arriving, range(5), lambda number: f"made {number}")
    assert [next(parts) for _ in range(4)] == ["made 0", "b", "c", "d"]
    assert list(parts) == ["e"]


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (["--port", "70000"], "expected a number from 1 to 65535"),
        (["--port", "0"], "expected a number from 1 to 65535"),
        (["--join", "host:70000"], "expected HOST:PORT"),
        (["--join", "host:5050", "--port", "5050"], "leave it out with --join"),
        (["--host", "no..host"], "there is no such machine"),
    ],
)
def test_a_service_that_cannot_be_is_refused_at_once(flags, reason, capsys):
    assert main(["data-service", *flags]) == 2
    assert reason in capsys.readouterr().err.splitlines()[-1]


def test_after_the_last_part_nothing_is_waited_for():
    def arriving():
        yield 1, "b"
        yield 0, "a"
        raise AssertionError("asked for more")

    assert list(in_order(arriving(), range(2), str)) == ["a", "b"]


@pytest.mark.parametrize("address", ["localhost:0", "localhost:65536", "localhost", "a/b:1"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(SettingsError, match="expected HOST:PORT"):
        resolve("demo", flags={"data_service": address})
    with pytest.raises(argparse.ArgumentTypeError, match="expected HOST:PORT"):
        parsing.address(address)


@pytest.fixture(scope="module")
def address():
    """A service of two workers, in a process of its own."""
    with socket.create_server(("localhost", 0)) as listener:
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "tfpix2pix", "data-service", "--workers", "2"]
    process = subprocess.Popen(
        [*command, "--port", str(port)], stdout=subprocess.PIPE, text=True, env=os.environ
    )
    said = process.stdout.readline()
    assert said == f"workers: 2, for --data-service localhost:{port}\n"
    yield f"localhost:{port}"
    process.send_signal(signal.SIGTERM)
    process.stdout.close()
    assert process.wait(timeout=60) == 128 + signal.SIGTERM


def run_data(folder, address=None, **flags):
    small = {"load_size": 18, "crop_size": 16, "depth": 3, "n_layers": 1}
    settings = resolve(flags=small | {"data": str(folder), "data_service": address} | flags)
    return open_run_data(settings.data)


def served_and_not(folder, address, first, steps, batch_size, share=WHOLE):
    train = TrainSettings(batch_size=batch_size, seed=3)
    for place in (address, None):
        batches = run_data(folder, place).training_batches(train, first, steps, share)
        yield [(a.numpy(), b.numpy()) for a, b in batches]


def test_two_workers_give_each_pair_once_an_epoch_in_the_same_order(address, module_pairs_folder):
    served, usual = served_and_not(module_pairs_folder, address, 0, 15, 2)
    np.testing.assert_equal(served, usual)
    images = [image.tobytes() for inputs, _ in served for image in inputs]
    for epoch in range(5):
        assert len(set(images[epoch * PAIRS : (epoch + 1) * PAIRS])) == PAIRS


def test_a_resumed_run_and_a_share_of_it_see_the_very_next_pairs(address, module_pairs_folder):
    share = Share(2, 1, 4)
    served, usual = served_and_not(module_pairs_folder, address, 5, 9, 8, share)
    assert len(served) == 8
    assert served[0][0].shape == (2, 18, 18, 3)
    np.testing.assert_equal(served, usual)


def test_pairs_of_many_sizes_are_cropped_there(address, module_pairs_folder):
    train = TrainSettings(batch_size=2, seed=3)
    served, usual = (
        run_data(module_pairs_folder, place, resize="crop").training_batches(train, 2, 6)
        for place in (address, None)
    )
    for one, other in zip(served, usual, strict=True):
        np.testing.assert_equal([x.numpy() for x in one], [x.numpy() for x in other])


def test_without_the_service_the_rest_is_made_here(module_pairs_folder, monkeypatch, capsys):
    kinds = tf.data.experimental.service
    dispatcher = kinds.DispatchServer(kinds.DispatcherConfig(port=0))
    address = dispatcher.target.removeprefix("grpc://")
    monkeypatch.setattr(service, "TO_SEND", 1.0)  # it has no worker
    served, usual = served_and_not(module_pairs_folder, address, 0, 4, 2)
    np.testing.assert_equal(served, usual)
    assert "sent nothing for 1 seconds: pairs are read by the run itself" in capsys.readouterr().err


def test_a_service_that_is_not_there_is_refused(module_pairs_folder):
    with socket.create_server(("localhost", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(SettingsError, match=f"nobody answers at localhost:{port} .*refused"):
        check_service(f"localhost:{port}")
    with pytest.raises(SettingsError, match="nobody answers"):
        run_data(module_pairs_folder, f"localhost:{port}")


@pytest.mark.parametrize("wrong", ["host", "grpc://", "host:port"])
def test_an_address_names_host_and_port(wrong):
    with pytest.raises(SettingsError, match="data_service"):
        resolve(flags={"data_service": wrong})


def test_pairs_that_python_reads_are_refused(address, tmp_path):
    for side in ("input", "target"):
        folder = tmp_path / "train" / side
        folder.mkdir(parents=True)
        np.save(folder / "a.npy", np.zeros((20, 20, 3), np.uint8))
    with pytest.raises(SettingsError, match=re.escape("data_service takes folders of PNG, JPEG")):
        run_data(Path(tmp_path), address)
