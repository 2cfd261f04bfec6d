"""A model behind TensorFlow Serving's gRPC interface."""

from typing import Any

import grpc

from tfpix2pix.errors import UserError
from tfpix2pix.serving.address import Address
from tfpix2pix.serving.messages import DT_STRING, STATES, message
from tfpix2pix.serving.retries import PassingError
from tfpix2pix.serving.signature import (
    GENERATED_IMAGE_BYTES,
    IMAGE_BYTES,
    SIGNATURE,
    VersionState,
    available_version,
    check_png,
    check_signature,
    no_such_model,
    one_line,
)

PASSING = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.CANCELLED,  # by a server that ends, as nobody here does
}
# Services and their methods: the messages are METHOD's Request and Response, but Predict's.
PREDICTION, MODEL = "PredictionService", "ModelService"
OPTIONS = [
    # Pictures may be larger than gRPC's 4 MB.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # gRPC lets all calls fail until it connects anew, by itself up to two minutes later.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
]


class GrpcClient:
    """Asks one model; from several threads, if need be."""

    def __init__(self, address: Address, timeout: float):
        """Args: the model, and the seconds that an answer may take."""
        self._address = address
        self._timeout = timeout
        self._channel = grpc.insecure_channel(address.place, OPTIONS)
        self._predict = self._method(PREDICTION, "Predict", "Predict")

    def check(self) -> int:
        """Asks whether such a model is there, and which version of it.

        Raises:
            UserError: the server cannot be reached, or has no such model.
        """
        get_status = self._method(MODEL, "GetModelStatus", "GetModelStatus")
        get_metadata = self._method(PREDICTION, "GetModelMetadata", "GetModelMetadata")
        status = self._checked(get_status, message("GetModelStatusRequest")())
        states = [
            VersionState(s.version, STATES.get(s.state, "UNKNOWN"), s.status.error_message)
            for s in status.model_version_status
        ]
        version = available_version(self._address, states)
        request = message("GetModelMetadataRequest")(metadata_field=["signature_def"])
        metadata = self._checked(get_metadata, request).metadata
        packed = {entry.key: entry.value.value for entry in metadata}.get("signature_def", b"")
        signatures = message("SignatureDefMap").FromString(packed).signature_def  # type: ignore
        found = {entry.key: entry.value for entry in signatures}.get(SIGNATURE)
        inputs, outputs = (found.inputs, found.outputs) if found else ((), ())
        check_signature(
            self._address, [entry.key for entry in inputs], [entry.key for entry in outputs]
        )
        return version

    def predict(self, content: bytes) -> bytes:
        """An encoded image -> the answer, PNG.

        Raises:
            PassingError: the server cannot be reached, or not now.
            UserError: it refuses the image, or answers something else.
        """
        request = message("PredictRequest")()
        entry = request.inputs.add(key=IMAGE_BYTES)
        entry.value.dtype = DT_STRING
        entry.value.tensor_shape.dim.add(size=1)
        entry.value.string_val.append(content)
        try:
            response = self._call(self._predict, request)
        except grpc.RpcError as error:
            raise _translated(error) from error
        outputs = {entry.key: list(entry.value.string_val) for entry in response.outputs}
        answers = outputs.get(GENERATED_IMAGE_BYTES, [])
        if len(answers) != 1:
            names = ", ".join(sorted(outputs)) or "nothing"
            raise UserError(f"the server answered {names}, not one {GENERATED_IMAGE_BYTES}")
        return check_png(answers[0])

    def close(self) -> None:
        """Ends the connection."""
        self._channel.close()

    def _method(self, service: str, method: str, messages: str) -> Any:
        return self._channel.unary_unary(
            f"/tensorflow.serving.{service}/{method}",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=message(f"{messages}Response").FromString,  # type: ignore
        )

    def _call(self, method: Any, request: Any) -> Any:
        request.model_spec.name = self._address.name
        if self._address.version is not None:
            request.model_spec.version.value = self._address.version
        return method(request, timeout=self._timeout)

    def _checked(self, method: Any, request: Any) -> Any:
        try:
            return self._call(method, request)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                raise no_such_model(self._address) from error
            reason = _translated(error)
            raise UserError(f"cannot use {self._address} by gRPC: {reason}") from error


def _translated(error: grpc.RpcError) -> UserError:
    code = error.code()
    reason = f"{code.name}: {one_line(error.details() or 'no details')}"
    return PassingError(reason) if code in PASSING else UserError(reason)
