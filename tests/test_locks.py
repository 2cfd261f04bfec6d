"""The locked versions meet what setup.cfg asks for, and the audit of them finds what it should."""

import configparser
import importlib.util
import json
import re
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
CI = ROOT / ".ci"


def load_audit():
    spec = importlib.util.spec_from_file_location("audit", CI / "audit.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


audit = load_audit()


def requirements(*extras):
    """What setup.cfg asks for, by name; of a package that is named twice both."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    lines = parser["options"]["install_requires"].splitlines()
    for extra in extras:
        lines += parser["options.extras_require"][extra].splitlines()
    lines = (line.strip() for line in lines)
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def pins(*names):
    return audit.read_pins([str(CI / name) for name in names])


@pytest.mark.parametrize(
    ("lock", "extras"), [("lock-test.txt", ["test"]), ("lock-demo.txt", ["test", "demo"])]
)
def test_the_lock_meets_every_requirement(lock, extras):
    locked = pins(lock, "torch.txt")
    needed = requirements(*extras)
    assert {"tensorflow", "pytest", "torch", "onnx"} <= {one.name for one in needed}
    for requirement in needed:
        versions = locked[canonicalize_name(requirement.name)]
        assert all(requirement.specifier.contains(version) for version in versions), requirement


def test_the_locked_tools_build_the_package():
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    for requirement in map(Requirement, build):
        (version,) = pins("lock-tools.txt")[requirement.name]
        assert requirement.specifier.contains(version)
        assert pins("lock-test.txt")[requirement.name] == {version}


@pytest.mark.parametrize("lock", ["lock-tools.txt", "lock-test.txt", "lock-demo.txt"])
def test_every_locked_package_has_its_hashes(lock):
    text = (CI / lock).read_text()
    entries = re.sub(r"^ *#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", "")
    for entry in filter(None, entries.splitlines()):
        assert re.match(r"[a-z0-9.-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", entry), entry
    # Where packages come from is said by who installs, not by a lock.
    assert "://" not in text
    assert "--index" not in text


def test_pytorch_is_in_no_lock_and_brings_nothing_of_cuda():
    assert not {"torch", "triton"} & pins("lock-test.txt", "lock-demo.txt").keys()
    assert not [name for name in pins("lock-test.txt", "lock-demo.txt") if "nvidia" in name]
    metadata = tomllib.loads((CI / "uv.toml").read_text())["dependency-metadata"]
    assert pins("torch.txt") == {one["name"]: {one["version"]} for one in metadata}


def test_the_lowest_versions_are_those_of_setup_cfg():
    makefile = (ROOT / "Makefile").read_text()
    extras = re.search(r"^MINIMUM_EXTRAS = (.*)$", makefile, re.MULTILINE).group(1).split()
    lowest = pins("minimum.txt")
    for requirement in requirements(*extras):
        (bound,) = requirement.specifier
        (version,) = map(Version, lowest[canonicalize_name(requirement.name)])
        assert bound.operator == ">="
        wanted = Version(bound.version)
        # A release of the same minor version, where the first was withdrawn.
        assert (version.major, version.minor) == (wanted.major, wanted.minor), requirement
        assert requirement.specifier.contains(version)


def test_the_actions_of_the_workflow_are_pinned_to_commits():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    used = [step["uses"] for job in workflow["jobs"].values() for step in job["steps"]
            if "uses" in step]  # fmt: skip
    assert used
    for action in used:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", action)


EVENTS = [{"introduced": "0"}, {"fixed": "1.4"}, {"introduced": "2.0"}, {"last_affected": "2.3"}]


def record(name, **entry):
    package = {"ecosystem": "PyPI", "name": "Some_Package"}
    return {"id": name, "summary": "harm", "affected": [{"package": package, **entry}]}


def run_audit(tmp_path, records, *, locked, accepted=""):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for one in records:
            archive.writestr(f"{one['id']}.json", json.dumps(one))
    (tmp_path / "lock.txt").write_text(
        f"some-package=={locked} ; python_version < '3.12' \\\n    --hash=sha256:00\n"
        "    # via x==9\n"
    )
    (tmp_path / "accepted.txt").write_text(accepted)
    return audit.main(*(str(tmp_path / name) for name in ("all.zip", "accepted.txt", "lock.txt")))


@pytest.mark.parametrize(
    ("version", "affected"),
    [("1.0", 1), ("1.4rc1", 1), ("1.4", 0), ("1.9", 0), ("2.0", 1), ("2.3", 1), ("2.3.1", 0)],
)
@pytest.mark.parametrize("order", [1, -1])
def test_a_version_in_a_range_is_found(tmp_path, capsys, version, affected, order):
    ranges = [{"type": "ECOSYSTEM", "events": EVENTS[::order]}]
    records = [record("PYSEC-1", ranges=ranges)]
    assert run_audit(tmp_path, records, locked=version) == affected
    said = capsys.readouterr().out
    assert (f"some-package {version}: PYSEC-1: harm" in said) == bool(affected)
    assert f"1 packages, {affected} findings" in said


def test_a_version_that_is_listed_is_found_and_what_was_withdrawn_is_not(tmp_path):
    listed = record("GHSA-1", versions=["1.0", "1.1"])
    assert run_audit(tmp_path, [listed], locked="1.1") == 1
    assert run_audit(tmp_path, [listed], locked="1.2") == 0
    withdrawn = {**listed, "withdrawn": "2026-01-01T00:00:00Z"}
    assert run_audit(tmp_path, [withdrawn], locked="1.1") == 0
    of_another = record("GHSA-2", versions=["1.1"])
    of_another["affected"][0]["package"]["ecosystem"] = "npm"
    assert run_audit(tmp_path, [of_another], locked="1.1") == 0


def test_what_is_accepted_must_still_be_found(tmp_path, capsys):
    listed = {**record("GHSA-1", versions=["1.1"]), "aliases": ["CVE-1"]}
    accepted = "# why\nCVE-1 the code in question is never called\n"
    assert run_audit(tmp_path, [listed], locked="1.1", accepted=accepted) == 0
    assert "0 findings, 1 accepted" in capsys.readouterr().out
    assert run_audit(tmp_path, [listed], locked="1.2", accepted=accepted) == 1
    assert "names CVE-1, which was not found" in capsys.readouterr().out


def test_a_bound_that_cannot_be_read_counts_as_a_finding(tmp_path):
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "one"}]}]
    assert run_audit(tmp_path, [record("PYSEC-1", ranges=ranges)], locked="1.0") == 1
