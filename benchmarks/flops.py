"""The floating-point operations of a training step, counted from the networks' convolutions.

A multiplication and an addition are two. BatchNorm, activations and Adam are left out: together
they are below one in a hundred.
"""

import keras


def convolution_flops(model: keras.Model) -> list[int]:
    """Of one image's forward pass, convolution by convolution, from the input on."""
    counts = []
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2DTranspose):
            pixels = layer.input.shape[1] * layer.input.shape[2]
        elif isinstance(layer, keras.layers.Conv2D):
            pixels = layer.output.shape[1] * layer.output.shape[2]
        else:
            continue
        counts.append(2 * pixels * layer.kernel.shape.num_elements())
    return counts


def step_flops(generator: keras.Model, discriminator: keras.Model, update: str) -> int:
    """Of a step on one pair.

    A convolution's gradients take as much as the convolution, for its kernel and for its input
    each. No network needs the gradient of its own input, but G's loss needs that of D's.
    """
    g, d = convolution_flops(generator), convolution_flops(discriminator)
    generator_training = 3 * sum(g) - g[0]
    discriminator_training = 2 * (3 * sum(d) - d[0])
    through_discriminator = sum(d)
    if update == "alternating":
        through_discriminator += sum(d)  # a fresh look at the generated image
    return generator_training + discriminator_training + through_discriminator
