"""Dropout at prediction: one mask for all images, chosen by a seed; training is left alone."""

import keras
import numpy as np
import pytest
import reference
import tensorflow as tf

from tfpix2pix.models import Dropout, resnet_generator, set_prediction_seed, unet_generator

ONES = np.ones((3, 16, 16, 32), np.float32)


def model_of(*names, rate=0.5):
    inputs = keras.Input((16, 16, 32))
    outputs = [Dropout(rate, at_prediction=True, name=name)(inputs) for name in names]
    return keras.Model(inputs, outputs if len(names) > 1 else outputs[0])


def kept(values):
    return np.asarray(values) != 0


@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_the_rate_and_the_scale(rate):
    values = np.asarray(model_of("d", rate=rate)(ONES, training=False))
    assert kept(values).mean() == pytest.approx(1 - rate, abs=0.03)  # 8,192 values
    np.testing.assert_allclose(values[kept(values)], 1 / (1 - rate), rtol=1e-6)


def test_each_image_of_a_batch_has_the_same_mask():
    values = kept(model_of("d")(ONES))
    np.testing.assert_array_equal(values[0], values[1])
    np.testing.assert_array_equal(values[0], values[2])
    np.testing.assert_array_equal(kept(model_of("d")(ONES[:1]))[0], values[0])


def test_a_mask_depends_on_the_seed_the_draw_and_the_layer_alone():
    model = model_of("a", "b")
    masks = {}
    for seed, draw in ((0, 0), (0, 1), (1, 0), (2**31 - 1, 70_000)):
        set_prediction_seed(model, seed, draw)
        for name, values in zip("ab", model(ONES), strict=True):
            masks[seed, draw, name] = kept(values)
    for first in masks:
        for second in masks:
            agreement = (masks[first] == masks[second]).mean()
            expected = 1 if first == second else 0.5
            assert agreement == pytest.approx(expected, abs=0.04), (first, second)

    other = model_of("b")
    set_prediction_seed(other, 0, 1)
    np.testing.assert_array_equal(kept(other(ONES)), masks[0, 1, "b"])
    np.testing.assert_array_equal(kept(other(ONES)), masks[0, 1, "b"])
    set_prediction_seed(other, 0)
    np.testing.assert_array_equal(kept(other(ONES)), masks[0, 0, "b"])


def test_in_training_it_is_keras_own_to_the_bit():
    ours, plain = Dropout(0.5, at_prediction=True, seed=3), keras.layers.Dropout(0.5, seed=3)
    for _ in range(3):
        expected = plain(ONES, training=True)
        ours(ONES, training=False)  # moves nothing on
        np.testing.assert_array_equal(ours(ONES, training=True), expected)


def test_without_it_nothing_drops_at_prediction_and_there_is_no_other_state():
    layer = Dropout(0.5)
    np.testing.assert_array_equal(layer(ONES, training=False), ONES)
    assert [variable.name for variable in layer.variables] == ["seed_generator_state"]
    drawing = Dropout(0.5, at_prediction=True)
    drawing(ONES)
    # Names of their own, since checkpoints go by them.
    names = [variable.name for variable in drawing.variables]
    assert names == ["seed_generator_state", "prediction_seed_state"]
    assert drawing.weights == []


@pytest.mark.parametrize("make", [unet_generator, resnet_generator])
def test_a_generator_draws_the_same_weights_and_training_masks_with_and_without(make):
    image = reference.random_image(2, 32, 32, 3)
    answers = []
    for at_prediction in (False, True):
        keras.utils.set_random_seed(5)
        model = make(32, base_filters=2, dropout_at_prediction=at_prediction)
        model(image, training=False)
        answers.append((model.get_weights(), model(image, training=True).numpy()))
    for first, second in zip(answers[0][0], answers[1][0], strict=True):
        np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(answers[0][1], answers[1][1])


@pytest.mark.parametrize("make", [unet_generator, resnet_generator])
@pytest.mark.parametrize("jit", [True, False])
def test_answers_of_a_generator(make, jit):
    model = reference.randomize(make(32, base_filters=2, dropout_at_prediction=True))
    answer = tf.function(lambda x: model(x, training=False), jit_compile=jit)
    images = reference.random_image(2, 32, 32, 3)
    set_prediction_seed(model, 4)
    first = answer(images).numpy()
    np.testing.assert_array_equal(answer(images), first)
    np.testing.assert_allclose(answer(images[:1])[0], first[0], atol=1e-5)
    set_prediction_seed(model, 4, 1)
    second = answer(images).numpy()
    assert np.abs(first - second).mean() > 0.01
    without = reference.randomize(make(32, base_filters=2))(images)
    assert np.abs(first - without).mean() > 0.01


def test_exported_it_answers_the_same(tmp_path):
    model = unet_generator(32, base_filters=2, dropout_at_prediction=True)
    set_prediction_seed(model, 3, 1)
    model.export(tmp_path / "exported", verbose=False)
    image = reference.random_image(1, 32, 32, 3)
    exported = tf.saved_model.load(str(tmp_path / "exported"))
    np.testing.assert_allclose(exported.serve(image), model(image), atol=1e-5)


def test_saved_and_loaded_it_keeps_its_seed(tmp_path):
    model = unet_generator(32, base_filters=2, dropout_at_prediction=True)
    set_prediction_seed(model, 9, 2)
    model.save(tmp_path / "generator.keras")
    loaded = keras.saving.load_model(tmp_path / "generator.keras")
    image = reference.random_image(1, 32, 32, 3)
    set_prediction_seed(loaded, 9, 2)
    np.testing.assert_array_equal(loaded(image), model(image))
