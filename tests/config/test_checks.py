"""Settings that cannot work together are refused with the reason; all others are not."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfpix2pix.config import Settings, resolve
from tfpix2pix.errors import SettingsError

LABELS = {"target_encoding": "labels", "palette": "cmp"}
INPUT_LABELS = {"input_encoding": "labels", "palette": "cmp"}


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
        ({"accumulate": 2, "batch_size": 3}, "accumulate 2 cuts each batch into so many equal"),
        ({"accumulate": 2, "batch_size": 2, "sync_norm": "on"}, "accumulate: parts are computed"),
        ({"gan_weight": 0, "l1_weight": 0}, "gan_weight, l1_weight and all other weights"),
        ({"gan_weight": 0, "r1_weight": 1}, "r1_weight is about the discriminator"),
        ({"gan_weight": 0, "pool_size": 5}, "pool_size is about the discriminator"),
        ({"gan_weight": 0, "label_smoothing": 0.1}, "label_smoothing is about the discriminator"),
        ({"gan_weight": 0, "diff_augment": "color"}, "diff_augment is about the discriminator"),
        ({"gan_loss": "hinge", "label_smoothing": 0.1}, "label_smoothing: gan_loss hinge has no"),
        ({"gan_loss": "wgan_gp", "label_smoothing": 0.1}, "label_smoothing: gan_loss wgan_gp has"),
        ({"gan_loss": "wgan_gp", "batch_size": 2}, "gan_loss wgan_gp penalises the gradient at"),
        ({"strategy": "parameter_server", "jit": "on"}, "jit on cannot be with strategy parameter"),
        ({"strategy": "parameter_server", "deterministic": "on"}, "deterministic cannot be with"),
        (
            {"strategy": "parameter_server", "precision": "mixed_float16"},
            "precision mixed_float16 cannot be with strategy parameter_server",
        ),
        ({"r1_weight": 10, "batch_size": 2}, "r1_weight penalises the gradient at"),
        ({"crop_size": 100}, "crop_size: image size 100x100 does not fit a generator of depth 6"),
        ({"crop_size": 96, "depth": 6}, "crop_size: image size 96x96 does not fit a generator of"),
        ({"generator": "resnet_9", "depth": 8}, "crop_size: image size 256x256 is too small for a"),
        ({"generator": "local_enhancer", "crop_size": 80}, "crop_size: image size 80x80 does not"),
        ({"crop_size": 16}, "crop_size: images of 16x16 are too small for n_layers=3"),
        ({"n_layers": 6, "discriminator_scales": 4}, "crop_size: images of 256x256 are too small"),
        ({"resize": "crop", "crop_size": 100}, "crop_size: image size 100x100 does not fit"),
        (
            {"perceptual_weight": 1, "crop_size": 16, "n_layers": 1},
            "perceptual_weight: VGG19 takes images of at least 32x32, and crop_size is 16x16",
        ),
        ({"palette": "cmp"}, "palette is for label maps"),
        ({"target_encoding": "labels"}, "target_encoding labels needs a palette"),
        ({"input_encoding": "labels"}, "input_encoding labels needs a palette"),
        ({"cross_entropy_weight": 1}, "cross_entropy_weight compares classes, and the targets are"),
        ({**INPUT_LABELS, "cross_entropy_weight": 1}, "cross_entropy_weight compares classes"),
        ({**LABELS, "perceptual_weight": 1}, "perceptual_weight: VGG19 sees colours"),
        ({**LABELS, "diff_augment": "color"}, "diff_augment color: with target_encoding labels"),
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
        {"r1_weight": 10, "batch_size": 2, "accumulate": 2},
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
        {"crop_size": 96, "depth": 5},
        {"crop_size": 16, "discriminator": "pixelgan"},
        {"generator": "resnet_9", "crop_size": "100x200"},
        {"perceptual_weight": 1, "crop_size": 32},
        # The pairs decide.
        {"resize": "none", "crop_size": 100},
        {"resize": "scale_width", "crop_size": 16, "perceptual_weight": 1},
        LABELS,
        {**LABELS, **INPUT_LABELS},
        {**LABELS, "gan_weight": 0, "l1_weight": 0, "cross_entropy_weight": 1},
        {**LABELS, "l2_weight": 1, "charbonnier_weight": 1, "cross_entropy_weight": 1},
        {**LABELS, "diff_augment": "translation,cutout"},
    ],
)
def test_what_works_together_is_accepted(flags):
    assert resolve(flags=flags) != Settings()


def test_where_no_networks_are_built_any_size_is_accepted():
    flags = {"crop_size": 100, "perceptual_weight": 1}
    assert resolve(flags=flags, networks=False).data.crop_size == (100, 100)
    with pytest.raises(SettingsError, match="does not fit in load_size"):
        resolve(flags={"crop_size": 300}, networks=False)


@pytest.mark.parametrize(
    ("flags", "depth"),
    [
        ({"generator": "unet_512"}, 8),
        ({"generator": "unet_256", "crop_size": 128}, 7),
        ({"generator": "unet_128", "crop_size": "192x256"}, 6),
    ],
)
def test_a_u_net_of_its_own_depth_is_told_what_helps(flags, depth):
    """The setting depth does not: it is refused."""
    assert refusal(**flags).endswith(f"(this size works with generator unet and depth={depth})")
    resolve(flags={**flags, "generator": "unet", "depth": depth})


def test_sizes_are_refused_without_tensorflow():
    program = (
        "import sys\n"
        "from tfpix2pix.config import resolve\n"
        "from tfpix2pix.errors import SettingsError\n"
        "for flags in ({'crop_size': 100}, {'n_layers': 6, 'discriminator_scales': 4}):\n"
        "    try:\n"
        "        resolve(flags=flags)\n"
        "        sys.exit('accepted')\n"
        "    except SettingsError:\n"
        "        pass\n"
        "sys.exit(' '.join({'tensorflow', 'keras', 'numpy'} & sys.modules.keys()) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


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
    "accumulate": [1, 2],
    "input_encoding": ["image", "labels"],
    "target_encoding": ["image", "labels"],
    "palette": [None, "cmp"],
    "cross_entropy_weight": [0, 1],
    "perceptual_weight": [0, 1],
    "diff_augment": ["none", "color", "cutout"],
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
