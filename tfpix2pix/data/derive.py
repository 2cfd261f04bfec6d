"""Inputs made from targets: `prepare --derive` for those who have single images, not pairs.

Images are uint8 in [0, 255], uint16 in [0, 65535] or float32 of any range, [H, W, C]. An input has
its target's height and width. It depends on the target, its name and the settings alone: the same
in any order, process and run.
"""

import dataclasses
import difflib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tfpix2pix.data.derivations import (
    Range,
    add_noise,
    blank_center,
    downscale_and_back,
    noise_generator,
    to_unit_range,
)
from tfpix2pix.data.edges import canny_edges, describe_weights, hed_edges
from tfpix2pix.data.operations import grayscale
from tfpix2pix.errors import SettingsError

Kind = Literal["canny", "hed", "grayscale", "downscale", "blank", "noise"]

USAGE = {
    "edges": "edges [canny|hed]",
    "grayscale": "grayscale",
    "downscale": "downscale N, N a whole number of 2 or more",
    "blank": "blank center",
    "noise": "noise [SIGMA], SIGMA more than 0, in levels of 255",
}
CANNY_SIGMA = 2.0
NOISE_SIGMA = 25.0


@dataclasses.dataclass(frozen=True)
class Derivation:
    """How an input is made from a target; `parse_derivation` checks its values. Can be pickled.

    Attributes:
        kind: what is done.
        amount: Canny's sigma in pixels, the factor of downscale, or the noise's sigma.
        hed_weights: for `"hed"`: an ONNX file, see `hed_edges`.
        seed: of the noise.
    """

    kind: Kind
    amount: float = 0.0
    hed_weights: Path | None = None
    seed: int = 0

    def derive(self, image: np.ndarray, name: str, value_range: Range | None = None) -> np.ndarray:
        """Makes the input for a target.

        Args:
            image: [H, W, C], uint8, uint16 or float32.
            name: of the image; noise differs from name to name.
            value_range: what is black and white in the image's set; default: the range of its
                type or, of floats, its own.

        Returns:
            `edges`: uint8 [H, W, 1], black (0) on white (255); `grayscale`: [H, W, 1] of the
            image's dtype; otherwise the image's shape and dtype.

        Raises:
            UserError: a package that edges need is missing, or the HED file cannot be used.
        """
        if self.kind in ("canny", "hed"):
            return self._edges(image, value_range)
        if self.kind == "grayscale":
            return grayscale(image)
        if self.kind == "downscale":
            return downscale_and_back(image, int(self.amount))
        if self.kind == "blank":
            return blank_center(image, value_range)
        return add_noise(image, self.amount, value_range, noise_generator(self.seed, name))

    def _edges(self, image: np.ndarray, value_range: Range | None) -> np.ndarray:
        unit = to_unit_range(image, value_range)
        if self.kind == "hed":
            edges = hed_edges(unit, str(self.hed_weights))
        else:
            edges = canny_edges(unit, self.amount)
        return np.where(edges, 0, 255).astype(np.uint8)[..., np.newaxis]

    def check(self) -> None:
        """Makes the input of a tiny image, for callers that would fail before work has begun.

        Raises:
            UserError: as `derive`.
        """
        self.derive(np.zeros((8, 8, 3), np.uint8), "")

    def describe(self) -> str:
        """One line for records: the words, and whatever else the result depends on.

        Raises:
            UserError: the HED file cannot be read.
        """
        if self.kind == "hed":
            return f"edges hed, weights {describe_weights(str(self.hed_weights))}"
        # Not shortened: what is another number has another line.
        amount = repr(float(self.amount)).removesuffix(".0")
        return {
            "canny": f"edges canny, sigma {amount}",
            "grayscale": "grayscale",
            "downscale": f"downscale {amount}",
            "blank": "blank center",
            "noise": f"noise {amount}, seed {self.seed}",
        }[self.kind]


def parse_derivation(
    words: Sequence[str],
    *,
    canny_sigma: float = CANNY_SIGMA,
    hed_weights: Path | None = None,
    seed: int = 0,
) -> Derivation:
    """Reads the words after `--derive`.

    Args:
        words: such as `["downscale", "4"]`; see `USAGE`.
        canny_sigma: how much `edges canny` blurs first, in pixels: more gives fewer edges.
        hed_weights: for `edges hed`, and only for that: an ONNX file, see `hed_edges`.
        seed: of the noise.

    Raises:
        SettingsError: a word is unknown or one too many, a number is missing or out of range, or
            there are no weights for `edges hed` or some for other words; with how the words are
            used.
    """
    derivation = _parse_words(words, canny_sigma, hed_weights, seed)
    if hed_weights is not None and derivation.kind != "hed":
        raise SettingsError(
            f"hed_weights: goes with --derive edges hed, got --derive {' '.join(words)}"
        )
    return derivation


def _parse_words(
    words: Sequence[str], canny_sigma: float, hed_weights: Path | None, seed: int
) -> Derivation:
    first, rest = (words[0], list(words[1:])) if words else ("", [])
    if first == "edges":
        return _parse_edges(rest, canny_sigma, hed_weights)
    if first == "grayscale" and not rest:
        return Derivation("grayscale")
    if first == "blank":
        _choose(rest, ["center"], first)
        return Derivation("blank")
    if first == "downscale":
        return Derivation("downscale", _number(rest, int, 1, first))
    if first == "noise":
        sigma = _number(rest or [str(NOISE_SIGMA)], float, 0, first)
        return Derivation("noise", sigma, seed=seed)
    if first in USAGE:
        raise _misuse(first, rest)
    raise SettingsError(
        f"--derive: {'unknown word ' + repr(first) if words else 'no word'}"
        f"{_nearest(first, USAGE)}; use one of: {'; '.join(USAGE.values())}"
    )


def _parse_edges(rest: list[str], canny_sigma: float, hed_weights: Path | None) -> Derivation:
    if _choose(rest or ["canny"], ["canny", "hed"], "edges") == "hed":
        if hed_weights is None:
            raise SettingsError(
                "--derive edges hed: needs the weights of a holistically-nested edge detector, an "
                "ONNX file: give hed_weights, or use edges canny"
            )
        return Derivation("hed", hed_weights=hed_weights)
    if not 0 < canny_sigma < math.inf:
        raise SettingsError(f"canny_sigma: expected pixels, more than 0, got {canny_sigma}")
    return Derivation("canny", canny_sigma)


def _choose(rest: list[str], known: list[str], word: str) -> str:
    if len(rest) != 1 or rest[0] not in known:
        raise _misuse(word, rest, _nearest(rest[0], known) if rest else "")
    return rest[0]


def _number(rest: list[str], kind: type[int] | type[float], above: float, word: str) -> float:
    try:
        (number,) = map(kind, rest)
    except ValueError as error:
        raise _misuse(word, rest) from error
    if not above < number < math.inf:
        raise _misuse(word, rest)
    return number


def _misuse(word: str, rest: list[str], hint: str = "") -> SettingsError:
    got = f"got {' '.join(rest)!r}{hint}" if rest else "got nothing after it"
    return SettingsError(f"--derive {word}: {got}; use: {USAGE[word]}")


def _nearest(word: str, known: Any) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f": did you mean {close[0]!r}?" if close else ""
