"""A thousand good and bad requests at once: every good one answered right, memory flat."""

import base64
import concurrent.futures
import http.client
import json
import random
import subprocess
import sys
import urllib.parse

import grpc
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from tests.data.claiming_png import claiming_png
from tests.data.image_files import by_pillow
from tests.export.c_loader import LoaderError, serve_in_c_loader
from tests.fuzz.drawn_images import claiming_gif, claiming_jpeg, damaged
from tests.fuzz.many import TIMES
from tfpix2pix.export.savedmodel import write_savedmodel
from tfpix2pix.inference.served import ServedModel
from tfpix2pix.inference.translator import Translator
from tfpix2pix.models import unet_generator

pytestmark = pytest.mark.slow

SIZE = 16
WARM_UP, REQUESTS = 400, 1000 * TIMES
AT_ONCE = 32
GROWTH = 48 * 2**20  # of resident memory, of some 700 MiB, from the warm-up to the end
CODES = {
    *(grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND),
    *(grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.RESOURCE_EXHAUSTED),
}


@pytest.fixture(scope="module")
def generator():
    return unet_generator(SIZE, base_filters=2)


@pytest.fixture(scope="module")
def version(generator, tmp_path_factory):
    return write_savedmodel(ServedModel(generator), tmp_path_factory.mktemp("models") / "facades")


@pytest.fixture(scope="module")
def good():
    """Images of several sizes and kinds."""
    rng = np.random.default_rng(0)
    images = []
    for height, width in ((16, 16), (1, 1), (7, 33), (200, 90), (64, 64)):
        drawn = Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8))
        for mode, file_format in (("RGB", "PNG"), ("RGB", "JPEG"), ("L", "PNG"), ("RGB", "BMP")):
            images.append(by_pillow(drawn.convert(mode), file_format))
    return images


@pytest.fixture(scope="module")
def answers(generator, good):
    """What each of them is answered alone."""
    translator = Translator(generator)
    return [
        translator.translate(tf.constant([image]))["generated_image_bytes"].numpy()[0]
        for image in good
    ]


