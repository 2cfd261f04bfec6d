"""Writes Keras 2 models as tensorflowjs_converter does, and builds pix2pix generators to write.

Only the format is common with the reader: names without ":0", groups of shards of a fixed size
that cut through weights, quantisation to uint8 and uint16 with a scale and a minimum for each
weight whose zero is exact, or to float16.
"""

import json

import numpy as np
import tf_keras
from tf_keras import layers


def quantize(values, dtype):
    """The stored bytes and what the manifest says of them."""
    if dtype is None:
        return values.astype("<f4").tobytes(), None
    if dtype == "float16":
        return values.astype("<f2").tobytes(), {"dtype": "float16", "original_dtype": "float32"}
    low, high = float(values.min()), float(values.max())
    scale = (high - low) / np.iinfo(dtype).max or 1.0
    low = round(low / scale) * scale
    stored = np.round((values - low) / scale).clip(0, np.iinfo(dtype).max)
    quantization = {"dtype": dtype, "scale": scale, "min": low, "original_dtype": "float32"}
    return stored.astype(np.dtype(dtype).newbyteorder("<")).tobytes(), quantization


def named_weights(model, prefixed):
    """Weights by name; those of nested models after the model's name, as h5 files have them."""
    for layer in model.layers:
        nested = prefixed and isinstance(layer, tf_keras.Sequential)
        for weight in layer.weights:
            name = weight.name.removesuffix(":0")
            yield (f"{layer.name}/{name}" if nested else name), weight.numpy()


