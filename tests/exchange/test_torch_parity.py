"""Networks with the reference's weights compute what the reference computes."""

import dataclasses
import itertools
from functools import partial

import numpy as np
import parity
import pytest
import tensorflow as tf
import torch
from parity import (
    DISCRIMINATORS,
    GENERATORS,
    GLOBAL,
    NORMS,
    arrays,
    differences,
    without_dropout,
)
from torch_reference import PatchGan, Resnet, Unet, draw, lsgan, train_step, vanilla

from tfpix2pix.losses import Objective
from tfpix2pix.models.exchange.recognize import recognize
from tfpix2pix.models.exchange.transfer import set_weights, state_dict
from tfpix2pix.training.gradients import Plan
from tfpix2pix.training.import_settings import import_settings
from tfpix2pix.training.state import TrainState
from tfpix2pix.training.updates import alternating_update

TOLERANCE = 1e-4
LEARNING_RATE = 2e-4


# Each kind of network once, and each with both norms in `make test-slow`.
QUICK = {
    ("unet_128", "batch"),
    ("unet_256", "instance"),
    ("resnet_6blocks", "instance"),
    ("resnet_9blocks", "batch"),
    ("NLayerDiscriminator(1)", "batch"),
    ("NLayerDiscriminator(3)", "batch"),
    ("NLayerDiscriminator(3)", "instance"),
    ("NLayerDiscriminator(6)", "instance"),
    ("PixelDiscriminator", "batch"),
    ("PixelDiscriminator", "instance"),
}


def cases():
    for architecture in (*GENERATORS, GLOBAL, *DISCRIMINATORS):
        for norm in NORMS:
            quick = (architecture.name, norm) in QUICK
            marks = [] if quick else [pytest.mark.slow]
            yield pytest.param(architecture, norm, id=f"{architecture.name}-{norm}", marks=marks)


@pytest.mark.parametrize(("architecture", "norm"), list(cases()))
def test_same_weights_and_images_give_the_same_answer(architecture, norm):
    network = draw(architecture.make(8, norm), seed=1)
    found = differences(network, architecture.small_size)
    assert set(found) == {"test", "evaluation", "training"}
    assert all(0 < value < TOLERANCE for value in found.values()), found


@pytest.mark.parametrize(
    ("network", "millions"),
    [
        (Unet(8, 64), 54.414),
        (Unet(7, 64), 41.829),
        (Resnet(9, 64, "instance"), 11.378),
        (Resnet(6, 64), 7.841),
        (PatchGan(3, 64), 2.769),
    ],
    ids=["unet_256", "unet_128", "resnet_9", "resnet_6", "patchgan"],
)
def test_the_reference_of_these_tests_is_of_the_published_size(network, millions):
    count = sum(weights.numel() for weights in network.parameters())
    assert round(count / 1e6, 3) == millions
    slots = recognize(arrays(network), "in memory").slots()
    trained = [s for s in slots if not s.variable.startswith("moving")]
    assert sum(int(np.prod(slot.shape)) for slot in trained) == count


STEPS = {
    "unet-batch": (partial(Unet, 5, 8), partial(PatchGan, 1, 8), 32, vanilla),
    "unet-instance": (
        partial(Unet, 5, 8, "instance"),
        partial(PatchGan, 2, 8, "instance"),
        32,
        vanilla,
    ),
    "resnet_6-batch": (partial(Resnet, 6, 8, dropout=0.0), partial(PatchGan, 1, 8), 16, vanilla),
    "resnet_9-instance": (
        partial(Resnet, 9, 8, "instance", dropout=0.0),
        partial(PatchGan, 1, 8, "instance", channels=3),
        16,
        lsgan,
    ),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name == "unet-batch" else [pytest.mark.slow])
        for name in STEPS
    ],
)
def test_one_step_from_the_same_weights_gives_the_same_losses_and_weights(name):
    make_generator, make_discriminator, size, gan_loss = STEPS[name]
    networks = [draw(make_generator(), seed=2), draw(make_discriminator(), seed=3)]
    references = [recognize(arrays(network), "in memory") for network in networks]
    state = trained_from(networks, references, size)
    before = [arrays(network) for network in networks]
    random = np.random.default_rng(0)
    images = random.uniform(-1, 1, (2, 2, size, size, 3)).astype(np.float32)

    conditional = len(state.networks.discriminator.inputs) == 2
    there = images.transpose(0, 1, 4, 2, 3)
    judge = networks[1] if conditional else OfTheOutput(networks[1])
    without_dropout(networks[0].train())
    expected = train_step(networks[0], judge, *map(torch.from_numpy, there), gan_loss)
    plan = Plan(objective=Objective(gan_loss="lsgan" if gan_loss is lsgan else "vanilla"))
    pair = map(tf.constant, images)
    losses = alternating_update(state.networks, *pair, tf.constant([0, 0], tf.int64), plan)

    for loss, value in expected.items():
        np.testing.assert_allclose(losses[loss], value, rtol=1e-5, err_msg=loss)
    for network, reference, weights in zip(networks, references, before, strict=True):
        compare_steps(step_there(network, weights), step_here(state, reference, weights))


