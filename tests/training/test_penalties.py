"""The penalties against PyTorch with the same weights, differences, and numbers by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch

from tfpix2pix.data.augment import Stream, random_bits
from tfpix2pix.losses.objective import Judgement
from tfpix2pix.models import patchgan_discriminator
from tfpix2pix.models.convolutions import Conv2D
from tfpix2pix.training.penalties import JudgedPair, gradient_penalty, mix_fraction, r1_penalty

SEED = tf.constant([3, 4], tf.int64)


def images(shape, seed=0):
    rng = np.random.default_rng(seed)
    return [tf.constant(rng.uniform(-1, 1, shape).astype(np.float32)) for _ in range(4)]


def linear_judge(weights):
    """Logits are the products of each example's pixels with each of some weights."""

    def judge(input_image, image):
        logits = tf.einsum("bhwc,nhwc->bn", image + input_image, weights)
        return Judgement([logits[:, :, tf.newaxis, tf.newaxis]], [])

    return judge


def test_of_a_linear_critic_the_gradient_is_the_mean_weight_everywhere():
    weights = tf.random.stateless_normal([3, 4, 4, 2], [0, 0])
    x, y, fake, _ = images((5, 4, 4, 2))
    square = float(np.sum(np.mean(weights, axis=0) ** 2))
    judge = linear_judge(weights)
    pairs = JudgedPair(x, y), JudgedPair(x, fake)
    assert float(r1_penalty(judge, pairs[0])) == pytest.approx(square, rel=1e-5)
    expected = (square**0.5 - 1) ** 2
    assert float(gradient_penalty(judge, *pairs, SEED)) == pytest.approx(expected, rel=1e-5)


def test_over_scales_the_means_are_added_up():
    weights = tf.random.stateless_normal([3, 4, 4, 2], [0, 0])
    x, y, *_ = images((5, 4, 4, 2))

    def twice(input_image, image):
        (logits,) = linear_judge(weights)(input_image, image).logits
        return Judgement([logits, logits[:, :2]], [])

    total = np.mean(weights, axis=0) + np.mean(weights[:2], axis=0)
    assert float(r1_penalty(twice, JudgedPair(x, y))) == pytest.approx(np.sum(total**2), rel=1e-5)


def test_points_lie_on_the_line_one_for_each_example():
    """The gradient of a quadratic critic shows where it was taken."""
    x, real, fake, other = images((6, 2, 2, 1))
    seen = []

    def judge(input_image, image):
        seen.append((input_image, image))
        return Judgement([tf.reduce_sum(image**2, axis=(1, 2, 3), keepdims=True) / 2], [])

    penalty = gradient_penalty(judge, JudgedPair(x, real), JudgedPair(other, fake), SEED)
    bits = random_bits([6, 1, 1, 1], SEED, Stream.PENALTY).numpy().astype(np.float64)
    fraction = bits / 2**32 + 0.5
    point = real + fraction * (fake.numpy() - real)
    np.testing.assert_allclose(seen[0][1], point, atol=1e-6)
    np.testing.assert_allclose(seen[0][0], x + fraction * (other.numpy() - x), atol=1e-6)
    norms = np.sqrt(np.sum(np.square(point), axis=(1, 2, 3)))
    assert float(penalty) == pytest.approx(np.mean((norms - 1) ** 2), rel=1e-5)


@pytest.mark.parametrize("jit", [False, True])
def test_fractions_are_even_in_0_to_1_and_the_same_compiled(jit):
    fractions = tf.function(lambda: mix_fraction(20_000, SEED), jit_compile=jit)().numpy()
    np.testing.assert_array_equal(fractions, mix_fraction(20_000, SEED))
    assert fractions.shape == (20_000, 1, 1, 1)
    assert fractions.min() >= 0
    assert fractions.max() <= 1
    counts, _ = np.histogram(fractions, 10, (0, 1))
    assert np.abs(counts - 2000).max() < 200


def test_a_critic_without_a_gradient_can_still_learn():
    weights = tf.Variable(tf.zeros([1, 2, 2, 1]))
    x, y, fake, _ = images((3, 2, 2, 1))
    with tf.GradientTape() as tape:
        penalty = gradient_penalty(
            linear_judge(weights), JudgedPair(x, y), JudgedPair(x, fake), SEED
        )
    assert float(penalty) == pytest.approx(1, abs=1e-5)
    assert np.isfinite(tape.gradient(penalty, weights)).all()


# --- Second gradients -----------------------------------------------------------------------------


def small_discriminator(implementation="plain"):
    """A 4x4 convolution of stride 2, leaky ReLU, one of stride 1; both in the way wanted."""
    keras.utils.set_random_seed(0)
    wide = keras.initializers.RandomNormal(0, 0.3)
    ways = {"plain": ("plain", "plain"), "matmul": ("matmul", "plain")}
    first, second = ways.get(implementation, ("plain", implementation))
    x = inputs = keras.Input((12, 12, 3))
    x = Conv2D(5, 4, 2, "same", kernel_initializer=wide, implementation=first)(x)
    x = keras.layers.LeakyReLU(negative_slope=0.2)(x)
    x = Conv2D(2, 4, kernel_initializer=wide, implementation=second)(x)
    x = keras.layers.Activation("tanh")(x)
    return keras.Model(inputs, x)


