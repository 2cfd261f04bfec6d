"""Adversarial losses, of the generator and of the discriminator.

Logits are float32 [B, h, w, 1], positive for real; or a list of such, one for each scale, whose
losses are added up (Wang et al. 2018, "pix2pixHD", equation 2). Losses are scalars: means over a
scale's logits. The discriminator's are the sum of its two terms, of real and of generated images.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from keras import ops


class GanLoss(NamedTuple):
    """The two sides of an adversarial loss.

    Attributes:
        generator: loss of fake logits.
        discriminator: loss of real and fake logits.
        has_labels: whether `discriminator` takes a `label_smoothing`.
        boundary: the logit half way between what D learns to give to generated and to real
            images, without smoothing; None for a critic, of whose logits only differences count.
    """

    generator: Callable[[Any], Any]
    discriminator: Callable[..., Any]
    has_labels: bool = False
    boundary: float | None = 0.0


def vanilla_generator_loss(fake_logits: Any) -> Any:
    """-log D: the generator maximises log D rather than minimising log(1 - D).

    Goodfellow et al. 2014, section 3; in the pix2pix paper, section 3.3. D is the logits' sigmoid.
    """
    return _over_scales(lambda fake: ops.mean(ops.softplus(-fake)), fake_logits)


def vanilla_discriminator_loss(
    real_logits: Any, fake_logits: Any, *, label_smoothing: float = 0.0
) -> Any:
    """-log D(real) - log(1 - D(fake)), the cross-entropies of labels 1 and 0.

    With `label_smoothing` s the label of real is 1 - s, and that of fake stays 0 (Salimans et al.
    2016, "Improved Techniques for Training GANs", section 3.4).
    """

    def loss(real: Any, fake: Any) -> Any:
        real_loss = ops.mean(ops.softplus(-real))
        if label_smoothing:
            # -(1 - s) log D - s log(1 - D), since log(1 - D) = log D - logit.
            real_loss = real_loss + label_smoothing * ops.mean(real)
        return real_loss + ops.mean(ops.softplus(fake))

    return _over_scales(loss, real_logits, fake_logits)


def lsgan_generator_loss(fake_logits: Any) -> Any:
    """Squared distance of fake logits from 1 (Mao et al. 2017, "LSGAN", equation 9, doubled)."""
    return _over_scales(lambda fake: ops.mean(ops.square(fake - 1.0)), fake_logits)


def lsgan_discriminator_loss(
    real_logits: Any, fake_logits: Any, *, label_smoothing: float = 0.0
) -> Any:
    """Squared distance of real logits from 1, or 1 - s, and of fake ones from 0; as above."""

    def loss(real: Any, fake: Any) -> Any:
        return ops.mean(ops.square(real - (1.0 - label_smoothing))) + ops.mean(ops.square(fake))

    return _over_scales(loss, real_logits, fake_logits)


def hinge_generator_loss(fake_logits: Any) -> Any:
    """Minus the mean of the fake logits (Lim and Ye 2017, "Geometric GAN", equation 12)."""
    return _over_scales(lambda fake: -ops.mean(fake), fake_logits)


def hinge_discriminator_loss(real_logits: Any, fake_logits: Any) -> Any:
    """How far real logits are below 1, and fake ones above -1 (same, equation 11)."""

    def loss(real: Any, fake: Any) -> Any:
        return ops.mean(ops.relu(1.0 - real)) + ops.mean(ops.relu(1.0 + fake))

    return _over_scales(loss, real_logits, fake_logits)


def wasserstein_generator_loss(fake_logits: Any) -> Any:
    """Minus the mean of the fake logits (Arjovsky et al. 2017, "Wasserstein GAN")."""
    return _over_scales(lambda fake: -ops.mean(fake), fake_logits)


def wasserstein_discriminator_loss(real_logits: Any, fake_logits: Any) -> Any:
    """The critic's loss, mean of fake minus mean of real logits; it wants a gradient penalty.

    Gulrajani et al. 2017, "Improved Training of Wasserstein GANs", equation 3, first part.
    """
    return _over_scales(
        lambda real, fake: ops.mean(fake) - ops.mean(real), real_logits, fake_logits
    )


GAN_LOSSES = {
    "vanilla": GanLoss(vanilla_generator_loss, vanilla_discriminator_loss, has_labels=True),
    "lsgan": GanLoss(lsgan_generator_loss, lsgan_discriminator_loss, has_labels=True, boundary=0.5),
    "hinge": GanLoss(hinge_generator_loss, hinge_discriminator_loss),
    "wgan_gp": GanLoss(wasserstein_generator_loss, wasserstein_discriminator_loss, boundary=None),
}


def _over_scales(loss: Callable[..., Any], *logits: Any) -> Any:
    """The sum of a loss over scales; logits that are no list are of one scale."""
    if not isinstance(logits[0], (list, tuple)):
        return loss(*logits)
    first, *others = (loss(*scale) for scale in zip(*logits, strict=True))
    return sum(others, start=first)
