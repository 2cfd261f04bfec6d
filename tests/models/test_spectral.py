"""Spectral normalisation against the singular value decomposition and PyTorch's."""

import keras
import numpy as np
import pytest
import reference
import tensorflow as tf
import torch
from torch.nn.utils import spectral_norm

from tfpix2pix.models import patchgan_discriminator, unet_generator
from tfpix2pix.models.convolutions import (
    Conv2D,
    Conv2DTranspose,
    SpectralConv2D,
    SpectralConv2DTranspose,
)

SIZE = 8
# Each with the plain layer of the same kernel and the way it is computed in.
KINDS = {
    "plain": (SpectralConv2D, Conv2D, {"kernel_size": 3, "padding": "same"}),
    "matmul": (
        SpectralConv2D,
        Conv2D,
        {"kernel_size": 4, "strides": 2, "padding": "same", "implementation": "matmul"},
    ),
    "winograd": (SpectralConv2D, Conv2D, {"kernel_size": 4, "implementation": "winograd"}),
    "transposed": (
        SpectralConv2DTranspose,
        Conv2DTranspose,
        {"kernel_size": 3, "strides": 2, "padding": "valid"},
    ),
    "transposed matmul": (
        SpectralConv2DTranspose,
        Conv2DTranspose,
        {"kernel_size": 4, "strides": 2, "padding": "same", "implementation": "matmul"},
    ),
}
IMAGE = reference.random_image(2, SIZE, SIZE, 3)


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch):
    monkeypatch.setattr(keras.distribution, "list_devices", lambda kind: [])


def built(layer):
    layer.build((None, SIZE, SIZE, 3))
    rng = np.random.default_rng(1)
    for weight in layer.trainable_weights:
        weight.assign(rng.normal(0, 0.3, weight.shape))
    return layer


def both(kind, **options):
    spectral, plain, arguments = KINDS[kind]
    layers = [built(make(5, **arguments, **options)) for make in (spectral, plain)]
    return layers


def matrix(layer):
    """W, [out, rest]."""
    kernel = layer.kernel.numpy()
    outputs = 2 if isinstance(layer, Conv2DTranspose) else 3
    return np.moveaxis(kernel, outputs, 0).reshape(kernel.shape[outputs], -1)


def unit(x):
    return x / np.linalg.norm(x)


@pytest.mark.parametrize("kind", KINDS)
def test_after_many_steps_the_kernel_is_divided_by_its_largest_singular_value(kind):
    spectral, plain = both(kind)
    for _ in range(200):
        spectral(IMAGE, training=True)
    left, values, _ = np.linalg.svd(matrix(spectral), full_matrices=False)
    plain.kernel.assign(plain.kernel / values[0])
    np.testing.assert_allclose(spectral(IMAGE), plain(IMAGE), rtol=1e-4, atol=1e-5)
    assert abs(spectral.u.numpy() @ left[:, 0]) == pytest.approx(1, abs=1e-5)


def torch_twin(kind, layer):
    """PyTorch's layer, with the same weights and u, and how it is laid out here."""
    kernel = torch.from_numpy(layer.kernel.numpy()).permute(3, 2, 0, 1).contiguous()
    if kind == "transposed":
        twin = torch.nn.ConvTranspose2d(3, 5, 3, stride=2)
    elif kind == "plain":
        twin = torch.nn.Conv2d(3, 5, 3, padding=1)
    else:
        twin = torch.nn.Conv2d(3, 5, 4)
    twin.weight.data = kernel
    twin.bias.data = torch.from_numpy(layer.bias.numpy())
    twin = spectral_norm(twin)
    twin.weight_u.copy_(torch.from_numpy(layer.u.numpy()))
    return twin


def assert_near(actual, expected):
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert np.abs(actual - expected).max() < 1e-4 * np.abs(expected).max()


def from_torch(kernel):
    return kernel.detach().permute(2, 3, 1, 0)


@pytest.mark.parametrize("kind", ["plain", "winograd", "transposed"])
def test_outputs_gradients_and_the_next_u_are_those_of_pytorch(kind):
    layer, _ = both(kind)
    twin = torch_twin(kind, layer)
    image = torch.from_numpy(IMAGE).permute(0, 3, 1, 2).requires_grad_()
    expected = twin(image)
    (expected**3).sum().backward()

    ours = tf.constant(IMAGE)
    with tf.GradientTape() as tape:
        tape.watch(ours)
        output = layer(ours, training=True)
        loss = tf.reduce_sum(output**3)
    gradients = tape.gradient(loss, [ours, layer.kernel.value])
    assert_near(output, expected.detach().permute(0, 2, 3, 1))
    assert_near(gradients[0], image.grad.permute(0, 2, 3, 1))
    assert_near(gradients[1], from_torch(twin.weight_orig.grad))
    assert_near(layer.u, twin.weight_u)


@pytest.mark.parametrize("kind", ["plain", "transposed"])
def test_the_gradient_of_a_gradient_is_that_of_pytorch(kind):
    """As a gradient penalty takes it."""
    layer, _ = both(kind)
    twin = torch_twin(kind, layer)
    image = torch.from_numpy(IMAGE).permute(0, 3, 1, 2).requires_grad_()
    (first,) = torch.autograd.grad((twin(image) ** 3).sum(), image, create_graph=True)
    (expected,) = torch.autograd.grad((first**2).sum(), twin.weight_orig)

    ours = tf.constant(IMAGE)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            inner.watch(ours)
            loss = tf.reduce_sum(layer(ours, training=True) ** 3)
        penalty = tf.reduce_sum(inner.gradient(loss, ours) ** 2)
    assert_near(outer.gradient(penalty, layer.kernel.value), from_torch(expected))