@pytest.fixture(scope="module")
def bad(good):
    """What is no image, or not all of one."""
    whole = [image for image in good if image[:3] == b"\x89PN" and len(image) > 500]
    return [
        *(b"", b"garbage", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM", b"\0" * 5000, b"GIF89a"),
        *(claiming_png(50_000, 50_000), claiming_png(2**31 - 1, 2**31 - 1), claiming_png(0, 0)),
        *(claiming_jpeg(65_500, 65_500), claiming_gif(60_000, 60_000)),
        *(image[: len(image) // 2] for image in whole),
        b"BM" + bytes(16) + b"\xff" * 40,
    ]


class Server:
    """The process that serves."""

    def __init__(self, model_dir):
        command = [sys.executable, "-m", "tests.fuzz.serving_child", str(model_dir)]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.rest, self.grpc = json.loads(self.process.stdout.readline()).values()

    def taken(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@pytest.fixture(scope="module")
def server(version):
    server = Server(version.parent)
    yield server
    _, told = server.process.communicate(timeout=60)
    assert server.process.returncode == 0
    assert "Traceback" not in told


def encoded(content):
    return {"b64": base64.b64encode(content).decode()}


class Rest:
    """Asks by REST; one for each request."""

    def __init__(self, server):
        self.url = urllib.parse.urlparse(server.rest)

    def post(self, body, path=None, length=None):
        connection = http.client.HTTPConnection(self.url.netloc, timeout=120)
        headers = {} if length is None else {"Content-Length": length}
        connection.request("POST", path or f"{self.url.path}:predict", body, headers)
        answer = connection.getresponse()
        told = answer.status, json.loads(answer.read())
        connection.close()
        return told

    def ask(self, images):
        status, told = self.post(json.dumps({"instances": [encoded(image) for image in images]}))
        assert status == 200, told
        return [base64.b64decode(one["b64"]) for one in told["predictions"]]

    def refuse(self, body, **options):
        status, told = self.post(body, **options)
        assert status in (400, 404), told
        assert told["error"]


class Grpc:
    """Asks by gRPC."""

    def __init__(self, server):
        self.channel = grpc.insecure_channel(server.grpc.split("/")[2])
        self.stub = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)

    def ask(self, images):
        answer = self.stub.Predict(request(tf.make_tensor_proto(images)), timeout=120)
        return tf.make_ndarray(answer.outputs["generated_image_bytes"]).tolist()

    def refuse(self, message):
        with pytest.raises(grpc.RpcError) as refused:
            self.stub.Predict(message, timeout=120)
        assert refused.value.code() in CODES, refused.value


def request(tensor, name="image_bytes", signature="", model="facades"):
    message = predict_pb2.PredictRequest()
    message.model_spec.name, message.model_spec.signature_name = model, signature
    message.inputs[name].CopyFrom(tensor)
    return message


BAD_BODIES = (
    *(b"", b"{", b"[]", b"null", b"3", b"\xff\xfe", b'"instances"', b'{"instances": 3}'),
    *(b'{"instances": []}', b'{"instances": [{}]}', b'{"instances": [{"b64": 3}]}'),
    *(b'{"instances": [{"b64": "?"}]}', b'{"inputs": [1]}', b'{"instances": [[[[1]]]]}'),
    *(b'{"instances": [{"b64": ""}], "signature_name": 3}', b'{"instances": ["\\ud800"]}'),
    *(b'{"instances": [1], "signature_name": []}', b'{"instances": [1], "signature_name": "x"}'),
    *(b'{"instances": [1e999], "signature_name": "generate"}', b"[" * 100_000),
    b'{"instances": ' + b"[" * 100_000,
    b'{"instances": [[[[' + b"9" * 400 + b']]]], "signature_name": "generate"}',
    b'{"instances": [[[[1, 2]]]], "signature_name": "uint8"}',
    b'{"instances": [[[[300, -1, 2]]]], "signature_name": "uint8"}',
)
BAD_TENSORS = (
    tf.make_tensor_proto([1.0]),
    tf.make_tensor_proto(b"scalar"),
    tf.make_tensor_proto([[b"matrix"]]),
    tf.make_tensor_proto(np.zeros((1, 4, 4, 3), np.float32)),
)
# A shape that its few bytes do not fill.
UNFILLED = tf.make_tensor_proto(np.zeros((1, 2, 2, 3), np.float32))
UNFILLED.tensor_shape.dim[0].size = 10**9


def drawn_requests(number, good, answers, bad, clients):
    """A request and what is to be seen of it, as a function."""
    draw = random.Random(number)
    rest, by_grpc = clients
    client = draw.choice(clients)
    if draw.random() < 0.6:
        chosen = draw.choices(range(len(good)), k=draw.choice([1, 1, 1, 2, 5]))
        expected = [answers[index] for index in chosen]

        def ask():
            assert client.ask([good[index] for index in chosen]) == expected
            return "answered"

        return ask
    content = draw.choice(bad)
    images = [draw.choice(good), content] if draw.random() < 0.3 else [content]
    body = json.dumps({"instances": [encoded(image) for image in images]})
    several = tf.make_tensor_proto(images)
    refusals = [
        lambda: rest.refuse(body),
        lambda: by_grpc.refuse(request(several)),
        lambda: rest.refuse(draw.choice(BAD_BODIES)),
        lambda: rest.refuse(b"{}", path=draw.choice(["/", "/v1/models/x:predict", "/v1/models"])),
        lambda: by_grpc.refuse(request(draw.choice(BAD_TENSORS))),
        lambda: by_grpc.refuse(request(UNFILLED, "input_image", "generate")),
        lambda: by_grpc.refuse(request(several, model="other")),
        lambda: by_grpc.refuse(request(several, name="other")),
        lambda: by_grpc.refuse(request(several, signature="other")),
    ]
    refusal = draw.choices(refusals, [4, 4, 3, 1, 2, 1, 1, 1, 1])[0]
    return lambda: refusal() or "refused"


def test_a_thousand_requests_at_once(server, good, answers, bad):
    clients = Rest(server), Grpc(server)

    def send(numbers):
        asked = [drawn_requests(number, good, answers, bad, clients) for number in numbers]
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            return [done.result() for done in [pool.submit(ask) for ask in asked]]

    send(range(WARM_UP))
    before = server.taken()  # after that, nothing is traced or loaded for the first time
    told = send(range(WARM_UP, WARM_UP + REQUESTS))
    after = server.taken()
    assert len(told) == REQUESTS
    assert told.count("answered") > 0.5 * REQUESTS
    assert told.count("refused") > 0.3 * REQUESTS
    assert after["resident"] - before["resident"] < GROWTH, (before, after)
    # Connections are closed a moment later than they are answered.
    assert after["files"] <= before["files"] + AT_ONCE
    clients[1].channel.close()


def test_lengths_that_are_none_are_refused(server):
    client = Rest(server)
    for length in ("x", "-1", "1" * 5000, ""):
        client.refuse(b"{}", length=length)
    client.refuse(b"{}", path=f"{client.url.path}/versions/{'9' * 5000}:predict")


def test_the_cpp_loader_answers_the_good_ones_among_bad_ones(version, good, answers, bad):
    draw = random.Random(0)
    files = [(".png", image) for image in good]
    asked = [
        *(("serving_default", [image]) for image in good),
        *(("serving_default", [image]) for image in bad),
        *(("serving_default", [damaged(files, number)[1]]) for number in range(200)),
        *(("serving_default", [*good[:3], image]) for image in bad),
    ]
    order = draw.sample(range(len(asked)), len(asked))
    told = dict(
        zip(order, serve_in_c_loader(version, [asked[index] for index in order]), strict=True)
    )
    assert [told[index][0] for index in range(len(good))] == answers
    for index in (*range(len(good), len(good) + len(bad)), *range(len(told) - len(bad), len(told))):
        assert isinstance(told[index], LoaderError)
        assert str(told[index]).startswith("code 3: ")
    for answer in told.values():
        assert isinstance(answer, LoaderError) or answer[0].startswith(b"\x89PNG")
