"""TensorFlow Serving's REST interface before a `LocalModel`, as much of it as images need."""

import base64
import binascii
import http.server
import json
import re
from typing import Any

from tfpix2pix.serving.local.model import (
    DEFAULT_SIGNATURE,
    INVALID_ARGUMENT,
    NOT_FOUND,
    LocalModel,
    RefusalError,
)

PATH = re.compile(
    r"/v1/models/(?P<name>[^/:]+)(/versions/(?P<version>[0-9]{1,18}))?(?P<what>|/metadata|:predict)"
)
LENGTH = re.compile(r"\d{1,12}", re.ASCII)
HTTP_STATUS = {INVALID_ARGUMENT: 400, NOT_FOUND: 404}  # all else: 500


# RecursionError: of JSON that is nested too deep.
MALFORMED = (*(ValueError, LookupError, TypeError, AttributeError, RecursionError, binascii.Error),)


class RestServer(http.server.ThreadingHTTPServer):
    """Answers requests to one model, each in a thread of its own."""

    daemon_threads = True
    request_queue_size = 128  # of connections not yet taken; five, its default, are soon exceeded

    def __init__(self, model: LocalModel, port: int):
        """Args: the model; a port of this computer, or 0 for a free one."""
        super().__init__(("127.0.0.1", port), _Handler)
        self.model = model


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections open, as TensorFlow Serving does
    server: RestServer

    def do_GET(self) -> None:
        """States of the model, or its signatures."""
        self._answer(None)

    def do_POST(self) -> None:
        """Predictions."""
        length = self.headers.get("Content-Length", "0")
        if LENGTH.fullmatch(length):
            self._answer(self.rfile.read(int(length)))
        else:  # nobody knows where the next request begins
            self.close_connection = True
            self._answer(b"")

    def _answer(self, body: bytes | None) -> None:
        try:
            status, told = 200, self._told(body)
        except RefusalError as error:
            status, told = HTTP_STATUS.get(error.code, 500), {"error": error.reason}
        content = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _told(self, body: bytes | None) -> dict[str, Any]:
        model, asked = self.server.model, PATH.fullmatch(self.path)
        if asked is None or (body is None) == (asked["what"] == ":predict"):
            raise RefusalError(NOT_FOUND, f"Malformed request: {self.command} {self.path}")
        model.check_name(asked["name"], int(asked["version"]) if asked["version"] else None)
        if body is not None:
            return predictions(model, body)
        return _signatures(model) if asked["what"] else _states(model)

    def log_message(self, *arguments: Any) -> None:
        """Says nothing: the client tells what went wrong."""


def predictions(model: LocalModel, body: bytes) -> dict[str, Any]:
    """The answer to the body of a request, with its rows in "instances".

    Raises:
        RefusalError: it is no such body, or the model refuses it.
    """
    try:
        request = json.loads(body)
        signature, rows = request.get("signature_name", DEFAULT_SIGNATURE), request["instances"]
        names = list(model.definitions[signature].inputs) if signature in model.definitions else []
        inputs = _columns(rows, names)
    except MALFORMED as error:
        raise RefusalError(
            INVALID_ARGUMENT, f'expected JSON with rows in "instances": {error}'
        ) from error
    outputs = {name: _plain(value) for name, value in model.predict(signature, inputs).items()}
    if len(outputs) == 1:
        (column,) = outputs.values()
        return {"predictions": column}
    columns = zip(*outputs.values(), strict=True)
    return {"predictions": [dict(zip(outputs, row, strict=True)) for row in columns]}


def _columns(rows: list[Any], names: list[str]) -> dict[str, list[Any]]:
    """Rows, each of values by name or the only input's value, as a batch for each input."""
    if len(names) == 1 and not all(isinstance(r, dict) and r.keys() == {names[0]} for r in rows):
        rows = [{names[0]: row} for row in rows]
    return {name: [_value(row[name]) for row in rows] for name in rows[0]}


def _value(value: Any) -> Any:
    is_bytes = isinstance(value, dict) and value.keys() == {"b64"}
    return base64.b64decode(value["b64"], validate=True) if is_bytes else value


def _plain(column: Any) -> list[Any]:
    """As JSON holds it: bytes in base64."""
    if column.dtype == object:
        return [{"b64": base64.b64encode(one).decode()} for one in column]
    return column.tolist()


def _states(model: LocalModel) -> dict[str, Any]:
    status = {"error_code": "OK", "error_message": ""}
    version = {"version": str(model.version), "state": "AVAILABLE", "status": status}
    return {"model_version_status": [version]}


def _signatures(model: LocalModel) -> dict[str, Any]:
    from google.protobuf import json_format

    found = {
        name: json_format.MessageToDict(definition, preserving_proto_field_name=True)
        for name, definition in model.definitions.items()
    }
    spec = {"name": model.name, "signature_name": "", "version": str(model.version)}
    return {"model_spec": spec, "metadata": {"signature_def": {"signature_def": found}}}
