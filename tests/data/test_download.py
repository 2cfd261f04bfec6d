"""A download is whole or is not there, whatever the server does, and says what went wrong."""

import concurrent.futures
import contextlib
import errno
import hashlib
import http.server
import pathlib
import socket
import threading
import time

import pytest

from tfpix2pix.data.builders import download as module
from tfpix2pix.data.builders import download_progress
from tfpix2pix.data.builders.download import download, partial_file
from tfpix2pix.errors import UserError

CONTENT = bytes(range(256)) * 4096  # 1 MiB
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `server.content` with the faults that the server is told to have."""

    def do_GET(self):
        server = self.server
        server.requests.append(dict(self.headers))
        if server.statuses:
            return self.send_error(server.statuses.pop(0))
        first = self._first_byte()
        if first and first >= len(server.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(server.content)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        body = server.content[first or 0 :]
        self.send_response(200 if first is None else 206)
        if first is not None:
            span = f"{first + server.shift}-{len(server.content) - 1}"
            self.send_header("Content-Range", f"bytes {span}/{len(server.content)}")
        if server.tells_length:
            self.send_header("Content-Length", str(len(body)))
        for name, value in server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        server.before_sending()
        sent = body[: server.cuts.pop(0)] if server.cuts else body
        server.sent.append(len(sent))  # first: the client may be done before this thread goes on
        self.wfile.write(sent)
        return None

    def _first_byte(self):
        given = self.headers.get("Range")
        unchanged = self.headers.get("If-Range") in self.server.headers.values()
        if not (self.server.ranges and given and unchanged):
            return None
        return int(given.removeprefix("bytes=").rstrip("-"))

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def serving(content=CONTENT):
    """A server on loopback; its address is `server.url`."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.content, server.ranges, server.tells_length, server.shift = content, True, True, 0
        server.headers, server.before_sending = {"ETag": '"one"'}, lambda: None
        server.requests, server.sent, server.statuses, server.cuts = [], [], [], []
        server.url = f"http://127.0.0.1:{server.server_port}/file.tar.gz"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def dead_address():
    """An address on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/file.tar.gz"


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(module, "PAUSE", 0.0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as server:
        yield server


@pytest.fixture
def target(tmp_path):
    return tmp_path / "downloads" / "file.tar.gz"


def assert_downloaded(target):
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def refusal(urls, target, **options):
    with pytest.raises(UserError) as caught:
        download(urls, target, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert "--manual-dir FOLDER" in message
    assert not target.exists()
    return message


def test_file_arrives_whole_with_its_digest_told(server, target, capsys):
    assert download([server.url], target) == target
    assert_downloaded(target)
    assert SHA256 in capsys.readouterr().err
    download([server.url], target)
    assert len(server.requests) == 1


def test_known_digest_is_checked_silently(server, target, capsys):
    download([server.url], target, sha256=SHA256.upper())
    assert_downloaded(target)
    assert capsys.readouterr().err == ""


def test_mirrors_are_tried_in_order(server, target):
    with serving(b"another") as other:
        download([dead_address(), server.url, other.url], target)
        assert other.requests == []
    assert_downloaded(target)


def test_missing_file_is_not_asked_for_again(server, target):
    server.statuses = [404]
    with serving() as other:
        download([server.url, other.url], target)
    assert len(server.requests) == 1
    assert_downloaded(target)


def test_all_addresses_are_named_with_their_reasons(server, target):
    server.statuses = [404]
    dead = dead_address()
    message = refusal([dead, server.url], target)
    assert f"{dead}: Connection refused" in message
    assert f"{server.url}: 404 Not Found" in message
    assert list(target.parent.iterdir()) == []
    download([server.url], target)
    assert_downloaded(target)


def test_cut_connection_is_resumed_with_the_rest_alone(server, target):
    server.cuts = [300_000]
    download([server.url], target, sha256=SHA256)
    assert_downloaded(target)
    assert server.sent == [300_000, len(CONTENT) - 300_000]
    assert server.requests[1]["Range"] == "bytes=300000-"
    assert server.requests[1]["If-Range"] == '"one"'


def test_connection_may_break_as_often_as_it_brings_something(server, target):
    server.cuts = [90_000] * 3 * module.ATTEMPTS
    server.content = CONTENT * 2
    download([server.url], target)
    assert target.read_bytes() == server.content
    assert server.sent[:-1] == [90_000] * 3 * module.ATTEMPTS


def test_attempts_that_bring_nothing_more_are_counted_where_all_is_sent_anew(server, target):
    server.ranges, server.cuts = False, [90_000] * 100
    refusal([server.url], target)
    assert len(server.sent) == 1 + module.ATTEMPTS


def test_two_downloads_of_one_file_take_turns(server, target, capsys):
    """The second waits, says so once, and finds the file there."""
    lock = target.with_name(".partial-file.tar.gz.lock")
    held = threading.Event()
    server.before_sending = lambda: held.wait(20)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        first = pool.submit(download, [server.url], target, sha256=SHA256)
        wait_until(lambda: server.requests)
        assert lock.exists()
        second = pool.submit(download, [server.url], target, sha256=SHA256)
        told = []
        wait_until(lambda: told.append(capsys.readouterr().err) or any(told) or second.done())
        held.set()
        assert first.result(20) == second.result(20) == target
    assert "".join(told) + capsys.readouterr().err == (
        "waiting for another process that downloads file.tar.gz\n"
    )
    assert len(server.requests) == 1
    assert_downloaded(target)


def wait_until(true):
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_later_call_resumes_what_an_earlier_one_left(server, target, monkeypatch):
    monkeypatch.setattr(module, "ATTEMPTS", 1)
    server.cuts = [300_000, 0]
    message = refusal([server.url], target)
    assert "the connection was lost" in message
    assert "what has arrived is kept" in message
    download([dead_address(), server.url], target)
    assert_downloaded(target)
    assert server.sent == [300_000, 0, len(CONTENT) - 300_000]


def test_last_modified_serves_where_the_tag_is_weak(server, target):
    server.headers = {"ETag": 'W/"one"', "Last-Modified": "Sun, 02 Sep 2018 08:58:00 GMT"}
    server.cuts = [300_000]
    download([server.url], target)
    assert server.requests[1]["If-Range"] == "Sun, 02 Sep 2018 08:58:00 GMT"
    assert_downloaded(target)


@pytest.mark.parametrize("fault", ["no ranges", "no validator", "wrong part"])
def test_server_that_cannot_resume_sends_all_anew(server, target, fault):
    server.cuts = [300_000]
    if fault == "no ranges":
        server.ranges = False
    elif fault == "no validator":
        server.headers = {}
    else:
        server.shift = 1
    download([server.url], target)
    assert_downloaded(target)
    assert server.sent[-1] == len(CONTENT)


def test_changed_file_is_fetched_anew(server, target, monkeypatch):
    monkeypatch.setattr(module, "ATTEMPTS", 1)
    server.content, server.cuts = b"older" * 100_000, [300_000, 0]
    refusal([server.url], target)
    server.content, server.headers = CONTENT, {"ETag": '"two"'}
    download([server.url], target)
    assert_downloaded(target)


def test_part_from_another_address_is_not_continued(server, target, monkeypatch):
    monkeypatch.setattr(module, "ATTEMPTS", 1)
    with serving(b"other" * 100_000) as other:
        other.cuts = [300_000, 0]
        refusal([other.url], target)
    download([server.url], target)
    assert_downloaded(target)
    assert "Range" not in server.requests[0]


def test_whole_part_is_only_renamed(server, target, monkeypatch):
    monkeypatch.setattr(module, "ATTEMPTS", 1)
    server.cuts = [300_000, 0]
    refusal([server.url], target)
    partial_file(target).write_bytes(CONTENT)
    download([server.url], target, sha256=SHA256)
    assert_downloaded(target)
    assert server.sent == [300_000, 0]


def test_part_longer_than_the_file_is_dropped(server, target, monkeypatch):
    monkeypatch.setattr(module, "ATTEMPTS", 2)
    server.cuts = [300_000, 0, 0]
    refusal([server.url], target)
    partial_file(target).write_bytes(CONTENT + b"more")
    download([server.url], target)
    assert_downloaded(target)


@pytest.mark.parametrize("tells_length", [True, False])
def test_wrong_checksum_deletes_the_file(server, target, tells_length):
    server.tells_length = tells_length
    server.content = CONTENT[:-1] + b"x"
    found = hashlib.sha256(server.content).hexdigest()
    message = refusal([server.url], target, sha256=SHA256)
    assert f"expected sha256 {SHA256}, found {found}" in message
    assert list(target.parent.iterdir()) == []
    server.content = CONTENT
    download([server.url], target, sha256=SHA256)
    assert_downloaded(target)


def test_busy_server_is_asked_a_bounded_number_of_times(server, target):
    server.statuses = [503] * 100
    assert "503 Service Unavailable" in refusal([server.url], target)
    assert len(server.requests) == module.ATTEMPTS
    server.statuses = [503]
    download([server.url], target)
    assert_downloaded(target)


def test_web_page_is_not_taken_for_the_file(server, target):
    server.headers["Content-Type"] = "text/html; charset=utf-8"
    assert "sent a web page" in refusal([server.url], target)
    assert list(target.parent.iterdir()) == []


def test_silent_server_is_given_up(target, monkeypatch):
    monkeypatch.setattr(module, "ATTEMPTS", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        assert "timed out" in refusal([url], target, timeout=0.1)


def test_bad_address_is_named(target):
    assert "nonsense: " in refusal(["nonsense"], target)


def test_full_disk_is_named_and_the_rest_comes_later(server, target, monkeypatch):
    real_open = pathlib.Path.open

    def opened(path, mode="r", **options):
        file = real_open(path, mode, **options)
        return FullDisk(file) if mode in ("ab", "wb") else file

    with monkeypatch.context() as patches:
        patches.setattr(pathlib.Path, "open", opened)
        with pytest.raises(UserError, match=rf"^cannot write {target}: No space left"):
            download([server.url], target)
    assert not target.exists()
    download([server.url], target)
    assert_downloaded(target)
    assert sum(server.sent[1:]) < len(CONTENT)


class FullDisk:
    """A file on a disk that has room for its first chunk alone."""

    def __init__(self, file):
        self.file, self.written = file, 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def write(self, data):
        if self.written:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.written += self.file.write(data)


def test_place_that_cannot_be_written_is_named(server, tmp_path):
    (tmp_path / "file").touch()
    target = tmp_path / "file" / "x.tar.gz"
    with pytest.raises(UserError, match=rf"^cannot write {target}: .*Choose a folder"):
        download([server.url], target)


def test_lines_tell_the_progress_where_there_is_no_terminal(server, target, monkeypatch, capsys):
    monkeypatch.setattr(download_progress, "LINE_INTERVAL", 0.0)
    download([server.url], target, sha256=SHA256)
    assert "file.tar.gz: 1/1 MB" in capsys.readouterr().err


def test_bar_tells_the_progress_on_a_terminal(server, target, monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    download([server.url], target, sha256=SHA256)
    assert "100%" in capsys.readouterr().err
