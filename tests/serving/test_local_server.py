"""`serve_locally`: a stand-in that answers as TensorFlow Serving does, or that program itself."""

import base64
import json
import re
import shutil
import stat
import sys
import urllib.error
import urllib.request

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from tfpix2pix.cli import main as cli
from tfpix2pix.data.encoding import encode_image
from tfpix2pix.errors import UserError
from tfpix2pix.export.requests import example_image
from tfpix2pix.export.savedmodel import write_savedmodel
from tfpix2pix.inference.served import ServedModel
from tfpix2pix.inference.translator import Translator
from tfpix2pix.models import unet_generator
from tfpix2pix.serving.local.server import PROGRAM, serve_locally

SIZE = 16


@pytest.fixture(scope="module")
def generator():
    return unet_generator(SIZE, base_filters=2)


@pytest.fixture(scope="module")
def model_dir(generator, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "facades"
    for _ in range(2):  # the second version is the one that is served
        write_savedmodel(ServedModel(generator), folder)
    return folder


@pytest.fixture(scope="module")
def image(generator):
    return example_image(ServedModel(generator).fitting.formats.input, SIZE, SIZE)


@pytest.fixture(scope="module")
def expected(generator, image):
    """What the network answers to the image, PNG."""
    content = tf.constant([encode_image(image)[0]])
    return Translator(generator).translate(content)["generated_image_bytes"].numpy()[0]


@pytest.fixture(scope="module")
def server(model_dir):
    # No program of that name is found.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "")
        with serve_locally(model_dir) as running:
            yield running


@pytest.fixture
def stub(server):
    with grpc.insecure_channel(server.grpc.split("/")[2]) as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


def post(url, body):
    request = urllib.request.Request(url, body.encode())
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["predictions"]


def refused(url, body=None):
    """Status and reason."""
    content = None if body is None else json.dumps(body).encode()
    with pytest.raises(urllib.error.HTTPError) as failed:
        urllib.request.urlopen(urllib.request.Request(url, content), timeout=60)
    return failed.value.code, json.load(failed.value)["error"]


def message(signature="", model="facades", **inputs):
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = model, signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return request


def test_it_says_what_answers_and_where(server):
    assert server.program == "stand-in"
    assert server.rest.startswith("http://127.0.0.1:")
    assert server.rest.endswith("/v1/models/facades")
    assert str(server) == f"stand-in at {server.rest} and {server.grpc}"


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_predict_through_it_writes_the_networks_answer(
    protocol, server, image, expected, tmp_path, capsys
):
    (tmp_path / "picture.png").write_bytes(encode_image(image)[0])
    (tmp_path / "bad.png").write_bytes(b"no image")
    address = getattr(server, protocol)
    given = ["predict", "--server", address, str(tmp_path), "--output", str(tmp_path / "answers")]
    assert cli.main(given) == 1
    assert (tmp_path / "answers" / "picture.png").read_bytes() == expected
    reason = r"bad\.png: (400|INVALID_ARGUMENT): these bytes are no JPEG, PNG or BMP image\n"
    assert re.search(reason, capsys.readouterr().out)


def test_rows_are_answered_in_order(server, image, expected, generator):
    black = encode_image(np.zeros_like(image))[0]
    rows = [{"b64": base64.b64encode(one).decode()} for one in (encode_image(image)[0], black)]
    other = Translator(generator).translate(tf.constant([black]))["generated_image_bytes"]
    named = [{"image_bytes": row} for row in rows]
    for instances in (rows, named):
        found = post(f"{server.rest}/versions/2:predict", json.dumps({"instances": instances}))
        assert [base64.b64decode(one["b64"]) for one in found] == [expected, other.numpy()[0]]


def test_arrays_are_answered_with_arrays(server, stub, image, expected):
    pixels = tf.io.decode_png(expected).numpy()
    body = {"signature_name": "uint8", "instances": image[np.newaxis].tolist()}
    np.testing.assert_array_equal(post(f"{server.rest}:predict", json.dumps(body))[0], pixels)
    answer = stub.Predict(message("uint8", input_image=image[np.newaxis]), timeout=60)
    np.testing.assert_array_equal(tf.make_ndarray(answer.outputs["generated_image"])[0], pixels)
    assert (answer.model_spec.name, answer.model_spec.version.value) == ("facades", 2)


def test_bad_rest_requests_are_refused_with_their_reason(server):
    predict = f"{server.rest}:predict"
    row = {"b64": base64.b64encode(b"garbage").decode()}
    assert refused(predict, {"instances": [row]}) == (
        400,
        "these bytes are no JPEG, PNG or BMP image",
    )
    signature = {"signature_name": "uint9", "instances": [row]}
    assert refused(predict, signature) == (
        400,
        "no signature 'uint9': expected generate, serving_default, uint8",
    )
    for body in ({"instances": []}, {"inputs": [row]}, {"instances": [{"b64": "?"}]}, []):
        code, reason = refused(predict, body)
        assert code == 400
        assert 'rows in "instances"' in reason
    pixels = {"signature_name": "uint8", "instances": [[[1, 2, 3]]]}
    assert refused(predict, pixels)[0] == 400
    assert refused(server.rest.replace("facades", "faces"))[0] == 404
    assert refused(f"{server.rest}/versions/1")[0] == 404
    assert refused(f"{server.rest}/picture")[0] == 404


def test_bad_grpc_requests_are_refused_with_their_code(stub, image):
    content = encode_image(image)[0]
    bad = {
        "no JPEG, PNG or BMP image": message(image_bytes=[b"garbage"]),
        "no signature 'uint9'": message("uint9", image_bytes=[content]),
        "serving_default takes image_bytes, got photo": message(photo=[content]),
    }
    for reason, request in bad.items():
        with pytest.raises(grpc.RpcError, match=reason) as failed:
            stub.Predict(request, timeout=60)
        assert failed.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    with pytest.raises(grpc.RpcError, match="Servable not found") as failed:
        stub.Predict(message(model="faces", image_bytes=[content]), timeout=60)
    assert failed.value.code() == grpc.StatusCode.NOT_FOUND


def test_the_signatures_are_told_by_both(server, stub):
    with urllib.request.urlopen(f"{server.rest}/metadata", timeout=60) as answer:
        by_rest = json.load(answer)["metadata"]["signature_def"]["signature_def"]
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "facades"
    found = get_model_metadata_pb2.SignatureDefMap()
    stub.GetModelMetadata(request, timeout=60).metadata["signature_def"].Unpack(found)
    assert {"serving_default", "uint8", "generate"} == set(by_rest) == set(found.signature_def)
    assert set(by_rest["serving_default"]["inputs"]) == {"image_bytes"}
    assert set(found.signature_def["uint8"].outputs) == {"generated_image"}


def test_a_server_that_is_stopped_answers_no_more(model_dir, monkeypatch):
    monkeypatch.setenv("PATH", "")
    server = serve_locally(model_dir)
    with pytest.raises(UserError, match="cannot listen at ports"):
        serve_locally(model_dir, rest_port=int(server.rest.split(":")[2].split("/")[0]))
    server.stop()
    server.stop()
    with pytest.raises(urllib.error.URLError, match="refused"):
        urllib.request.urlopen(server.rest, timeout=60)


def test_a_folder_without_an_export_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"no version 1, 2, \.\.\. of a SavedModel: make one with"):
        serve_locally(tmp_path)


