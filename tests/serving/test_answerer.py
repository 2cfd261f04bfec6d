"""The client of a model server, against servers that fail in every way they can."""

import contextlib
import itertools
import threading

import pytest
from servers import (
    BUSY,
    CUT,
    NO_JSON,
    NO_PNG,
    OVERLOADED,
    PNG_END,
    PNG_START,
    STALL,
    WRONG_KEYS,
    Rest,
    mirrored,
)

from tfpix2pix.errors import UserError
from tfpix2pix.serving.address import parse_address
from tfpix2pix.serving.answerer import WINDOW, RemoteAnswerer, connect
from tfpix2pix.serving.grpc_client import GrpcClient
from tfpix2pix.serving.rest_client import RestClient
from tfpix2pix.serving.retries import FILES_UNTIL_GONE, PassingError, Retries

QUICK = Retries(count=4, first_pause=0.01)
NONE = Retries(count=0)
TIMEOUT = 10.0


@pytest.fixture
def files(tmp_path):
    """Nine files, told apart by their content."""
    paths = [tmp_path / f"{number}.png" for number in range(9)]
    for path in paths:
        path.write_bytes(b"image " + path.name.encode())
    return paths


def expected(path):
    return PNG_START + path.read_bytes()[::-1] + PNG_END


class Recording:
    """A client that keeps what failed in passing, and calls `after` with it."""

    def __init__(self, double, timeout=TIMEOUT):
        kind = RestClient if isinstance(double, Rest) else GrpcClient
        self._client = kind(parse_address(double.address), timeout)
        self.failures, self.after = [], lambda failure: None
        self.close = self._client.close

    def predict(self, content):
        try:
            return self._client.predict(content)
        except PassingError as error:
            self.failures.append(str(error))
            self.after(self.failures[-1])
            raise


@contextlib.contextmanager
def answerer(double, concurrency=4, retries=QUICK, timeout=TIMEOUT):
    client = Recording(double, timeout)
    try:
        yield RemoteAnswerer(client, concurrency, retries), client
    finally:
        client.close()


def answered(double, files, **how):
    with answerer(double, **how) as (remote, client):
        return list(remote.answers(files)), client.failures


def test_every_file_is_answered_in_order(server, files):
    found, failures = answered(server, files)
    assert [answer.source for answer in found] == files
    assert [answer.content for answer in found] == [expected(path) for path in files]
    assert failures == []
    assert server.requests == len(files)


def test_as_many_requests_as_asked_for_are_under_way(server, files):
    """The model answers three at a time, or not at all."""
    barrier = threading.Barrier(3, timeout=10)

    def model(contents):
        barrier.wait()
        return mirrored(contents)

    server.model = model
    found, failures = answered(server, files, concurrency=3)
    assert [answer.content for answer in found] == [expected(path) for path in files]
    assert failures == []
    assert server.most_at_once == 3


def test_a_slow_first_file_does_not_let_memory_grow(rest, files):
    """Of endless files, no more are read than the window holds beyond those given on."""
    rest.faults.append(STALL)
    read = []

    def endless():
        for path in itertools.cycle(files):
            read.append(path)
            if len(read) == WINDOW * 2:
                rest.released.set()
            yield path

    with answerer(rest, concurrency=2) as (remote, _):
        answers = remote.answers(endless())
        first = next(answers)
        assert first.content == expected(files[0])
        assert len(read) == WINDOW * 2
        answers.close()


def test_a_slow_server_is_asked_again(server, files):
    server.faults.append(STALL)
    found, failures = answered(server, files[:2], concurrency=1, timeout=0.5)
    assert [answer.content for answer in found] == [expected(path) for path in files[:2]]
    assert failures
    reasons = ("no answer within 0.5 s", "DEADLINE_EXCEEDED")
    assert all(any(reason in failure for reason in reasons) for failure in failures)


@pytest.mark.parametrize("fault", [BUSY, OVERLOADED])
def test_a_busy_server_is_asked_again(fault, server, files):
    server.faults.extend([fault] * 3)
    found, failures = answered(server, files)
    assert [answer.content for answer in found] == [expected(path) for path in files]
    assert len(failures) == 3
    assert all(failure.endswith(f": {fault}") for failure in failures)


def test_an_answer_cut_short_is_asked_for_again(rest, files):
    rest.faults.append(CUT)
    found, failures = answered(rest, files)
    assert [answer.content for answer in found] == [expected(path) for path in files]
    assert len(failures) == 1


def test_a_server_that_dies_and_comes_back_loses_no_file(server, files):
    """It comes back when the first connection was refused."""
    with answerer(server, concurrency=1) as (remote, client):
        answers = remote.answers(files)
        first = next(answers)
        server.stop()

        def come_back(failure):
            if "refused" in failure:
                client.after = lambda failure: None
                server.start()

        client.after = come_back
        found = [first, *answers]
    assert [answer.content for answer in found] == [expected(path) for path in files]
    assert any("refused" in failure for failure in client.failures)


