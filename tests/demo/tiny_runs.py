"""Runs of random weights, large enough that their answers span the range."""

import json

import numpy as np

from tfpix2pix.config import dump_settings, resolve
from tfpix2pix.data.drawn_facades.palette import PALETTE
from tfpix2pix.data.formats import RGB, ImageFormat, PairFormat
from tfpix2pix.demo.answering import Answering
from tfpix2pix.files import write_atomically
from tfpix2pix.inference.files import load_file_translator
from tfpix2pix.training.checkpoints import Checkpoints
from tfpix2pix.training.run_folder import RunFolder
from tfpix2pix.training.state import TrainState

SIZE = 32
TINY = {
    "data": "no_pairs",
    "load_size": SIZE,
    "crop_size": SIZE,
    "base_filters": 4,
    "depth": 5,
    "n_layers": 1,
}
CMP = tuple((int(r), int(g), int(b)) for r, g, b in PALETTE)
LABELS = {"input_encoding": "labels", "palette": "cmp"}


def write_run(folder, formats=None, **flags):
    """A run of RGB, of label maps to RGB, or of other images, with a checkpoint of step 0."""
    if formats is None:
        is_labels = flags.get("input_encoding") == "labels"
        formats = PairFormat(ImageFormat(palette=CMP) if is_labels else RGB, RGB)
    run = RunFolder(folder)
    write_atomically(run.config, dump_settings(resolve(flags=TINY | flags)))
    facts = {"train_pairs": None, "fingerprint": None, "format": formats.to_plain()}
    write_atomically(run.data, json.dumps(facts))
    state = TrainState(run.settings(), 1, formats)
    rng = np.random.default_rng(0)
    for variable in state.networks.generator.trainable_variables:
        if variable.name == "kernel":
            variable.assign(rng.normal(0, 0.2, variable.shape))
    Checkpoints(state, run.checkpoints, 1).save()
    return run.path


def answering_of(run_dir, *, draws=False):
    """What the page of such a run answers with."""
    translator = load_file_translator(run_dir, dropout_at_prediction=draws)
    return Answering(translator, RunFolder(run_dir).formats(), translator if draws else None)