def test_a_damaged_export_is_refused(model_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    shutil.copytree(model_dir / "1", tmp_path / "1")
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"no graph")
    with pytest.raises(UserError, match=r"cannot open .*/1: it is damaged"):
        serve_locally(tmp_path)


def install_program(folder, text):
    program = folder / PROGRAM
    program.write_text(f"#!{sys.executable}\n{text}")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def test_a_program_that_ends_is_told_with_its_last_line(model_dir, tmp_path, monkeypatch):
    install_program(tmp_path, "print('loading'); print('E no such model')")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=rf"^{PROGRAM} ended: E no such model$"):
        serve_locally(model_dir)


def test_the_program_is_started_where_it_is_installed(model_dir, tmp_path, monkeypatch):
    install_program(
        tmp_path,
        "import os, signal, sys\n"
        "from tfpix2pix.serving.local.server import serve_locally\n"
        "flags = dict(flag.removeprefix('--').split('=') for flag in sys.argv[1:])\n"
        "assert flags['model_name'] == 'facades'\n"
        "os.environ['PATH'] = ''\n"
        "rest, grpc = int(flags['rest_api_port']), int(flags['port'])\n"
        "serve_locally(flags['model_base_path'], rest_port=rest, grpc_port=grpc)\n"
        "signal.pause()\n",
    )
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", ":".join(filter(None, sys.path)))
    with serve_locally(model_dir) as server:
        assert server.program == PROGRAM
        body = (model_dir / "2" / "request_rest.json").read_text()
        (answer,) = post(f"{server.rest}:predict", body)
        assert base64.b64decode(answer["b64"]).startswith(b"\x89PNG")
    with pytest.raises(urllib.error.URLError, match="refused"):
        urllib.request.urlopen(server.rest, timeout=60)
