"""A generator for images of any height and width: it is fully convolutional."""

import keras


def at_any_size(generator: keras.Model) -> keras.Model:
    """The same layers, and so the same weights, on [B, None, None, C].

    Height and width must still be such as the generator takes. Where they are not known when the
    graph is built, convolutions are Keras' own (see `choose_implementation`), which may round
    otherwise in the last bit than those of the generator itself.

    Args:
        generator: a functional model of this package, built for one size.
    """
    inputs = keras.Input((None, None, generator.input_shape[-1]), name="input_image")
    return keras.models.clone_model(
        generator, input_tensors=inputs, clone_function=lambda layer: layer
    )
