"""TensorFlow Serving's gRPC interface before a `LocalModel`, as much of it as images need."""

import functools
from collections.abc import Callable
from concurrent import futures
from typing import Any

import grpc
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.framework import tensor_pb2

from tfpix2pix.serving.local.model import INVALID_ARGUMENT, LocalModel, RefusalError
from tfpix2pix.serving.messages import STATES, message

THREADS = 4
# Messages hold images: gRPC's own limit is 4 MiB.
OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
AVAILABLE = next(number for number, state in STATES.items() if state == "AVAILABLE")
SIGNATURE_DEF = "signature_def"
STATUS = {status.value[0]: status for status in grpc.StatusCode}


def start_grpc(model: LocalModel, port: int) -> tuple[grpc.Server, int]:
    """Starts to answer at a port of this computer, or at a free one if it is 0; gives which."""
    server = grpc.server(futures.ThreadPoolExecutor(THREADS), options=OPTIONS)
    predict = _handler(model, _predict, "EncodedPredictRequest", "EncodedPredictResponse")
    metadata = _handler(model, _metadata, "GetModelMetadataRequest", "GetModelMetadataResponse")
    status = _handler(model, _status, "GetModelStatusRequest", "GetModelStatusResponse")
    services = {
        "PredictionService": {"Predict": predict, "GetModelMetadata": metadata},
        "ModelService": {"GetModelStatus": status},
    }
    handlers = [
        grpc.method_handlers_generic_handler(f"tensorflow.serving.{name}", methods)
        for name, methods in services.items()
    ]
    server.add_generic_rpc_handlers(handlers)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    return server, bound


def _handler(
    model: LocalModel, answer: Callable[..., Any], request: str, response: str
) -> grpc.RpcMethodHandler:
    """A method by what answers it and the names of its messages."""
    return grpc.unary_unary_rpc_method_handler(
        functools.partial(_answered, model, answer, message(response)),
        request_deserializer=message(request).FromString,  # type: ignore
        response_serializer=lambda found: found.SerializeToString(),
    )


def _answered(
    model: LocalModel, answer: Callable[..., Any], response: type, request: Any, context: Any
) -> Any:
    spec = request.model_spec
    try:
        model.check_name(spec.name, spec.version.value if spec.HasField("version") else None)
        return answer(model, request, response())
    except RefusalError as error:
        context.abort(STATUS[error.code], error.reason)


def _predict(model: LocalModel, request: Any, response: Any) -> Any:
    try:
        tensors = {e.key: tensor_pb2.TensorProto.FromString(e.value) for e in request.inputs}
        inputs = {name: tf.make_ndarray(tensor) for name, tensor in tensors.items()}
    except (DecodeError, TypeError, ValueError, MemoryError) as error:
        raise RefusalError(INVALID_ARGUMENT, f"no tensor: {error}") from error
    outputs = model.predict(request.model_spec.signature_name, inputs)
    for name, value in outputs.items():
        response.outputs.add(key=name, value=tf.make_tensor_proto(value).SerializeToString())
    return _named(model, response, request.model_spec.signature_name)


def _metadata(model: LocalModel, request: Any, response: Any) -> Any:
    found: Any = message("EncodedSignatureDefMap")()
    for name, definition in model.definitions.items():
        found.signature_def.add(key=name, value=definition.SerializeToString())
    entry = response.metadata.add(key=SIGNATURE_DEF)
    entry.value.type_url = "type.googleapis.com/tensorflow.serving.SignatureDefMap"
    entry.value.value = found.SerializeToString()
    return _named(model, response)


def _status(model: LocalModel, request: Any, response: Any) -> Any:
    response.model_version_status.add(version=model.version, state=AVAILABLE)
    return response


def _named(model: LocalModel, response: Any, signature: str = "") -> Any:
    spec = response.model_spec
    spec.name, spec.version.value, spec.signature_name = model.name, model.version, signature
    return response