def test_a_server_that_never_comes_back_fails_every_file_soon(server, files):
    with answerer(server, concurrency=1) as (remote, client):
        answers = remote.answers(files * 100)
        first = next(answers)
        server.stop()
        found = [first, *answers]
        server.start()
    assert [answer.source for answer in found] == files * 100
    failed = [answer.failure for answer in found if answer.content is None]
    tried = [failure for failure in failed if "(tried 5 times)" in failure]
    left = [failure for failure in failed if failure.startswith("not tried, as the server is gone")]
    assert len(tried) == FILES_UNTIL_GONE
    assert len(tried) + len(left) == len(failed) >= 897
    assert len(client.failures) == FILES_UNTIL_GONE * (1 + QUICK.count)


def test_the_other_requests_under_way_do_not_wait_out_their_pauses(rest, files):
    """Those that may not try again show that the server is gone, while one waits an hour."""
    rest.stop()
    with answerer(rest) as (remote, client):
        pauses = itertools.chain([(3600.0,)], itertools.repeat(()))
        remote._retries = type("Pauses", (), {"pauses": lambda self: iter(next(pauses))})()
        found = list(remote.answers(files))
    rest.start()
    assert len(found) == len(files)
    assert all("refused" in answer.failure for answer in found)
    assert len(client.failures) > FILES_UNTIL_GONE


def test_files_that_never_get_through_do_not_end_the_others(rest, files):
    """One of each two, so that there are never so many in a row."""
    for _ in files:
        rest.faults.extend([BUSY, None])
    found, _ = answered(rest, files, concurrency=1, retries=NONE)
    failures = [answer.failure for answer in found]
    assert failures == ["503: busy (tried 1 times)", None] * 4 + ["503: busy (tried 1 times)"]


def test_a_file_that_the_server_refuses_fails_alone_and_once(server, files):
    files[4].write_bytes(b"refuse")
    found, failures = answered(server, files)
    assert [answer.source for answer in found if answer.content is None] == [files[4]]
    reason = "Unknown image file format. One of JPEG, PNG required."
    assert found[4].failure in (f"400: {reason}", f"INVALID_ARGUMENT: {reason}")
    assert failures == []
    assert server.requests == len(files)


@pytest.mark.parametrize(
    ("fault", "reasons"),
    [
        (WRONG_KEYS, ("something else than one prediction", "outputs, not one generated_image")),
        (NO_PNG, ("7 bytes that are no whole PNG",)),
    ],
)
def test_an_answer_of_another_kind_fails_one_file(fault, reasons, server, files):
    server.faults.append(fault)
    found, failures = answered(server, files, concurrency=1)
    assert any(reason in found[0].failure for reason in reasons)
    assert all(answer.content is not None for answer in found[1:])
    assert failures == []


def test_a_page_of_a_proxy_fails_one_file(rest, files):
    rest.faults.append(NO_JSON)
    found, failures = answered(rest, files, concurrency=1)
    assert found[0].failure == (
        "the server answered no JSON, but: <html>Welcome to the proxy</html>"
    )
    assert all(answer.content is not None for answer in found[1:])
    assert failures == []


def test_files_that_cannot_be_read_are_not_sent(rest, files):
    files[0].unlink()
    files[1].write_bytes(b"")
    found, _ = answered(rest, files)
    assert found[0].failure == "cannot be read: No such file or directory"
    assert found[1].failure == "the file is empty"
    assert rest.requests == len(files) - 2


def test_a_version_is_asked_for_by_number(server, files):
    address = parse_address(f"{server.address}/versions/3")
    with contextlib.closing(connect(address, 1, TIMEOUT, NONE)) as remote:
        assert remote.version == 3
        (answer,) = remote.answers(files[:1])
        assert answer.content == expected(files[0])
        server.version = 4
        (answer,) = remote.answers(files[:1])
        assert "Servable not found" in answer.failure
    with pytest.raises(UserError, match=r"there is no model facades \(version 3\) at "):
        connect(address, 1, TIMEOUT, NONE)


def refusal(address):
    with pytest.raises(UserError) as caught:
        connect(parse_address(address), 1, TIMEOUT, QUICK)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_model_of_another_name_is_told(server):
    assert "there is no model other at " in refusal(server.address.replace("facades", "other"))


def test_a_model_that_is_loading_is_told(server):
    server.state = "LOADING"
    assert "is not ready: version 3 is LOADING" in refusal(server.address)


def test_another_model_is_told(server):
    server.signature = ("x", "y")
    assert "is not a tfpix2pix export" in refusal(server.address)
    assert "found x -> y" in refusal(server.address)
    server.signature = ("input_image", "generated_image")
    assert "takes arrays, not files" in refusal(server.address)
    server.signature = ("image_bytes", "seed", "generated_image_bytes")
    assert "was exported with --dropout" in refusal(server.address)


def test_no_server_is_told_at_once(server):
    server.stop()
    assert "refused" in refusal(server.address)
    server.start()


def test_a_server_that_tells_no_signatures_is_used(rest, files):
    rest.signature = None
    with contextlib.closing(connect(parse_address(rest.address), 1, TIMEOUT, NONE)) as remote:
        (answer,) = remote.answers(files[:1])
    assert answer.content == expected(files[0])


def test_pauses_double_up_to_the_longest():
    retries = Retries(count=5, first_pause=1.0, longest_pause=6.0)
    for _ in range(20):
        for pause, mean in zip(retries.pauses(), (1, 2, 4, 6, 6), strict=True):
            assert mean / 2 <= pause <= mean * 1.5
    assert len({next(retries.pauses()) for _ in range(20)}) > 1
