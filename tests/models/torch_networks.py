"""The ResNet generators once more, of PyTorch's own operations in float64, to compare with.

Written from Johnson et al. 2016, from section 3.1 of pix2pixHD and from what is known of their
PyTorch code. Weights are what `reference.weights_of` takes from a Keras model.
"""

import numpy as np
import torch
import torch.nn.functional as F

NORMS = {
    "instance": lambda x: F.instance_norm(x, eps=1e-5),
    "batch": lambda x, gamma, beta, *_: F.batch_norm(
        x, None, None, gamma, beta, training=True, eps=1e-5
    ),
    "group": lambda x, gamma, beta: F.group_norm(
        x, x.shape[1] // min(16, x.shape[1]), gamma, beta, eps=1e-5
    ),
    "none": lambda x: x,
}


def to_torch(image):
    """NHWC to NCHW."""
    return torch.from_numpy(np.ascontiguousarray(np.transpose(np.float64(image), (0, 3, 1, 2))))


def to_numpy(tensor):
    return tensor.detach().numpy().transpose(0, 2, 3, 1)


def halve(x):
    return F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)


class Layers:
    """Looks weights up by the layers' names, below a prefix."""

    def __init__(self, weights, norm, prefix=""):
        self.weights, self.norm, self.prefix = weights, norm, prefix

    def _of(self, name):
        return [torch.from_numpy(w) for w in self.weights.get(self.prefix + name, [])]

    def convolve(self, x, name, **options):
        kernel, *bias = self._of(f"{name}_conv")
        return F.conv2d(x, kernel.permute(3, 2, 0, 1), *bias, **options)

    def unit(self, x, name, **options):
        return NORMS[self.norm](self.convolve(x, name, **options), *self._of(f"{name}_norm"))

    def down(self, x, name):
        return torch.relu(self.unit(x, name, stride=2, padding=1))

    def up(self, x, name):
        kernel, *bias = self._of(f"{name}_conv")
        kernel = kernel.permute(3, 2, 0, 1)
        x = F.conv_transpose2d(x, kernel, *bias, stride=2, padding=1, output_padding=1)
        return torch.relu(NORMS[self.norm](x, *self._of(f"{name}_norm")))

    def stem(self, x):
        return torch.relu(self.unit(reflect(x, 3), "stem"))

    def block(self, x, name):
        y = torch.relu(self.unit(reflect(x, 1), f"{name}_1"))
        return x + self.unit(reflect(y, 1), f"{name}_2")

    def output(self, x):
        return torch.tanh(self.convolve(reflect(x, 3), "output"))

    def features(self, x, depth, blocks):
        x = self.stem(x)
        for layer in range(depth):
            x = self.down(x, f"down{layer + 1}")
        for block in range(blocks):
            x = self.block(x, f"block{block + 1}")
        for layer in range(depth):
            x = self.up(x, f"up{layer + 1}")
        return x


def reflect(x, padding):
    return F.pad(x, 4 * (padding,), mode="reflect")


def resnet(weights, image, *, depth, blocks, norm):
    layers = Layers(weights, norm)
    return to_numpy(layers.output(layers.features(to_torch(image), depth, blocks)))


def local_enhancer(weights, image, *, depth, blocks, local_blocks, norm):
    image = to_torch(image)
    coarse = Layers(weights, norm, "global_").features(halve(image), depth, blocks)
    layers = Layers(weights, norm)
    x = layers.down(layers.stem(image), "down1") + coarse
    for block in range(local_blocks):
        x = layers.block(x, f"block{block + 1}")
    return to_numpy(layers.output(layers.up(x, "up1")))
