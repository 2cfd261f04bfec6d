"""What an exported model is: `tfpix2pix.json` beside or in it. Imports no TensorFlow.

Whoever loads an exported file finds in it what its images are and how they are brought to its
size; the rest is for people.
"""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from tfpix2pix.config.types import Interpolation, SizeHandling
from tfpix2pix.data.formats import PairFormat, checked_whole
from tfpix2pix.errors import UserError

FILE_NAME = "tfpix2pix.json"
FORMAT_VERSION = 1
SERVING_DEFAULT = "serving_default"
MOST_SIDE = 2**20

_CHOICES = {
    "size_handling": (None, *get_args(SizeHandling)),
    "input_interpolation": get_args(Interpolation),
    "target_interpolation": get_args(Interpolation),
}


@dataclasses.dataclass(frozen=True)
class ModelDescription:
    """What is known of an exported model.

    Attributes:
        formats: of its images.
        size: height and width of the network.
        size_handling: of images of another size: `"fixed"`: resized, and answered at the
            network's size, as `predict` does; `"resize"`: and the answer resized back; `"pad"`:
            mirrored on to a multiple of what the network takes, and the answer cut back; None:
            they are refused, for the network knows one scale alone.
        input_interpolation: how inputs are resized; label maps always by `"nearest"`.
        target_interpolation: how answers are resized back, the same.
        multiple: with `"pad"`, of which height and width are made, else None.
        scaled_width: with `"pad"`, to which images are scaled before, or None.
        settings: of the run, by section.
        step: of the checkpoint.
        metrics: of the last validation up to that step, by name; its own step under `"step"`.
        trained_on: what `data.json` says of the training pairs.
        versions: of the packages that exported it.
        serving: what is known of a SavedModel alone, such as its limits; empty in other formats.
    """

    formats: PairFormat
    size: tuple[int, int]
    size_handling: SizeHandling | None = "fixed"
    input_interpolation: Interpolation = "bicubic"
    target_interpolation: Interpolation = "bicubic"
    multiple: int | None = None
    scaled_width: int | None = None
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    step: int | None = None
    metrics: Mapping[str, float] = dataclasses.field(default_factory=dict)
    trained_on: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    versions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    serving: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def to_json(self) -> str:
        """As text, which `from_json` reads back."""
        # Field by field: dataclasses.asdict would take the formats apart in its own way.
        plain = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        plain["formats"] = self.formats.to_plain()
        return json.dumps({"tfpix2pix_model": FORMAT_VERSION} | plain, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "ModelDescription":
        """The inverse of `to_json`.

        Raises:
            UserError: it is no such text, or of a later version.
        """
        try:
            plain = json.loads(text)
            version = plain.pop("tfpix2pix_model")
            if version != FORMAT_VERSION:
                raise UserError(
                    f"the model's description is of version {version}, and this program reads "
                    f"version {FORMAT_VERSION}: use a later tfpix2pix, or export the model again"
                )
            plain["formats"] = PairFormat.from_plain(plain["formats"])
            height, width = (checked_whole(side, 1, MOST_SIDE) for side in plain["size"])
            _check_choices(plain)
            return cls(**plain | {"size": (height, width)})
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise UserError(
                "this is no description of a model that tfpix2pix exported: export it again"
            ) from error


def _check_choices(plain: Mapping[str, Any]) -> None:
    """Refuses, by `ValueError`, what another program or another's hand wrote."""
    for name, known in _CHOICES.items():
        if plain.get(name, known[0]) not in known:
            raise ValueError(f"{name} {plain[name]!r}")
    for name in ("settings", "metrics", "trained_on", "versions", "serving"):
        if not isinstance(plain.get(name, {}), dict):
            raise TypeError(f"{name} of another type")
    for name in ("multiple", "scaled_width"):
        if plain.get(name) is not None:
            checked_whole(plain[name], 1, MOST_SIDE)


def request_file_name(signature: str) -> str:
    """Of the body of a request for a signature of a SavedModel, in its folder."""
    return f"request_rest{'' if signature == SERVING_DEFAULT else f'_{signature}'}.json"


def read_description(path: Path) -> ModelDescription:
    """The description in a file.

    Raises:
        UserError: it cannot be read; the message names it.
    """
    try:
        return ModelDescription.from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text file"
        raise UserError(f"cannot read {path}: {reason}") from error
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
