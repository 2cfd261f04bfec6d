"""The perceptual loss against VGG19's own layers, with a VGG19 of random weights in a file."""

import urllib.error
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.config import resolve
from tfpix2pix.data.formats import ImageFormat, PairFormat
from tfpix2pix.errors import SettingsError, UserError
from tfpix2pix.losses import perceptual
from tfpix2pix.losses.perceptual import perceptual_loss, vgg19_features, vgg19_input
from tfpix2pix.training.objectives import build_perceptual

SIZE = 32


@pytest.fixture(scope="module")
def features(vgg19_weights_file):
    return vgg19_features(str(vgg19_weights_file))


def images(channels=3, batch=2):
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, (2, batch, SIZE, SIZE, channels)).astype(np.float32)


def expected_loss(vgg, target, generated):
    """Of RGB images in [-1, 1], layer by layer."""
    x, y = (
        tf.constant(keras.applications.vgg19.preprocess_input((image + 1) / 2 * 255))
        for image in (target.astype(np.float64), generated.astype(np.float64))
    )
    total, weights = 0.0, [1 / 32, 1 / 16, 1 / 8, 1 / 4, 1]
    for layer in vgg.layers[1:]:
        x, y = layer(x), layer(y)
        if layer.name.endswith("_conv1"):
            total += weights.pop(0) * np.abs(x.numpy() - y.numpy()).mean()
    assert not weights
    return total


@pytest.mark.parametrize("channels", [3, 1])
@pytest.mark.parametrize("jit", [False, True])
def test_the_loss_is_that_of_vgg19s_own_layers(vgg19, features, channels, jit):
    target, generated = images(channels)
    of_three = [np.broadcast_to(i, (*i.shape[:-1], 3)) for i in (target, generated)]
    loss = tf.function(lambda: perceptual_loss(features, target, generated), jit_compile=jit)()
    assert loss.dtype == "float32"
    assert float(loss) == pytest.approx(expected_loss(vgg19, *of_three), rel=1e-4)


def test_bgr_images_are_seen_as_the_rgb_ones_they_are(features):
    target, generated = images()
    expected = perceptual_loss(features, target, generated)
    turned = perceptual_loss(features, target[..., ::-1], generated[..., ::-1], "bgr")
    assert float(turned) == float(expected)
    assert float(perceptual_loss(features, target[..., ::-1], generated[..., ::-1])) != expected


def test_images_are_preprocessed_as_by_keras():
    image = images()[0]
    expected = keras.applications.vgg19.preprocess_input((image.astype(np.float64) + 1) * 127.5)
    np.testing.assert_allclose(vgg19_input(image), expected, atol=1e-3)


def test_gradients_flow_to_the_generated_image_alone_and_vgg19_is_frozen(features):
    target, generated = (tf.constant(image) for image in images())
    with tf.GradientTape() as tape:
        tape.watch([target, generated])
        loss = perceptual_loss(features, target, generated)
    of_target, of_generated = tape.gradient(loss, [target, generated])
    assert of_target is None
    assert np.abs(of_generated).max() > 0
    assert features.trainable_variables == []
    assert float(perceptual_loss(features, target, target)) == 0


def test_low_precision_is_left_to_others(vgg19_weights_file):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        features = vgg19_features(str(vgg19_weights_file))
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")
    assert {layer.compute_dtype for layer in features.layers} == {"float32"}
    assert perceptual_loss(features, *tf.cast(images(), "bfloat16")).dtype == "float32"


def test_two_channels_are_refused(features):
    with pytest.raises(ValueError, match=r"3 channels or 1; the images have 2"):
        perceptual_loss(features, *images(2))


# --- Weights and settings -------------------------------------------------------------------------


def other_network(path):
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3)])
    model.save_weights(path)


def damaged_archive(path):
    """A .keras file that was packed tighter, and of which a few bytes are wrong."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.weights.h5", bytes(range(256)) * 8)
    content = path.read_bytes()
    # The data follow 30 bytes of header and the name; block type 3 does not exist.
    start = 30 + len("model.weights.h5")
    path.write_bytes(content[:start] + b"\xff" * 8 + content[start + 8 :])


def half_an_archive(path):
    other = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3)])
    other.save(path)
    path.write_bytes(path.read_bytes()[:-100])


BAD_FILES = {
    "half.keras": half_an_archive,
    "damaged.keras": damaged_archive,
    "text.keras": lambda path: path.write_text("weights"),
    "missing.h5": lambda path: None,
    "damaged.weights.h5": lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100)),
    "other.weights.h5": other_network,
    "text.txt": lambda path: path.write_text("weights"),
    "folder": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_cannot_be_used_is_named(name, tmp_path):
    BAD_FILES[name](tmp_path / name)
    with pytest.raises(UserError, match=rf"{name}.*Give vgg_weights FILE"):
        vgg19_features(str(tmp_path / name))
    assert keras.config.dtype_policy().name == "float32"


def test_half_a_file_is_named(vgg19_weights_file, tmp_path):
    half = tmp_path / "half.weights.h5"
    half.write_bytes(vgg19_weights_file.read_bytes()[:40_000_000])
    with pytest.raises(UserError, match=r"half.*Give vgg_weights FILE"):
        vgg19_features(str(half))


@pytest.mark.parametrize(
    "error",
    [
        urllib.error.URLError("no network"),
        urllib.error.HTTPError("http://x", 404, "not found", None, None),
        ConnectionResetError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_failed_download_says_to_give_a_file(error, monkeypatch, tmp_path):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(keras.src.utils.file_utils, "urlretrieve", fail)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(keras.src.utils.file_utils.config, "keras_home", lambda: str(tmp_path))
    with pytest.raises(UserError, match=r"could not be downloaded. Give vgg_weights FILE"):
        vgg19_features()


def test_defects_are_not_taken_for_failed_downloads(monkeypatch):
    def fail(**_):
        raise RuntimeError("a defect")

    monkeypatch.setattr(keras.applications, "VGG19", fail)
    with pytest.raises(RuntimeError, match="a defect"):
        vgg19_features()


def test_settings_that_vgg19_cannot_serve_are_refused_before_its_weights_are_sought(monkeypatch):
    monkeypatch.setattr(perceptual, "_vgg19", lambda _: pytest.fail("weights were sought"))
    assert build_perceptual(resolve(), PairFormat()) is None
    wanted = {"perceptual_weight": 1, "vgg_weights": "nowhere.h5"}
    # Its size is the pairs' own, which `resolve` does not know.
    small = resolve(flags=wanted | {"resize": "none", "crop_size": 16, "load_size": 16})
    with pytest.raises(SettingsError, match="at least 32x32, and crop_size is 16x16"):
        build_perceptual(small, PairFormat())
    with pytest.raises(SettingsError, match="the targets are 5 channels"):
        build_perceptual(resolve(flags=wanted), PairFormat(target=ImageFormat(channels=5)))


@pytest.mark.parametrize("is_bgr", [False, True])
def test_the_networks_order_of_colours_is_told(is_bgr, features, monkeypatch):
    monkeypatch.setattr("tfpix2pix.training.objectives.vgg19_features", lambda _: features)
    target = ImageFormat(reversed_channels=is_bgr)
    loss = build_perceptual(resolve(flags={"perceptual_weight": 1}), PairFormat(target=target))
    pair = images()
    expected = perceptual_loss(features, *pair, "bgr" if is_bgr else "rgb")
    assert float(loss(*pair)) == float(expected)
