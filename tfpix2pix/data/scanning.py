"""Which files lie in a folder: images, others, and what a layout leaves aside."""

import os
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple, NoReturn

from tfpix2pix.data.reading import SUFFIXES
from tfpix2pix.errors import UserError
from tfpix2pix.places import RemotePath

# Files that nobody takes for images; of others that cannot be read it is said that they are there.
NO_IMAGES = frozenset(
    f".{suffix}"
    for suffix in (
        *("txt", "md", "rst", "json", "jsonl", "csv", "tsv", "yaml", "yml", "toml", "ini", "cfg"),
        *("xml", "html", "htm", "pdf", "db", "log", "py", "ipynb", "sh", "m"),
        *("zip", "tar", "gz", "tgz", "md5", "sha256"),
    )
)
SHOWN_KINDS = 5


class Files(NamedTuple):
    """The files of a folder and its subfolders, by relative path in the order of the names.

    Attributes:
        images: with a suffix that can be read.
        others: with any other.
    """

    images: list[str]
    others: list[str]


def scan(folder: Path) -> Files:
    """Lists what is in a folder and its subfolders; hidden files and folders do not count.

    Raises:
        UserError: a folder cannot be read.
    """
    files = Files([], [])
    for name in _walk(folder):
        (files.images if is_image(name) else files.others).append(name)
    files.images.sort()
    files.others.sort()
    return files


def image_names(folder: Path) -> Iterator[str]:
    """Relative paths of the images in a folder and its subfolders; hidden ones do not count."""
    return (name for name in _walk(folder) if is_image(name))


def is_image(name: str) -> bool:
    """Whether a file's suffix is one of those that are read."""
    return name.lower().endswith(SUFFIXES)


def without_suffix(name: str) -> str:
    """What the two files of a pair have in common."""
    return name.rpartition(".")[0]


def unread_note(others: Sequence[str]) -> tuple[str, ...]:
    """One line on the files that may be images but have no suffix that is read, or none."""
    suffixes = (os.path.splitext(name)[1].lower() for name in others)  # noqa: PTH122
    counts = Counter(suffix for suffix in suffixes if suffix and suffix not in NO_IMAGES)
    if not counts:
        return ()
    shown = ", ".join(f"{count} {suffix}" for suffix, count in counts.most_common(SHOWN_KINDS))
    more = f" and {len(counts) - SHOWN_KINDS} more suffixes" if len(counts) > SHOWN_KINDS else ""
    return (f"ignored: {shown}{more} (read are {', '.join(SUFFIXES)})",)


def aside_note(root: Path, used: Collection[Path]) -> tuple[str, ...]:
    """One line on the images below a folder that lie in none of the used ones, or none."""
    above = {parent for folder in used for parent in folder.parents}
    counts: Counter[str] = Counter()
    for name in _walk(root, skip=frozenset(map(os.fspath, used)), strict=False):
        if is_image(name):
            counts[_place(root, name, above)] += 1
    if not counts:
        return ()
    shown = ", ".join(f"{counts[place]} in {place}" for place in sorted(counts)[:SHOWN_KINDS])
    more = f" and {len(counts) - SHOWN_KINDS} more places" if len(counts) > SHOWN_KINDS else ""
    folders = ", ".join(sorted(f"{folder.relative_to(root).as_posix()}/" for folder in used))
    return (f"ignored: images beside {folders}: {shown}{more}",)


def _place(root: Path, name: str, above: Collection[Path]) -> str:
    """The uppermost folder of a file that holds no used one, or the lowest above a used one."""
    place = PurePosixPath()
    for part in PurePosixPath(name).parts[:-1]:
        place /= part
        if root / place not in above:
            break
    return f"{place}/" if place.parts else "the folder itself"


def _walk(
    folder: Path, skip: Collection[str] = frozenset(), *, strict: bool = True
) -> Iterator[str]:
    """Relative paths of all files.

    Args:
        folder: where to begin.
        skip: folders left out.
        strict: refuses folders that cannot be read; else they are passed over.
    """
    if isinstance(folder, RemotePath):
        yield from _walk_remote(folder, "", skip, strict=strict)
        return
    # The real folders above each one and itself: links to these would be followed in circles.
    above = {os.fspath(folder): {os.path.realpath(folder)}}
    for place, folders, files in os.walk(
        folder, onerror=refuse_unreadable if strict else None, followlinks=True
    ):
        paths = {name: os.path.join(place, name) for name in folders}  # noqa: PTH118
        real = {name: os.path.realpath(path) for name, path in paths.items()}
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".")
            and real[name] not in above[place]
            and paths[name] not in skip
        ]
        for name in folders:
            above[paths[name]] = {*above[place], real[name]}
        below = os.path.relpath(place, folder)
        prefix = "" if below == "." else below.replace(os.sep, "/") + "/"
        for name in files:
            if not name.startswith("."):
                yield prefix + name


def _walk_remote(
    folder: RemotePath, prefix: str, skip: Collection[str], *, strict: bool
) -> Iterator[str]:
    """As `_walk`, where there are no links."""
    try:
        entries = folder.listed()
    except OSError as error:
        if strict:
            refuse_unreadable(error)
        return
    for name, is_folder in entries:
        if name.startswith(".") or str(folder / name) in skip:
            continue
        if is_folder:
            yield from _walk_remote(
                RemotePath(folder / name), f"{prefix}{name}/", skip, strict=strict
            )
        else:
            yield prefix + name


def refuse_unreadable(error: OSError) -> NoReturn:
    """Names the folder that cannot be read."""
    raise UserError(f"cannot read {error.filename}: {error.strerror}") from error
