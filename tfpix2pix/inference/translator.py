"""The graph from encoded images to encoded images, the same in `predict` and in an export.

BatchNorm takes the statistics of each single image and dropout is off, so that the answer to an
image does not depend on what else is in the batch.
"""

from pathlib import Path

import keras
import tensorflow as tf

from tfpix2pix.data import images
from tfpix2pix.training.checkpoints import load_generator
from tfpix2pix.training.run_folder import RunFolder


class Translator(tf.Module):
    """A generator with what comes before and after it.

    Attributes:
        translate: tf.function of encoded images, string [N], each JPEG, PNG or BMP of any size;
            returns PNGs of the generator's size under `generated_image_bytes`, string [N].
        generate: tf.function of input images, float32 [N, H, W, C] in [-1, 1]; returns
            `generated_image`, the same.
    """

    def __init__(self, generator: keras.Model, input_resize: images.Resize = "bicubic"):
        super().__init__(name="translator")
        # The raw variables, not the Keras model: TensorFlow Serving's loader cannot run a
        # SavedModel of a module that holds a model or Keras' own variables.
        self.generator_variables = [variable.value for variable in generator.weights]
        shape = generator.input_shape
        size = shape[1:3]

        def generate(input_image: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"generated_image": generator(input_image, training=False)}

        def decode(content: tf.Tensor) -> tf.Tensor:
            return images.resize(images.decode_image(content), size, input_resize)

        def translate(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
            input_image = tf.map_fn(decode, image_bytes, fn_output_signature=tf.uint8)
            input_image = tf.ensure_shape(input_image, shape)
            output = generator(images.to_network_range(input_image), training=False)
            generated_image = images.from_network_range(output)
            pngs = tf.map_fn(tf.io.encode_png, generated_image, fn_output_signature=tf.string)
            return {"generated_image_bytes": pngs}

        self.generate = tf.function(
            generate, input_signature=[tf.TensorSpec(shape, tf.float32, "input_image")]
        )
        self.translate = tf.function(
            translate, input_signature=[tf.TensorSpec([None], tf.string, "image_bytes")]
        )


def load_translator(run_dir: str | Path) -> Translator:
    """The translator of a run, with the weights of its last checkpoint.

    Raises:
        UserError: it is no run folder, or holds no checkpoint.
    """
    folder = RunFolder(Path(run_dir))
    settings = folder.settings()
    return Translator(load_generator(settings, folder.checkpoints), settings.data.input_resize)
