"""This project, with the paper's networks."""

import tempfile
from collections.abc import Callable
from typing import Literal

import numpy as np
import tensorflow as tf

from benchmarks.images import png_images
from tfpix2pix.config import resolve
from tfpix2pix.export.savedmodel import write_savedmodel
from tfpix2pix.inference.served import ServedModel
from tfpix2pix.inference.translator import Translator
from tfpix2pix.training.build import build_generator
from tfpix2pix.training.device import choose_jit
from tfpix2pix.training.state import TrainState
from tfpix2pix.training.step import make_train_step

# Long enough for everything that pays in a long run.
STEPS = 10**6


def train_step(
    size: int,
    batch_size: int,
    *,
    update: Literal["simultaneous", "alternating"] = "simultaneous",
) -> Callable[[], None]:
    """One step on a fixed batch of random images, jitter and scaling from uint8 included."""
    settings = resolve(flags={"crop_size": size, "load_size": size, "update": update})
    jit, _ = choose_jit(settings.train.jit, STEPS)
    state = TrainState(settings, total_steps=STEPS)
    step = make_train_step(state.networks, crop_size=(size, size), update=update, jit=jit)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, batch_size, size, size, 3), np.uint8)
    batch = tf.constant(images[0]), tf.constant(images[1])

    def once() -> None:
        float(step(batch, 0)["generator_loss"])

    return once


def generator_forward(size: int, batch_size: int) -> Callable[[], None]:
    """One answer to a fixed batch of float images, as `predict` and the export compute it."""
    settings = resolve(flags={"crop_size": size, "load_size": size})
    translator = Translator(build_generator(settings.model, (size, size)))
    rng = np.random.default_rng(0)
    image = tf.constant(rng.uniform(-1, 1, (batch_size, size, size, 3)).astype(np.float32))

    def once() -> None:
        translator.generate(image)["generated_image"].numpy()

    return once


def answer_png(size: int, batch_size: int) -> Callable[[], None]:
    """The exported SavedModel, loaded again: PNG bytes in, PNG bytes out, in one call."""
    settings = resolve(flags={"crop_size": size, "load_size": size})
    model = ServedModel(build_generator(settings.model, (size, size)))
    with tempfile.TemporaryDirectory() as folder:
        loaded = tf.saved_model.load(str(write_savedmodel(model, folder)))
    answer = loaded.signatures["serving_default"]
    images = tf.constant(png_images(size, batch_size))

    def once() -> None:
        answer(image_bytes=images)["generated_image_bytes"].numpy()

    # A loaded model's variables live as long as the model does.
    once.model = loaded  # type: ignore[attr-defined]
    return once


def matrix_product(size: int) -> Callable[[], None]:
    """A float32 product of two square matrices, what the machine does best."""
    rng = np.random.default_rng(0)
    a, b = (tf.constant(rng.normal(size=(size, size)).astype(np.float32)) for _ in range(2))
    product = tf.function(tf.matmul)

    def once() -> None:
        product(a, b).numpy()

    return once
