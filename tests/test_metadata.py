"""What the package says of itself is one thing, wherever it is said."""

import ast
import configparser
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import tfpix2pix

ROOT = Path(__file__).parents[1]
CLASSIFIER = "Programming Language :: Python :: 3."


@pytest.fixture(scope="module")
def setup():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


@pytest.fixture(scope="module")
def citation():
    return yaml.safe_load((ROOT / "CITATION.cff").read_text())


def test_type_checkers_see_the_names_that_are_imported_at_first_use():
    stub = ast.parse((ROOT / "tfpix2pix" / "__init__.pyi").read_text())
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    # Only `from .x import a as a` makes a name of a stub public.
    seen = {alias.asname: node.module for node in imports for alias in node.names}
    assert seen == tfpix2pix._HOMES
    assert {node.level for node in imports} == {1}


def test_the_citation_is_of_this_version_and_license(setup, citation):
    assert citation["version"] == setup["metadata"]["version"]
    assert citation["license"] == setup["metadata"]["license"]
    assert citation["authors"] == [{"name": "tfpix2pix contributors"}]
    (paper,) = citation["references"]
    assert paper["doi"] == "10.1109/CVPR.2017.632"


def test_the_pythons_that_are_promised_are_those_that_ci_runs(setup):
    classifiers = setup["metadata"]["classifiers"].splitlines()
    promised = [
        line.rpartition(" ")[2] for line in classifiers if line.strip().startswith(CLASSIFIER)
    ]
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    assert workflow["jobs"]["check"]["strategy"]["matrix"]["python"] == promised
    assert setup["options"]["python_requires"] == f">={promised[0]}"


def test_the_versions_of_colab_are_within_the_bounds(setup):
    needed = map(Requirement, setup["options"]["install_requires"].split("\n")[1:])
    bounds = {requirement.name: requirement.specifier for requirement in needed}
    lines = (ROOT / ".ci" / "colab-constraints.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert {"tensorflow", "keras", "tensorflow-datasets", "numpy", "protobuf"} <= pins.keys()
    for name in pins.keys() & bounds.keys():
        assert bounds[name].contains(pins[name].replace("*", "0")), name
