"""The objective (paper, section 3.1). Logits [B, h, w, 1] and images [B, H, W, C] are float32.

Every loss is a scalar: the mean over all its elements.
"""

from typing import Any

from keras import ops


def adversarial_generator_loss(fake_logits: Any) -> Any:
    """-log D(x, G(x)): the generator maximises log D rather than minimising log(1 - D)."""
    return ops.mean(ops.softplus(-fake_logits))


def adversarial_discriminator_loss(real_logits: Any, fake_logits: Any) -> Any:
    """-(log D(x, y) + log(1 - D(x, G(x)))) / 2, halved to slow D down (section 3.3)."""
    real_loss = ops.mean(ops.softplus(-real_logits))
    fake_loss = ops.mean(ops.softplus(fake_logits))
    return (real_loss + fake_loss) / 2


def l1_loss(target_image: Any, generated_image: Any) -> Any:
    """Mean absolute difference, in the images' units (0 to 2 for images in [-1, 1])."""
    return ops.mean(ops.abs(target_image - generated_image))
