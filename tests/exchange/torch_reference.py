"""The PyTorch reference's networks and its step, written anew for these tests.

The names of the modules, and so the keys of the state dicts, are those that its checkpoints have:
facts, of which the reference's users have files. Images are float32 [B, C, H, W] in [-1, 1].
"""

import itertools
from collections.abc import Callable

import torch
from torch import nn


class Level(nn.Module):
    """One level of the U-Net: its layers around the level within; joins its input to its output."""

    def __init__(self, layers: list[nn.Module], *, joins: bool):
        super().__init__()
        self.model = nn.Sequential(*layers)
        self._joins = joins

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.model(x)
        # Both halves go through the next ReLU, for which x before its leaky ReLU is as good.
        return torch.cat([x, y], 1) if self._joins else y


class Unet(nn.Module):
    """unet_128 is of depth 7, unet_256 of depth 8."""

    def __init__(self, depth, base_filters, norm="batch", channels=(3, 3), dropout=0.5):
        super().__init__()
        bias = norm == "instance"
        widths = [base_filters * min(2**level, 8) for level in range(depth)]
        within: list[nn.Module] = []
        for level in range(depth - 1, 0, -1):
            outer, inner = widths[level - 1], widths[level]
            innermost = level == depth - 1
            down = [nn.LeakyReLU(0.2), nn.Conv2d(outer, inner, 4, 2, 1, bias=bias)]
            down += [] if innermost else [norm_layer(norm, inner)]
            width = inner if innermost else 2 * inner
            up = [nn.ReLU(), nn.ConvTranspose2d(width, outer, 4, 2, 1, bias=bias)]
            up.append(norm_layer(norm, outer))
            # In the reference: the levels of full width, but not the innermost.
            if dropout and not innermost and outer == widths[-1]:
                up.append(nn.Dropout(dropout))
            within = [Level([*down, *within, *up], joins=True)]
        first = nn.Conv2d(channels[0], widths[0], 4, 2, 1, bias=bias)
        last = nn.ConvTranspose2d(2 * widths[0], channels[1], 4, 2, 1)
        self.model = Level([first, *within, nn.ReLU(), last, nn.Tanh()], joins=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x)


class ResnetBlock(nn.Module):
    """x + two convolutions of x."""

    def __init__(self, width: int, norm: str, dropout: float):
        super().__init__()
        bias = norm == "instance"

        def convolution() -> list[nn.Module]:
            return [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3, bias=bias)]

        layers = [*convolution(), norm_layer(norm, width), nn.ReLU()]
        layers += [nn.Dropout(dropout)] if dropout else []
        self.conv_block = nn.Sequential(*layers, *convolution(), norm_layer(norm, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv_block(x)


class Resnet(nn.Module):
    """resnet_6blocks and resnet_9blocks; of depth 4, pix2pixHD's global generator."""

    def __init__(self, blocks, base_filters, norm="batch", channels=(3, 3), dropout=0.5, depth=2):
        super().__init__()
        bias = norm == "instance"
        widths = [base_filters * 2**level for level in range(depth + 1)]
        layers = [nn.ReflectionPad2d(3), nn.Conv2d(channels[0], widths[0], 7, bias=bias)]
        layers += [norm_layer(norm, widths[0]), nn.ReLU()]
        for outer, inner in itertools.pairwise(widths):
            layers += [nn.Conv2d(outer, inner, 3, 2, 1, bias=bias), norm_layer(norm, inner)]
            layers.append(nn.ReLU())
        layers += [ResnetBlock(widths[-1], norm, dropout) for _ in range(blocks)]
        for inner, outer in itertools.pairwise(reversed(widths)):
            layers.append(nn.ConvTranspose2d(inner, outer, 3, 2, 1, output_padding=1, bias=bias))
            layers += [norm_layer(norm, outer), nn.ReLU()]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(widths[0], channels[1], 7), nn.Tanh()]
        self.model = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x)


