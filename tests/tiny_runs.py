"""Run folders of tiny settings that nobody has trained, for tests of what is done with runs."""

import json

import numpy as np

from tfpix2pix.config import dump_settings, resolve
from tfpix2pix.data.formats import RGB_PAIRS
from tfpix2pix.files import write_atomically
from tfpix2pix.training.checkpoints import Checkpoints
from tfpix2pix.training.run_folder import RunFolder
from tfpix2pix.training.state import TrainState

TINY = {"load_size": 18, "crop_size": 16, "base_filters": 2, "depth": 3, "n_layers": 1}


def write_settings(folder, formats=RGB_PAIRS, train_pairs=None, **flags):
    """A run folder without a checkpoint; a flag of None leaves what the preset has."""
    run = RunFolder(folder)
    given = {name: value for name, value in (TINY | flags).items() if value is not None}
    write_atomically(run.config, dump_settings(resolve(flags=given)))
    facts = {"train_pairs": train_pairs, "fingerprint": None, "format": formats.to_plain()}
    write_atomically(run.data, json.dumps(facts))
    return run


def write_run(folder, formats=RGB_PAIRS, spread=0.3, **flags):
    """The same with a checkpoint of step 0; returns its path.

    Kernels of the generator are drawn with this standard deviation, so that answers span the range.
    """
    run = write_settings(folder, formats, **flags)
    state = TrainState(run.settings(), 1, formats)
    rng = np.random.default_rng(0)
    for variable in state.networks.generator.trainable_variables:
        if variable.name == "kernel":
            variable.assign(rng.normal(0, spread, variable.shape))
    Checkpoints(state, run.checkpoints, 1).save()
    return run.path