class OfTheOutput(torch.nn.Module):
    """A discriminator of the output alone, which is given pairs."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, pair):
        return self.network(pair[:, 3:])


def trained_from(networks, references, size):
    settings = import_settings(
        {"crop_size": size, "dropout": 0.0},
        references[0].settings()
        | references[1].settings()
        | {"dropout": 0.0, "conditional": references[1].channels == 6},
    )
    assert settings.train.update == "alternating"
    state = TrainState(settings, 1)
    for network, reference in zip(networks, references, strict=True):
        model = getattr(state.networks, reference.role)
        set_weights(model, reference.slots(), arrays(network))
    return state


@dataclasses.dataclass(frozen=True)
class Step:
    """What one step did to a network: arrays by the reference's keys.

    Attributes:
        weights: after the step.
        updates: by how much they changed.
        gradients: of the loss, before Adam.
        cancelled: the keys of biases that an instance norm takes off again.
    """

    weights: dict[str, np.ndarray]
    updates: dict[str, np.ndarray]
    gradients: dict[str, np.ndarray]
    cancelled: frozenset[str] = frozenset()


def step_there(network, before):
    gradients = {key: weights.grad.numpy() for key, weights in network.named_parameters()}
    weights = {key: array for key, array in arrays(network).items() if key in gradients}
    updates = {key: array - before[key] for key, array in weights.items()}
    return Step(weights, updates, gradients, cancelled_biases(network))


def step_here(state, reference, before):
    """After its first step, Adam's first moment is (1 - beta_1) times the gradient."""
    model = getattr(state.networks, reference.role)
    adam = getattr(state.networks, f"{reference.role}_optimizer")
    weights = state_dict(model, reference.slots(), encoder_first=True)
    for variable, moment in zip(model.trainable_variables, adam._momentums, strict=True):
        variable.assign(moment / (1 - adam.beta_1))
    gradients = state_dict(model, reference.slots(), encoder_first=True)
    return Step(weights, {key: weights[key] - before[key] for key in before}, gradients)


def compare_steps(there, here):
    """Tensor by tensor; moving averages are kept in other ways, and not compared.

    Adam's first step is learning_rate * gradient / (|gradient| + 1e-8): a whole step, of which the
    gradient gives little but the sign. So the gradients are compared too. Updates are the same to a
    thousandth of a step and what float32 rounds off the weights, but for a thousandth of a tensor
    at most, where the gradient is 0 within its tolerance.
    """
    kernels = [np.abs(array).max() for array in there.gradients.values() if array.ndim == 4]
    for key, weights in there.weights.items():
        gradient, update = there.gradients[key], there.updates[key]
        found = here.updates[key]
        assert np.any(update), key
        if key in there.cancelled:
            # Their gradients are nothing but rounding, which Adam makes whole steps of.
            assert np.abs(here.gradients[key]).max() < 1e-4 * max(kernels), key
            assert np.abs(found).max() <= LEARNING_RATE * 1.001, key
            continue
        difference = np.linalg.norm(here.weights[key] - weights)
        assert difference <= 1e-4 * np.linalg.norm(weights), key
        largest = np.abs(gradient).max()
        assert np.abs(here.gradients[key] - gradient).max() <= 1e-4 * largest, key
        rounding = 1e-3 * LEARNING_RATE + 2 * np.spacing(np.abs(weights))
        differs = np.abs(found - update) > rounding
        assert np.all(np.abs(gradient[differs]) <= 1e-4 * largest), key
        assert differs.sum() <= max(1, 1e-3 * differs.size), key


def cancelled_biases(network):
    names = {module: name for name, module in network.named_modules()}
    return frozenset(
        f"{names[layer]}.bias"
        for sequence in network.modules()
        if isinstance(sequence, torch.nn.Sequential)
        for layer, following in itertools.pairwise(sequence)
        if isinstance(following, torch.nn.InstanceNorm2d)
    )


def test_the_table_for_the_documents_has_a_row_for_each_network(monkeypatch):
    monkeypatch.setattr(parity, "differences", lambda network, size: {"test": 1e-6})
    rows = list(parity.table(base_filters=2))
    assert len(rows) == 2 + 2 * (len(GENERATORS) + 1 + len(DISCRIMINATORS))
    assert "| unet_256 | batch | 0.054 M | 1.0e-06 |" in rows
