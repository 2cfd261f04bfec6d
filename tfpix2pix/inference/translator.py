"""The graph from images to images, the same in `predict` and in an export.

BatchNorm takes the statistics of each single image and dropout is off, so that the answer to an
image does not depend on what else is in the batch.
"""

from pathlib import Path

import keras
import tensorflow as tf

from tfpix2pix.config.types import Interpolation
from tfpix2pix.data import images
from tfpix2pix.data.encoding import image_suffix
from tfpix2pix.data.formats import RGB_PAIRS, PairFormat
from tfpix2pix.data.pipeline import resize_input
from tfpix2pix.training.checkpoints import load_generator
from tfpix2pix.training.run_folder import RunFolder


class Translator(tf.Module):
    """A generator with what comes before and after it.

    A run that was trained on crops knows one scale only, so it resizes nothing.

    Attributes:
        formats: of the images.
        translate: tf.function of encoded images, string [N], each JPEG, PNG or BMP of any size;
            returns PNGs of the generator's size under `generated_image_bytes`, string [N], with 16
            bits where the targets have them. None where the images do not go into such files
            (floats, more than four channels), or must not be resized.
        translate_images: tf.function of stored images of the generator's size, [N, H, W, C] of the
            input's type (a label map in its colours); returns `generated_image`, [N, H, W, C'] of
            the target's type.
        generate: tf.function of what the generator sees, float32 [N, H, W, C] in [-1, 1]; returns
            `generated_image`, the same.
    """

    def __init__(
        self,
        generator: keras.Model,
        input_interpolation: Interpolation = "bicubic",
        formats: PairFormat = RGB_PAIRS,
        *,
        resizes: bool = True,
    ):
        super().__init__(name="translator")
        # The raw variables, not the Keras model: TensorFlow Serving's loader cannot run a
        # SavedModel of a module that holds a model or Keras' own variables.
        self.generator_variables = [variable.value for variable in generator.weights]
        self.formats = formats
        self.size: tuple[int, int] = tuple(generator.input_shape[1:3])

        def generate(input_image: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"generated_image": generator(input_image, training=False)}

        def answer(input_image: tf.Tensor) -> tf.Tensor:
            output = generator(images.to_network_range(input_image, formats.input), training=False)
            return images.from_network_range(output, formats.target)

        def translate_images(input_image: tf.Tensor) -> dict[str, tf.Tensor]:
            if formats.input.palette:
                input_image = images.label_numbers(input_image, formats.input.palette)
            return {"generated_image": answer(input_image)}

        def decode(content: tf.Tensor) -> tf.Tensor:
            image = images.decode_image(content, formats.input)
            return resize_input(image, formats.input, self.size, input_interpolation)

        def translate(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
            input_image = tf.map_fn(
                decode, image_bytes, fn_output_signature=tf.as_dtype(formats.input.dtype)
            )
            channels = formats.input.pipeline_channels
            input_image = tf.ensure_shape(input_image, [None, *self.size, channels])
            generated_image = answer(input_image)
            pngs = tf.map_fn(tf.io.encode_png, generated_image, fn_output_signature=tf.string)
            return {"generated_image_bytes": pngs}

        self.generate = tf.function(
            generate,
            input_signature=[tf.TensorSpec(generator.input_shape, tf.float32, "input_image")],
        )
        stored = tf.TensorSpec(
            [None, *self.size, formats.input.channels], formats.input.dtype, "input_image"
        )
        self.translate_images = tf.function(translate_images, input_signature=[stored])
        self.translate = None
        # Where images must keep their scale, only crops of the right size can be answered.
        suffixes = {image_suffix(f.channels, f.dtype) for f in (formats.input, formats.target)}
        if resizes and suffixes == {".png"}:
            self.translate = tf.function(
                translate, input_signature=[tf.TensorSpec([None], tf.string, "image_bytes")]
            )


def load_translator(run_dir: str | Path, image_size: tuple[int, int] | None = None) -> Translator:
    """The translator of a run, with the weights of its last checkpoint.

    Args:
        run_dir: the run folder.
        image_size: height and width it takes; default: those it was trained at.

    Raises:
        UserError: it is no run folder, or holds no checkpoint.
    """
    folder = RunFolder(Path(run_dir))
    settings, formats = folder.settings(), folder.formats()
    generator = load_generator(settings, folder.checkpoints, formats, image_size)
    return Translator(
        generator,
        settings.data.input_interpolation,
        formats,
        resizes=not settings.data.crops_each_pair,
    )
