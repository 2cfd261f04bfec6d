"""Model servers on loopback that speak TensorFlow Serving's protocols, with faults on demand.

Both have `name`, `model` (encoded images -> encoded answers, or ValueError), `state`, `signature`
and `faults`, of which each prediction takes the next one. They can die and start again at the same
port. Neither uses the package's own messages.
"""

import base64
import collections
import concurrent.futures
import contextlib
import http.server
import json
import socket
import threading

import grpc
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

PNG_START, PNG_END = b"\x89PNG\r\n\x1a\n", b"\0\0\0\0IEND\xaeB`\x82"
STATES = {"START": 10, "LOADING": 20, "AVAILABLE": 30, "END": 50}
STALL, BUSY, OVERLOADED, CUT = "stall", "busy", "overloaded", "cut"
NO_JSON, WRONG_KEYS, NO_PNG = "no JSON", "wrong keys", "no PNG"


def mirrored(contents):
    """A model that needs no TensorFlow: it refuses what says so."""
    for content in contents:
        if content.startswith(b"refuse"):
            raise ValueError(
                "{{function_node __inference_translate_12}} {{function_node map_while_body_7}} "
                "Unknown image file format.\n  One of JPEG, PNG required.\n"
                "\t [[{{node map/while/decode_image/DecodeImage}}]] [Op:StatefulPartitionedCall]"
            )
    return [PNG_START + content[::-1] + PNG_END for content in contents]


def as_model(version):
    """The export of that folder, as the doubles take a model."""
    loaded = tf.saved_model.load(str(version))

    def model(contents):
        try:
            answers = loaded.signatures["serving_default"](image_bytes=tf.constant(contents))
        except tf.errors.InvalidArgumentError as error:
            raise ValueError(error.message) from error
        return answers["generated_image_bytes"].numpy().tolist()

    return model


class Double:
    """What both protocols share."""

    def __init__(self, model=mirrored):
        self.name, self.version, self.model = "facades", 3, model
        self.state, self.signature = "AVAILABLE", ("image_bytes", "generated_image_bytes")
        self.faults, self.requests = collections.deque(), 0
        self.at_once = self.most_at_once = 0
        self.released, self.lock = threading.Event(), threading.Lock()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def next_fault(self):
        with self.lock:
            self.requests += 1
            fault = self.faults.popleft() if self.faults else None
        if fault == STALL:
            self.released.wait(10)
        return fault

    @contextlib.contextmanager
    def counted(self):
        with self.lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        yield
        with self.lock:
            self.at_once -= 1

    def knows(self, name, version):
        return name == self.name and version in (None, self.version)

    def has_signature(self):
        return self.signature is not None


