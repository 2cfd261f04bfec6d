"""The body of a REST request through a real HTTP model server of the same protocol: kserve.

kserve wants another protobuf than TensorFlow, so it gets an environment of its own: that whose
python the variable KSERVE_PYTHON names, or else one that is made here with pip.
"""

import base64
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from c_loader import find_library_dir
from example_requests import assert_predicts_answer, example_requests

from tests.data.claiming_png import claiming_png
from tfpix2pix.export.description import request_file_name
from tfpix2pix.export.savedmodel import write_savedmodel
from tfpix2pix.inference.served import ServedModel
from tfpix2pix.inference.translator import Translator
from tfpix2pix.models import unet_generator

pytestmark = pytest.mark.slow
SIZE = 16
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def generator():
    return unet_generator(SIZE, base_filters=2)


@pytest.fixture(scope="module")
def version(generator, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "facades"
    return write_savedmodel(ServedModel(generator), folder)


@pytest.fixture(scope="module")
def kserve_python(tmp_path_factory):
    if given := os.environ.get("KSERVE_PYTHON"):
        return given
    place = tmp_path_factory.mktemp("kserve")
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    python = str(place / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "kserve>=0.15"], check=True)
    return python


@pytest.fixture(scope="module")
def url(version, kserve_python, tmp_path_factory):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("log") / "kserve.txt"
    arguments = [find_library_dir(), str(version), "facades", str(port)]
    with log.open("w") as output:
        server = subprocess.Popen(
            [kserve_python, str(HERE / "kserve_server.py"), *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONPATH": str(HERE), "CUDA_VISIBLE_DEVICES": "-1"},
        )
        try:
            address = f"http://127.0.0.1:{port}/v1/models/facades"
            wait_until_ready(address, server, log)
            yield f"{address}:predict"
        finally:
            server.terminate()
            server.wait(30)


def wait_until_ready(address, server, log):
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(1)
    raise AssertionError(log.read_text())


def post(url, body):
    request = urllib.request.Request(
        url, body.encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)["predictions"]


def test_the_example_request_gets_the_translators_answer(url, version, generator):
    body = (version / "request_rest.json").read_text()
    content = base64.b64decode(json.loads(body)["instances"][0]["image_bytes"]["b64"])
    expected = Translator(generator).translate(tf.constant([content]))["generated_image_bytes"]
    (answer,) = post(url, body)
    assert base64.b64decode(answer["b64"]) == expected.numpy()[0]
    # A row without names, as TensorFlow Serving takes it of one input.
    rows = [{"b64": base64.b64encode(content).decode()}] * 2
    assert post(url, json.dumps({"instances": rows})) == [answer, answer]


def test_the_example_requests_get_predicts_answers(url, version, generator, tmp_path):
    for signature, inputs in example_requests(version).items():
        (answer,) = post(url, (version / request_file_name(signature)).read_text())
        if signature == "serving_default":
            answer = base64.b64decode(answer["b64"])
        assert_predicts_answer(answer, inputs, generator, tmp_path)


def test_arrays_are_answered_with_arrays(url, generator):
    image = np.random.default_rng(0).integers(0, 256, (1, SIZE, SIZE, 3), np.uint8)
    expected = Translator(generator).translate_images(tf.constant(image))["generated_image"]
    body = {"signature_name": "uint8", "instances": image.tolist()}
    np.testing.assert_array_equal(post(url, json.dumps(body)), expected)


@pytest.mark.parametrize("content", [b"garbage", claiming_png(50_000, 50_000)])
def test_a_bad_image_fails_its_request_and_the_next_is_answered(content, url, version):
    rows = [{"b64": base64.b64encode(content).decode()}]
    with pytest.raises(urllib.error.HTTPError) as failed:
        post(url, json.dumps({"instances": rows}))
    assert failed.value.code == 400
    assert "image" in failed.value.read().decode()
    assert len(post(url, (version / "request_rest.json").read_text())) == 1
