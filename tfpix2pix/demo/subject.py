"""What a page is about. Imports neither Gradio nor TensorFlow."""

import dataclasses
from pathlib import Path

import numpy as np

from tfpix2pix.demo.answering import Answering


@dataclasses.dataclass(frozen=True)
class Example:
    """An input to begin with.

    Attributes:
        name: of the pair or the file.
        file: the input.
        target: what it should become, stored [H, W, C], or None.
    """

    name: str
    file: Path
    target: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class Subject:
    """What a page is about.

    Attributes:
        title: of the page.
        size: height and width of the canvas.
        answering: what answers.
        examples: inputs to begin with.
        origin: of the examples, for people, such as "test split".
        samples: how many draws are shown at first, where dropout is on.
        seed: of the first draws.
    """

    title: str
    size: tuple[int, int]
    answering: Answering
    examples: list[Example]
    origin: str = ""
    samples: int = 1
    seed: int = 0
