"""The judge of the FCN-score, as the options name it."""

import dataclasses

from tfpix2pix.config import resolve
from tfpix2pix.data.formats import palette_colours
from tfpix2pix.errors import UserError
from tfpix2pix.inference.segmenter import Segmenter, load_segmenter
from tfpix2pix.report.options import EvaluationOptions


def load_judge(options: EvaluationOptions) -> Segmenter | None:
    """The judge with the colours of its classes, if one is wanted.

    Raises:
        UserError: there is no such segmenter, or the colours are missing or not as many as its
            classes.
        SettingsError: the palette cannot be read.
    """
    if options.judge is None:
        return None
    judge = load_segmenter(options.judge)
    palette = judge.palette
    if options.palette is not None:
        flags = {"input_encoding": "labels", "palette": options.palette}
        palette = palette_colours(resolve(flags=flags).data)
    if palette is None:
        raise UserError(
            f"--fcn-score {options.judge}: which colours do its {judge.classes} classes have in "
            "the label maps? Give --palette: cmp, or #RRGGBB,#RRGGBB,..."
        )
    if len(palette) != judge.classes:
        raise UserError(
            f"--fcn-score {options.judge}: it tells {judge.classes} classes apart, and the palette "
            f"has {len(palette)} colours: give one for each class, in their order"
        )
    return dataclasses.replace(judge, palette=palette)
