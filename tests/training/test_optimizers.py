"""The fused Adam against PyTorch's and Keras' own, and learning rates over a run."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.config import resolve
from tfpix2pix.training.optimizers import FusedAdam
from tfpix2pix.training.schedules import CosineDecay, LinearDecay, learning_rate_schedule
from tfpix2pix.training.state import TrainState

OPTIONS = {"beta_1": 0.5, "beta_2": 0.99, "epsilon": 1e-8, "name": "adam"}


def trained(optimizer_class, learning_rate, *, jit, **options):
    rng = np.random.default_rng(0)
    shapes = {"a": (5, 7), "b": (3,)}
    weights = [
        keras.Variable(rng.normal(size=s), dtype="float32", name=n) for n, s in shapes.items()
    ]
    optimizer = optimizer_class(learning_rate, **(OPTIONS | options))
    optimizer.build(weights)
    gradients = [[rng.normal(size=w.shape) for w in weights] for _ in range(6)]

    @tf.function(jit_compile=jit)
    def apply(*gradients):
        optimizer.apply(gradients)

    for step in gradients:
        apply(*(tf.constant(g, tf.float32) for g in step))
    return [v.numpy() for v in (*weights, *optimizer.variables)], optimizer


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("learning_rate", [0.01, LinearDecay(0.01, 2, 6)])
def test_with_its_epsilon_weights_and_moments_are_those_of_keras(learning_rate, jit):
    # An epsilon that shows: with the other formula, the weights differ in the second digit.
    actual, fused = trained(FusedAdam, learning_rate, jit=jit, epsilon=0.1, epsilon_hat=True)
    expected, plain = trained(keras.optimizers.Adam, learning_rate, jit=jit, epsilon=0.1)
    assert [v.name for v in fused.variables] == [v.name for v in plain.variables]
    for ours, theirs in zip(actual, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)


# Down to gradients far smaller than epsilon: one column each.
GRADIENT_SIZES = np.array([1.0, 1e-3, 1e-7, 1e-9], np.float32)


@pytest.fixture(scope="module", params=[1e-8, 0.1])
def torch_adam(request, tmp_path_factory):
    """An epsilon, gradients [steps, ...] and the weights that PyTorch's Adam makes of them."""
    folder = tmp_path_factory.mktemp("adam")
    gradients = np.random.default_rng(0).normal(size=(6, 5, 4)).astype(np.float32) * GRADIENT_SIZES
    np.save(folder / "gradients.npy", gradients)
    program = Path(__file__).with_name("torch_adam.py")
    files = folder / "gradients.npy", str(request.param), folder / "weights.npy"
    subprocess.run([sys.executable, str(program), *files], check=True)
    return request.param, gradients, np.load(folder / "weights.npy")


@pytest.mark.parametrize("jit", [False, True])
def test_weights_after_some_steps_are_those_of_torch(torch_adam, jit):
    epsilon, gradients, expected = torch_adam
    weights = keras.Variable(np.zeros_like(expected))
    optimizer = FusedAdam(0.01, beta_1=0.5, epsilon=epsilon)
    optimizer.build([weights])
    apply = tf.function(lambda gradient: optimizer.apply([gradient]), jit_compile=jit)
    for gradient in gradients:
        apply(tf.constant(gradient))
    assert np.abs(expected).min() > 0
    np.testing.assert_allclose(weights.numpy(), expected, rtol=1e-4)


def test_its_configuration_survives_a_round_trip():
    optimizer = FusedAdam(0.01, epsilon_hat=True, global_clipnorm=2.0)
    assert FusedAdam.from_config(optimizer.get_config()).get_config() == optimizer.get_config()


@pytest.mark.parametrize(("clip_norm", "expected"), [(1.0, 0.2), (10.0, 1.0)])
def test_gradients_are_scaled_down_to_a_norm_all_together(clip_norm, expected):
    """The first moments after one step are (1 - beta_1) times the gradients."""
    weights = [keras.Variable([0.0]), keras.Variable([0.0, 0.0])]
    optimizer = FusedAdam(0.01, beta_1=0.5, global_clipnorm=clip_norm)
    optimizer.build(weights)
    optimizer.apply([tf.constant([3.0]), tf.constant([0.0, -4.0])])  # norm 5
    moments = [v.numpy() for v in optimizer.variables if "momentum" in v.path]
    np.testing.assert_allclose(np.concatenate(moments), 0.5 * expected * np.array([3, 0, -4]))


