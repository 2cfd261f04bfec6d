"""How long a run is, and what may end it early."""

import math

from tfpix2pix.config import TrainSettings
from tfpix2pix.errors import SettingsError, UserError


def run_length(settings: TrainSettings, pairs: int) -> int:
    """The steps of a run: as given, or enough for the epochs over so many pairs.

    Raises:
        SettingsError: neither steps nor epochs are given.
    """
    if settings.steps is not None:
        return settings.steps
    if settings.epochs is not None:
        return math.ceil(settings.epochs * pairs / settings.batch_size)
    raise SettingsError("how long to train? Give --steps, --epochs or a --preset")


def check_length(done: int, total_steps: int) -> None:
    """Refuses a length that is past already.

    Raises:
        UserError: it is.
    """
    if done > total_steps:
        raise UserError(
            f"the run has done {done} steps already, more than the {total_steps} asked for: give "
            "--steps a larger number to train longer, or nothing to leave it as it is"
        )


def check_patience(settings: TrainSettings, *, is_validated: bool) -> None:
    """Refuses `patience` where nothing is validated.

    Raises:
        SettingsError: with the reason.
    """
    if settings.patience and not is_validated:
        raise SettingsError(
            "patience counts validations, and there are no held-out pairs to validate with: "
            "leave it out, or give a set with a val or test split"
        )
