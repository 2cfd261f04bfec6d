"""How the discriminator stands against the generator, from its logits.

Logits are float32 [B, h, w, 1], one tensor for each scale; figures are scalars, means over the
scales of each scale's mean.
"""

from typing import Any

from keras import ops

LOGIT_NAMES = ("real_accuracy", "fake_accuracy", "real_logit_mean", "fake_logit_mean")
GRADIENT_NAMES = ("generator_gradient_norm", "discriminator_gradient_norm")
# All there can be, in the order in which they are logged.
BALANCE_NAMES = (*LOGIT_NAMES, *GRADIENT_NAMES)


def logit_figures(real: list[Any], fake: list[Any], boundary: float | None) -> dict[str, Any]:
    """Mean logits, and which share of them is on the right side.

    Args:
        real: D's logits of the target.
        fake: D's logits of the generated image.
        boundary: real is what is above it; None for a critic, whose logits have no such place:
            then there are no accuracies.

    Returns:
        The figures by name, some of `LOGIT_NAMES`.
    """
    figures = {
        "real_logit_mean": _mean(real),
        "fake_logit_mean": _mean(fake),
    }
    if boundary is not None:
        # A logit at the boundary is on neither side.
        figures["real_accuracy"] = _mean([logits > boundary for logits in real])
        figures["fake_accuracy"] = _mean([logits < boundary for logits in fake])
    return figures


def _mean(scales: list[Any]) -> Any:
    means = [ops.mean(ops.cast(values, "float32")) for values in scales]
    return sum(means[1:], start=means[0]) / len(means)