def torch_discriminator(model):
    layers = [
        torch.nn.Conv2d(3, 5, 4, 2, 1),
        torch.nn.LeakyReLU(0.2),
        torch.nn.Conv2d(5, 2, 4),
        torch.nn.Tanh(),
    ]
    kernels = [w.numpy() for w in model.weights]
    for layer, kernel, bias in zip(layers[::2], kernels[::2], kernels[1::2], strict=False):
        layer.weight.data = torch.tensor(kernel.transpose(3, 2, 0, 1).copy())
        layer.bias.data = torch.tensor(bias)
    return torch.nn.Sequential(*layers)


def torch_penalties(model, real, fake):
    """Both penalties, and the gradients of their sum for each weight, as Keras lays them out."""
    network = torch_discriminator(model)
    fraction = torch.tensor(mix_fraction(2, SEED).numpy())
    real, fake = (torch.tensor(image.numpy().transpose(0, 3, 1, 2)) for image in (real, fake))
    between = (real + fraction * (fake - real)).requires_grad_()
    real.requires_grad_()
    squares = [
        torch.autograd.grad(network(x).mean(dim=(1, 2, 3)).sum(), x, create_graph=True)[0]
        .square()
        .sum(dim=(1, 2, 3))
        for x in (between, real)
    ]
    penalties = ((squares[0].sqrt() - 1) ** 2).mean(), squares[1].mean()
    gradients = torch.autograd.grad(sum(penalties), list(network.parameters()), allow_unused=True)
    return [p.item() for p in penalties], [
        g.numpy().transpose(2, 3, 1, 0) if g.ndim == 4 else g.numpy() for g in gradients
    ]


def wrapped(how, function):
    return {"eager": lambda f: f, "graph": tf.function}.get(
        how, lambda f: tf.function(f, jit_compile=True)
    )(function)


@pytest.mark.parametrize("how", ["eager", "graph", "xla"])
@pytest.mark.parametrize("implementation", ["plain", "matmul", "winograd"])
def test_values_and_second_gradients_are_those_of_torch(implementation, how):
    model = small_discriminator(implementation)
    x, real, fake, _ = images((2, 12, 12, 3))

    def judge(input_image, image):
        return Judgement([model(image)], [])

    def both():
        with tf.GradientTape() as tape:
            penalties = (
                gradient_penalty(judge, JudgedPair(x, real), JudgedPair(x, fake), SEED),
                r1_penalty(judge, JudgedPair(x, real)),
            )
            total = tf.add_n(penalties)
        variables = [v.value for v in model.trainable_variables]
        gradients = tape.gradient(total, variables, unconnected_gradients="zero")
        return penalties, gradients

    penalties, gradients = wrapped(how, both)()
    expected, expected_gradients = torch_penalties(model, real, fake)
    np.testing.assert_allclose(penalties, expected, rtol=1e-4)
    for actual, wanted in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-3, atol=1e-4 * np.abs(wanted).max())


@pytest.mark.parametrize("options", [{}, {"norm": "instance"}, {"spectral_norm": True}], ids=str)
def test_second_gradients_of_whole_discriminators_are_differences_of_penalties(options):
    """Norms, spectral norm and padding included; eager against a graph against XLA as well.

    Without the kinks of leaky ReLU, at which penalties jump, and differences with them.
    """
    keras.utils.set_random_seed(0)
    model = patchgan_discriminator(16, base_filters=4, n_layers=1, leaky_slope=1.0, **options)
    for weight in model.trainable_variables:
        weight.assign(weight * 5)  # large gradients: small differences drown in rounding
    x, real, *_ = images((2, 16, 16, 3))
    forward = tf.function(lambda: model([x, real], training=True))
    for _ in range(200):
        forward()  # until spectral norm's vectors stay
    before = model.get_weights()

    def judge(input_image, image):
        return Judgement([model([input_image, image], training=True)], [])

    def penalty():
        return r1_penalty(judge, JudgedPair(x, real))

    def gradients():
        with tf.GradientTape() as tape:
            value = penalty()
        return tape.gradient(
            value, [v.value for v in model.trainable_variables], unconnected_gradients="zero"
        )

    answers = []
    for how in ("eager", "graph", "xla"):
        model.set_weights(before)  # spectral norm's vectors moved
        answers.append(wrapped(how, gradients)())
    for one, *others in zip(*answers, strict=True):
        for other in others:
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4 * np.abs(one).max())

    kernel = model.get_layer("layer1_conv").trainable_variables[0]
    index = model.trainable_variables.index(kernel)
    direction = answers[0][index].numpy() / np.linalg.norm(answers[0][index])
    values = []
    for sign in (1, -1):
        model.set_weights(before)
        kernel.assign_add(sign * 1e-2 * direction)
        values.append(float(penalty()))
    slope = np.sum(answers[0][index] * direction)
    assert slope == pytest.approx((values[0] - values[1]) / 2e-2, rel=0.02)
