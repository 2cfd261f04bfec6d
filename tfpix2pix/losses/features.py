"""Feature matching: generated images are to look to the discriminator's layers as real ones do."""

from collections.abc import Sequence
from typing import Any

from keras import ops


def feature_matching_loss(
    real_features: Sequence[Sequence[Any]], fake_features: Sequence[Sequence[Any]]
) -> Any:
    """Mean absolute difference of features, 4 times its mean over layers and scales.

    Wang et al. 2018, "pix2pixHD", equation 4, weighed as in the authors' code: each layer by 4 /
    layers (the 4 layers of their discriminator weigh 1 each), each scale by 1 / scales.

    Args:
        real_features: for each scale the layers' outputs for the target, [B, h, w, C] each, the
            logits not among them; no gradient flows to them.
        fake_features: the same for the generated image.

    Returns:
        A float32 scalar.
    """
    losses = [
        _difference(real, fake) * (4.0 / len(scale) / len(real_features))
        for scale, fakes in zip(real_features, fake_features, strict=True)
        for real, fake in zip(scale, fakes, strict=True)
    ]
    return sum(losses[1:], start=losses[0])


def _difference(real: Any, fake: Any) -> Any:
    # In float32, whatever the networks' precision.
    real, fake = ops.cast(ops.stop_gradient(real), "float32"), ops.cast(fake, "float32")
    return ops.mean(ops.abs(real - fake))
