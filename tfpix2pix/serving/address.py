"""Where a model is served: grpc://HOST:PORT/NAME, or http(s)://HOST[:PORT]/v1/models/NAME."""

import dataclasses
import re

from tfpix2pix.errors import SettingsError

GRPC_FORM = "grpc://HOST:PORT/NAME"
REST_FORM = "http(s)://HOST:PORT/v1/models/NAME"

MODEL = r"(?P<name>[^/:?#\s]+)(/versions/(?P<version>\d+))?"
GRPC = re.compile(rf"grpc://(?P<place>[^/?#\s]+:\d+)/{MODEL}/?")
# A gateway may put the server below a path of its own. `:predict` is part of what people copy.
REST = re.compile(rf"(?P<place>https?://[^/?#\s]+(/[^?#\s]+)?)/v1/models/{MODEL}(:predict)?/?")


@dataclasses.dataclass(frozen=True)
class Address:
    """A model on a server.

    Attributes:
        is_grpc: whether it is reached by gRPC; else by HTTP.
        place: of the server: HOST:PORT, or for HTTP the URL up to /v1.
        name: of the model.
        version: of the model; None: the newest.
    """

    is_grpc: bool
    place: str
    name: str
    version: int | None = None

    @property
    def url(self) -> str:
        """Of the model, for HTTP."""
        version = "" if self.version is None else f"/versions/{self.version}"
        return f"{self.place}/v1/models/{self.name}{version}"

    def __str__(self) -> str:
        version = "" if self.version is None else f" (version {self.version})"
        return f"{self.name}{version} at {self.place}"


def parse_address(text: str) -> Address:
    """Reads the address of a model.

    Raises:
        SettingsError: it has none of the two forms.
    """
    for pattern in (GRPC, REST):
        if match := pattern.fullmatch(text):
            version = match["version"]
            return Address(
                pattern is GRPC, match["place"], match["name"], int(version) if version else None
            )
    raise SettingsError(
        f"--server {text}: expected {GRPC_FORM} or {REST_FORM}, with /versions/N behind NAME for "
        "one version of the model"
    )
