"""What this package requires, by its own metadata, and what of it is installed."""

import importlib.metadata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tfpix2pix.errors import UserError

PACKAGE = "tfpix2pix"


@dataclass
class Dependency:
    """A package that is required, and what was found.

    Attributes:
        name: as pip knows it.
        bound: on its version, such as `>=2.20`; empty if any will do.
        version: what is installed, or None.
        problem: in a few words, or None.
        importable: None if that was not tried.
    """

    name: str
    bound: str
    version: str | None
    problem: str | None
    importable: bool | None = None


@dataclass
class Extra:
    """An extra of this package.

    Attributes:
        name: in brackets behind the package's.
        packages: that it installs.
        install: what to type for those that are missing or too old, or None if all are there.
    """

    name: str
    packages: list[Dependency]
    install: str | None


def own_metadata() -> importlib.metadata.Distribution:
    """This package's own, which pip wrote.

    Raises:
        UserError: it runs without being installed.
    """
    try:
        return importlib.metadata.distribution(PACKAGE)
    except importlib.metadata.PackageNotFoundError as error:
        raise UserError(f"{PACKAGE} is not installed: pip install . in its checkout") from error


def needed(requirements: Iterable[str]) -> list[Dependency]:
    """Those that are needed whatever one does.

    Args:
        requirements: as `importlib.metadata.requires` gives them.
    """
    return [_look_for(requirement) for requirement in _of_extra(requirements, "")]


def extras(names: Iterable[str], requirements: Iterable[str]) -> list[Extra]:
    """The extras of these names."""
    requirements = list(requirements)
    basic = {str(requirement) for requirement in _of_extra(requirements, "")}
    found = []
    for name in names:
        added = [r for r in _of_extra(requirements, name) if str(r) not in basic]
        # An extra may be named by another one with the same bound: once is enough.
        packages = [_look_for(r) for r in {(r.name, str(r.specifier)): r for r in added}.values()]
        complete = all(package.problem is None for package in packages)
        install = None if complete else f"pip install '{PACKAGE}[{name}]'"
        found.append(Extra(name, packages, install))
    return found


def modules_of(names: Iterable[str]) -> dict[str, str]:
    """The module by which each of these packages is imported, of those that tell."""
    wanted = {canonicalize_name(name): name for name in names}
    found: dict[str, str] = {}
    for module, owners in importlib.metadata.packages_distributions().items():
        for owner in {canonicalize_name(owner) for owner in owners} & wanted.keys():
            # Some bring more than one, such as `pylab`; theirs is named as they are.
            is_named_so = canonicalize_name(module) == owner
            if is_named_so or (wanted[owner] not in found and not module.startswith("_")):
                found[wanted[owner]] = module
    return found


def _of_extra(requirements: Iterable[str], extra: str) -> Iterator[Requirement]:
    for requirement in map(Requirement, requirements):
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield requirement


def _look_for(requirement: Requirement) -> Dependency:
    bound = str(requirement.specifier)
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return Dependency(requirement.name, bound, None, "missing")
    fits = requirement.specifier.contains(version, prereleases=True)
    problem = None if fits else f"version {version}, needed {bound}"
    return Dependency(requirement.name, bound, version, problem)
