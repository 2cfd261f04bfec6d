"""`tfpix2pix doctor`, with packages that are missing, too old or broken."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tfpix2pix.cli import main as cli
from tfpix2pix.cli.doctor import machine, showing
from tfpix2pix.cli.doctor.probing import in_order, probe
from tfpix2pix.cli.doctor.requirements import extras, modules_of, needed

ROOT = Path(__file__).parents[2]
BREAKS = 'raise ImportError("libcudart.so.9: cannot open\\nshared object file")'
CRASHES = "import os; os.kill(os.getpid(), 4)"


@pytest.fixture
def pretend(tmp_path, monkeypatch):
    """Installs a package that is only pretended, before all others."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)

    def install(name, version="1.0", code="", module=None, requires=()):
        module = module or name.replace("-", "_")
        (site / f"{module}.py").write_text(code)
        information = site / f"{name.replace('-', '_')}-{version}.dist-info"
        information.mkdir()
        lines = [f"Requires-Dist: {requirement}" for requirement in requires]
        (information / "METADATA").write_text(
            "\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *lines])
        )
        (information / "top_level.txt").write_text(module)
        return site

    return install


@pytest.fixture
def nvidia_smi(tmp_path, monkeypatch):
    """The tool of a driver that has two GPUs."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA H100'\necho 'NVIDIA L4'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tool


def run_doctor(*arguments, site=None, **environment):
    """In a process of its own, as at a prompt; `site` goes before all else."""
    path = [str(site)] if site else []
    environment["PYTHONPATH"] = os.pathsep.join([*path, str(ROOT), *sys.path])
    command = [sys.executable, "-m", "tfpix2pix", "doctor", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)


def test_what_is_needed_is_compared_with_its_bound(pretend):
    pretend("fake-fitting", "2.1")
    pretend("fake-old", "1.9")
    pretend("fake-coming", "2.0rc1")
    found = needed(["fake_Fitting>=2", "fake-old>=2,<3", "fake-absent", "fake-coming>=1.9"])
    assert [(d.version, d.problem) for d in found] == [
        ("2.1", None),
        ("1.9", "version 1.9, needed <3,>=2"),
        (None, "missing"),
        ("2.0rc1", None),
    ]


def test_what_belongs_to_an_extra_is_not_needed(pretend):
    pretend("fake-one")
    requirements = [
        "fake-one>=1",
        'fake-one>=1; extra == "small"',
        'fake-two>=3; extra == "large"',
        'fake-two>=3; extra == "large"',
        'fake-never; python_version < "3"',
    ]
    assert [dependency.name for dependency in needed(requirements)] == ["fake-one"]
    small, large = extras(["small", "large"], requirements)
    assert small.install is None
    assert large.install == "pip install 'tfpix2pix[large]'"
    assert [package.name for package in large.packages] == ["fake-two"]


def test_of_an_extra_what_is_missing_is_shown_or_its_versions(pretend):
    pretend("fake-one", "1.5")
    many = [f'fake-{number}; extra == "many"' for number in range(6)]
    requirements = ['fake-one; extra == "few"', 'fake-0; extra == "no"', *many]
    assert list(map(showing._extra, extras(["few", "no", "many"], requirements))) == [
        "  few                  fake-one 1.5",
        "  no                   pip install 'tfpix2pix[no]'   (for fake-0)",
        "  many                 pip install 'tfpix2pix[many]'   (for 6 packages)",
    ]


def test_a_package_is_imported_by_its_own_module(pretend):
    pretend("Fake-Named", module="fake_shown")
    assert modules_of(["fake_named", "pyyaml", "matplotlib", "fake-absent"]) == {
        "fake_named": "fake_shown",
        "pyyaml": "yaml",
        "matplotlib": "matplotlib",
    }


def test_what_needs_a_package_is_tried_after_it():
    assert in_order(["keras", "yaml", "tensorflow", "numpy"]) == [
        "numpy",
        "yaml",
        "tensorflow",
        "keras",
    ]
    assert in_order(["keras", "tensorflow_datasets", "yaml"]) == ["yaml"]


def test_a_module_that_cannot_be_imported_is_told_in_one_line(pretend):
    pretend("fake-broken", code=BREAKS)
    pretend("fake-loud", code="print('{}')")
    probed = probe(["fake_broken", "fake_loud"])
    assert probed.errors == {"fake_broken": "ImportError: libcudart.so.9: cannot open"}
    assert probed.found == {"fake_loud": None}


def test_tfds_that_swallows_its_own_failure_is_told_too(tmp_path, monkeypatch):
    package = tmp_path / "tensorflow_datasets"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "public_api.py").write_text(BREAKS)
    monkeypatch.syspath_prepend(tmp_path)
    reason = "ImportError: libcudart.so.9: cannot open"
    assert probe(["tensorflow_datasets"]).errors == {"tensorflow_datasets": reason}


def test_a_module_that_crashes_is_told_by_its_signal(pretend):
    pretend("fake-crashing", code=CRASHES)
    probed = probe(["fake_crashing", "json"])
    (reason,) = probed.errors.values()
    assert reason.startswith("Python was ended by signal 4, Illegal instruction (an instruction")
    assert probed.found == {}


def test_a_module_that_never_ends_is_told(pretend):
    pretend("fake-sleeping", code="import time; time.sleep(60)")
    assert probe(["fake_sleeping"], timeout=2).errors == {"fake_sleeping": "no end after 2 s"}


def test_all_is_well_here_but_for_a_gpu_that_only_its_driver_knows(nvidia_smi, capfd):
    assert cli.main(["doctor", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    (note,) = found["notes"] if not found["gpus"] else ["NVIDIA H100"]
    assert "NVIDIA H100" in note
    assert found["problems"] == []
    assert {d["importable"] for d in found["needed"]} == {True}
    assert {"tensorflow", "keras", "numpy"} <= {d["name"] for d in found["needed"]}
    assert {"tensorboard", "torch", "onnx", "test"} <= {e["name"] for e in found["extras"]}
    assert found["xla"] is True
    assert found["vector_units"]
    assert [folder["what"] for folder in found["folders"]] == ["current folder", "data sets"]


def test_a_broken_tensorflow_is_one_line_and_no_traceback(pretend):
    site = pretend("tensorflow", "2.99", code=BREAKS)
    done = run_doctor(site=site)
    assert (done.returncode, done.stderr) == (1, "")
    assert [line for line in done.stdout.splitlines() if line.startswith("problem")] == [
        "problem: tensorflow: broken: ImportError: libcudart.so.9: cannot open",
        "problem: to mend it: pip install --force-reinstall --no-deps 'tensorflow>=2.20'",
    ]
    (keras,) = [line for line in done.stdout.splitlines() if line.startswith("  keras")]
    assert keras.endswith("not tried")


def test_what_is_too_old_is_told_with_what_mends_it(pretend):
    pretend("tensorflow", "2.3", code=CRASHES)
    done = run_doctor(site=pretend("tqdm", "1.0"))
    assert done.returncode == 1
    assert "problem: tensorflow: version 2.3, needed >=2.20" in done.stdout
    assert "problem: tqdm: version 1.0, needed >=4.66" in done.stdout
    mending = "pip install --upgrade 'tensorflow>=2.20' 'tqdm>=4.66'"
    assert f"problem: to mend it: {mending}\n" in done.stdout


@pytest.mark.parametrize(("command", "status"), [("doctor", 1), ("presets", 1)])
def test_commands_that_cannot_be_imported_are_told_in_one_line(command, status, pretend):
    site = pretend("pydantic", "2.99", code='raise ImportError("No module named pydantic_core")')
    pretend("numpy", "2.99", code=BREAKS)
    program = "import sys; from tfpix2pix.cli.start import main; sys.exit(main())"
    path = os.pathsep.join([str(site), str(ROOT), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", program, command],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    )
    assert done.returncode == status
    if command == "doctor":
        assert "problem: numpy: broken: ImportError: libcudart.so.9: cannot open" in done.stdout
        assert done.stderr == ""
    else:
        assert done.stderr == (
            "error: No module named pydantic_core; `tfpix2pix doctor` says what is missing\n"
        )


def test_what_doctor_itself_needs_is_told(pretend):
    done = run_doctor(site=pretend("packaging", code='raise ImportError("no packaging")'))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: doctor cannot look: no packaging; pip install packaging\n"


def test_another_backend_of_keras_is_a_problem(pretend):
    site = pretend("tensorflow", "2.99", code=BREAKS)
    done = run_doctor(site=site, KERAS_BACKEND="jax")
    assert (
        "problem: Keras uses jax: set its backend to tensorflow in the variable KERAS_BACKEND"
        in done.stdout
    )


def test_a_folder_that_is_not_there_yet_is_judged_by_the_next_above(tmp_path):
    found = machine.look_at_folder("data sets", str(tmp_path / "a" / "b"))
    assert (found.path, found.problem) == (str(tmp_path / "a" / "b"), None)
    assert found.free_gib > 0
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told():
    found = machine.look_at_folder("data sets", "/proc/cache")
    assert found.problem.startswith("cannot be written: ")


def test_a_bucket_is_not_looked_at():
    assert machine.look_at_folder("data sets", "gs://bucket/sets").problem is None


def test_a_container_may_use_less_than_the_machine_has(tmp_path, monkeypatch):
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(machine, "CONTAINER_LIMIT", limit)
    whole = machine.memory_gib()
    limit.write_text("max\n")
    assert machine.memory_gib() == whole
    limit.write_text(str(2**29))
    assert machine.memory_gib() == 0.5


def test_gpus_of_the_driver_are_named(nvidia_smi):
    assert machine.nvidia_gpus() == ["NVIDIA H100", "NVIDIA L4"]
    nvidia_smi.write_text("#!/bin/sh\nexit 9\n")
    assert machine.nvidia_gpus() == []
