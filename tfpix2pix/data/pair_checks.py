"""What is looked at in one pair, and what is kept of it: never its pixels. No TensorFlow here."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tfpix2pix.config import DataSettings
from tfpix2pix.data.detect import read_pair
from tfpix2pix.data.folders import PairFiles
from tfpix2pix.data.formats import ImageFormat, PairFormat
from tfpix2pix.data.image_checks import odd_values, stored_kind, wrong_values
from tfpix2pix.data.reading import StoredImage, conform, read_image
from tfpix2pix.data.sources import Listing, Problem
from tfpix2pix.errors import UserError
from tfpix2pix.places import as_place

Size = tuple[int, int]

# How far the shapes of input and target may be apart, for one to be the other at another size.
ASPECT_TOLERANCE = 0.02

IDENTICAL = "input and target are the same image"


class Note(NamedTuple):
    """What one may want to look at, and in which file."""

    what: str
    name: str


class Looked(NamedTuple):
    """What is kept of a pair.

    Attributes:
        problems: why it cannot be used.
        notes: what one may want to look at.
        digest: of the pixels of both images, if they could be brought to the format.
        sizes: height and width of input and target, if they could be read.
        kinds: channels and type of both as stored.
    """

    problems: tuple[Problem, ...] = ()
    notes: tuple[Note, ...] = ()
    digest: bytes = b""
    sizes: tuple[Size, Size] | None = None
    kinds: tuple[str, str] | None = None


class _Side(NamedTuple):
    """The input or the target of a pair, as stored, and what is expected of it."""

    name: str
    path: str
    image: StoredImage
    format: ImageFormat
    reduce: bool

    @property
    def size(self) -> Size:
        return self.image.pixels.shape[0], self.image.pixels.shape[1]


def look_at(files: PairFiles, settings: DataSettings, pair_format: PairFormat, root: str) -> Looked:
    """Reads a pair and finds what is wrong with it.

    Args:
        files: of the pair.
        settings: of the data.
        pair_format: what the set's images are.
        root: the folder that names in messages are relative to.
    """
    try:
        images = read_pair(files, settings.layout)
    except UserError as error:
        return Looked(_unreadable(files, error, root))
    sides = _sides(files, images, settings, pair_format, root)
    looked = [_look_at_side(side) for side in sides]
    problems = _name_sides([reasons for _, reasons in looked], sides)
    if misfit := size_reason(sides[0].size, sides[1].size, settings):
        problems.append(Problem(shown_name(files.a, root), misfit))
    pixels = [values for values, _ in looked if values is not None]
    return Looked(
        tuple(problems),
        _notes(pixels, sides) if len(pixels) == 2 else (),
        _digest(pixels) if len(pixels) == 2 else b"",
        (sides[0].size, sides[1].size),
        (stored_kind(sides[0].image), stored_kind(sides[1].image)),
    )


def _sides(
    files: PairFiles,
    images: tuple[StoredImage, StoredImage],
    settings: DataSettings,
    formats: PairFormat,
    root: str,
) -> tuple[_Side, _Side]:
    """Input and target."""
    paths = (files.a, files.b or files.a)
    if settings.direction == "BtoA":
        paths, images = (paths[1], paths[0]), (images[1], images[0])
    # Colours become gray only where the user has said so.
    reduce = (settings.input_channels is not None, settings.output_channels is not None)
    return (
        _Side(shown_name(paths[0], root), paths[0], images[0], formats.input, reduce[0]),
        _Side(shown_name(paths[1], root), paths[1], images[1], formats.target, reduce[1]),
    )


def _look_at_side(side: _Side) -> tuple[np.ndarray | None, list[str]]:
    """The pixels in the set's format, if they can be brought to it, and what is wrong."""
    wanted = side.format
    try:
        pixels = conform(side.image, wanted.channels, wanted.dtype, reduce=side.reduce)
    except UserError as error:
        return None, [str(error)]
    return pixels, wrong_values(pixels, wanted)


