"""An exported model behind kserve's HTTP server, in an environment of its own.

    python kserve_server.py LIBRARY_DIR VERSION_DIR NAME PORT

The model runs in TensorFlow's C++ loader, whose shared libraries lie in LIBRARY_DIR: this process
has no Python TensorFlow. Rows of the request are read, and the answer's written, by the rules of
TensorFlow Serving's REST interface: {"b64": ...} are bytes, and so are outputs named `..._bytes`.
"""

import base64
import sys
from typing import Any

import numpy as np
from c_loader import LoaderError, answer, load_library, load_session, read_signature
from kserve import Model, ModelServer
from kserve.errors import InvalidInput


class ExportedModel(Model):
    """Answers `:predict` with the SavedModel."""

    def __init__(self, library_dir: str, version_dir: str, name: str):
        super().__init__(name)
        self._library = load_library(library_dir)
        self._loaded = load_session(self._library, version_dir)
        self.ready = True

    def predict(self, payload: dict[str, Any], *headers: Any) -> dict[str, Any]:
        """The predictions to a body of rows."""
        signature = payload.get("signature_name", "serving_default")
        try:
            infos, _ = read_signature(self._loaded[2], signature)
            inputs = columns(payload["instances"], list(infos))
            answers = answer(self._library, self._loaded, signature, inputs)
        except (LoaderError, KeyError, ValueError) as error:
            raise InvalidInput(str(error)) from error
        if isinstance(answers, list):
            return {"predictions": [{"b64": base64.b64encode(one).decode()} for one in answers]}
        return {"predictions": answers.tolist()}


def columns(rows: list[Any], names: list[str]) -> dict[str, Any]:
    """Rows, each of values by name or of the only input's value, as a batch for each input."""
    named = [
        row if isinstance(row, dict) and row.keys() <= set(names) else {names[0]: row}
        for row in rows
    ]
    return {name: batch([row[name] for row in named]) for name in names}


def batch(values: list[Any]) -> Any:
    if all(isinstance(value, dict) for value in values):
        return [base64.b64decode(value["b64"], validate=True) for value in values]
    return np.asarray(values)


if __name__ == "__main__":
    library_dir, version_dir, name, port = sys.argv[1:]
    server = ModelServer(http_port=int(port), enable_grpc=False, workers=1)
    server.start([ExportedModel(library_dir, version_dir, name)])
