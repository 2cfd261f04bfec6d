"""What a page is about. No Gradio here."""

import dataclasses

from tfpix2pix.demo.answering import Answering
from tfpix2pix.demo.examples import Example


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
