"""Settings that cannot work together are refused with the reason; all others are not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfpix2pix.config import Settings, resolve
from tfpix2pix.errors import SettingsError


def refusal(**flags):
    with pytest.raises(SettingsError) as caught:
        resolve(flags=flags)
    return str(caught.value)


@pytest.mark.parametrize(
    ("flags", "beginning"),
    [
        ({"generator": "unet_128", "depth": 7}, "depth: generator unet_128 is the U-Net of depth"),
        ({"generator": "unet_512", "depth": 3}, "depth: generator unet_512 is the U-Net of depth"),
        ({"dropout": 0, "dropout_at_prediction": "on"}, "dropout_at_prediction: dropout is 0"),
        ({"norm": "instance", "innermost_norm": "on"}, "innermost_norm: instance norm makes zeros"),
        ({"norm": "group", "norm_statistics": "moving"}, "norm_statistics moving: norm group"),
        ({"norm": "instance", "sync_norm": "on"}, "sync_norm: only norm batch"),
        ({"gan_weight": 0, "l1_weight": 0}, "gan_weight, l1_weight and all other weights"),
        ({"gan_weight": 0, "r1_weight": 1}, "r1_weight is about the discriminator"),
        ({"gan_weight": 0, "pool_size": 5}, "pool_size is about the discriminator"),
        ({"gan_weight": 0, "label_smoothing": 0.1}, "label_smoothing is about the discriminator"),
        ({"gan_weight": 0, "diff_augment": "color"}, "diff_augment is about the discriminator"),
        ({"gan_loss": "hinge", "label_smoothing": 0.1}, "label_smoothing: gan_loss hinge has no"),
        ({"gan_loss": "wgan_gp", "label_smoothing": 0.1}, "label_smoothing: gan_loss wgan_gp has"),
        ({"gan_loss": "wgan_gp", "batch_size": 2}, "gan_loss wgan_gp penalises the gradient at"),
        ({"r1_weight": 10, "batch_size": 2}, "r1_weight penalises the gradient at"),
    ],
)  # fmt: skip
def test_what_cannot_work_together_is_refused(flags, beginning):
    message = refusal(**flags)
    assert message.startswith(beginning)
    assert "\n" not in message


@pytest.mark.parametrize(
    "flags",
    [
        {"generator": "unet_128"},
        {"norm": "instance", "discriminator_norm": "batch", "sync_norm": "on"},
        {"norm": "group", "innermost_norm": "on"},
        {"gan_weight": 0},
        {"gan_weight": 0, "l1_weight": 0, "l2_weight": 1},
        {"gan_weight": 0, "l1_weight": 0, "feature_matching_weight": 10},
        {"gan_weight": 0, "feature_matching_weight": 10, "r1_weight": 1, "pool_size": 5},
        {"gan_loss": "lsgan", "label_smoothing": 0.1},
        {"gan_loss": "wgan_gp", "batch_size": 1},
        {"gan_loss": "wgan_gp", "batch_size": 2, "gan_weight": 0},
        {"r1_weight": 10, "batch_size": 2, "discriminator_norm": "group"},
        {"gan_loss": "wgan_gp", "batch_size": 2, "discriminator_norm": "none"},
        {"gan_loss": "wgan_gp", "batch_size": 2, "norm": "instance"},
    ],
)
def test_what_works_together_is_accepted(flags):
    assert resolve(flags=flags) != Settings()


SOME_VALUES = {
    "generator": ["unet", "unet_128", "encoder_decoder", "resnet_6", "global"],
    "depth": [None, 3],
    "norm": ["batch", "instance", "group", "none"],
    "discriminator_norm": ["same", "batch", "none"],
    "innermost_norm": [False, True],
    "norm_statistics": ["image", "moving"],
    "sync_norm": [False, True],
    "dropout": [0, 0.5],
    "dropout_at_prediction": [False, True],
    "gan_loss": ["vanilla", "lsgan", "hinge", "wgan_gp"],
    "gan_weight": [0, 1],
    "l1_weight": [0, 100],
    "feature_matching_weight": [0, 10],
    "r1_weight": [0, 1],
    "pool_size": [0, 5],
    "label_smoothing": [0, 0.1],
    "batch_size": [1, 2],
}


@given(st.fixed_dictionaries({name: st.sampled_from(v) for name, v in SOME_VALUES.items()}))
def test_what_a_refusal_names_is_what_must_change(flags):
    """Settings named by refusals are left out, one after the other: then the rest is accepted."""
    for _ in SOME_VALUES:
        try:
            resolve(flags=flags)
        except SettingsError as error:
            named = max((name for name in flags if str(error).startswith(name)), key=len)
            flags = {name: value for name, value in flags.items() if name != named}
        else:
            return
    pytest.fail(f"refused in spite of all: {flags}")
