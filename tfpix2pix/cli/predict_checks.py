"""Which options of `predict` go together, and with a run. All of it is said without TensorFlow."""

import argparse

from tfpix2pix.config import Settings
from tfpix2pix.errors import SettingsError
from tfpix2pix.inference.tiling import (
    Tiling,
    answers_at_own_size,
    check_image_statistics,
    choose_tiling,
)


def tiling_of(arguments: argparse.Namespace, settings: Settings) -> Tiling | None:
    """How images are answered at their own size; None where they are resized.

    Raises:
        SettingsError: options that do not fit each other, or the run.
    """
    if arguments.statistics is not None:
        check_image_statistics(settings, "--statistics")
    if arguments.fixed_statistics is not None:
        check_image_statistics(settings, "--fixed-statistics")
        if arguments.statistics is not None:
            raise SettingsError(
                "--fixed-statistics gives the norms their statistics already: leave --statistics "
                "out"
            )
    if not answers_at_own_size(settings, arguments.size):
        for name in ("whole_up_to", "window", "overlap", "statistics"):
            if getattr(arguments, name) is not None:
                raise SettingsError(
                    f"--{name.replace('_', '-')} is about answers at the images' own size: give "
                    "--size own too, or leave it out"
                )
        return None
    return choose_tiling(
        settings,
        arguments.whole_up_to,
        arguments.window,
        arguments.overlap,
        arguments.statistics or "image",
    )


def check_samples(arguments: argparse.Namespace, settings: Settings) -> None:
    """Refuses options that do not go with samples."""
    if arguments.samples is None:
        return
    if settings.data.target_encoding == "labels":
        raise SettingsError(
            "--samples: this run answers with label maps, which have no mean and no deviation; "
            "leave --samples out"
        )
    if arguments.batch_size is not None:
        raise SettingsError("--batch-size: samples are drawn one by one; leave it out")


def check_noise(arguments: argparse.Namespace, draws: bool) -> None:
    """Refuses options about dropout where there is none."""
    if arguments.samples is not None and not draws:
        raise SettingsError(
            "--samples: the generator of this run has no dropout, so all its answers to an image "
            "are the same; leave --samples out"
        )
    if arguments.seed is not None and not draws:
        raise SettingsError(
            "--seed is of dropout, which is off in this run's answers: give --samples too, or "
            "leave it out"
        )
