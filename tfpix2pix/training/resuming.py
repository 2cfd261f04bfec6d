"""Whether the run that is there already is the one that is asked for, and where it goes on."""

import dataclasses

from tfpix2pix.config import Settings
from tfpix2pix.errors import SettingsError
from tfpix2pix.progress import say
from tfpix2pix.training.run_folder import RunFolder

# May be another one when a run goes on.
_LENGTHS = {"steps", "epochs"}
_SIZES = {"load_size", "crop_size"}


def as_begun(settings: Settings, folder: RunFolder) -> tuple[Settings, bool]:
    """The settings with which the run in a folder goes on, where it would else be started.

    Args:
        settings: those to start with, of absolute places.
        folder: holds a run.

    Returns:
        The run's own settings, with the length and the data service that are asked for; whether
        the length is another one.

    Raises:
        SettingsError: it was begun with other settings.
    """
    begun = folder.settings()
    for section in ("data", "train", "model"):
        given, own = (dataclasses.asdict(getattr(s, section)) for s in (settings, begun))
        others = given.keys() - _decided_by_run(settings)
        for name in sorted(name for name in others if given[name] != own[name]):
            raise SettingsError(
                f"the run in {folder.path} was begun with {name} {own[name]}, and {given[name]} is "
                "asked for: give what it was begun with, or choose another --run-dir"
            )
    length = {name: getattr(settings.train, name) for name in _LENGTHS}
    asked = dataclasses.replace(begun.train, **length)
    data = dataclasses.replace(begun.data, data_service=settings.data.data_service)
    return dataclasses.replace(begun, train=asked, data=data), asked != begun.train


def _decided_by_run(settings: Settings) -> set[str]:
    """What a run's config.yaml may hold otherwise than it was given."""
    names = {*_LENGTHS, "data_service"}
    if settings.train.jit == "auto":
        names.add("jit")
    if settings.data.takes_size_from_pairs:
        names |= _SIZES
    return names


def say_where_it_resumes(restored: bool, steps_done: int) -> None:
    """Says at which step, or that it starts again."""
    if restored:
        say(f"resuming at step {steps_done}")
    else:
        say("there is no checkpoint yet: starting again from step 0")