def root_of(listing: Listing) -> str:
    """The folder that the names in messages are relative to."""
    place = as_place(listing.origin)
    return str(place if place.is_dir() else place.parent)


def shown_name(path: str, root: str) -> str:
    """A file's name in messages: relative to the set's folder, where it lies there."""
    return path.removeprefix(root.rstrip("/") + "/")


def _unreadable(files: PairFiles, error: UserError, root: str) -> tuple[Problem, ...]:
    """Both files are named where both cannot be read."""
    problems = [_name_file(files, error, root)]
    if files.b is not None and problems[0].name != shown_name(files.b, root):
        try:
            read_image(as_place(files.b))
        except UserError as other:
            problems.append(_name_file(files, other, root))
    return tuple(problems)


def _name_file(files: PairFiles, error: UserError, root: str) -> Problem:
    """Takes the file out of a message that begins with it."""
    message = str(error)
    for path in (files.a, files.b):
        for words in ("cannot read", "cannot use"):
            start = f"{words} {path}: "
            if path is not None and message.startswith(start):
                return Problem(shown_name(path, root), message.removeprefix(start))
    return Problem(shown_name(files.a, root), message)


def _name_sides(reasons: Sequence[Sequence[str]], sides: tuple[_Side, _Side]) -> list[Problem]:
    """One problem for each reason; where one file holds both images, it says which of them."""
    if sides[0].path != sides[1].path:
        named = zip(sides, reasons, strict=True)
        return [Problem(side.name, reason) for side, found in named for reason in found]
    name = sides[0].name
    both = [reason for reason in reasons[0] if reason in reasons[1]]
    problems = [Problem(name, reason) for reason in both]
    for which, found in zip(("input", "target"), reasons, strict=True):
        problems += [Problem(name, f"{which}: {r}") for r in found if r not in both]
    return problems


def size_reason(of_input: Size, of_target: Size, settings: DataSettings) -> str:
    """Why the sizes of a pair cannot be used with `resize` as it is set; empty if they can."""
    shown = f"the input is {_text(of_input)} and the target {_text(of_target)} (height x width)"
    if settings.resize in ("crop", "none"):
        if of_input != of_target:
            return f"{shown}: with resize {settings.resize} they must be of one size"
    elif not _same_shape(of_input, of_target):
        return f"{shown}: their shapes differ, so that they cannot match"
    if settings.resize == "crop":
        return _too_small(of_input, settings.crop_size, "")
    if settings.resize == "scale_width_and_crop":
        scaled = scaled_to_width(of_input, settings.load_size[1])
        return _too_small(scaled, settings.crop_size, " after scaling")
    return ""


def _too_small(size: Size, crop_size: Size, when: str) -> str:
    if size[0] >= crop_size[0] and size[1] >= crop_size[1]:
        return ""
    return f"it is {_text(size)}{when}, smaller than crop_size {_text(crop_size)}"


def _same_shape(of_input: Size, of_target: Size) -> bool:
    (h, w), (height, width) = of_input, of_target
    # A pixel more or less comes of rounding when one was made from the other.
    return abs(h * width - w * height) <= ASPECT_TOLERANCE * h * width + max(w, width)


def scaled_to_width(size: Size, width: int) -> Size:
    """What `resize: scale_width` makes of a size."""
    return max(round(size[0] * width / size[1]), 1), width


def _text(size: Size) -> str:
    return f"{size[0]}x{size[1]}"


def _notes(pixels: Sequence[np.ndarray], sides: tuple[_Side, _Side]) -> tuple[Note, ...]:
    notes = [Note(IDENTICAL, sides[0].name)] if np.array_equal(pixels[0], pixels[1]) else []
    for values, side in zip(pixels, sides, strict=True):
        for what, share in odd_values(values, side.image, side.format):
            notes.append(Note(what, side.name + share))
    return tuple(dict.fromkeys(notes))


def _digest(pixels: Sequence[np.ndarray]) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for values in pixels:
        digest.update(repr((values.shape, values.dtype.name)).encode())
        digest.update(np.ascontiguousarray(values).data)
    return digest.digest()
