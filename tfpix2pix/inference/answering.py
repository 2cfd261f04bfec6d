"""What answers image files: a run, an exported file, a model server. Imports no framework."""

import dataclasses
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Protocol

import numpy as np


@dataclasses.dataclass(frozen=True)
class Answer:
    """What became of one file.

    Attributes:
        source: the file.
        content: the encoded answer, or None.
        failure: why there is none, in a sentence for users, or None.
    """

    source: Path
    content: bytes | None
    failure: str | None = None


class Answerer(Protocol):
    """Answers files, with whatever concurrency suits it.

    Attributes:
        suffix: of the answers' files, such as ".png".
    """

    suffix: str

    def answers(self, sources: Iterable[Path]) -> Generator[Answer, None, None]:
        """One answer for each file, in their order; a file that fails does not end the others.

        When it is closed, nothing more is begun.
        """
        ...


class ArrayTranslator(Protocol):
    """A network in this process, in three stages, so that files can be read ahead and batched.

    Attributes:
        suffix: of the answers' files, such as ".png".
    """

    suffix: str

    def read(self, source: Path) -> np.ndarray:
        """A file as the network takes it: [H, W, C] of the inputs' stored type.

        Called from several threads.

        Raises:
            OSError: it cannot be read.
            UserError: it is no image, or not one that the network can take.
        """
        ...

    def translate(self, images: np.ndarray) -> np.ndarray:
        """[N, H, W, C] from `read`, of one size -> [N, H, W, C'] of the targets' stored type."""
        ...

    def encode(self, image: np.ndarray) -> bytes:
        """One answer [H, W, C'] as the content of a file. Called from several threads."""
        ...
