"""Recognising networks of the reference from their state dicts alone."""

from pathlib import Path

import numpy as np
import pytest
import torch
from parity import NORMS, arrays
from torch_reference import PatchGan, PixelGan, Resnet, Unet

from tfpix2pix.errors import UserError
from tfpix2pix.models.exchange.recognize import (
    recognize,
    recognize_discriminator,
    recognize_generator,
)
from tfpix2pix.models.exchange.reference_discriminators import (
    PatchGanReference,
    PixelGanReference,
)
from tfpix2pix.models.exchange.reference_generators import ResnetReference, UnetReference
from tfpix2pix.models.exchange.torch_files import read_weights

FILE = Path("latest_net_G.pth")
NETWORKS = [
    *(
        (Unet(d, 4, n, (3, 1)), UnetReference(3, 1, 4, d, n))
        for d in (5, 6, 7, 8, 9)
        for n in NORMS
    ),
    *(
        (Resnet(b, 4, n, (1, 3), dropout=d), ResnetReference(1, 3, 4, b, n, d > 0))
        for b in (6, 9)
        for n in NORMS
        for d in (0.0, 0.5)
    ),
    *(
        (Resnet(9, 4, n, dropout=0.0, depth=4), ResnetReference(3, 3, 4, 9, n, False, 4))
        for n in NORMS
    ),
    *((PatchGan(i, 4, n, 5), PatchGanReference(5, 4, i, n)) for i in range(1, 7) for n in NORMS),
    *((PixelGan(4, n, 2), PixelGanReference(2, 4, n)) for n in NORMS),
]


@pytest.mark.parametrize(("network", "expected"), NETWORKS, ids=lambda x: str(x)[:60])
def test_every_network_is_recognized_with_every_key_and_shape(network, expected):
    weights = arrays(network)
    assert recognize(weights, FILE) == expected
    # In the order of the state dict, too.
    assert [(s.key, s.shape) for s in expected.slots()] == [
        (key, array.shape) for key, array in weights.items()
    ]


def test_what_the_settings_are():
    found = UnetReference(3, 1, 64, 8, "batch").settings()
    assert found["generator"] == "unet_256"
    assert found["depth"] is None
    assert (found["skip"], found["skip_order"]) == ("relu", "encoder_first")
    assert found["generator_bias"] == "output"
    assert UnetReference(3, 1, 64, 7, "instance").settings()["generator"] == "unet_128"
    assert UnetReference(3, 1, 64, 7, "instance").settings()["generator_bias"] == "all"
    other = UnetReference(3, 1, 64, 6, "batch").settings()
    assert (other["generator"], other["depth"]) == ("unet", 6)
    resnet = ResnetReference(3, 3, 64, 9, "instance", False).settings()
    assert (resnet["generator"], resnet["dropout"]) == ("resnet_9", 0.0)
    assert ResnetReference(3, 3, 64, 6, "batch", True).settings()["dropout"] == 0.5
    assert ResnetReference(3, 3, 64, 9, "instance", False, 4).settings()["generator"] == "global"
    judge = PatchGanReference(6, 64, 3, "batch").settings()
    assert (judge["discriminator"], judge["n_layers"]) == ("patchgan", 3)
    assert judge["discriminator_bias"] == "unnormalized"
    assert PixelGanReference(6, 64, "instance").settings()["discriminator_bias"] == "all"


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (Unet(5, 4, "instance"), UnetReference(3, 3, 4, 5, "instance")),
        (Resnet(6, 4, "instance"), ResnetReference(3, 3, 4, 6, "instance", True)),
        (PatchGan(2, 4, "instance"), PatchGanReference(6, 4, 2, "instance")),
        (PixelGan(4, "instance"), PixelGanReference(6, 4, "instance")),
    ],
    ids=["unet", "resnet", "patchgan", "pixelgan"],
)
def test_averages_that_old_instance_norms_left_are_ignored(network, expected, tmp_path):
    """In a file: their averages, and counters of batches, behind the prefix of DataParallel."""
    for sequence in network.modules():
        if isinstance(sequence, torch.nn.Sequential):
            for place, layer in enumerate(sequence):
                if isinstance(layer, torch.nn.InstanceNorm2d):
                    sequence[place] = torch.nn.InstanceNorm2d(8, track_running_stats=True)
    state = {f"module.{key}": tensor for key, tensor in network.state_dict().items()}
    assert {key.rpartition(".")[2] for key in state} >= {"running_mean", "num_batches_tracked"}
    torch.save(state, tmp_path / "old.pth")
    assert recognize(read_weights(tmp_path / "old.pth"), FILE) == expected


