"""Features of whole sets of images, cached: those of the targets stay the same for every run."""

import hashlib
import io
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfpix2pix.errors import UserError
from tfpix2pix.evaluation.archives import read_arrays
from tfpix2pix.evaluation.distribution import Distribution
from tfpix2pix.evaluation.features import FeatureExtractor
from tfpix2pix.files import write_atomically
from tfpix2pix.progress import say

# Changes where the same images would give other features, or the file's content changes.
VERSION = 1
REQUIRED = {"fingerprint", "count", "mean", "scatter"}


def measure_distribution(
    batches: Iterable[tf.Tensor], extractor: FeatureExtractor, *, keep_features: bool = False
) -> Distribution:
    """The distribution of the features of images, batches of [B, H, W, C] in [0, 1]."""
    distribution = Distribution(keep_features=keep_features)
    for images in batches:
        distribution.add(extractor(images))
    return distribution


def reference_distribution(
    read: Callable[[], Iterable[tf.Tensor]],
    extractor: FeatureExtractor,
    cache: Path | None = None,
    *,
    keep_features: bool = False,
) -> Distribution:
    """As `measure_distribution`, or what it gave for these very images before.

    The images are read once to know them by their content, which takes far less time than their
    features do, and again where they are new.

    Args:
        read: gives the images from the start, float32 [B, H, W, C] in [0, 1], whenever called.
        extractor: of the features.
        cache: a folder with a file for each set and extractor; a damaged one is made anew, one
            that cannot be written is told of and done without.
        keep_features: see `Distribution`.
    """
    if cache is None:
        return measure_distribution(read(), extractor, keep_features=keep_features)
    fingerprint = set_fingerprint(read(), extractor)
    path = cache / f"{fingerprint[:32]}.npz"
    cached = _read(path, fingerprint)
    if cached is not None and (cached.features is not None or not keep_features):
        return cached
    measured = measure_distribution(read(), extractor, keep_features=keep_features)
    try:
        write_atomically(path, _content(measured, fingerprint))
    except UserError as error:
        say(f"the features are not kept for the next time (XDG_CACHE_HOME says where): {error}")
    return measured


def set_fingerprint(batches: Iterable[tf.Tensor], extractor: FeatureExtractor) -> str:
    """Of the images' sizes, values and order, whatever the batches, and of the extractor."""
    digest = hashlib.sha256(f"{VERSION} {extractor.fingerprint}".encode())
    for images in batches:
        for image in np.asarray(images, np.float32):
            digest.update(str(image.shape).encode())
            digest.update(np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()


def _content(distribution: Distribution, fingerprint: str) -> bytes:
    arrays = {"mean": distribution.mean, "scatter": distribution.scatter}
    if distribution.features is not None:
        arrays["features"] = distribution.features
    file = io.BytesIO()
    np.savez(
        file,
        allow_pickle=False,
        fingerprint=np.array(fingerprint),
        count=np.array(distribution.count),
        **arrays,
    )
    return file.getvalue()


def _read(path: Path, fingerprint: str) -> Distribution | None:
    """What the file holds, or None if it is missing, damaged or of something else."""
    try:
        arrays = read_arrays(path)
    except UserError:
        return None
    if not arrays.keys() >= REQUIRED or str(arrays["fingerprint"]) != fingerprint:
        return None
    return Distribution.from_parts(
        int(arrays["count"]), arrays["mean"], arrays["scatter"], arrays.get("features")
    )
