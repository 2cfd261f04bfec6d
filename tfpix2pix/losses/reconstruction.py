"""How far the generated image is from the target. Both are float32 [B, H, W, C] in [-1, 1].

Of label maps the target has a channel for each class, 0 or 1, and the generated image holds its
probability.
"""

from typing import Any

from keras import ops

CHARBONNIER_EPSILON = 1e-3


def l1_loss(target_image: Any, generated_image: Any) -> Any:
    """Mean absolute difference, in the images' units (0 to 2 for images in [-1, 1])."""
    return ops.mean(ops.abs(target_image - generated_image))


def l2_loss(target_image: Any, generated_image: Any) -> Any:
    """Mean squared difference, 0 to 4."""
    return ops.mean(ops.square(target_image - generated_image))


def charbonnier_loss(target_image: Any, generated_image: Any) -> Any:
    """Mean of sqrt(difference^2 + epsilon^2), an L1 that is smooth at 0; at least epsilon, 1e-3.

    Charbonnier et al. 1994; epsilon as of Lai et al. 2017, "LapSRN".
    """
    squares = ops.square(target_image - generated_image)
    return ops.mean(ops.sqrt(squares + CHARBONNIER_EPSILON**2))


def cross_entropy_loss(target_image: Any, generated_image: Any) -> Any:
    """Mean over the pixels of -log of the true class's probability, in nats; log K of guessing.

    TensorFlow computes it from what went into the generator's softmax, which Keras looks up: exact
    and with a gradient where the probability itself rounds to 0. Of probabilities that come from
    elsewhere, those below 1e-7 count as 1e-7.

    Args:
        target_image: [B, H, W, K], 1 where the class is and 0 elsewhere.
        generated_image: [B, H, W, K], the answer of a softmax.
    """
    return ops.mean(ops.categorical_crossentropy(target_image, generated_image))
