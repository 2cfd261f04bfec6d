"""PredictRequests over gRPC on loopback, with TensorFlow Serving's own messages."""

import grpc
import numpy as np
import pytest
import tensorflow as tf
from example_requests import assert_predicts_answer, example_requests
from serving_double import serving
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    predict_pb2,
    prediction_log_pb2,
    prediction_service_pb2_grpc,
)

from tests.data.claiming_png import claiming_png
from tfpix2pix.data.encoding import encode_image
from tfpix2pix.export.requests import example_image
from tfpix2pix.export.savedmodel import write_savedmodel
from tfpix2pix.inference.served import ServedModel
from tfpix2pix.inference.translator import Translator
from tfpix2pix.models import unet_generator

SIZE = 16


@pytest.fixture(scope="module")
def generator():
    return unet_generator(SIZE, base_filters=2)


@pytest.fixture(scope="module")
def model_dir(generator, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "facades"
    write_savedmodel(ServedModel(generator), folder)
    return folder


@pytest.fixture(scope="module")
def stub(model_dir):
    with serving(model_dir, "facades") as address, grpc.insecure_channel(address) as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


def request(signature="", model="facades", **inputs):
    message = predict_pb2.PredictRequest()
    message.model_spec.name, message.model_spec.signature_name = model, signature
    for name, value in inputs.items():
        message.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return message


def test_a_request_gets_the_translators_answer_byte_for_byte(stub, generator):
    image = example_image(ServedModel(generator).fitting.formats.input, SIZE, SIZE)
    content = encode_image(image)[0]
    expected = Translator(generator).translate(tf.constant([content]))["generated_image_bytes"]
    answer = stub.Predict(request(image_bytes=[content]), timeout=60)
    assert list(answer.outputs["generated_image_bytes"].string_val) == [expected.numpy()[0]]
    assert (answer.model_spec.name, answer.model_spec.version.value) == ("facades", 1)
    stored = stub.Predict(request("uint8", input_image=image[np.newaxis]), timeout=60)
    found = tf.make_ndarray(stored.outputs["generated_image"])[0]
    np.testing.assert_array_equal(found, tf.io.decode_png(expected[0]))


def test_bad_requests_fail_with_their_reason_and_the_next_is_answered(stub):
    good = encode_image(np.zeros((SIZE, SIZE, 3), np.uint8))[0]
    bad = {
        "no JPEG, PNG or BMP image": request(image_bytes=[b"garbage"]),
        "64 megapixels": request(image_bytes=[good, claiming_png(50_000, 50_000)]),
        "not found in signature def": request("uint9", image_bytes=[good]),
        "does not match signature": request(photo=[good]),
    }
    for reason, message in bad.items():
        with pytest.raises(grpc.RpcError, match=reason) as failed:
            stub.Predict(message, timeout=60)
        assert failed.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    with pytest.raises(grpc.RpcError, match="Servable not found") as failed:
        stub.Predict(request(model="faces", image_bytes=[good]), timeout=60)
    assert failed.value.code() == grpc.StatusCode.NOT_FOUND
    assert len(stub.Predict(request(image_bytes=[good]), timeout=60).outputs) == 1


def test_the_example_requests_get_predicts_answers(stub, model_dir, generator, tmp_path):
    for signature, inputs in example_requests(model_dir / "1").items():
        outputs = stub.Predict(request(signature, **inputs), timeout=60).outputs
        (answer,) = (tf.make_ndarray(output)[0] for output in outputs.values())
        assert_predicts_answer(answer, inputs, generator, tmp_path)


def test_the_metadata_name_signatures_and_their_inputs(stub):
    message = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    message.model_spec.name = "facades"
    found = get_model_metadata_pb2.SignatureDefMap()
    stub.GetModelMetadata(message, timeout=60).metadata["signature_def"].Unpack(found)
    inputs = {n: sorted(d.inputs) for n, d in found.signature_def.items() if n[0] != "_"}
    assert inputs == {
        "serving_default": ["image_bytes"],
        "uint8": ["input_image"],
        "generate": ["input_image"],
    }


def test_the_warmup_requests_are_answered(stub, model_dir):
    path = model_dir / "1" / "assets.extra" / "tf_serving_warmup_requests"
    records = list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
    logs = [prediction_log_pb2.PredictionLog.FromString(record) for record in records]
    answers = [stub.Predict(log.predict_log.request, timeout=60) for log in logs]
    assert [answer.model_spec.signature_name for answer in answers] == [
        "serving_default",
        "uint8",
        "generate",
    ]
