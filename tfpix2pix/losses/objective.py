"""What the two networks are trained for: a weighted sum of losses each, terms chosen by number.

Losses are kept by name; `LOSS_NAMES` are all there can be, in the order in which they are logged,
and `STEP_NAMES` all that a step measures: the losses, and then the balance of the two networks.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

from tfpix2pix.config.settings import needs_discriminator
from tfpix2pix.losses.balance import BALANCE_NAMES, logit_figures
from tfpix2pix.losses.features import feature_matching_loss
from tfpix2pix.losses.gan import GAN_LOSSES
from tfpix2pix.losses.reconstruction import (
    charbonnier_loss,
    cross_entropy_loss,
    l1_loss,
    l2_loss,
)

LOSS_NAMES = (
    "generator_loss",
    "adversarial_loss",
    "l1_loss",
    "l2_loss",
    "charbonnier_loss",
    "cross_entropy_loss",
    "feature_matching_loss",
    "perceptual_loss",
    "discriminator_loss",
    "gradient_penalty",
    "r1_penalty",
)
STEP_NAMES = (*LOSS_NAMES, *BALANCE_NAMES)
Losses = dict[str, Any]


class Judgement(NamedTuple):
    """What a discriminator makes of an image.

    Attributes:
        logits: [B, h, w, 1] for each scale.
        features: for each scale its layers' outputs, [B, h, w, C] each; empty if not asked for.
    """

    logits: list[Any]
    features: list[list[Any]]


class Evidence(NamedTuple):
    """What the generator is judged by.

    Attributes:
        target_image: float32 [B, H, W, C] in [-1, 1]; of label maps 0 or 1 for each class.
        generated_image: the same; of label maps the classes' probabilities.
        fake: D's judgement of the generated image, where there is a D.
        real: D's judgement of the target, where features are matched.
        perceptual: the perceptual loss of target and generated image, where it has a weight.
    """

    target_image: Any
    generated_image: Any
    fake: Judgement | None = None
    real: Judgement | None = None
    perceptual: Callable[[Any, Any], Any] | None = None


@dataclasses.dataclass(frozen=True)
class Objective:
    """The losses' weights; names, meanings and defaults are those of the settings.

    Raises:
        ValueError: there is no such adversarial loss, it has no labels to be smoothed, or no
            weight of the generator's losses is left.
    """

    gan_loss: str = "vanilla"
    gan_weight: float = 1.0
    l1_weight: float = 100.0
    l2_weight: float = 0.0
    charbonnier_weight: float = 0.0
    cross_entropy_weight: float = 0.0
    feature_matching_weight: float = 0.0
    perceptual_weight: float = 0.0
    gradient_penalty_weight: float = 10.0
    r1_weight: float = 0.0
    label_smoothing: float = 0.0
    discriminator_weight: float = 0.5

    def __post_init__(self) -> None:
        if self.gan_loss not in GAN_LOSSES:
            raise ValueError(f"gan_loss must be one of {', '.join(GAN_LOSSES)}: {self.gan_loss!r}")
        if self.label_smoothing and not GAN_LOSSES[self.gan_loss].has_labels:
            raise ValueError(f"label_smoothing: gan_loss {self.gan_loss} has no labels")
        if not any(getattr(self, weight) for weight, _ in _TERMS.values()):
            raise ValueError("all weights of the generator's losses are 0: it would learn nothing")

    @property
    def has_discriminator(self) -> bool:
        """Whether a discriminator has a part in it."""
        return needs_discriminator(self.gan_weight, self.feature_matching_weight)

    @property
    def matches_features(self) -> bool:
        """Whether the discriminator's features are wanted."""
        return bool(self.feature_matching_weight)

    @property
    def has_gradient_penalty(self) -> bool:
        """Whether the critic's gradient between target and generated image is penalised."""
        wanted = self.gan_loss == "wgan_gp" and self.gradient_penalty_weight
        return self.has_discriminator and bool(wanted)

    @property
    def has_r1_penalty(self) -> bool:
        """Whether the discriminator's gradient at the target is penalised."""
        return self.has_discriminator and bool(self.r1_weight)

    @property
    def loss_names(self) -> tuple[str, ...]:
        """The losses measured: those with a weight, and L1 always; in the order of `LOSS_NAMES`."""
        measured = {
            "generator_loss": True,
            "discriminator_loss": self.has_discriminator,
            "gradient_penalty": self.has_gradient_penalty,
            "r1_penalty": self.has_r1_penalty,
        } | {name: self._is_measured(name) for name in _TERMS}
        return tuple(name for name in LOSS_NAMES if measured[name])

    @property
    def balance_names(self) -> tuple[str, ...]:
        """What is measured of the balance of the networks, in the order of `BALANCE_NAMES`.

        The generator's gradient always; of a critic (wgan_gp) all but the accuracies.
        """
        if not self.has_discriminator:
            return ("generator_gradient_norm",)
        is_critic = GAN_LOSSES[self.gan_loss].boundary is None
        return tuple(n for n in BALANCE_NAMES if not (is_critic and n.endswith("_accuracy")))

    @property
    def step_names(self) -> tuple[str, ...]:
        """All that a step measures, in the order of `STEP_NAMES`."""
        return (*self.loss_names, *self.balance_names)

    def generator_losses(self, evidence: Evidence) -> Losses:
        """The generator's terms, each before it is weighed, and their sum `generator_loss`."""
        terms = {
            name: term(self, evidence)
            for name, (_, term) in _TERMS.items()
            if self._is_measured(name)
        }
        weights = {name: getattr(self, _TERMS[name][0]) for name in terms}
        first, *others = (weights[name] * terms[name] for name in terms if weights[name])
        return {"generator_loss": sum(others, start=first)} | terms

    def discriminator_losses(
        self, real: Judgement, fake: Judgement, penalties: Losses | None = None
    ) -> Losses:
        """`discriminator_loss`, the weighted sum of all D learns from, and the penalties in it.

        Args:
            real: D's judgement of the target.
            fake: D's judgement of the generated image, or an earlier one.
            penalties: `gradient_penalty` and `r1_penalty` where wanted, before they are weighed.
        """
        options = {"label_smoothing": self.label_smoothing} if self.label_smoothing else {}
        loss = GAN_LOSSES[self.gan_loss].discriminator(real.logits, fake.logits, **options)
        # Half of gamma: Mescheder et al. 2018, equation 9.
        weights = {
            "gradient_penalty": self.gradient_penalty_weight,
            "r1_penalty": self.r1_weight / 2,
        }
        penalties = penalties or {}
        for name, penalty in penalties.items():
            loss = loss + weights[name] * penalty
        return {"discriminator_loss": self.discriminator_weight * loss} | penalties

    def logit_figures(self, real: Judgement, fake: Judgement) -> Losses:
        """Accuracies and mean logits of what D learned from; see `losses.balance`."""
        boundary = GAN_LOSSES[self.gan_loss].boundary
        return logit_figures(real.logits, fake.logits, boundary)

    def _is_measured(self, term: str) -> bool:
        return term == "l1_loss" or bool(getattr(self, _TERMS[term][0]))


