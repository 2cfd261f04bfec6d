"""Feature extractors: what the network is given, what is refused, and when two are the same."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch

from tfpix2pix.errors import UserError
from tfpix2pix.evaluation.features import inception_extractor, keras_extractor


def images(channels=3, size=(12, 20), seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 1, (2, *size, channels)).astype(np.float32)


def small_model(size=(None, None), channels=3, pooled=True, activation="tanh", seed=0):
    keras.utils.set_random_seed(seed)
    image = keras.Input([*size, channels])
    x = keras.layers.Conv2D(4, 3, activation=activation)(image)
    return keras.Model(image, keras.layers.GlobalAveragePooling2D()(x) if pooled else x)


def identity(size, channels=3):
    """Its features are the values that it is given."""
    image = keras.Input([*size, channels])
    return keras.Model(image, keras.layers.Flatten()(image))


def torch_resized(pixels, size):
    tensor = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    resized = torch.nn.functional.interpolate(
        tensor, size, mode="bilinear", align_corners=False, antialias=True
    )
    return resized.permute(0, 2, 3, 1).numpy()


# --- Any Keras model ------------------------------------------------------------------------------


@pytest.mark.parametrize("pooled", [True, False])
def test_features_are_the_models_pooled_over_places(pooled):
    model, pixels = small_model(pooled=pooled), images()
    found = keras_extractor(model)(pixels)
    kernel, bias = model.weights
    expected = np.tanh(tf.nn.conv2d(pixels * 2 - 1, kernel, 1, "VALID") + bias).mean(axis=(1, 2))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_features_of_low_precision_are_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = small_model()
    finally:
        keras.config.set_dtype_policy("float32")
    assert keras_extractor(model)(images()).dtype == np.float32


@pytest.mark.parametrize("size", [(8, 8), (12, 20), (17, 31)], ids=["smaller", "same", "larger"])
def test_images_are_resized_and_scaled(size):
    found = keras_extractor(identity(size), value_range=(0, 255))(images())
    expected = torch_resized(images(), size) * 255
    np.testing.assert_allclose(found, expected.reshape(2, -1), rtol=1e-4, atol=1e-2)


def test_gray_is_repeated_for_a_model_of_colours():
    extractor, gray = keras_extractor(small_model()), images(1)
    np.testing.assert_array_equal(extractor(gray), extractor(np.repeat(gray, 3, -1)))


def test_other_channels_are_taken_by_a_model_of_them_alone():
    assert keras_extractor(small_model(channels=5))(images(5)).shape == (2, 4)
    with pytest.raises(UserError, match="takes 5 channels, and the images have 3"):
        keras_extractor(small_model(channels=5))(images())
    with pytest.raises(UserError, match="takes RGB or gray, and the images have 5"):
        keras_extractor(small_model())(images(5))


def test_a_file_is_the_model_in_it(tmp_path):
    model = small_model()
    model.save(tmp_path / "features.keras")
    extractor = keras_extractor(tmp_path / "features.keras")
    np.testing.assert_array_equal(extractor(images()), keras_extractor(model)(images()))
    assert extractor.fingerprint == keras_extractor(model).fingerprint


@pytest.mark.parametrize("content", [None, b"PK\x03\x04damaged", b"text"])
def test_a_file_that_holds_no_model_is_named(content, tmp_path):
    path = tmp_path / "bad.keras"
    if content:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"feature extractor .*bad.keras: missing, damaged"):
        keras_extractor(path)


def test_models_of_other_things_are_refused():
    vector = keras.Input([4])
    with pytest.raises(UserError, match=r"from \(None, 4\) to \(None, 2\)"):
        keras_extractor(keras.Model(vector, keras.layers.Dense(2)(vector)))
    one, two = keras.Input([8, 8, 3]), keras.Input([8, 8, 3])
    with pytest.raises(UserError, match=r"expected a model from images"):
        keras_extractor(keras.Model([one, two], keras.layers.add([one, two])))


# --- Which extractors are the same ----------------------------------------------------------------


def test_the_same_network_is_known_whatever_its_layers_are_called():
    first, second = small_model(), small_model()
    assert [layer.name for layer in first.layers] != [layer.name for layer in second.layers]
    assert keras_extractor(first).fingerprint == keras_extractor(second).fingerprint


def test_what_changes_the_features_changes_the_fingerprint():
    nudged = small_model()
    nudged.weights[1].assign([0, 0, 1e-6, 0])
    extractors = [
        keras_extractor(small_model()),
        keras_extractor(small_model(), value_range=(0, 1)),
        keras_extractor(small_model(activation="relu")),
        keras_extractor(small_model(size=(8, 8))),
        keras_extractor(small_model(seed=1)),
        keras_extractor(nudged),
    ]
    assert len({extractor.fingerprint for extractor in extractors}) == len(extractors)


# --- InceptionV3 ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_inception_is_keras_applications_with_the_weights_of_the_file(tmp_path):
    keras.utils.set_random_seed(0)
    network = keras.applications.InceptionV3(include_top=False, weights=None, pooling="avg")
    for weight in network.weights:  # statistics of BatchNorm too, that no order goes unnoticed
        noise = np.random.default_rng(0).uniform(0.9, 1.1, weight.shape)
        weight.assign(weight.numpy() * noise)
    path = tmp_path / "inception.weights.h5"
    network.save_weights(path)
    extractor = inception_extractor(str(path))
    pixels = images(size=(320, 280))
    prepared = keras.applications.inception_v3.preprocess_input(
        torch_resized(pixels, (299, 299)).astype(np.float64) * 255
    )
    expected = network(prepared.astype(np.float32), training=False).numpy()
    found = extractor(pixels)
    assert found.shape == (2, 2048)
    np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-4 * np.abs(expected).max())
    assert np.abs(expected[0] - expected[1]).max() > 1e-2 * np.abs(expected).max()


@pytest.mark.parametrize("content", [None, b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_a_weights_file_that_cannot_be_used_is_named(content, tmp_path, monkeypatch):
    small = keras.applications.MobileNetV2
    monkeypatch.setattr(
        keras.applications,
        "InceptionV3",
        lambda **options: small(**(options | {"input_shape": (32, 32, 3), "alpha": 0.35})),
    )
    path = tmp_path / "bad.weights.h5"
    if content:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"inception_weights: .*bad.* Give inception_weights FILE"):
        inception_extractor(str(path))


def test_a_failed_download_says_to_give_a_file(monkeypatch, tmp_path):
    def fail(*_, **__):
        raise ConnectionResetError

    monkeypatch.setattr(keras.applications, "InceptionV3", fail)
    with pytest.raises(UserError, match=r"downloaded. Give inception_weights FILE, a copy of inc"):
        inception_extractor()
