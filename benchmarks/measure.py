"""A case, measured, together with the machine's own rate."""

import dataclasses
import functools

from benchmarks.alternate import Measurement, alternate
from benchmarks.flops import convolution_flops, step_flops
from benchmarks.suites import ALTERNATING, MATRIX_SIZE, PROJECT, Case, matrix_product
from tfpix2pix.models import patchgan_discriminator, unet_generator

_MATRIX = "matrix product"


@dataclasses.dataclass(frozen=True)
class Result:
    """A case and what came of it.

    Attributes:
        case: what was measured.
        measured: by contender.
        flops: floating-point operations of a call, where they are counted.
        matrix_rate: those of a large matrix product in a second, measured in the same turns.
    """

    case: Case
    measured: dict[str, Measurement]
    flops: int | None
    matrix_rate: float

    def times(self, contender: str) -> float | None:
        """How many times as long as this project the contender takes."""
        ours = self.measured.get(PROJECT)
        return self.measured[contender].median / ours.median if ours else None

    def share(self, contender: str) -> float | None:
        """The contender's rate as a share of the matrix product's."""
        if self.flops is None:
            return None
        return self.flops / self.measured[contender].median / self.matrix_rate

    def described(self) -> str:
        """A line for the screen."""
        shown = ", ".join(f"{name} {1e3 * m.median:.4g} ms" for name, m in self.measured.items())
        case = self.case
        return f"{case.title}, {case.size} px, batch {case.batch_size}: {shown}"


def measure_case(case: Case, rounds: int) -> Result:
    """Measures a case's contenders in turn, and with them a matrix product."""
    measured = alternate(case.tasks | {_MATRIX: matrix_product()}, rounds)
    matrix_rate = 2 * MATRIX_SIZE**3 / measured.pop(_MATRIX).median
    return Result(case, measured, _flops(case), matrix_rate)


def _flops(case: Case) -> int | None:
    if case.suite == "step":
        update = "alternating" if case.title == ALTERNATING else "simultaneous"
        return case.batch_size * _of_step(case.size, update)
    if case.suite == "forward":
        return case.batch_size * sum(convolution_flops(unet_generator(case.size)))
    return None


@functools.cache
def _of_step(size: int, update: str) -> int:
    return step_flops(unet_generator(size), patchgan_discriminator(size), update)
