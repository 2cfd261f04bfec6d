"""What a network sees in images, for FID and KID: features [B, D] of images in [0, 1].

Figures are comparable between sets measured with the same extractor alone. Keras' InceptionV3 is
not the network of the published FID figures (TensorFlow's of 2015, with other weights): FID and
KID from it rank models among themselves, and are not to be set beside those in papers.
"""

import dataclasses
import hashlib
import json
import re
import uuid
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfpix2pix.errors import UserError
from tfpix2pix.evaluation.channels import with_channels
from tfpix2pix.models.pretrained import IMAGENET, UNREADABLE, load_pretrained

INCEPTION_SIDE = 299


@dataclasses.dataclass(frozen=True)
class FeatureExtractor:
    """From images to features.

    Attributes:
        name: for people.
        fingerprint: of the network, its weights and how images are given to it: extractors with
            the same one give the same features.
        function: of float32 [B, H, W, C] in [0, 1]: float32 [B, D].
    """

    name: str
    fingerprint: str
    function: Callable[[tf.Tensor], tf.Tensor]

    def __call__(self, images: tf.Tensor) -> np.ndarray:
        """Features of images [B, H, W, C] in [0, 1], float32 [B, D].

        Raises:
            UserError: the network does not take images of so many channels.
        """
        return self.function(images).numpy()


def inception_extractor(inception_weights: str = IMAGENET) -> FeatureExtractor:
    """InceptionV3 (Szegedy et al. 2016) up to its average pool: 2048 features.

    Images are resized to 299x299: bilinear, and antialiased where they are larger (Parmar et al.
    2022: without, FID rewards aliasing), which the original FID did not do. They are RGB or gray.

    Args:
        inception_weights: a file of InceptionV3's weights without its dense layers, as Keras
            writes them, or `"imagenet"`: Keras downloads them once, 88 MB.

    Raises:
        UserError: there is no such file, it holds something else, or the download failed.
    """
    model = load_pretrained(
        keras.applications.InceptionV3,
        inception_weights,
        setting="inception_weights",
        network="InceptionV3",
        file_name="inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
        pooling="avg",
        input_shape=(INCEPTION_SIDE, INCEPTION_SIDE, 3),
    )
    return _extractor("InceptionV3", "keras.applications.InceptionV3 avg", model, (-1.0, 1.0))


def keras_extractor(
    model: keras.Model | str | Path, value_range: tuple[float, float] = (-1.0, 1.0)
) -> FeatureExtractor:
    """Any Keras model of images as an extractor.

    Args:
        model: or the `.keras` file of one; from [B, H, W, C] to [B, D], or to [B, h, w, D], of
            which the mean over the places is taken. Images are resized to the size it was built
            for, if it was built for one, as for `inception_extractor`; gray is repeated for one
            that takes RGB.
        value_range: the values that it takes black and white as.

    Raises:
        UserError: the file holds no model, or the model is none of these.
    """
    if not isinstance(model, keras.Model):
        model = _load(Path(model))
    ranks = [[len(t.shape) for t in tensors] for tensors in (model.inputs, model.outputs)]
    if ranks not in ([[4], [2]], [[4], [4]]):
        raise UserError(
            f"feature extractor {model.name}: expected a model from images [B, H, W, C] to "
            f"features [B, D] or [B, h, w, D]; this one is from {model.input_shape} to "
            f"{model.output_shape}"
        )
    return _extractor(model.name, _description(model), model, value_range)


def _extractor(
    name: str, description: str, model: keras.Model, value_range: tuple[float, float]
) -> FeatureExtractor:
    low, high = value_range
    height, width, channels = model.input_shape[1:]

    @tf.function(reduce_retracing=True)
    def features(images: tf.Tensor) -> tf.Tensor:
        if height and width:
            images = tf.image.resize(images, (height, width), "bilinear", antialias=True)
        found = model(images * (high - low) + low, training=False)
        found = tf.cast(found, tf.float32)
        return tf.reduce_mean(found, axis=(1, 2)) if len(found.shape) == 4 else found

    def function(images: tf.Tensor) -> tf.Tensor:
        return features(with_channels(tf.convert_to_tensor(images), channels or 3, name))

    return FeatureExtractor(name, _fingerprint(f"{description} {value_range}", model), function)


def _fingerprint(description: str, model: keras.Model) -> str:
    digest = hashlib.sha256(description.encode())
    for weight in model.weights:
        array = keras.ops.convert_to_numpy(weight)
        digest.update(f"{array.shape} {array.dtype}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _description(model: keras.Model) -> str:
    """The model's layers and how they are connected, whatever numbers Keras gave their names."""
    try:
        text = json.dumps(model.get_config(), sort_keys=True, default=str)
    except (NotImplementedError, TypeError):
        # It cannot be told from another one, so that nothing cached is taken to be of it.
        return uuid.uuid4().hex
    for number, layer in enumerate([model, *model.layers]):
        text = re.sub(rf'"{re.escape(layer.name)}"', f'"layer {number}"', text)
    return text


def _load(path: Path) -> keras.Model:
    try:
        return keras.saving.load_model(path, compile=False)
    except UNREADABLE as error:
        raise UserError(
            f"feature extractor {path}: missing, damaged, or no Keras model: expected a .keras "
            "file that model.save wrote, of layers that Keras knows"
        ) from error
