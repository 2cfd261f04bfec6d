"""Downloads one file whole or not at all: mirrors in order, partial downloads resumed."""

import contextlib
import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import filelock
import requests
from urllib3.exceptions import HTTPError

from tfpix2pix.data.builders.download_progress import show_bytes
from tfpix2pix.errors import UserError
from tfpix2pix.files import write_atomically, writing
from tfpix2pix.progress import say

ATTEMPTS = 4  # per address, in a row without a byte more than before
PAUSE = 1.0  # seconds before another attempt; twice as long after each that brought nothing
CHUNK = 2**18


class _MirrorError(Exception):
    """This address does not give the file: the next one may."""


class _PassingError(_MirrorError):
    """The same address may give it at another attempt."""


def download(
    urls: Sequence[str], target: Path, *, sha256: str | None = None, timeout: float = 60.0
) -> Path:
    """Downloads a file that several addresses offer, unless it is there already.

    What has arrived stays in a hidden file beside `target` if the connection is lost, and a later
    call fetches only the rest, provided that the server still has the same file. While another
    process downloads the file, this one waits.

    Args:
        urls: addresses of the same file, the best first.
        target: the file to be; its folder is made.
        sha256: its digest in hexadecimal, where known; else the digest found is told.
        timeout: seconds without an answer, or without a further byte, after which to give up.

    Returns:
        `target`.

    Raises:
        UserError: no address gives the whole file, or the place cannot be written.
    """
    if target.exists():
        return target
    failures = []
    with writing(target), _alone(target):
        if target.exists():  # by now
            return target
        for url in urls:
            try:
                _fetch_with_retries(url, partial_file(target), timeout)
                _check_digest(partial_file(target), target.name, sha256)
            except _MirrorError as error:
                failures.append(f"{url}: {error}")
                continue
            partial_file(target).replace(target)
            _origin_file(partial_file(target)).unlink(missing_ok=True)
            return target
    kept = ": what has arrived is kept" if partial_file(target).exists() else ""
    raise UserError(
        f"cannot download {target.name} ({'; '.join(failures)}). Fetch it by hand into a folder "
        f"and pass --manual-dir FOLDER, or try again later{kept}"
    )


def partial_file(target: Path) -> Path:
    """Where what has arrived of `target` is kept until it is whole."""
    return target.with_name(f".partial-{target.name}")


@contextlib.contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Keeps others from downloading `target`; the system unlocks it when this process dies."""
    target.parent.mkdir(parents=True, exist_ok=True)
    lock_file = target.with_name(f".partial-{target.name}.lock")
    lock = filelock.FileLock(lock_file)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        say(f"waiting for another process that downloads {target.name}")
        lock.acquire()
    try:
        yield
    finally:
        lock_file.unlink(missing_ok=True)  # while it is held: afterwards it may be another's
        lock.release()


def _origin_file(partial: Path) -> Path:
    """Says what the partial file is a part of: address, validator."""
    return partial.with_name(f"{partial.name}.origin")


def _fetch_with_retries(url: str, partial: Path, timeout: float) -> None:
    failure: _MirrorError
    most, in_vain = _size(partial), 0
    while True:
        try:
            _fetch(url, partial, timeout)
            return
        except _PassingError as error:
            failure = error
        except (requests.ConnectionError, requests.Timeout) as error:
            failure = _PassingError(innermost(error))
        except requests.RequestException as error:
            raise _MirrorError(innermost(error)) from error
        # Not more than the last attempt but than any: a server may have to send all anew.
        in_vain = 0 if _size(partial) > most else in_vain + 1
        most = max(most, _size(partial))
        if in_vain == ATTEMPTS:
            raise failure
        time.sleep(PAUSE * 2 ** max(0, in_vain - 1))


def _size(partial: Path) -> int:
    return partial.stat().st_size if partial.exists() else 0


def _fetch(url: str, partial: Path, timeout: float) -> None:
    """One request, for the whole file or for the rest of it."""
    had = _size(partial)
    validator = _known_validator(url, partial) if had else None
    # Compressed once more on its way, the length told would not be the file's.
    headers = {"Accept-Encoding": "identity"}
    if validator:
        headers |= {"Range": f"bytes={had}-", "If-Range": validator}
    with requests.get(url, headers=headers, stream=True, timeout=timeout) as response:
        if _says_nothing_is_left(response, had):
            return
        if response.status_code == requests.codes.partial_content:
            total = _total_of_rest(response, had, partial)
        else:
            _refuse_other_answers(response, partial)
            total, had = _length(response), 0
            _forget(partial)
            _remember_origin(url, response, partial)
        name = partial.name.removeprefix(".partial-")
        with partial.open("ab" if had else "wb") as file:
            for chunk in show_bytes(_chunks(response), name, had, total):
                file.write(chunk)
    _check_length(partial, total)


def _chunks(response: requests.Response) -> Iterator[bytes]:
    try:
        # Not iter_content: a server that calls .tar.gz an encoding would have it unpacked here.
        yield from response.raw.stream(CHUNK, decode_content=False)
    except HTTPError as error:
        raise _PassingError(f"the connection was lost ({innermost(error)})") from error


def _known_validator(url: str, partial: Path) -> str | None:
    """What tells whether the server's file is still the one that the partial file is part of."""
    try:
        origin = json.loads(_origin_file(partial).read_text(encoding="utf-8"))
        return origin["validator"] if origin["url"] == url else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _remember_origin(url: str, response: requests.Response, partial: Path) -> None:
    # A weak ETag may stay the same while bytes change, and If-Range forbids it.
    tag = response.headers.get("ETag", "")
    if tag.startswith("W/"):
        tag = ""
    validator = tag or response.headers.get("Last-Modified")
    write_atomically(_origin_file(partial), json.dumps({"url": url, "validator": validator}))