def test_amsgrad_is_refused():
    with pytest.raises(ValueError, match="amsgrad"):
        FusedAdam(0.01, amsgrad=True)


def test_the_first_step_moves_each_weight_by_the_learning_rate():
    """m / sqrt(v) is 1 or -1 then, whatever the gradient's size."""
    weight = keras.Variable([1.0, 1.0, 1.0])
    optimizer = FusedAdam(0.01, **OPTIONS)
    optimizer.build([weight])
    optimizer.apply([tf.constant([3.0, -0.002, 50.0])])
    np.testing.assert_allclose(weight.numpy(), [0.99, 1.01, 0.99], rtol=1e-4)


# --- Schedules ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        # of 0.4; from step 4 on, half of the way at 6, three quarters at 7
        (LinearDecay(0.4, 4, 8), {0: 0.4, 4: 0.4, 5: 0.3, 6: 0.2, 7: 0.1, 8: 0.0, 9: 0.0}),
        # 0.4 (1 + cos(pi t)) / 2: cos(pi / 4) = 0.707107
        (
            CosineDecay(0.4, 4, 8),
            {0: 0.4, 4: 0.4, 5: 0.341421, 6: 0.2, 7: 0.058579, 8: 0.0, 9: 0.0},
        ),
        (CosineDecay(0.4, 0, 3), {0: 0.4, 1: 0.3, 2: 0.1, 3: 0.0}),  # cos(pi / 3) = 1/2
    ],
    ids=lambda value: type(value).__name__,
)
def test_learning_rates_by_hand(schedule, expected):
    for step, rate in expected.items():
        assert float(schedule(tf.constant(step, tf.int64))) == pytest.approx(rate, abs=1e-6)
    copy = type(schedule).from_config(schedule.get_config())
    assert float(copy(5)) == float(schedule(5))


@pytest.mark.parametrize(
    ("flags", "kind", "start"),
    [
        ({"lr_schedule": "linear"}, LinearDecay, 50),
        ({"lr_schedule": "cosine"}, CosineDecay, 0),
        ({"lr_schedule": "linear", "decay_start": 0.0}, LinearDecay, 0),
        ({"lr_schedule": "cosine", "decay_start": 0.75}, CosineDecay, 75),
    ],
)
def test_where_the_decay_begins(flags, kind, start):
    schedule = learning_rate_schedule(resolve(flags=flags).train, 100, 0.1)
    assert type(schedule) is kind
    assert (schedule.learning_rate, schedule.decay_start, schedule.total_steps) == (0.1, start, 100)


def test_a_constant_rate_is_a_number():
    assert learning_rate_schedule(resolve().train, 100, 0.1) == 0.1


TINY = {"crop_size": 16, "load_size": 16, "base_filters": 2, "depth": 3, "n_layers": 1}


def test_each_network_has_the_optimizer_of_the_settings():
    flags = {"adam_epsilon": 1e-3, "epsilon_hat": True, "clip_norm": 2.0}
    rates = {"learning_rate": 0.5, "discriminator_learning_rate": 0.25, "lr_schedule": "linear"}
    networks = TrainState(resolve(flags=TINY | flags | rates), total_steps=4).networks
    for optimizer, rate in (
        (networks.generator_optimizer, 0.5),
        (networks.discriminator_optimizer, 0.25),
    ):
        found = optimizer.epsilon, optimizer.epsilon_hat, optimizer.global_clipnorm
        assert found == (1e-3, True, 2.0)
        rates = []
        for _ in range(4):
            rates.append(float(optimizer.learning_rate))
            optimizer.iterations.assign_add(1)
        np.testing.assert_allclose(rates, np.array([1, 1, 1, 0.5]) * rate)


def test_without_a_rate_of_its_own_the_discriminator_has_the_generators():
    networks = TrainState(resolve(flags=TINY | {"learning_rate": 0.5}), total_steps=4).networks
    assert float(networks.discriminator_optimizer.learning_rate) == 0.5
    assert networks.discriminator_optimizer.global_clipnorm is None
