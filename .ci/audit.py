"""Which of the locked packages have a known vulnerability: `make audit`.

    python .ci/audit.py ADVISORIES ACCEPTED LOCK...

ADVISORIES is the file of all advisories on PyPI's packages that OSV offers, a zip of JSON records
(https://ossf.github.io/osv-schema). Nothing is fetched: the same files give the same answer.
Status 1: something was found that ACCEPTED does not name, or ACCEPTED names what is not found.
"""

import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

Pins = dict[str, set[str]]


def read_pins(paths: list[str]) -> Pins:
    """Every version of each package; a lock has several where they differ by platform."""
    pins: Pins = {}
    for line in (line for path in paths for line in Path(path).read_text().splitlines()):
        name, equals, rest = line.partition("==")
        if equals and not line.startswith((" ", "#")):
            pins.setdefault(canonicalize_name(name.strip()), set()).add(rest.split()[0])
    return pins


def in_range(version: Version, events: list[dict[str, str]]) -> bool:
    """Whether the last event at or before the version, by version, leaves it affected."""
    affected, last = False, Version("0.dev0")
    for event in events:
        ((kind, text),) = event.items()
        if kind not in ("introduced", "fixed", "last_affected"):
            continue
        start = Version("0.dev0" if text == "0" else text)
        passed = version > start if kind == "last_affected" else version >= start
        if passed and start >= last:
            affected, last = kind == "introduced", start
    return affected


def is_affected(version: str, entry: dict) -> bool:
    if version in entry.get("versions", []):
        return True
    ranges = [part for part in entry.get("ranges", []) if part["type"] == "ECOSYSTEM"]
    try:
        return any(in_range(Version(version), part["events"]) for part in ranges)
    except InvalidVersion:
        return True  # A bound that cannot be read is for a person to judge.


def findings(records: Iterator[dict], pins: Pins) -> Iterator[tuple[str, str, dict]]:
    """Package, version and the record that is about them."""
    for record in records:
        for entry in [] if "withdrawn" in record else record.get("affected", []):
            package = entry.get("package", {})
            name = canonicalize_name(package.get("name", ""))
            if package.get("ecosystem") == "PyPI":
                for version in sorted(pins.get(name, ())):
                    if is_affected(version, entry):
                        yield name, version, record


def read_records(path: str) -> Iterator[dict]:
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            yield json.loads(archive.read(name))


def main(advisories: str, accepted_file: str, *locks: str) -> int:
    lines = Path(accepted_file).read_text().splitlines()
    accepted = {line.split()[0] for line in lines if line.strip() and not line.startswith("#")}
    pins, used, count = read_pins(list(locks)), set(), 0
    for name, version, record in findings(read_records(advisories), pins):
        names = {record["id"], *record.get("aliases", [])}
        used |= names & accepted
        if not names & accepted:
            count += 1
            print(f"{name} {version}: {' '.join(sorted(names))}: {record.get('summary', '')}")
    for name in sorted(accepted - used):
        print(f"{accepted_file} names {name}, which was not found: take it out")
    print(f"{len(pins)} packages, {count} findings, {len(used)} accepted")
    return 1 if count or accepted - used else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
