"""Google Cloud Storage in a few lines, for TensorFlow's own client: an HTTPS proxy on loopback.

The client is told of the proxy and of who signs its certificate by `environment`, and believes to
speak with googleapis.com; nothing leaves this machine.
"""

import collections
import contextlib
import datetime
import http.server
import json
import re
import ssl
import threading
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HOSTS = ("www.googleapis.com", "storage.googleapis.com", "oauth2.googleapis.com")
_API = re.compile(r"/storage/v1/b/([^/]+)(?:/o(?:/([^/]+)(?:/rewriteTo/b/([^/]+)/o/([^/]+))?)?)?")


class FakeGcs:
    """Objects by bucket and name, each with its content; all buckets exist.

    Attributes:
        objects: content by (bucket, name).
        requests: what was asked for, counted by method and kind.
    """

    def __init__(self, folder: Path):
        self.objects: dict[tuple[str, str], bytes] = {}
        self.requests: collections.Counter[str] = collections.Counter()
        self._authority = folder / "authority.pem"
        self.tls = _certificate(folder, self._authority)
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.fake = self  # type: ignore[attr-defined]

    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to be led here."""
        proxy = f"http://127.0.0.1:{self._server.server_port}"
        return {
            "https_proxy": proxy,
            "HTTPS_PROXY": proxy,
            "CURL_CA_BUNDLE": str(self._authority),
            "GOOGLE_AUTH_TOKEN_FOR_TESTING": "token",
            "NO_GCE_CHECK": "true",
        }

    @contextlib.contextmanager
    def serving(self) -> Iterator["FakeGcs"]:
        """Serves while the block runs."""
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fake: FakeGcs

    def setup(self) -> None:
        super().setup()
        self.fake = self.server.fake  # type: ignore[attr-defined]

    def do_CONNECT(self) -> None:
        """Goes on over TLS in the place of the host that was asked for."""
        self.send_response(200)
        self.end_headers()
        self.connection = self.fake.tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)

    def do_GET(self) -> None:
        path, query = self._asked()
        found = _API.fullmatch(path)
        if found is None:
            bucket, _, name = path[1:].partition("/")
            self._content((bucket, urllib.parse.unquote(name)))
        elif found[2] is not None:
            self._metadata((found[1], urllib.parse.unquote(found[2])))
        elif path.endswith("/o"):
            self._listing(found[1], query)
        else:
            self._answer(200, {"location": "EU"})

    def do_POST(self) -> None:
        path, query = self._asked()
        self._body()
        if path.startswith("/upload/"):
            bucket = path.split("/")[5]
            session = urllib.parse.urlencode({"bucket": bucket, "name": query["name"]})
            self._answer(200, {}, Location=f"https://www.googleapis.com/session?{session}")
            return
        found = _API.fullmatch(path)
        source, target = (
            (found[1 + i], urllib.parse.unquote(found[2 + i]))
            for i in (0, 2)  # type: ignore[index]
        )
        self.fake.objects[target] = self.fake.objects[source]
        self._answer(200, {"done": True})

    def do_PUT(self) -> None:
        _, query = self._asked()
        content = self._body()
        if not self.headers.get("Content-Range", "").startswith("bytes */"):  # asks how far it came
            self.fake.objects[query["bucket"], query["name"]] = content
        self._answer(200, {})

    def do_DELETE(self) -> None:
        path, _ = self._asked()
        found = _API.fullmatch(path)
        gone = self.fake.objects.pop((found[1], urllib.parse.unquote(found[2])), None)  # type: ignore[index]
        self._answer(404 if gone is None else 204, None)

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def _asked(self) -> tuple[str, dict[str, str]]:
        split = urllib.parse.urlsplit(self.path)
        kind = "list" if split.path.endswith("/o") else "object"
        self.fake.requests[f"{self.command} {kind}"] += 1
        return split.path, dict(urllib.parse.parse_qsl(split.query))

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _content(self, key: tuple[str, str]) -> None:
        content = self.fake.objects.get(key)
        if content is None:
            self._answer(404, None)
            return
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if asked is None:
            self._answer(200, content)
        elif int(asked[1]) >= len(content):
            self._answer(416, None)
        else:
            self._answer(206, content[int(asked[1]) : int(asked[2]) + 1])

    def _metadata(self, key: tuple[str, str]) -> None:
        content = self.fake.objects.get(key)
        if content is None:
            self._answer(404, None)
        else:
            self._answer(200, _facts(key[1], content))

    def _listing(self, bucket: str, query: dict[str, str]) -> None:
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter")
        items, prefixes = [], set()
        for (where, name), content in sorted(self.fake.objects.items()):
            if where != bucket or not name.startswith(prefix):
                continue
            below = name[len(prefix) :]
            if delimiter and delimiter in below:
                prefixes.add(prefix + below.partition(delimiter)[0] + delimiter)
            else:
                items.append(_facts(name, content))
        items = items[: int(query.get("maxResults", len(items) or 1))]
        self._answer(200, {"items": items, "prefixes": sorted(prefixes)})

    def _answer(self, status: int, content: object, **headers: str) -> None:
        body = content if isinstance(content, bytes) else b""
        if isinstance(content, dict):
            body = json.dumps(content).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _facts(name: str, content: bytes) -> dict[str, str]:
    return {
        "name": name,
        "size": str(len(content)),
        "generation": "1",
        "updated": "2026-01-01T00:00:00.000Z",
    }


def _certificate(folder: Path, authority: Path) -> ssl.SSLContext:
    """A certificate for Google's hosts, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "fake")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName(host) for host in HOSTS]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    authority.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = folder / "key.pem"
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority, private)
    return context
