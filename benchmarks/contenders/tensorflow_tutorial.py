"""The pix2pix of TensorFlow's tutorial: Keras layers, one tf.function, both networks at once.

Its networks: no bias but at the last layers, BatchNorm with Keras' defaults (on the innermost
layer too), leaky ReLU of Keras' own slope, skips after the activation. Its losses: binary
cross-entropy from logits, the discriminator's not halved. Adam(2e-4, beta_1=0.5).
"""

import tempfile
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from benchmarks.images import png_images

ENCODER = (64, 128, 256, 512, 512, 512, 512, 512)
L1_WEIGHT = 100.0


def _weights() -> keras.initializers.Initializer:
    return keras.initializers.RandomNormal(0.0, 0.02)


def _downsample(filters: int, *, norm: bool = True) -> keras.Sequential:
    block = keras.Sequential()
    block.add(layers.Conv2D(filters, 4, 2, "same", kernel_initializer=_weights(), use_bias=False))
    if norm:
        block.add(layers.BatchNormalization())
    block.add(layers.LeakyReLU())
    return block


def _upsample(filters: int, *, dropout: bool = False) -> keras.Sequential:
    block = keras.Sequential()
    block.add(
        layers.Conv2DTranspose(filters, 4, 2, "same", kernel_initializer=_weights(), use_bias=False)
    )
    block.add(layers.BatchNormalization())
    if dropout:
        block.add(layers.Dropout(0.5))
    block.add(layers.ReLU())
    return block


def generator(size: int) -> keras.Model:
    """The U-Net: as many layers as bring `size` to one pixel, 8 at most."""
    depth = min(8, size.bit_length() - 1)
    widths = ENCODER[:depth]
    x = inputs = keras.Input((size, size, 3))
    skips = []
    for layer, filters in enumerate(widths):
        x = _downsample(filters, norm=layer > 0)(x)
        skips.append(x)
    for layer, filters in enumerate(reversed(widths[:-1])):
        x = _upsample(filters, dropout=layer < 3)(x)
        x = layers.Concatenate()([x, skips[-2 - layer]])
    x = layers.Conv2DTranspose(3, 4, 2, "same", kernel_initializer=_weights(), activation="tanh")(x)
    return keras.Model(inputs, x)


def discriminator(size: int) -> keras.Model:
    """The 70x70 PatchGAN."""
    inputs = [keras.Input((size, size, 3)), keras.Input((size, size, 3))]
    x = layers.concatenate(inputs)
    for filters in (64, 128, 256):
        x = _downsample(filters, norm=filters > 64)(x)
    x = layers.ZeroPadding2D()(x)
    x = layers.Conv2D(512, 4, 1, kernel_initializer=_weights(), use_bias=False)(x)
    x = layers.LeakyReLU()(layers.BatchNormalization()(x))
    x = layers.ZeroPadding2D()(x)
    return keras.Model(inputs, layers.Conv2D(1, 4, 1, kernel_initializer=_weights())(x))


def train_step(size: int, batch_size: int) -> Callable[[], None]:
    """One step on a fixed batch of random images."""
    networks = generator(size), discriminator(size)
    optimizers = [keras.optimizers.Adam(2e-4, beta_1=0.5) for _ in networks]
    for optimizer, network in zip(optimizers, networks, strict=True):
        optimizer.build(network.trainable_variables)
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    make, judge = networks

    @tf.function
    def step(input_image: tf.Tensor, target: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as generator_tape, tf.GradientTape() as discriminator_tape:
            output = make(input_image, training=True)
            real = judge([input_image, target], training=True)
            fake = judge([input_image, output], training=True)
            gan_loss = cross_entropy(tf.ones_like(fake), fake)
            l1_loss = tf.reduce_mean(tf.abs(target - output))
            generator_loss = gan_loss + L1_WEIGHT * l1_loss
            real_loss = cross_entropy(tf.ones_like(real), real)
            discriminator_loss = real_loss + cross_entropy(tf.zeros_like(fake), fake)
        for tape, loss, network, optimizer in zip(
            (generator_tape, discriminator_tape),
            (generator_loss, discriminator_loss),
            networks,
            optimizers,
            strict=True,
        ):
            gradients = tape.gradient(loss, network.trainable_variables)
            optimizer.apply_gradients(zip(gradients, network.trainable_variables, strict=True))
        return generator_loss, discriminator_loss

    rng = np.random.default_rng(0)
    images = rng.uniform(-1, 1, (2, batch_size, size, size, 3)).astype(np.float32)
    input_image, target = (tf.constant(image) for image in images)

    def once() -> None:
        float(step(input_image, target)[0])

    return once


def generator_forward(size: int, batch_size: int) -> Callable[[], None]:
    """One answer to a fixed batch; as in the tutorial, with training=True."""
    model = generator(size)
    forward = tf.function(lambda image: model(image, training=True))
    rng = np.random.default_rng(0)
    image = tf.constant(rng.uniform(-1, 1, (batch_size, size, size, 3)).astype(np.float32))

    def once() -> None:
        forward(image).numpy()

    return once


def answer_png(size: int, batch_size: int) -> Callable[[], None]:
    """The saved generator, loaded again: PNG bytes in, PNG bytes out.

    It takes and gives floats; the images are decoded and encoded around it, in one graph.
    """
    with tempfile.TemporaryDirectory() as folder:
        generator(size).export(folder, verbose=False)
        loaded = tf.saved_model.load(folder)
    images = tf.constant(png_images(size, batch_size))

    @tf.function
    def answer(contents: tf.Tensor) -> tf.Tensor:
        decoded = tf.map_fn(
            lambda content: tf.io.decode_png(content, channels=3),
            contents,
            fn_output_signature=tf.TensorSpec((size, size, 3), tf.uint8),
        )
        generated = loaded.serve(tf.cast(decoded, tf.float32) / 127.5 - 1.0)
        generated = tf.cast(tf.round(generated * 127.5 + 127.5), tf.uint8)
        return tf.map_fn(tf.io.encode_png, generated, fn_output_signature=tf.string)

    def once() -> None:
        answer(images).numpy()

    return once
