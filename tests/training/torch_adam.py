"""Weights after some steps of PyTorch's Adam, from zeros: a program, `GRADIENTS EPSILON OUTPUT`.

A program of its own: `torch.optim` loads a compiler that does not live in one process with XLA.
"""

import sys

import numpy as np
import torch


def main(gradients: str, epsilon: str, output: str) -> None:
    steps = torch.tensor(np.load(gradients))
    weights = torch.nn.Parameter(torch.zeros(steps.shape[1:]))
    adam = torch.optim.Adam([weights], 0.01, betas=(0.5, 0.999), eps=float(epsilon))
    for gradient in steps:
        weights.grad = gradient
        adam.step()
    np.save(output, weights.detach().numpy())


if __name__ == "__main__":
    main(*sys.argv[1:])
