"""One generator at other heights and widths: it is fully convolutional."""

import keras


def at_size(generator: keras.Model, size: tuple[int | None, int | None]) -> keras.Model:
    """The same layers, and so the same weights, on [B, *size, C].

    Of a size that is known, answers have the bits that those of a generator built for it have:
    layers choose how they compute when they are called, by the size that they are called with.

    Args:
        generator: a functional model of this package, built for one size.
        size: height and width, such as the generator takes; None: of any length, and then
            convolutions are Keras' own (see `choose_implementation`), which may round otherwise in
            the last bit.
    """
    inputs = keras.Input((*size, generator.input_shape[-1]), name="input_image")
    return keras.models.clone_model(
        generator, input_tensors=inputs, clone_function=lambda layer: layer
    )


def at_any_size(generator: keras.Model) -> keras.Model:
    """The same layers on [B, None, None, C]; see `at_size`."""
    return at_size(generator, (None, None))