@pytest.mark.parametrize("kind", KINDS)
def test_u_moves_in_training_alone(kind):
    layer, _ = both(kind)
    before = layer.u.numpy()
    at_inference = layer(IMAGE, training=False)
    np.testing.assert_array_equal(layer.u, before)
    kernel = layer.kernel.numpy()
    np.testing.assert_array_equal(layer(IMAGE, training=True), at_inference)
    w = matrix(layer)
    np.testing.assert_allclose(layer.u, unit(w @ unit(w.T @ before)), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(layer.kernel, kernel)
    assert [weight.name for weight in layer.trainable_weights] == ["kernel", "bias"]


@pytest.mark.parametrize("kind", ["plain", "transposed"])
def test_the_first_call_is_near_the_largest_singular_value_already(kind):
    """u is random; one step of the iteration is never above, and not far below."""
    shares = []
    for seed in range(20):
        keras.utils.set_random_seed(seed)
        layer, plain = both(kind, use_bias=False)
        assert np.linalg.norm(layer.u) == pytest.approx(1, abs=1e-6)
        sigma = np.linalg.norm(plain(IMAGE)) / np.linalg.norm(layer(IMAGE, training=True))
        shares.append(sigma / np.linalg.norm(matrix(layer), 2))
    assert 0.5 < min(shares) <= max(shares) < 1 + 1e-5
    assert len(set(np.round(shares, 4))) > 10


def test_under_xla():
    for kind in KINDS:
        layer, _ = both(kind)
        u = layer.u.numpy()
        expected, next_u = layer(IMAGE, training=True), layer.u.numpy()
        layer.u.assign(u)
        compiled = tf.function(lambda x, layer=layer: layer(x, training=True), jit_compile=True)
        np.testing.assert_allclose(compiled(IMAGE), expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(layer.u, next_u, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", ["plain", "transposed"])
def test_in_mixed_precision_sigma_is_float32(kind):
    full, _ = both(kind)
    spectral, _, arguments = KINDS[kind]
    half = built(spectral(5, **arguments, dtype="mixed_bfloat16"))
    half.u.assign(full.u)
    with tf.GradientTape(persistent=True) as tape:
        outputs = [tf.cast(layer(IMAGE, training=True), "float32") for layer in (half, full)]
        losses = [tf.reduce_sum(output**2) for output in outputs]
    assert half(IMAGE).dtype == "bfloat16"
    assert half.u.dtype == half.kernel.dtype == "float32"
    np.testing.assert_allclose(half.u, full.u, atol=2e-3)
    scale = np.abs(outputs[1]).max()
    np.testing.assert_allclose(outputs[0], outputs[1], atol=0.02 * scale)
    gradients = [
        tape.gradient(loss, layer.kernel.value)
        for loss, layer in zip(losses, (half, full), strict=True)
    ]
    assert gradients[0].dtype == "float32"
    np.testing.assert_allclose(*gradients, atol=0.03 * np.abs(gradients[1]).max())


@pytest.mark.parametrize("make", [unet_generator, patchgan_discriminator])
def test_every_convolution_of_a_network_is_normalised(make):
    model = make(32, base_filters=2, spectral_norm=True)
    names = [layer.name for layer in model.layers if layer.name.endswith("_conv")]
    plain = make(32, base_filters=2)
    assert names == [layer.name for layer in plain.layers if layer.name.endswith("_conv")]
    kinds = (SpectralConv2D, SpectralConv2DTranspose)
    assert all(isinstance(model.get_layer(name), kinds) for name in names)
    assert [w.path for w in model.trainable_weights] == [w.path for w in plain.trainable_weights]


def test_u_is_saved_with_the_model(tmp_path):
    model = patchgan_discriminator(32, base_filters=2, spectral_norm=True)
    pair = [reference.random_image(1, 32, 32, 3, seed=seed) for seed in (1, 2)]
    for _ in range(3):
        model(pair, training=True)
    model.save(tmp_path / "discriminator.keras")
    loaded = keras.saving.load_model(tmp_path / "discriminator.keras")
    u = model.get_layer("layer2_conv").u
    np.testing.assert_array_equal(loaded.get_layer("layer2_conv").u, u)
    np.testing.assert_array_equal(loaded(pair), model(pair))


def test_a_discriminator_called_twice_in_one_compiled_step_moves_u_twice():
    model = patchgan_discriminator(16, base_filters=2, n_layers=1, spectral_norm=True)
    pair = [tf.constant(reference.random_image(1, 16, 16, 3, seed=seed)) for seed in (1, 2)]
    layer = model.get_layer("layer2_conv")
    u, w = layer.u.numpy(), matrix(layer)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(pair, training=True) - 2 * model(pair[::-1], training=True))
        return tape.gradient(loss, [weight.value for weight in model.trainable_weights])

    assert all(np.isfinite(gradient).all() for gradient in step())
    for _ in range(2):
        u = unit(w @ unit(w.T @ u))
    np.testing.assert_allclose(layer.u, u, rtol=1e-4, atol=1e-6)
