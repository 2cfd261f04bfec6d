"""What was found, as lines to read."""

from collections.abc import Iterator

from tfpix2pix.cli.doctor.examining import Examination
from tfpix2pix.cli.doctor.machine import Folder
from tfpix2pix.cli.doctor.requirements import Dependency, Extra

# More packages of an extra are not listed one by one.
MANY = 5


def lines(examination: Examination) -> Iterator[str]:
    """One fact a line; the last lines say what is wrong, or that nothing is."""
    yield from _machine(examination)
    yield ""
    yield "needed"
    yield from map(_dependency, examination.needed)
    yield ""
    yield "extras"
    yield from map(_extra, examination.extras)
    yield ""
    yield "folders"
    yield from map(_folder, examination.folders)
    yield ""
    yield from (f"note: {note}" for note in examination.notes)
    yield from (f"problem: {problem}" for problem in examination.problems)
    if not examination.problems:
        yield "all that is needed is there"


def _machine(examination: Examination) -> Iterator[str]:
    units = ", ".join(examination.vector_units) or "not known"
    memory = "not known" if examination.memory_gib is None else f"{examination.memory_gib} GiB"
    yield f"tfpix2pix      {examination.tfpix2pix}"
    yield f"Python         {examination.python} ({examination.executable})"
    yield f"platform       {examination.platform}"
    yield f"CPU            {examination.cores} usable cores; vector units {units}"
    yield f"memory         {memory}"
    if examination.has_tensorflow:
        built = f"for CUDA {examination.cuda}" if examination.cuda else "without CUDA"
        gpus = ", ".join(examination.gpus) or "none"
        yield f"GPUs           {gpus} (TensorFlow is built {built})"
        yield f"XLA            {'yes' if examination.xla else 'no'}"
    else:
        yield "GPUs           not known without TensorFlow"
        yield "XLA            not known without TensorFlow"


def _dependency(dependency: Dependency) -> str:
    version, bound = dependency.version or "-", dependency.bound or "any"
    state = "not tried" if dependency.importable is None else "ok"
    return f"  {dependency.name:20} {version:14} {bound:14} {dependency.problem or state}"


def _extra(extra: Extra) -> str:
    if extra.install is None:
        versions = [f"{package.name} {package.version}" for package in extra.packages]
        return f"  {extra.name:20} {_few(versions)}"
    names = [package.name for package in extra.packages if package.problem]
    return f"  {extra.name:20} {extra.install}   (for {_few(names)})"


def _few(words: list[str]) -> str:
    return ", ".join(words) if len(words) <= MANY else f"{len(words)} packages"


def _folder(folder: Folder) -> str:
    free = "" if folder.free_gib is None else f", {folder.free_gib} GiB free"
    return f"  {folder.what:20} {folder.path}{free}; {folder.problem or 'writable'}"
