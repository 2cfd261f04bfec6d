"""All that there is to know, as one object."""

import os
import platform
import sys
from dataclasses import dataclass, field
from pathlib import Path

from packaging.specifiers import SpecifierSet

from tfpix2pix.cli.doctor.machine import (
    Folder,
    look_at_folder,
    memory_gib,
    nvidia_gpus,
    usable_cores,
)
from tfpix2pix.cli.doctor.probing import Probed, in_order, probe
from tfpix2pix.cli.doctor.requirements import (
    Dependency,
    Extra,
    extras,
    modules_of,
    needed,
    own_metadata,
)

DATA_CACHE = "data sets"
BACKEND = "tensorflow"


@dataclass
class Examination:
    """What `tfpix2pix doctor` found; `--json` prints its fields.

    Attributes:
        tfpix2pix: this package's version.
        python: its version.
        python_needed: the bound on that.
        executable: the Python that runs.
        platform: the system and its version.
        cores: that this process may use.
        vector_units: of the CPU, as NumPy names them.
        memory_gib: that this process may use.
        gpus: that TensorFlow sees.
        cuda: the version that TensorFlow is built for, or None.
        xla: whether XLA compiles.
        needed: what must be there.
        extras: what may be there.
        folders: that commands write to.
        problems: why something will not work, and what to do.
        notes: what might be better, and how.
    """

    tfpix2pix: str
    python: str
    python_needed: str
    executable: str
    platform: str
    cores: int
    vector_units: list[str]
    memory_gib: float | None
    gpus: list[str]
    cuda: str | None
    xla: bool
    needed: list[Dependency]
    extras: list[Extra]
    folders: list[Folder]
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def has_tensorflow(self) -> bool:
        """Whether TensorFlow could be asked."""
        return any(found.name == "tensorflow" and found.importable for found in self.needed)


def examine() -> Examination:
    """Looks at everything; takes as long as TensorFlow takes to be imported."""
    own = own_metadata()
    requirements = own.requires or []
    dependencies = needed(requirements)
    probed = _import_all(dependencies)
    found = probed.found
    examination = Examination(
        tfpix2pix=own.version,
        python=platform.python_version(),
        python_needed=own.metadata["Requires-Python"],
        executable=sys.executable,
        platform=platform.platform(),
        cores=usable_cores(),
        vector_units=found.get("vector_units", []),
        memory_gib=memory_gib(),
        gpus=found.get("gpus", []),
        cuda=found.get("cuda"),
        xla=found.get("xla", False),
        needed=dependencies,
        extras=extras(own.metadata.get_all("Provides-Extra") or [], requirements),
        folders=_folders(found.get("data_cache")),
    )
    examination.problems = [*_problems(examination), *_backend_problems(found.get("backend"))]
    examination.notes = _notes(examination, probed)
    return examination


def _import_all(dependencies: list[Dependency]) -> Probed:
    """Imports those that are installed, and gives those that cannot be a problem."""
    modules = modules_of(dependency.name for dependency in dependencies if dependency.version)
    probed = probe(in_order(modules.values()))
    for dependency in dependencies:
        module = modules.get(dependency.name, "")
        if module in probed.found:
            dependency.importable = True
        elif module in probed.errors:
            dependency.importable = False
            # Of one that is too old, the version is the reason.
            dependency.problem = dependency.problem or f"broken: {probed.errors[module]}"
    return probed


def _folders(data_cache: str | None) -> list[Folder]:
    here = look_at_folder("current folder", str(Path.cwd()))
    return [here] if data_cache is None else [here, look_at_folder(DATA_CACHE, data_cache)]


def _problems(examination: Examination) -> list[str]:
    found = []
    if not SpecifierSet(examination.python_needed).contains(examination.python, prereleases=True):
        found.append(f"Python {examination.python}: needed {examination.python_needed}")
    wrong = [dependency for dependency in examination.needed if dependency.problem]
    found += [f"{dependency.name}: {dependency.problem}" for dependency in wrong]
    if wrong:
        found.append(f"to mend it: {_mending(wrong)}")
    for folder in examination.folders:
        if folder.what == DATA_CACHE and folder.problem:
            found.append(
                f"{folder.path} {folder.problem}: set TFDS_DATA_DIR to a folder that can be"
            )
    return found


def _mending(wrong: list[Dependency]) -> str:
    """One command, for what is missing or too old; once nothing is, for what is broken."""
    broken = [d for d in wrong if d.problem and d.problem.startswith("broken")]
    others = [d for d in wrong if d not in broken]
    flag = "--upgrade" if others else "--force-reinstall --no-deps"
    return f"pip install {flag} " + " ".join(f"'{d.name}{d.bound}'" for d in others or broken)


def _backend_problems(backend: str | None) -> list[str]:
    backend = backend or os.environ.get("KERAS_BACKEND")
    if backend in (None, BACKEND):
        return []
    place = "the variable KERAS_BACKEND" if "KERAS_BACKEND" in os.environ else "~/.keras/keras.json"
    return [f"Keras uses {backend}: set its backend to {BACKEND} in {place}"]


def _notes(examination: Examination, probed: Probed) -> list[str]:
    found = []
    there = nvidia_gpus()
    if there and not examination.gpus and "gpus" in probed.found:
        found.append(
            f"TensorFlow does not see the GPU that is there ({there[0]}): "
            "pip install 'tensorflow[and-cuda]', and see its own messages with "
            "TF_CPP_MIN_LOG_LEVEL=0"
        )
    if "xla" in probed.errors:
        found.append(f"XLA does not compile ({probed.errors['xla']}): train with --jit off")
    for folder in examination.folders:
        if folder.what != DATA_CACHE and folder.problem:
            found.append(f"{folder.path} {folder.problem}: give --run-dir and --output elsewhere")
    return found