def _says_nothing_is_left(response: requests.Response, had: int) -> bool:
    """Only the renaming was missing when the last call ended."""
    status, given = response.status_code, response.headers.get("Content-Range")
    return status == requests.codes.requested_range_not_satisfiable and given == f"bytes */{had}"


def _total_of_rest(response: requests.Response, had: int, partial: Path) -> int | None:
    """Content-Range is `bytes FIRST-LAST/TOTAL`; anything but the rest asked for is refused."""
    given = response.headers.get("Content-Range", "")
    span, _, total = given.removeprefix("bytes ").partition("/")
    if span.split("-")[0].strip() != str(had):
        _forget(partial)
        raise _PassingError(f"sent another part than asked for (Content-Range: {given!r})")
    return int(total) if total.strip().isdigit() else None


def _refuse_other_answers(response: requests.Response, partial: Path) -> None:
    status = response.status_code
    if status == requests.codes.requested_range_not_satisfiable:
        _forget(partial)
        raise _PassingError("has no such part of the file")
    if status != requests.codes.ok:
        kind = _PassingError if status >= 500 or status == 429 else _MirrorError
        raise kind(f"{status} {response.reason}")
    if response.headers.get("Content-Type", "").startswith("text/html"):
        raise _MirrorError("sent a web page instead of the file")


def _length(response: requests.Response) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdigit() else None


def _check_length(partial: Path, total: int | None) -> None:
    size = partial.stat().st_size
    if total is None or size == total:
        return
    if size > total:
        _forget(partial)
    raise _PassingError(f"{size} of {total} bytes arrived")


def _check_digest(partial: Path, name: str, expected: str | None) -> None:
    with partial.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if expected is None:
        say(f"{name} has the sha256 {found}; none is known to compare it with")
    elif found != expected.lower():
        _forget(partial)
        raise _MirrorError(f"wrong checksum, so deleted: expected sha256 {expected}, found {found}")


def _forget(partial: Path) -> None:
    partial.unlink(missing_ok=True)
    _origin_file(partial).unlink(missing_ok=True)


def innermost(error: BaseException) -> str:
    """The plain reason below the errors that requests and urllib3 wrap around each other."""
    while isinstance(inner := error.__cause__ or error.__context__, OSError | HTTPError):
        error = inner
    text = getattr(error, "strerror", None) or str(error)
    return " ".join(text.split()) or type(error).__name__
