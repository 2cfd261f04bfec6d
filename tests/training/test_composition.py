"""Options compose: random settings build, step, checkpoint, resume to the same bits, and export.

COMPOSITIONS=100 in the environment tries so many; COMPOSITIONS=100-160 those of these numbers.
"""

import multiprocessing
import os
import shutil
from concurrent.futures import ProcessPoolExecutor

import pytest
from composition import EVERY, check_composition
from random_settings import (
    DRAWN_WITH_THE_SIZE,
    IMAGES,
    N_LAYERS,
    NO_SETTINGS,
    OPTIONS,
    SCALES,
    random_settings,
)

from tests.training.any_images import SETS
from tfpix2pix.config.loading import all_settings

FIRST, _, END = os.environ.get("COMPOSITIONS", "3").rpartition("-")
NUMBERS = range(int(FIRST or 0), int(END))
# To optimise what is run once takes far longer than all the rest.
QUICK_XLA = "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
# About which images there are, and where; how often a run writes; or one choice for a process.
NOT_DRAWN = {
    "data", "data_dir", "manual_dir", "input_feature", "target_feature", "layout", "split",
    "on_bad", "value_range", "target_value_range", "input_encoding", "target_encoding", "palette",
    "vgg_weights", "epochs", "sample_every", "keep_samples", "validate_every", "best_metric",
    "patience", "steps_per_execution", "deterministic", "strategy", "data_service",
}  # fmt: skip


def test_every_setting_is_drawn_or_has_a_reason_not_to_be():
    drawn = (OPTIONS.keys() - NO_SETTINGS) | DRAWN_WITH_THE_SIZE
    assert {setting.name for setting in all_settings()} == drawn | EVERY.keys() | NOT_DRAWN


def test_every_value_is_left_in_some_settings():
    drawn = [random_settings(number) for number in range(200)]
    assert {images for images, _ in drawn} == IMAGES.keys()
    layers = {"n_layers": N_LAYERS, "discriminator_scales": SCALES, "depth": [None, 1, 2, 3, 4]}
    for name, values in (OPTIONS | layers).items():
        if name not in NO_SETTINGS:
            assert {flags[name] for _, flags in drawn} == set(values), name


@pytest.fixture(scope="module")
def image_sets(module_pairs_folder, tmp_path_factory):
    """The folders of the kinds of images."""
    folders = {name: tmp_path_factory.mktemp("sets") / name for name in IMAGES if name in SETS}
    for name, folder in folders.items():
        SETS[name][0](folder)
    return folders | {"pairs": module_pairs_folder}


@pytest.fixture(scope="module")
def other_process():
    """XLA reads its flags once in a process, and other tests want the usual ones.

    Each process does a few compositions only: TensorFlow keeps what XLA compiled.
    """
    spawn = multiprocessing.get_context("spawn")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XLA_FLAGS", QUICK_XLA)
        with ProcessPoolExecutor(1, spawn, max_tasks_per_child=10) as executor:
            yield executor


@pytest.mark.slow
@pytest.mark.parametrize("number", NUMBERS)
def test_random_settings_compose(number, image_sets, other_process, request, tmp_path):
    images, flags = random_settings(number)
    flags["data"] = str(image_sets[images])
    if flags["perceptual_weight"]:
        flags["vgg_weights"] = str(request.getfixturevalue("vgg19_weights_file"))
    try:
        other_process.submit(check_composition, flags, tmp_path / "run").result()
    except Exception as error:
        error.add_note(f"The settings: {flags}")
        raise
    finally:
        shutil.rmtree(tmp_path)
