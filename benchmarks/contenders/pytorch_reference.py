"""The pix2pix of the PyTorch reference: unet_256, 70x70 PatchGAN, D's step, then G's.

Its networks: biases only on the last layers and D's first, no BatchNorm on the innermost layer,
ReLU over both halves of each concatenation, [skip, decoder]. Its losses: binary cross-entropy
from logits, the discriminator's halved, L1 times 100. Adam(2e-4, betas 0.5 and 0.999). Images
are [B, C, H, W], PyTorch's own layout.
"""

from collections.abc import Callable

import torch
from torch import nn

L1_WEIGHT = 100.0


class UnetBlock(nn.Module):
    """A layer down, what lies inside it, a layer up; the block's input is joined to its output."""

    def __init__(self, outer: int, inner: int, inside: nn.Module | None, dropout: float = 0.0):
        super().__init__()
        down = nn.Conv2d(outer, inner, 4, 2, 1, bias=False)
        up = nn.ConvTranspose2d(inner * (2 if inside else 1), outer, 4, 2, 1, bias=False)
        middle = [nn.BatchNorm2d(inner), inside] if inside else []
        self.model = nn.Sequential(
            nn.LeakyReLU(0.2, True), down, *middle, nn.ReLU(True), up, nn.BatchNorm2d(outer)
        )
        if dropout:
            self.model.append(nn.Dropout(dropout))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, outer, H, W] -> [B, 2 outer, H, W]."""
        return torch.cat([x, self.model(x)], 1)


def generator(size: int) -> nn.Module:
    """The U-Net: as many layers as bring `size` to one pixel, 8 at most."""
    depth = min(8, size.bit_length() - 1)
    block = UnetBlock(512, 512, None)
    for _ in range(depth - 5):
        block = UnetBlock(512, 512, block, dropout=0.5)
    for outer, inner in ((256, 512), (128, 256), (64, 128)):
        block = UnetBlock(outer, inner, block)
    outermost = (
        nn.Conv2d(3, 64, 4, 2, 1, bias=False),
        block,
        nn.ReLU(True),
        nn.ConvTranspose2d(128, 3, 4, 2, 1),
        nn.Tanh(),
    )
    return _initialised(nn.Sequential(*outermost))


def discriminator() -> nn.Module:
    """The 70x70 PatchGAN, of input and output joined to 6 channels."""
    parts: list[nn.Module] = [nn.Conv2d(6, 64, 4, 2, 1), nn.LeakyReLU(0.2, True)]
    for inputs, outputs, stride in ((64, 128, 2), (128, 256, 2), (256, 512, 1)):
        parts += [nn.Conv2d(inputs, outputs, 4, stride, 1, bias=False), nn.BatchNorm2d(outputs)]
        parts.append(nn.LeakyReLU(0.2, True))
    return _initialised(nn.Sequential(*parts, nn.Conv2d(512, 1, 4, 1, 1)))


def _initialised(network: nn.Module) -> nn.Module:
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
    return network


def train_step(
    size: int, batch_size: int, *, compiled: bool = False, tuned: bool = False
) -> Callable[[], None]:
    """One step on a fixed batch of random images.

    `tuned` is what a user could change and the reference does not: channels last, a fused Adam.
    """
    make, judge = generator(size), discriminator()
    layout = torch.channels_last if tuned else torch.contiguous_format
    make, judge = make.to(memory_format=layout), judge.to(memory_format=layout)
    adam = {"lr": 2e-4, "betas": (0.5, 0.999), "fused": tuned}
    make_adam = torch.optim.Adam(make.parameters(), **adam)
    judge_adam = torch.optim.Adam(judge.parameters(), **adam)
    generate, score = (torch.compile(n) if compiled else n for n in (make, judge))
    cross_entropy, l1 = nn.BCEWithLogitsLoss(), nn.L1Loss()
    input_image = torch.empty(batch_size, 3, size, size).uniform_(-1, 1)
    target = torch.empty(batch_size, 3, size, size).uniform_(-1, 1)
    input_image, target = (i.contiguous(memory_format=layout) for i in (input_image, target))

    def gan_loss(logits: torch.Tensor, real: bool) -> torch.Tensor:
        return cross_entropy(logits, torch.full_like(logits, float(real)))

    def once() -> None:
        output = generate(input_image)
        judge.requires_grad_(True)
        judge_adam.zero_grad()
        fake_loss = gan_loss(score(torch.cat([input_image, output.detach()], 1)), False)
        real_loss = gan_loss(score(torch.cat([input_image, target], 1)), True)
        ((fake_loss + real_loss) * 0.5).backward()
        judge_adam.step()
        judge.requires_grad_(False)
        make_adam.zero_grad()
        adversarial = gan_loss(score(torch.cat([input_image, output], 1)), True)
        loss = adversarial + L1_WEIGHT * l1(output, target)
        loss.backward()
        make_adam.step()
        loss.item()

    return once


def generator_forward(size: int, batch_size: int, *, compiled: bool = False) -> Callable[[], None]:
    """One answer to a fixed batch, without gradients, with the statistics of the batch."""
    network = generator(size)
    forward = torch.compile(network) if compiled else network
    image = torch.empty(batch_size, 3, size, size).uniform_(-1, 1)

    @torch.inference_mode()
    def once() -> None:
        forward(image).numpy()

    return once