def write(model, folder, *, quantization=None, prefixed=True, groups=1, shard_size=50_000):
    """Writes model.json and its shards; returns the path of model.json."""
    weights = sorted(named_weights(model, prefixed), key=lambda pair: pair[0])
    manifest = []
    for group in range(groups):
        entries, data = [], b""
        for name, values in weights[group::groups]:
            stored, quantized = quantize(values, quantization)
            entry = {"name": name, "shape": list(values.shape), "dtype": "float32"}
            entries.append(entry | ({"quantization": quantized} if quantized else {}))
            data += stored
        count = -(-len(data) // shard_size)
        paths = [f"group{group + 1}-shard{n + 1}of{count}.bin" for n in range(count)]
        for number, path in enumerate(paths):
            (folder / path).write_bytes(data[number * shard_size : (number + 1) * shard_size])
        manifest.append({"paths": paths, "weights": entries})
    config = json.loads(model.to_json())
    topology = {"keras_version": "2.21.0", "backend": "tensorflow", "model_config": config}
    content = {
        "format": "layers-model",
        "generatedBy": "keras v2.21.0",
        "modelTopology": topology,
        "weightsManifest": manifest,
    }
    (folder / "model.json").write_text(json.dumps(content))
    return folder / "model.json"


def randomize(model, seed=0):
    """Weights that show: nothing is 0 or 1, and activations neither vanish nor explode."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        name = weight.name.rpartition("/")[2]
        shape = tuple(weight.shape)
        if name.startswith("kernel"):
            values = rng.normal(0, 0.1, shape)
        elif name.startswith(("gamma", "moving_variance")):
            values = rng.uniform(0.5, 1.5, shape)
        else:
            values = rng.normal(0, 0.3, shape)
        weight.assign(values.astype(np.float32))
    return model


# --- The generator of TensorFlow's tutorial -------------------------------------------------------


def widths(filters, depth):
    return [filters * min(2**layer, 8) for layer in range(depth)]


def tutorial_down(filters, *, norm=True, bias=False, slope=0.3):
    down = tf_keras.Sequential()
    down.add(layers.Conv2D(filters, 4, strides=2, padding="same", use_bias=bias))
    if norm:
        down.add(layers.BatchNormalization())
    down.add(layers.LeakyReLU(slope))
    return down


def tutorial_up(filters, *, dropout=0.0, bias=False):
    up = tf_keras.Sequential()
    up.add(layers.Conv2DTranspose(filters, 4, strides=2, padding="same", use_bias=bias))
    up.add(layers.BatchNormalization())
    if dropout:
        up.add(layers.Dropout(dropout))
    up.add(layers.ReLU())
    return up


def tutorial(depth, filters=8, size=None, *, bias=(), dropout_layers=None, dropout=0.5):
    """`bias`: numbers of convolutions that have one besides the last, the first is 1.

    `dropout_layers` of the decoder: by default the first three, but of full width.
    """
    down_widths = widths(filters, depth)
    if dropout_layers is None:
        dropout_layers = [
            n for n in range(1, min(depth, 4)) if down_widths[-n - 1] == down_widths[-1]
        ]
    image = x = layers.Input([size, size, 3])
    skips = []
    for number, width in enumerate(down_widths, start=1):
        x = tutorial_down(width, norm=number > 1, bias=number in bias)(x)
        skips.append(x)
    for number, skip in enumerate(reversed(skips[:-1]), start=1):
        rate = dropout if number in dropout_layers else 0.0
        x = tutorial_up(down_widths[-number - 1], dropout=rate, bias=depth + number in bias)(x)
        x = layers.Concatenate()([x, skip])
    last = layers.Conv2DTranspose(3, 4, strides=2, padding="same", activation="tanh")
    return randomize(tf_keras.Model(image, last(x)))


# --- A flat graph, as ports of affinelayer's code have it -----------------------------------------


def flat(
    depth,
    filters=8,
    size=None,
    *,
    channels=(3, 3),
    innermost_norm=False,
    norm=True,
    cropped=False,
    training=None,
    dropout=0.5,
    joined_first="skip",
):
    """Pre-activation maps are joined, one ReLU is over both; biases everywhere.

    Without `norm` no norm at all; `cropped`: VALID padding, and a layer that crops or pads;
    `training`: norms and dropout are called with it.
    """
    down_widths = widths(filters, depth)
    image = x = layers.Input([size, size, channels[0]])
    call = {} if training is None else {"training": training}
    encoded = []
    for number, width in enumerate(down_widths, start=1):
        x = layers.LeakyReLU(alpha=0.2)(x) if number > 1 else x
        if cropped:
            x = layers.Conv2D(width, 4, 2, "valid")(layers.ZeroPadding2D(1)(x))
        else:
            x = layers.Conv2D(width, 4, 2, "same")(x)
        if norm and 1 < number < depth + innermost_norm:
            x = layers.BatchNormalization(axis=3, epsilon=1e-5, momentum=0.9)(x, **call)
        encoded.append(x)
    for number in range(1, depth):
        x = flat_up(layers.Activation("relu")(x), down_widths[-number - 1], cropped)
        if norm:
            x = layers.BatchNormalization(axis=3, epsilon=1e-5, momentum=0.9)(x, **call)
        if dropout and number <= 3 and down_widths[-number - 1] == down_widths[-1]:
            x = layers.Dropout(dropout)(x, **call)
        halves = [encoded[-number - 1], x]
        x = layers.Concatenate(axis=3)(halves if joined_first == "skip" else halves[::-1])
    x = flat_up(layers.Activation("relu")(x), channels[1], cropped)
    return randomize(tf_keras.Model(image, layers.Activation("tanh")(x)))


def flat_up(x, width, cropped):
    if cropped:
        return layers.Cropping2D(1)(layers.Conv2DTranspose(width, 4, 2, "valid")(x))
    return layers.Conv2DTranspose(width, 4, 2, "same")(x)


# --- Skips before the activation ------------------------------------------------------------------


def preactivation():
    """Each half is under its own activation, and the skip under none; dropout after the ReLU."""
    x = inputs = layers.Input([32, 32, 3])
    encoded = []
    for width in (8, 16, 32, 64):
        x = layers.Conv2D(width, 4, 2, "same")(x)
        if len(encoded) not in (0, 3):
            x = layers.BatchNormalization()(x)
        encoded.append(x)
        x = layers.LeakyReLU(0.2)(x)
    for width, skip in zip((32, 16, 8), encoded[-2::-1], strict=True):
        x = layers.BatchNormalization()(layers.Conv2DTranspose(width, 4, 2, "same")(x))
        x = layers.Concatenate()([layers.ReLU()(x), skip])
    x = layers.Conv2DTranspose(3, 4, 2, "same", activation="tanh")(x)
    return randomize(tf_keras.Model(inputs, x))