class PatchGan(nn.Module):
    """`n_layers` convolutions of stride 2, and two of stride 1."""

    def __init__(self, n_layers, base_filters, norm="batch", channels=6):
        super().__init__()
        widths = [base_filters * min(2**layer, 8) for layer in range(n_layers + 1)]
        layers: list[nn.Module] = [nn.Conv2d(channels, base_filters, 4, 2, 1), nn.LeakyReLU(0.2)]
        for layer, (before, width) in enumerate(itertools.pairwise(widths), start=2):
            stride = 2 if layer <= n_layers else 1
            layers.append(nn.Conv2d(before, width, 4, stride, 1, bias=norm == "instance"))
            layers += [norm_layer(norm, width), nn.LeakyReLU(0.2)]
        self.model = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, 1, 1))

    def forward(self, pair: torch.Tensor) -> torch.Tensor:
        return self.model(pair)


class PixelGan(nn.Module):
    """1x1 convolutions; with BatchNorm, the last one has no bias either."""

    def __init__(self, base_filters, norm="batch", channels=6):
        super().__init__()
        bias = norm == "instance"
        self.net = nn.Sequential(
            nn.Conv2d(channels, base_filters, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(base_filters, 2 * base_filters, 1, bias=bias),
            norm_layer(norm, 2 * base_filters),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * base_filters, 1, 1, bias=bias),
        )

    def forward(self, pair: torch.Tensor) -> torch.Tensor:
        return self.net(pair)


def norm_layer(norm: str, width: int) -> nn.Module:
    if norm == "instance":
        return nn.InstanceNorm2d(width, affine=False, track_running_stats=False)
    return nn.BatchNorm2d(width)


def draw(network: nn.Module, seed: int = 0, *, trained: bool = True) -> nn.Module:
    """Draws the weights as the reference does.

    `trained`: biases and BatchNorm's averages are drawn too, as training would have moved them,
    so that an error in their mapping shows.
    """
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                module.weight.normal_(0.0, 0.02, generator=random)
            elif isinstance(module, nn.BatchNorm2d):
                module.weight.normal_(1.0, 0.02, generator=random)
                if trained:
                    module.running_mean.normal_(0.0, 0.1, generator=random)
                    module.running_var.uniform_(0.5, 1.5, generator=random)
            if getattr(module, "bias", None) is not None:
                module.bias.normal_(0.0, 0.1 if trained else 0.0, generator=random)
    return network


def vanilla(logits: torch.Tensor, real: bool) -> torch.Tensor:
    labels = torch.full_like(logits, float(real))
    return nn.functional.binary_cross_entropy_with_logits(logits, labels)


def lsgan(logits: torch.Tensor, real: bool) -> torch.Tensor:
    return nn.functional.mse_loss(logits, torch.full_like(logits, float(real)))


def train_step(
    generator: nn.Module,
    discriminator: nn.Module,
    input_image: torch.Tensor,
    target_image: torch.Tensor,
    gan_loss: Callable[[torch.Tensor, bool], torch.Tensor] = vanilla,
) -> dict[str, float]:
    """The reference's first step: D, with its loss halved, then G against the new D.

    Each parameter keeps the gradient that it was updated by.
    """
    judge_adam, make_adam = (
        torch.optim.Adam(network.parameters(), 2e-4, (0.5, 0.999))
        for network in (discriminator, generator)
    )
    generated = generator(input_image)

    fake_logits = discriminator(torch.cat([input_image, generated.detach()], 1))
    real_logits = discriminator(torch.cat([input_image, target_image], 1))
    discriminator_loss = (gan_loss(fake_logits, False) + gan_loss(real_logits, True)) * 0.5
    judge_adam.zero_grad()
    discriminator_loss.backward()
    judge_adam.step()

    discriminator.requires_grad_(False)
    adversarial = gan_loss(discriminator(torch.cat([input_image, generated], 1)), True)
    l1 = nn.functional.l1_loss(generated, target_image)
    generator_loss = adversarial + 100.0 * l1
    make_adam.zero_grad()
    generator_loss.backward()
    make_adam.step()
    return {
        "generator_loss": generator_loss.item(),
        "adversarial_loss": adversarial.item(),
        "l1_loss": l1.item(),
        "discriminator_loss": discriminator_loss.item(),
    }