class Rest(Double):
    """http://HOST:PORT/v1/models/NAME."""

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}/v1/models/{self.name}"

    def start(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.connections = []
        self.server.daemon_threads, self.server.double = True, self
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self.thread.start()

    def stop(self):
        """Also ends the connections, which would be answered on."""
        self.server.shutdown()
        self.thread.join()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    # As TensorFlow Serving does, it keeps connections open.
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.server.double.connections.append(self.connection)

    def do_GET(self):
        double, parts = self.server.double, self.path.split("/")
        what = "metadata" if parts[-1] == "metadata" else "status"
        parts = parts[:-1] if what == "metadata" else parts
        if not self.known(parts):
            return self.answer(404, {"error": "Could not find any versions of model"})
        if what == "status":
            status = {"error_code": "OK", "error_message": ""}
            version = {"version": str(double.version), "state": double.state, "status": status}
            return self.answer(200, {"model_version_status": [version]})
        if not double.has_signature():
            return self.answer(405, {"error": "no such route"})
        *inputs, output = double.signature
        tensor = {"dtype": "DT_STRING", "tensor_shape": {"dim": [{"size": "-1", "name": ""}]}}
        found = {"inputs": dict.fromkeys(inputs, tensor), "outputs": {output: tensor}}
        signatures = {"signature_def": {"serving_default": found}}
        return self.answer(200, {"metadata": {"signature_def": signatures}})

    def known(self, parts):
        version = int(parts[5]) if parts[4:5] == ["versions"] else None
        return self.server.double.knows(parts[3], version)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        double = self.server.double
        with double.counted():
            fault = double.next_fault()
            if fault in (BUSY, OVERLOADED):
                return self.answer(503 if fault == BUSY else 429, {"error": fault})
            if fault == NO_JSON:
                return self.send(200, b"<html>Welcome\nto the proxy</html>")
            if fault == CUT:
                return self.send(200, b'{"predictions": [{"b6', missing=100)
            path, _, verb = self.path.rpartition(":")
            if verb != "predict" or not self.known(path.split("/")):
                return self.answer(404, {"error": "Servable not found for request"})
            # A row of one input may be its value, without the input's name.
            rows = [row.get("image_bytes", row) for row in json.loads(body)["instances"]]
            images = [base64.b64decode(row["b64"]) for row in rows]
            try:
                answers = double.model(images)
            except ValueError as error:
                return self.answer(400, {"error": str(error)})
            answers = [b"garbage"] if fault == NO_PNG else answers
            encoded = [{"b64": base64.b64encode(answer).decode()} for answer in answers]
            key = "outputs" if fault == WRONG_KEYS else "predictions"
            return self.answer(200, {key: encoded})

    def answer(self, status, plain):
        self.send(status, json.dumps(plain, indent=4).encode())

    def send(self, status, body, missing=0):
        self.close_connection = bool(missing)
        with contextlib.suppress(OSError):  # the client may have given up
            self.send_response(status)
            self.send_header("Content-Length", str(len(body) + missing))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *args):
        pass


class Grpc(
    Double,
    prediction_service_pb2_grpc.PredictionServiceServicer,
    model_service_pb2_grpc.ModelServiceServicer,
):
    """grpc://HOST:PORT/NAME, with the messages of tensorflow-serving-api."""

    @property
    def address(self):
        return f"grpc://127.0.0.1:{self.port}/{self.name}"

    def start(self):
        pool = concurrent.futures.ThreadPoolExecutor(16)
        options = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", -1)]
        self.server = grpc.server(pool, options=options)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(self, self.server)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(self, self.server)
        self.server.add_insecure_port(f"127.0.0.1:{self.port}")
        self.server.start()

    def stop(self):
        self.server.stop(None).wait()

    def Predict(self, request, context):  # noqa: N802
        with self.counted():
            fault = self.next_fault()
            if fault in (BUSY, OVERLOADED):
                codes = grpc.StatusCode
                code = codes.UNAVAILABLE if fault == BUSY else codes.RESOURCE_EXHAUSTED
                context.abort(code, fault)
            self.refuse_unknown(request.model_spec, context)
            try:
                answers = self.model(tf.make_ndarray(request.inputs["image_bytes"]).tolist())
            except ValueError as error:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        answers = [b"garbage"] if fault == NO_PNG else answers
        name = "outputs" if fault == WRONG_KEYS else "generated_image_bytes"
        tensor = tf.make_tensor_proto(answers, tf.string)
        return predict_pb2.PredictResponse(outputs={name: tensor}, model_spec=request.model_spec)

    def GetModelStatus(self, request, context):  # noqa: N802
        self.refuse_unknown(request.model_spec, context)
        response = get_model_status_pb2.GetModelStatusResponse()
        response.model_version_status.add(version=self.version, state=STATES[self.state])
        return response

    def GetModelMetadata(self, request, context):  # noqa: N802
        self.refuse_unknown(request.model_spec, context)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        found = signatures.signature_def["serving_default"]
        tensor = meta_graph_pb2.TensorInfo(dtype=7)
        *inputs, output = self.signature
        for name in inputs:
            found.inputs[name].CopyFrom(tensor)
        found.outputs[output].CopyFrom(tensor)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        (field,) = request.metadata_field
        response.metadata[field].Pack(signatures)
        return response

    def refuse_unknown(self, spec, context):
        version = spec.version.value if spec.HasField("version") else None
        if not self.knows(spec.name, version):
            context.abort(grpc.StatusCode.NOT_FOUND, "Servable not found for request")
