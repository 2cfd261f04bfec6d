"""A stand-in for TensorFlow Serving on loopback: gRPC's PredictionService over a SavedModel.

    with serving("exports/facades", name="facades") as address:
        channel = grpc.insecure_channel(address)

It speaks tensorflow-serving-api's own messages. What fails in the graph comes back with the status
code that TensorFlow Serving gives it.
"""

import contextlib
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path

import grpc
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)

# Messages hold images: gRPC's own limit is 4 MiB, TensorFlow Serving's is none.
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
DEFAULT_SIGNATURE = "serving_default"


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict and GetModelMetadata of the latest version in a model's folder."""

    def __init__(self, model_dir: Path, name: str):
        versions = [int(path.name) for path in model_dir.iterdir() if path.name.isdecimal()]
        self.version, self.name = max(versions), name
        place = model_dir / str(self.version)
        # The signatures' functions live as long as the model does.
        self._model = tf.saved_model.load(str(place))
        self._signatures = self._model.signatures
        (meta_graph,) = _saved_model(place).meta_graphs
        self._definitions = meta_graph.signature_def

    def Predict(self, request, context):  # noqa: N802 - gRPC has named it
        self._check_name(request.model_spec, context)
        name = request.model_spec.signature_name or DEFAULT_SIGNATURE
        if name not in self._signatures:
            message = f"Serving signature name: {name!r} not found in signature def"
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, message)
        wanted = set(self._definitions[name].inputs)
        if set(request.inputs) != wanted:
            message = f"input size does not match signature: {sorted(request.inputs)} {wanted}"
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, message)
        inputs = {key: tf.constant(tf.make_ndarray(v)) for key, v in request.inputs.items()}
        try:
            outputs = self._signatures[name](**inputs)
        except tf.errors.OpError as error:
            context.abort(_status(error.error_code), error.message)
        response = predict_pb2.PredictResponse()
        self._name(response.model_spec, name)
        for key, value in outputs.items():
            response.outputs[key].CopyFrom(tf.make_tensor_proto(value.numpy()))
        return response

    def GetModelMetadata(self, request, context):  # noqa: N802
        self._check_name(request.model_spec, context)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        self._name(response.model_spec)
        found = get_model_metadata_pb2.SignatureDefMap()
        for name, definition in self._definitions.items():
            found.signature_def[name].CopyFrom(definition)
        response.metadata["signature_def"].Pack(found)
        return response

    def _name(self, spec, signature=""):
        spec.name, spec.signature_name, spec.version.value = self.name, signature, self.version

    def _check_name(self, spec, context):
        if spec.name != self.name:
            message = f"Servable not found for request: Latest({spec.name})"
            context.abort(grpc.StatusCode.NOT_FOUND, message)


@contextlib.contextmanager
def serving(model_dir: Path | str, name: str = "model", port: int = 0) -> Iterator[str]:
    """Serves a model until the block ends; gives HOST:PORT, by default of a free port."""
    server = grpc.server(futures.ThreadPoolExecutor(4), options=UNLIMITED)
    service = PredictionService(Path(model_dir), name)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(service, server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield f"127.0.0.1:{bound}"
    finally:
        server.stop(None).wait()


def _saved_model(place: Path):
    return saved_model_pb2.SavedModel.FromString((place / "saved_model.pb").read_bytes())


def _status(code: int) -> grpc.StatusCode:
    """The two number their codes alike."""
    return next(status for status in grpc.StatusCode if status.value[0] == code)
