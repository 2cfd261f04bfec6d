"""The paper's networks once more, in plain float64 numpy, to compare the Keras models with.

Written from the paper and what is known of the authors' code, not from `tfpix2pix.models`. Feature
maps are [B, H, W, C]. Weights are what `weights_of` takes from a Keras model: for each layer's
name, its arrays in Keras' order: a convolution's kernel and bias (if it has one); BatchNorm's
gamma, beta and moving statistics, which the reference never reads.

Each network takes `norm_axes`, over which BatchNorm's statistics are taken: `PER_IMAGE` or
`PER_BATCH`.
"""

import numpy as np

PER_IMAGE = (1, 2)
PER_BATCH = (0, 1, 2)


def weights_of(model):
    return {
        layer.name: [np.float64(weight.numpy()) for weight in layer.weights]
        for layer in model.layers
        if layer.weights
    }


# --- Operations -----------------------------------------------------------------------------------


def convolve(x, kernel, bias=0.0, *, stride=2, padding=1):
    """Zero-padded convolution. At 4x4, stride 2 and even sizes, SAME is to pad by 1 all round."""
    size = kernel.shape[0]
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    height, width = ((side - size) // stride + 1 for side in x.shape[1:3])
    taps = (
        x[:, row : row + stride * height : stride, column : column + stride * width : stride]
        @ kernel[row, column]
        for row in range(size)
        for column in range(size)
    )
    return sum(t[:, :height, :width] for t in taps) + bias


def convolve_transposed(x, kernel, bias=0.0):
    """4x4, stride 2: each pixel paints its kernel, of [4, 4, out, in], onto the doubled map."""
    batch, height, width, _ = x.shape
    painted = np.zeros((batch, 2 * height + 2, 2 * width + 2, kernel.shape[2]))
    for row in range(4):
        for column in range(4):
            painted[:, row : row + 2 * height : 2, column : column + 2 * width : 2] += (
                x @ kernel[row, column].T
            )
    return painted[:, 1:-1, 1:-1] + bias


def normalize(x, gamma, beta, *_moving_statistics, axes):
    mean = x.mean(axes, keepdims=True)
    variance = ((x - mean) ** 2).mean(axes, keepdims=True)
    return gamma * (x - mean) / np.sqrt(variance + 1e-5) + beta


def leaky_relu(x):
    return np.where(x > 0, x, 0.2 * x)


def relu(x):
    return np.maximum(x, 0)


# --- Networks -------------------------------------------------------------------------------------


def unet(weights, image, *, depth, skip, norm_axes):
    """`skip`: "preactivation", "relu", "postactivation", or None for the encoder-decoder."""
    encoded = []  # before their activation
    x = image
    for layer in range(1, depth + 1):
        x = convolve(x, *weights[f"down{layer}_conv"])
        if layer not in (1, depth):
            x = normalize(x, *weights[f"down{layer}_norm"], axes=norm_axes)
        encoded.append(x)
        x = leaky_relu(x)
    if skip == "relu":  # the authors' decoder begins with a ReLU, on the innermost layer as well
        x = relu(encoded[-1])
    carry = {"preactivation": lambda x: x, "relu": relu, "postactivation": leaky_relu, None: None}
    for layer in range(1, depth):
        x = convolve_transposed(x, *weights[f"up{layer}_conv"])
        x = relu(normalize(x, *weights[f"up{layer}_norm"], axes=norm_axes))
        if skip:
            mirror = encoded[depth - layer - 1]
            x = np.concatenate([x, carry[skip](mirror)], axis=-1)
    return np.tanh(convolve_transposed(x, *weights[f"up{depth}_conv"]))


def patchgan(weights, input_image, target_image, *, n_layers, norm_axes):
    x = np.concatenate([input_image, target_image], axis=-1)
    for layer in range(1, n_layers + 2):
        x = convolve(x, *weights[f"layer{layer}_conv"], stride=2 if layer <= n_layers else 1)
        if layer > 1:
            x = normalize(x, *weights[f"layer{layer}_norm"], axes=norm_axes)
        x = leaky_relu(x)
    return convolve(x, *weights["logits_conv"], stride=1)


def pixelgan(weights, input_image, target_image, *, norm_axes):
    x = np.concatenate([input_image, target_image], axis=-1)
    x = leaky_relu(convolve(x, *weights["layer1_conv"], stride=1, padding=0))
    x = convolve(x, *weights["layer2_conv"], stride=1, padding=0)
    x = leaky_relu(normalize(x, *weights["layer2_norm"], axes=norm_axes))
    return convolve(x, *weights["logits_conv"], stride=1, padding=0)


# --- Drawing --------------------------------------------------------------------------------------


def random_image(*shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def randomize(model, seed=0):
    """Gives every weight a value that shows: biases and beta are no longer 0, gamma no longer 1."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        if weight.name == "moving_variance":
            value = rng.uniform(0.5, 2.0, weight.shape)
        elif weight.name == "gamma":
            value = rng.normal(1.0, 0.3, weight.shape)
        else:
            value = rng.normal(0.0, 0.3, weight.shape)
        weight.assign(value)
    return model
