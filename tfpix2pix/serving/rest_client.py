"""A model behind TensorFlow Serving's REST interface, which other servers speak too."""

import base64
import threading
from collections.abc import Collection
from typing import Any

import requests

from tfpix2pix.data.builders.download import innermost
from tfpix2pix.errors import UserError
from tfpix2pix.serving.address import Address
from tfpix2pix.serving.retries import PassingError
from tfpix2pix.serving.signature import (
    SIGNATURE,
    VersionState,
    available_version,
    check_png,
    check_signature,
    no_such_model,
    one_line,
)

NOT_FOUND = 404
PASSING = {429, 502, 503, 504}
# What servers say that tell no signatures.
NO_METADATA = {NOT_FOUND, 405, 501}
SHOWN = 200  # characters of an answer that is not JSON


class _Session(threading.local):
    """One for each thread, as requests promises nothing about sharing them."""

    def __init__(self) -> None:
        self.session = requests.Session()


class RestClient:
    """Asks one model; from several threads, if need be."""

    def __init__(self, address: Address, timeout: float):
        """Args: the model, and the seconds that the server may be silent."""
        self._address = address
        self._timeout = timeout
        self._local = _Session()

    def check(self) -> int | None:
        """Asks whether such a model is there, and which version of it.

        Raises:
            UserError: the server cannot be reached, or has no such model.
        """
        status = self._told("", {NOT_FOUND})
        if status is None:
            raise no_such_model(self._address)
        try:
            # KServe, which speaks alike, tells neither states nor signatures.
            states = status.get("model_version_status")
            version = None
            if states is not None:
                version = available_version(self._address, [_state(state) for state in states])
            metadata = self._told("/metadata", NO_METADATA)
            if metadata is None:
                return version
            signatures = metadata["metadata"]["signature_def"]["signature_def"]
            found = signatures.get(SIGNATURE, {"inputs": {}, "outputs": {}})
            inputs, outputs = set(found["inputs"]), set(found["outputs"])
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            raise UserError(
                f"cannot use {self._address}: it speaks another protocol than TensorFlow Serving"
            ) from error
        check_signature(self._address, inputs, outputs)
        return version

    def predict(self, content: bytes) -> bytes:
        """An encoded image -> the answer, PNG.

        Raises:
            PassingError: the server cannot be reached, or not now.
            UserError: it refuses the image, or answers something else.
        """
        image = {"b64": base64.b64encode(content).decode()}
        answer = _object(self._ask("POST", ":predict", {"instances": [image]}))
        try:
            (prediction,) = answer["predictions"]
            encoded = prediction["b64"]
            return check_png(base64.b64decode(encoded, validate=True))
        except (LookupError, TypeError, ValueError) as error:
            raise UserError(
                "the server answered something else than one prediction in base64"
            ) from error

    def close(self) -> None:
        """Ends the connection of this thread; those of others end with them."""
        self._local.session.close()

    def _told(self, what: str, missing: Collection[int]) -> dict[str, Any] | None:
        """What the server says of the model; None where it answers with one of `missing`."""
        try:
            response = self._ask("GET", what)
            return None if response.status_code in missing else _object(response)
        except UserError as error:
            raise UserError(f"cannot use {self._address}: {error}") from error

    def _ask(self, method: str, what: str, body: Any = None) -> requests.Response:
        try:
            response = self._local.session.request(
                method, self._address.url + what, json=body, timeout=self._timeout
            )
        except requests.Timeout as error:
            raise PassingError(f"no answer within {self._timeout:g} s") from error
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
            raise PassingError(innermost(error)) from error
        except requests.RequestException as error:
            raise UserError(one_line(str(error))) from error
        if response.status_code in PASSING:
            raise PassingError(_refusal(response))
        return response


def _object(response: requests.Response) -> dict[str, Any]:
    """The JSON object of an answer, unless it is a refusal."""
    if not response.ok:
        raise UserError(_refusal(response))
    try:
        found = response.json()
    except requests.exceptions.JSONDecodeError as error:
        shown = one_line(response.text[:SHOWN]) or "nothing"
        raise UserError(f"the server answered no JSON, but: {shown}") from error
    if not isinstance(found, dict):
        raise UserError("the server answered JSON that is no object")
    return found


def _refusal(response: requests.Response) -> str:
    """The status, and what the server says of it."""
    try:
        told = response.json()["error"]
    except (requests.exceptions.JSONDecodeError, KeyError, TypeError):
        told = response.reason
    return f"{response.status_code}: {one_line(str(told))}"


def _state(version: dict[str, Any]) -> VersionState:
    error = version.get("status", {}).get("error_message", "")
    return VersionState(int(version["version"]), version["state"], error)
