"""Runs of random weights, large enough that their answers span the range."""

from tests import tiny_runs
from tfpix2pix.data.drawn_facades.palette import PALETTE
from tfpix2pix.data.formats import RGB, ImageFormat, PairFormat
from tfpix2pix.demo.answering import Answering
from tfpix2pix.inference.files import load_file_translator
from tfpix2pix.training.run_folder import RunFolder

SIZE = 32
TINY = {
    "data": "no_pairs",
    "load_size": SIZE,
    "crop_size": SIZE,
    "base_filters": 4,
    "depth": 5,
}
CMP = tuple((int(r), int(g), int(b)) for r, g, b in PALETTE)
LABELS = {"input_encoding": "labels", "palette": "cmp"}


def write_run(folder, formats=None, **flags):
    """A run of RGB, of label maps to RGB, or of other images, with a checkpoint of step 0."""
    if formats is None:
        is_labels = flags.get("input_encoding") == "labels"
        formats = PairFormat(ImageFormat(palette=CMP) if is_labels else RGB, RGB)
    return tiny_runs.write_run(folder, formats, spread=0.2, **TINY | flags)


def answering_of(run_dir, *, draws=False):
    """What the page of such a run answers with."""
    translator = load_file_translator(run_dir, dropout_at_prediction=draws)
    return Answering(translator, RunFolder(run_dir).formats(), translator if draws else None)
