"""Answers files by a model on a server: several requests at once, each tried again if need be."""

import functools
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Protocol

from tfpix2pix.data.encoding import PNG
from tfpix2pix.errors import UserError
from tfpix2pix.inference.answering import Answer
from tfpix2pix.inference.threads import in_order, thread_pool
from tfpix2pix.serving.address import Address
from tfpix2pix.serving.retries import Outage, PassingError, Retries
from tfpix2pix.serving.sending import image_bytes

# Files that have begun and are not given on yet, for each request at once: more than one, so that
# a file that takes long does not keep the others waiting.
WINDOW = 2


class Client(Protocol):
    """A way to one model on a server."""

    def check(self) -> int | None:
        """The version that answers, if the server tells it.

        Raises:
            UserError: the model is not there, or is no export for image files.
        """
        ...

    def predict(self, content: bytes) -> bytes:
        """An encoded image -> the answer, PNG; called from several threads.

        Raises:
            PassingError: it may succeed at another attempt.
            UserError: it will not.
        """
        ...

    def close(self) -> None:
        """Ends the connections."""
        ...


class RemoteAnswerer:
    """Sends each file in a request of its own, so that a bad one fails alone.

    Batching is the server's: it takes together what arrives at once.

    Attributes:
        suffix: of the answers' files.
        version: of the model, where it is known.
    """

    suffix = PNG

    def __init__(
        self,
        client: Client,
        concurrency: int = 4,
        retries: Retries | None = None,
        version: int | None = None,
    ):
        """Makes one.

        Args:
            client: asks the model.
            concurrency: how many requests may be under way.
            retries: how they are tried again.
            version: of the model.
        """
        self.version = version
        self._client = client
        self._concurrency = concurrency
        self._retries = retries or Retries()

    def answers(self, sources: Iterable[Path]) -> Generator[Answer, None, None]:
        """One answer for each file, in their order; so many in memory as are under way.

        When the server counts as gone (`retries.FILES_UNTIL_GONE`), the files that are left fail
        at once.
        """
        outage = Outage()
        with thread_pool(self._concurrency) as pool:
            try:
                answer = functools.partial(self._answer, outage)
                yield from in_order(pool, answer, sources, WINDOW * self._concurrency)
            finally:  # also where nobody takes the rest
                outage.stop()

    def close(self) -> None:
        """Ends the connections."""
        self._client.close()

    def _answer(self, outage: Outage, source: Path) -> Answer:
        if outage.reason is not None:
            return Answer(source, None, f"not tried, as the server is gone: {outage.reason}")
        try:
            return Answer(source, self._asked(image_bytes(source), outage))
        except OSError as error:
            return Answer(source, None, f"cannot be read: {error.strerror}")
        except UserError as error:
            return Answer(source, None, str(error))

    def _asked(self, content: bytes, outage: Outage) -> bytes:
        """The answer, after as many attempts as it takes and is allowed."""
        pauses, attempts = self._retries.pauses(), 0
        while True:
            attempts += 1
            try:
                answer = self._client.predict(content)
            except PassingError as error:
                pause = next(pauses, None)
                if pause is None or not outage.pause(pause):
                    outage.gave_up(error)
                    raise UserError(f"{error} (tried {attempts} times)") from error
            except UserError:
                outage.answered()
                raise
            else:
                outage.answered()
                return answer


def connect(address: Address, concurrency: int, timeout: float, retries: Retries) -> RemoteAnswerer:
    """What answers files by a model, after asking whether the model is there.

    Args:
        address: of the model.
        concurrency: how many requests may be under way at once.
        timeout: seconds that an answer may take.
        retries: how a request is tried again; the first question is not.

    Raises:
        UserError: the server cannot be reached, or has no such model.
    """
    client = _client(address, timeout)
    try:
        version = client.check()
    except UserError:
        client.close()
        raise
    return RemoteAnswerer(client, concurrency, retries, version)


def _client(address: Address, timeout: float) -> Client:
    if address.is_grpc:
        from tfpix2pix.serving.grpc_client import GrpcClient

        return GrpcClient(address, timeout)
    from tfpix2pix.serving.rest_client import RestClient

    return RestClient(address, timeout)
