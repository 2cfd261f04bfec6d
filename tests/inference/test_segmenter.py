"""Judges of photos: runs that answer with label maps, and models of Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfpix2pix.config import resolve
from tfpix2pix.errors import UserError
from tfpix2pix.inference.segmenter import Segmenter, load_segmenter
from tfpix2pix.training.checkpoints import load_generator
from tfpix2pix.training.run import train
from tfpix2pix.training.run_folder import RunFolder

PALETTE = ("#000000", "#ff0000", "#00ff00", "#0000ff")
TINY = {"load_size": 32, "crop_size": 32, "base_filters": 2, "depth": 2, "dropout": 0, "steps": 2}


def coloured_photos(count=2, size=(32, 32), seed=0):
    """Blocks of 8 pixels, float32 in [0, 1], and which of black, red, green and blue they are."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 4, (count, size[0] // 8, size[1] // 8))
    classes = classes.repeat(8, axis=1).repeat(8, axis=2)
    return np.float32([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])[classes], classes


def scores_of_colours(photos):
    """[B, H, W, 3] in [0, 1] -> [B, H, W, 4]; highest for the colour that it is."""
    return tf.concat([1.0 - tf.reduce_sum(photos, -1, keepdims=True), photos], axis=-1)


def keras_judge(size, low, high, path, last="linear"):
    """The same as a model of photos in [low, high]."""
    inputs = keras.Input((*size, 3))
    x = keras.layers.Conv2D(4, 1, activation=last)(inputs)
    model = keras.Model(inputs, x)
    kernel = np.concatenate([-np.ones((3, 1)), np.eye(3)], axis=1) * 20 / (high - low)
    bias = np.float32([20, 0, 0, 0]) - low * kernel.sum(axis=0)
    model.set_weights([kernel[None, None], bias])
    model.save(path)
    return path


@pytest.mark.parametrize("value_range", [(0, 1), (-1, 1), (0, 255)])
@pytest.mark.parametrize("last", ["linear", "softmax"])
def test_keras_models_see_photos_in_the_range_that_was_said(value_range, last, tmp_path):
    path = keras_judge((32, 32), *value_range, tmp_path / "judge.keras", last)
    judge = load_segmenter(path, value_range=value_range)
    photos, classes = coloured_photos()
    answers = judge(tf.constant(photos))
    assert answers.dtype == tf.uint8
    np.testing.assert_array_equal(answers, classes)
    assert (judge.classes, judge.size, judge.palette) == (4, (32, 32), None)


@pytest.mark.parametrize("size", [(16, 16), (64, 64), (24, 48), (None, None), (32, None)])
def test_photos_of_another_size_are_resized_and_answers_back(size, tmp_path):
    """Only at the blocks' borders can there be a doubt."""
    judge = load_segmenter(keras_judge(size, 0, 1, tmp_path / "judge.keras"))
    photos, classes = coloured_photos(size=(32, 40))
    answers = judge(tf.constant(photos)).numpy()
    assert answers.shape == classes.shape
    inner = (slice(None), slice(3, None, 8), slice(3, None, 8))
    np.testing.assert_array_equal(answers[inner], classes[inner])
    if None in size and size[0] != 16:
        np.testing.assert_array_equal(answers, classes)


def test_a_network_may_answer_coarser_than_it_sees():
    judge = Segmenter(lambda photos: scores_of_colours(photos)[:, 3::8, 3::8], 4, (None, None))
    photos, classes = coloured_photos()
    answers = judge(tf.constant(photos)).numpy()
    np.testing.assert_array_equal(answers[:, 3::8, 3::8], classes[:, 3::8, 3::8])


def test_a_judge_of_one_scale_refuses_other_sizes():
    judge = Segmenter(scores_of_colours, 4, (32, 32), resizes=False)
    photos, classes = coloured_photos()
    np.testing.assert_array_equal(judge(tf.constant(photos)), classes)
    with pytest.raises(UserError, match=r"on crops of 32x32 .*cannot judge images of 16x16"):
        judge(tf.constant(photos[:, ::2, ::2]))


def trained(root, **flags):
    """The folder of a run on three photos and their label maps."""
    photos, _ = coloured_photos(3)
    for number, photo in enumerate(photos):
        for side, image in (("input", photo * 0.8 + 0.1), ("target", photo)):
            (root / "set" / side).mkdir(parents=True, exist_ok=True)
            picture = Image.fromarray(np.rint(image * 255).astype(np.uint8))
            picture.save(root / "set" / side / f"{number}.png")
    data = {"data": str(root / "set"), "split": "100/0/0"}
    train(resolve(flags=TINY | data | flags), root / "run")
    return root / "run"


LABELS = {"target_encoding": "labels", "palette": ",".join(PALETTE)}


@pytest.mark.parametrize(
    "flags", [{}, {"channel_order": "bgr"}, {"resize": "crop", "norm_statistics": "moving"}]
)
def test_a_runs_judge_is_its_generator(flags, tmp_path):
    objective = {"gan_weight": 0, "l1_weight": 0, "cross_entropy_weight": 1}
    folder = RunFolder(trained(tmp_path, **LABELS, **objective, **flags))
    judge = load_segmenter(folder.path)
    assert (judge.classes, judge.size) == (4, (32, 32))
    assert judge.palette == folder.formats().target.palette
    assert judge.resizes == (flags.get("resize") != "crop")
    photos = np.random.default_rng(0).random((3, 32, 32, 3), np.float32)
    generator = load_generator(folder.settings(), folder.checkpoints, folder.formats())
    seen = photos[..., ::-1] if "channel_order" in flags else photos
    expected = np.argmax(generator(seen * 2 - 1, training=False), axis=-1)
    np.testing.assert_array_equal(judge(tf.constant(photos)), expected)
    assert len(np.unique(expected)) > 1


def test_what_is_no_judge_is_refused(tmp_path):
    with pytest.raises(UserError, match="expected a run from RGB to label maps"):
        load_segmenter(trained(tmp_path / "images"))
    with pytest.raises(UserError, match=r"there is no file .*none.keras"):
        load_segmenter(tmp_path / "none.keras")
    with pytest.raises(UserError, match=r"data.json is missing or damaged|is not a run folder"):
        load_segmenter(tmp_path)
    (tmp_path / "text.keras").write_text("no model")
    with pytest.raises(UserError, match=r"text.keras cannot be loaded as a Keras model"):
        load_segmenter(tmp_path / "text.keras")
    inputs = keras.Input((8, 8, 1))
    keras.Model(inputs, keras.layers.Conv2D(2, 1)(inputs)).save(tmp_path / "gray.keras")
    with pytest.raises(UserError, match=r"expected \[N, H, W, 3\] to \[N, H, W, K\]"):
        load_segmenter(tmp_path / "gray.keras")
    inputs = keras.Input((8, 8, 3))
    keras.Model(inputs, keras.layers.Flatten()(inputs)).save(tmp_path / "flat.keras")
    with pytest.raises(UserError, match=r"expected \[N, H, W, 3\] to \[N, H, W, K\]"):
        load_segmenter(tmp_path / "flat.keras")
