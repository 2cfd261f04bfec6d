"""Networks that segment photos: the judge of the paper's FCN-score (section 4.1).

Photos are float32 RGB [B, H, W, 3] in [0, 1]; answers are class numbers [B, H, W].
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import keras
import tensorflow as tf

from tfpix2pix.data.formats import Colour
from tfpix2pix.data.images import likeliest_class, unit_to_network_range
from tfpix2pix.errors import UserError
from tfpix2pix.inference.translator import load_translator
from tfpix2pix.models.pretrained import UNREADABLE
from tfpix2pix.training.run_folder import RunFolder

KERAS_SUFFIX = ".keras"
RGB_CHANNELS = 3


@dataclasses.dataclass(frozen=True)
class Segmenter:
    """A network that says which class each pixel of a photo is of.

    Attributes:
        network: [B, h, w, 3] photos in [0, 1] -> float [B, h, w, K]: probabilities or logits.
        classes: K.
        size: the height and width that it takes, to which photos are resized; a side that is None
            may have any length.
        palette: the colours of the classes, where they are known.
        resizes: False: photos of another size are refused, since it knows one scale alone.
    """

    network: Callable[[tf.Tensor], tf.Tensor]
    classes: int
    size: tuple[int | None, int | None]
    palette: tuple[Colour, ...] | None = None
    resizes: bool = True

    def __call__(self, photos: tf.Tensor) -> tf.Tensor:
        """The likeliest class of each pixel.

        A network of another size sees the photos resized (bicubic, antialiased), and what it says
        of the classes is resized back (bilinear) before the likeliest is taken, so that borders
        between classes lie where they should, not on its own coarser pixels.

        Args:
            photos: float32 [B, H, W, 3] in [0, 1].

        Returns:
            uint8 [B, H, W], numbers below `classes`.

        Raises:
            UserError: they have another size, and must not be resized.
        """
        own = tuple(photos.shape[1:3])
        wanted = tuple(side or given for side, given in zip(self.size, own, strict=True))
        if wanted != own and not self.resizes:
            raise UserError(
                f"the judge was trained on crops of {wanted[0]}x{wanted[1]} at their own scale, "
                f"and cannot judge images of {own[0]}x{own[1]}: train one with resize "
                "resize_and_crop"
            )
        if wanted != own:
            photos = tf.image.resize(photos, wanted, "bicubic", antialias=True)
            photos = tf.clip_by_value(photos, 0.0, 1.0)
        scores = self.network(photos)
        if tuple(scores.shape[1:3]) != own:
            scores = tf.image.resize(scores, own, "bilinear")
        return likeliest_class(scores)[..., 0]


def load_segmenter(
    place: str | Path, *, value_range: tuple[float, float] = (0.0, 1.0)
) -> Segmenter:
    """A run whose targets are label maps, or a Keras model, as a segmenter.

    Args:
        place: a run folder, as `tfpix2pix train --preset segmenter` makes it; or a `.keras` file
            with a model of [N, H, W, 3] -> [N, H, W, K], probabilities or logits, of at most 256
            classes.
        value_range: of a Keras model, what it takes black and white as, such as (-1, 1) or
            (0, 255); a run knows its own.

    Raises:
        UserError: there is no such thing, or it is no segmenter of RGB photos.
    """
    if Path(place).suffix == KERAS_SUFFIX:
        return _of_keras_model(Path(place), value_range)
    return _of_run(Path(place))


def _of_run(run_dir: Path) -> Segmenter:
    formats = RunFolder(run_dir).formats()
    source, target = formats.input, formats.target
    if target.palette is None or source.palette is not None or source.channels != RGB_CHANNELS:
        raise UserError(
            f"{run_dir} turns {source.describe()} into {target.describe()}: expected a run from "
            "RGB to label maps, such as tfpix2pix train --preset segmenter makes"
        )
    translator = load_translator(run_dir)

    def network(photos: tf.Tensor) -> tf.Tensor:
        return translator.generate(unit_to_network_range(photos, source))["generated_image"]

    resizes = not RunFolder(run_dir).settings().data.crops_each_pair
    return Segmenter(network, len(target.palette), translator.size, target.palette, resizes)


def _of_keras_model(path: Path, value_range: tuple[float, float]) -> Segmenter:
    if not path.is_file():
        raise UserError(f"there is no file {path}: expected a Keras model, or a run folder")
    try:
        model = keras.saving.load_model(path, compile=False)
    # What a file that is no model, or one of unknown layers, makes Keras raise.
    except UNREADABLE as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise UserError(f"{path} cannot be loaded as a Keras model: {reason}") from error
    if not getattr(model, "inputs", None):
        raise UserError(f"{path} is a model that does not say what it takes: expected a built one")
    shapes = model.input_shape, model.output_shape
    # Of several inputs or outputs it is a list of shapes.
    if any(len(shape) != 4 or isinstance(shape[0], tuple) for shape in shapes) or (
        shapes[0][-1] != RGB_CHANNELS or not 2 <= (shapes[1][-1] or 0) <= 256
    ):
        raise UserError(
            f"{path} is a model of {shapes[0]} to {shapes[1]}: expected [N, H, W, 3] to "
            "[N, H, W, K], a channel for each of 2 to 256 classes"
        )
    low, high = value_range

    @tf.function(reduce_retracing=True)
    def network(photos: tf.Tensor) -> tf.Tensor:
        return tf.cast(model(photos * (high - low) + low, training=False), tf.float32)

    return Segmenter(network, shapes[1][-1], tuple(shapes[0][1:3]))