def changed(network, **changes):
    """A state dict with some arrays put in or, where None, taken out; __ in names is a dot."""
    weights = arrays(network)
    for name, array in changes.items():
        key = name.replace("__", ".")
        weights.pop(key, None)
        if array is not None:
            weights[key] = array
    return weights


WRONG = {
    "a key is missing": (
        changed(Unet(5, 4), model__model__1__model__2__bias=None),
        r"model\.model\.1\.model\.2\.bias is missing, \[8\] in the weights of U-Net \(depth 5\)",
    ),
    "a key is unexpected": (
        changed(Unet(5, 4), model__model__0__bias=np.zeros(4)),
        r"model\.model\.0\.bias is unexpected in the weights of U-Net \(depth 5\), batch norm",
    ),
    "a shape is wrong": (
        changed(PatchGan(3, 4), model__5__weight=np.zeros((16, 8, 3, 3))),
        r"model\.5\.weight has the shape \[16, 8, 3, 3\], not \[16, 8, 4, 4\]",
    ),
    "an instance norm has scales": (
        changed(PatchGan(3, 4, "instance"), model__3__weight=np.ones(8)),
        r"model\.2\.bias is unexpected|model\.3\.bias is missing",
    ),
    "a first kernel is missing": (
        changed(Unet(5, 4), model__model__0__weight=None),
        r"model\.model\.0\.weight is missing",
    ),
    "a first kernel is no kernel": (
        changed(PatchGan(1, 4), model__0__weight=np.zeros(4)),
        r"model\.0\.weight has the shape \[4\], not the four sides of a kernel",
    ),
    "too few blocks": (arrays(Resnet(4, 4)), r"a ResNet of 4 blocks \(model\.10\.conv_block on\)"),
    "one halving": (arrays(Resnet(9, 4, depth=1)), r"a ResNet of 9 blocks \(model\.7\.conv_block"),
    "blocks elsewhere": (
        {
            "body.1.conv_block.1.weight": np.zeros((4, 4, 3, 3)),
            "model.1.weight": np.zeros((4,) * 4),
        },
        r"none model\.N\.conv_block\.N",
    ),
    "seven layers": (
        arrays(PatchGan(7, 4)),
        r"model\.23\.weight is the last of no discriminator",
    ),
    "another network": (
        {"features.0.weight": np.zeros((4, 3, 3, 3))},
        r"features\.0\.weight is of no known network",
    ),
    "nothing": ({}, "there are no weights in it"),
    "too deep": (arrays(Unet(13, 1)), r"a U-Net of depth 13, not 2 to 12"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_is_refused_by_the_name_of_the_key(name):
    weights, message = WRONG[name]
    with pytest.raises(UserError, match=message) as caught:
        recognize(weights, FILE)
    assert str(caught.value).startswith("latest_net_G.pth: ")
    assert "supported are state dicts of UnetGenerator, ResnetGenerator" in str(caught.value)


def test_a_generator_and_a_discriminator_are_not_taken_for_each_other():
    with pytest.raises(UserError, match=r"holds a discriminator, PatchGAN \(n_layers 3\)"):
        recognize_generator(arrays(PatchGan(3, 4)), FILE)
    with pytest.raises(UserError, match=r"holds a generator, resnet_6 \(6 blocks, with dropout\)"):
        recognize_discriminator(arrays(Resnet(6, 4)), FILE)