def _adversarial(objective: Objective, evidence: Evidence) -> Any:
    assert evidence.fake is not None
    return GAN_LOSSES[objective.gan_loss].generator(evidence.fake.logits)


def _feature_matching(_: Objective, evidence: Evidence) -> Any:
    assert evidence.fake is not None
    assert evidence.real is not None
    return feature_matching_loss(evidence.real.features, evidence.fake.features)


def _perceptual(_: Objective, evidence: Evidence) -> Any:
    if evidence.perceptual is None:
        raise ValueError("perceptual_weight is given, and no perceptual loss")
    return evidence.perceptual(evidence.target_image, evidence.generated_image)


def _of_images(loss: Callable[[Any, Any], Any]) -> Callable[[Objective, Evidence], Any]:
    return lambda _, evidence: loss(evidence.target_image, evidence.generated_image)


# The generator's terms by name: the weight, and the loss; they are added up in this order.
_TERMS: dict[str, tuple[str, Callable[[Objective, Evidence], Any]]] = {
    "adversarial_loss": ("gan_weight", _adversarial),
    "l1_loss": ("l1_weight", _of_images(l1_loss)),
    "l2_loss": ("l2_weight", _of_images(l2_loss)),
    "charbonnier_loss": ("charbonnier_weight", _of_images(charbonnier_loss)),
    "cross_entropy_loss": ("cross_entropy_weight", _of_images(cross_entropy_loss)),
    "feature_matching_loss": ("feature_matching_weight", _feature_matching),
    "perceptual_loss": ("perceptual_weight", _perceptual),
}

USUAL_OBJECTIVE = Objective()
