"""The losses against numbers worked out by hand; D is the sigmoid of the logits."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.losses import (
    GAN_LOSSES,
    charbonnier_loss,
    cross_entropy_loss,
    feature_matching_loss,
    hinge_discriminator_loss,
    l1_loss,
    l2_loss,
    lsgan_discriminator_loss,
    lsgan_generator_loss,
    vanilla_discriminator_loss,
    vanilla_generator_loss,
)
from tfpix2pix.models.blocks import generated_image
from tfpix2pix.training.device import precision_scope

# -log sigmoid(-x) = softplus(x) = log(1 + e^x), and softplus(x) = x + softplus(-x):
#   softplus(0) = 0.693147 = log 2
#   softplus(1) = 1.313262, softplus(-1) = 0.313262    (e = 2.718282)
#   softplus(2) = 2.126928, softplus(-2) = 0.126928    (e^2 = 7.389056)


def logits(*values):
    return tf.reshape(tf.constant(values, tf.float32), (1, 1, -1, 1))


def gradient_of(loss, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = loss(x)
    return tape.gradient(value, x).numpy().ravel()


# --- Generator ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "fake", "expected"),
    [
        ("vanilla", [0.0], 0.693147),  # D = 1/2: log 2
        ("vanilla", [1.0], 0.313262),
        ("vanilla", [-1.0], 1.313262),
        ("vanilla", [2.0], 0.126928),
        ("vanilla", [math.log(3)], 0.287682),  # D = 3/4: log 4/3
        ("vanilla", [0.0, 1.0, -2.0], 1.044446),  # (0.693147 + 0.313262 + 2.126928) / 3
        ("lsgan", [1.0], 0.0),
        ("lsgan", [0.0, 3.0], 2.5),  # (1 + 4) / 2
        ("hinge", [0.5, -3.0], 1.25),  # -(0.5 - 3) / 2
        ("wgan_gp", [0.5, -3.0], 1.25),
    ],
)
def test_generator_loss(name, fake, expected):
    assert float(GAN_LOSSES[name].generator(logits(*fake))) == pytest.approx(expected, abs=1e-6)


def test_generator_loss_does_not_saturate():
    """-log D still pulls where D is sure; log(1 - D) would have no gradient there."""
    gradient = gradient_of(vanilla_generator_loss, logits(-100.0, 0.0, 100.0))
    np.testing.assert_allclose(gradient, [-1 / 3, -1 / 6, 0], atol=1e-6)


# --- Discriminator --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "real", "fake", "expected"),
    [
        ("vanilla", [0.0], [0.0], 1.386294),  # log 2 + log 2
        ("vanilla", [1.0], [0.0], 1.006409),  # 0.313262 + 0.693147
        ("vanilla", [0.0], [1.0], 2.006409),  # 0.693147 + 1.313262
        ("vanilla", [2.0], [-2.0], 0.253856),  # both right
        ("vanilla", [-2.0], [2.0], 4.253856),  # both wrong
        # (.313262+1.313262)/2 + (2.126928+.693147)/2
        ("vanilla", [1.0, -1.0], [2.0, 0.0], 2.223300),
        ("vanilla", [2.0], [0.0, 1.0], 1.130132),  # 0.126928 + (0.693147 + 1.313262) / 2
        ("lsgan", [1.0], [0.0], 0.0),
        ("lsgan", [0.0, 3.0], [2.0], 6.5),  # (1 + 4) / 2 + 4
        ("hinge", [2.0], [-2.0], 0.0),  # both beyond the margin
        ("hinge", [0.5, 3.0], [0.0, -4.0], 0.75),  # (0.5 + 0) / 2 + (1 + 0) / 2
        ("wgan_gp", [0.5, 3.0], [2.0], 0.25),  # 2 - 1.75
    ],
)
def test_discriminator_loss(name, real, fake, expected):
    loss = GAN_LOSSES[name].discriminator(logits(*real), logits(*fake))
    assert loss.shape == ()
    assert float(loss) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.3])
def test_discriminator_loss_is_both_cross_entropies_with_one_sided_smoothing(smoothing):
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    real, fake = logits(0.3, -1.2, 2.5), logits(-0.7, 0.1, 1.9)
    label = (1 - smoothing) * tf.ones_like(real)
    both = cross_entropy(label, real) + cross_entropy(tf.zeros_like(fake), fake)
    loss = vanilla_discriminator_loss(real, fake, label_smoothing=smoothing)
    assert float(loss) == pytest.approx(float(both), abs=1e-6)


def test_smoothed_labels_are_what_real_logits_are_drawn_to():
    # D = 1 - s = 3/4 at logit log 3; the squares' label itself.
    smoothed = {"label_smoothing": 0.25}
    vanilla = gradient_of(
        lambda x: vanilla_discriminator_loss(x, logits(0.0), **smoothed), logits(math.log(3))
    )
    squares = gradient_of(
        lambda x: lsgan_discriminator_loss(x, logits(0.0), **smoothed), logits(0.75)
    )
    np.testing.assert_allclose([vanilla, squares], [[0.0], [0.0]], atol=1e-6)
    # (2 - 0.75)^2 + 0.5^2: the label of fake stays 0
    loss = lsgan_discriminator_loss(logits(2.0), logits(0.5), **smoothed)
    assert float(loss) == pytest.approx(1.8125)


@pytest.mark.parametrize("name", GAN_LOSSES)
def test_discriminators_push_real_up_and_fake_down_and_generators_push_fake_up(name):
    of = GAN_LOSSES[name]
    real = gradient_of(lambda x: of.discriminator(x, logits(0.0)), logits(0.0))
    fake = gradient_of(lambda x: of.discriminator(logits(0.0), x), logits(0.5))
    generated = gradient_of(of.generator, logits(0.0))
    assert real < 0 < fake
    assert generated < 0


def test_vanilla_gradients_at_even_odds():
    real = gradient_of(lambda x: vanilla_discriminator_loss(x, logits(0.0)), logits(0.0))
    fake = gradient_of(lambda x: vanilla_discriminator_loss(logits(0.0), x), logits(0.0))
    np.testing.assert_allclose([real, fake], [[-0.5], [0.5]], atol=1e-6)


def test_hinge_learns_nothing_from_what_is_beyond_the_margin():
    gradient = gradient_of(lambda x: hinge_discriminator_loss(x, logits(-2.0)), logits(1.5, 0.5))
    np.testing.assert_allclose(gradient, [0, -0.5])


# --- Both -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sign", "expected"), [(1, 0), (-1, 100)])
def test_extreme_logits_stay_finite(sign, expected):
    # softplus(100) is 100 to 43 digits, softplus(-100) is 4e-44; the sigmoid itself would round
    # to 1 or 0, whose logarithm is no number to train on.
    sure = logits(sign * 100.0)
    assert float(vanilla_generator_loss(sure)) == pytest.approx(expected, abs=1e-6)
    assert float(vanilla_discriminator_loss(sure, -sure)) == pytest.approx(2 * expected, abs=1e-6)
    for loss in (
        vanilla_generator_loss,
        lambda x: vanilla_discriminator_loss(x, -x),
        lambda x: vanilla_discriminator_loss(x, -x, label_smoothing=0.1),
    ):
        assert np.isfinite(gradient_of(loss, sure)).all()


def test_small_losses_do_not_round_to_nothing():
    # -log sigmoid(20) = e^-20 = 2.0612e-9; 1 - sigmoid(20) rounds to 0 in float32.
    assert float(vanilla_generator_loss(logits(20.0))) == pytest.approx(2.0612e-9, rel=1e-3)


def test_losses_are_means_over_the_whole_batch():
    rows = tf.reshape(tf.constant([0.0, 1.0, -2.0, 2.0], tf.float32), (2, 1, 2, 1))
    # (0.693147 + 0.313262 + 2.126928 + 0.126928) / 4
    assert vanilla_generator_loss(rows).shape == ()
    assert float(vanilla_generator_loss(rows)) == pytest.approx(0.815066, abs=1e-6)


@pytest.mark.parametrize("name", GAN_LOSSES)
def test_losses_are_added_up_over_scales(name):
    of = GAN_LOSSES[name]
    fine, coarse = (logits(0.3, -2.0), logits(1.5, 0.1)), (logits(0.7), logits(-0.4))
    one_by_one = [float(of.discriminator(*scale)) for scale in (fine, coarse)]
    together = of.discriminator(*(list(side) for side in zip(fine, coarse, strict=True)))
    assert float(together) == pytest.approx(sum(one_by_one), abs=1e-6)
    one_by_one = [float(of.generator(fake)) for _, fake in (fine, coarse)]
    assert float(of.generator([fine[1], coarse[1]])) == pytest.approx(sum(one_by_one), abs=1e-6)
    assert float(of.generator([fine[1]])) == pytest.approx(one_by_one[0])


def test_as_many_scales_are_wanted_of_both_sides():
    with pytest.raises(ValueError, match="zip"):
        lsgan_discriminator_loss([logits(0.0)], [logits(0.0), logits(0.0)])
    assert float(lsgan_generator_loss((logits(0.0), logits(3.0)))) == 5.0


# --- Reconstruction -------------------------------------------------------------------------------

TARGET = tf.constant([[[[1.0, -1.0, 0.5]], [[0.0, 0.25, -0.5]]]])
GENERATED = tf.constant([[[[-1.0, -1.0, 0.25]], [[0.5, 0.0, -1.0]]]])


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (l1_loss, 3.5 / 6),  # (2 + 0 + 0.25 + 0.5 + 0.25 + 0.5) / 6
        (l2_loss, 4.625 / 6),  # (4 + 0 + 0.0625 + 0.25 + 0.0625 + 0.25) / 6
        # As L1, but 0.001 for 0, and by 1e-6 / 2d more elsewhere.
        (charbonnier_loss, (3.5 + 1e-3 + 1e-6 / 2 * (1 / 2 + 4 + 2 + 4 + 2)) / 6),
    ],
)
def test_reconstruction_losses(loss, expected):
    assert loss(TARGET, GENERATED).shape == ()
    assert float(loss(TARGET, GENERATED)) == pytest.approx(expected, rel=1e-6)
    assert float(loss(GENERATED, TARGET)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("loss", "largest", "least"), [(l1_loss, 2, 0), (l2_loss, 4, 0), (charbonnier_loss, 2, 1e-3)]
)
def test_from_black_to_white_and_of_equals(loss, largest, least):
    black, white = -tf.ones((2, 4, 4, 3)), tf.ones((2, 4, 4, 3))
    assert float(loss(black, white)) == pytest.approx(largest, abs=1e-6)
    assert float(loss(white, white)) == pytest.approx(least, abs=1e-6)


def test_charbonnier_is_smooth_where_images_are_equal():
    gradient = gradient_of(
        lambda x: charbonnier_loss(tf.zeros_like(x), x), tf.constant([[0.0, 1e-3, 1.0]])
    )
    # d / sqrt(d^2 + e^2) / 3: 0, 1 / sqrt 2, 1
    np.testing.assert_allclose(gradient, np.array([0, 2**-0.5, 1]) / 3, rtol=1e-5, atol=1e-9)


# --- Feature matching -----------------------------------------------------------------------------


def features_of(seed, layers_of_scales):
    rng = np.random.default_rng(seed)
    return [
        [rng.normal(size=(2, 4 * s - i, 3, 5 + i)).astype(np.float32) for i in range(layers)]
        for s, layers in enumerate(layers_of_scales, start=1)
    ]


@pytest.mark.parametrize("layers_of_scales", [(4,), (2,), (4, 4), (3, 3, 3)])
def test_feature_matching_is_that_of_numpy(layers_of_scales):
    real, fake = features_of(0, layers_of_scales), features_of(1, layers_of_scales)
    expected = sum(
        4 / len(r) / len(real) * np.abs(a - b).mean()
        for r, f in zip(real, fake, strict=True)
        for a, b in zip(r, f, strict=True)
    )
    loss = feature_matching_loss(*(tf.nest.map_structure(tf.constant, x) for x in (real, fake)))
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)


def test_feature_matching_moves_the_generated_images_features_alone():
    real, fake = tf.constant([[0.0, 1.0]]), tf.constant([[0.5, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch([real, fake])
        loss = feature_matching_loss([[real]], [[fake]])
    of_real, of_fake = tape.gradient(loss, [real, fake])
    assert of_real is None
    np.testing.assert_allclose(of_fake, [[2.0, -2.0]])  # 4 / 1 layer / 2 elements


def test_features_of_low_precision_are_compared_in_float32():
    real = tf.fill([1, 64, 64, 1], tf.constant(1000.0, tf.float16))
    loss = feature_matching_loss([[real]], [[real * 2]])
    assert loss.dtype == "float32"
    assert float(loss) == pytest.approx(4000.0)


# --- Classes --------------------------------------------------------------------------------------


def probabilities(*pixels):
    return tf.constant([[list(pixels)]], tf.float32)


def test_cross_entropy_by_hand():
    """-log of the true class's probability, in the mean over pixels: (log 2 + log 5) / 2."""
    target = probabilities([0, 1, 0], [1, 0, 0])
    answer = probabilities([0.25, 0.5, 0.25], [0.2, 0.1, 0.7])
    assert float(cross_entropy_loss(target, answer)) == pytest.approx(math.log(10) / 2, abs=1e-6)
    assert float(cross_entropy_loss(target, target)) == pytest.approx(0, abs=1e-6)
    guess = probabilities(*[[1 / 3] * 3] * 2)
    assert float(cross_entropy_loss(target, guess)) == pytest.approx(math.log(3), abs=1e-6)


@pytest.mark.parametrize("how", ["eager", "graph", "xla"])
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_cross_entropy_of_a_generators_answer_is_exact_where_probabilities_are_0(how, policy):
    """e^-200 is 0 in float32; the loss is 200 all the same, and its gradient that of a softmax."""
    inputs = keras.Input((1, 1, 3))
    generator = keras.Model(inputs, generated_image(inputs, "softmax"))
    target = probabilities([1, 0, 0])

    def loss_and_gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = cross_entropy_loss(target, generator(x, training=True))
        return loss, tape.gradient(loss, x)

    if how != "eager":
        loss_and_gradient = tf.function(loss_and_gradient, jit_compile=how == "xla")
    with precision_scope(policy):
        loss, gradient = loss_and_gradient(probabilities([0, 200, 0]))
    assert float(loss) == pytest.approx(200)
    np.testing.assert_allclose(gradient, probabilities([-1, 1, 0]), atol=1e-6)
