"""Cached features of a set: taken again for the same images and extractor, and for no others."""

import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.evaluation.distribution import frechet_distance
from tfpix2pix.evaluation.features import FeatureExtractor
from tfpix2pix.evaluation.reference import measure_distribution, reference_distribution


def images(count=6, seed=0, size=4):
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 1, (count, size, size, 3)).astype(np.float32)


class Counted:
    """An extractor of mean colours that counts the images that it saw."""

    def __init__(self, fingerprint="colours", scale=1.0):
        self.seen, self._scale = 0, scale
        self.extractor = FeatureExtractor("colours", fingerprint, self._features)

    def _features(self, pixels):
        self.seen += len(pixels)
        return tf.reduce_mean(pixels, axis=(1, 2)) * self._scale


def reader(pixels, batch_size=4):
    return lambda: (pixels[i : i + batch_size] for i in range(0, len(pixels), batch_size))


def assert_same(found, expected):
    assert found.count == expected.count
    np.testing.assert_array_equal(found.mean, expected.mean)
    np.testing.assert_array_equal(found.scatter, expected.scatter)


@pytest.fixture
def cached(tmp_path):
    """A folder in which the distribution of `images()` is cached, with features."""
    counted = Counted()
    found = reference_distribution(
        reader(images()), counted.extractor, tmp_path, keep_features=True
    )
    return tmp_path, counted, found


@pytest.mark.parametrize("batch_size", [4, 1, 6])
def test_what_was_measured_is_not_measured_again(cached, batch_size):
    folder, counted, measured = cached
    assert counted.seen == 6
    found = reference_distribution(
        reader(images(), batch_size), counted.extractor, folder, keep_features=True
    )
    assert counted.seen == 6
    assert_same(found, measured)
    np.testing.assert_array_equal(found.features, images().mean(axis=(1, 2)))
    assert frechet_distance(found, measured) == pytest.approx(0, abs=1e-9)


def test_a_cache_that_cannot_be_written_is_told_of(cached, tmp_path, capsys):
    _, counted, measured = cached
    (tmp_path / "file").write_text("")
    read = reader(images())
    found = reference_distribution(
        read, counted.extractor, tmp_path / "file" / "cache", keep_features=True
    )
    assert_same(found, measured)
    assert "not kept for the next time" in capsys.readouterr().err


def test_without_a_cache_it_is_measured_each_time(cached):
    _, counted, measured = cached
    assert_same(reference_distribution(reader(images()), counted.extractor), measured)
    assert_same(measure_distribution(reader(images())(), counted.extractor), measured)
    assert counted.seen == 18


def changed():
    pixels = images()
    pixels[3, 0, 0, 0] += 1e-3
    return pixels


@pytest.mark.parametrize(
    "other",
    [images(seed=1), images(5), images()[::-1], images(size=5), changed()],
    ids=["other", "fewer", "another order", "another size", "one value"],
)
def test_other_images_are_measured(cached, other):
    folder, counted, _ = cached
    found = reference_distribution(reader(other), counted.extractor, folder)
    assert counted.seen == 6 + len(other)
    assert_same(found, measure_distribution(reader(other)(), counted.extractor))


def test_another_extractor_measures(cached):
    folder, _, measured = cached
    other = Counted("doubled", 2.0)
    found = reference_distribution(reader(images()), other.extractor, folder)
    np.testing.assert_allclose(found.mean, 2 * measured.mean)


def test_features_that_were_not_kept_are_measured(tmp_path):
    counted = Counted()
    reference_distribution(reader(images()), counted.extractor, tmp_path)
    found = reference_distribution(
        reader(images()), counted.extractor, tmp_path, keep_features=True
    )
    assert counted.seen == 12
    assert len(found.features) == 6


def only_file(folder):
    (path,) = folder.iterdir()
    return path


def flipped(content):
    """One bit of the means, which the archive's checksum covers."""
    place = content.index(images().mean(axis=(1, 2))[0].tobytes())
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize(
    "damage",
    [lambda c: b"", lambda c: c[: len(c) // 2], lambda c: b"text", flipped],
    ids=["empty", "half", "text", "one bit"],
)
def test_a_damaged_file_is_made_anew(cached, damage):
    folder, counted, measured = cached
    path = only_file(folder)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    for _ in range(2):
        found = reference_distribution(
            reader(images()), counted.extractor, folder, keep_features=True
        )
        assert_same(found, measured)
        np.testing.assert_array_equal(found.features, measured.features)
    assert counted.seen == 12
    assert only_file(folder) == path


def test_damage_anywhere_changes_no_figure(cached):
    """A byte of it or the other; also one that makes an array disappear from the list of them."""
    folder, counted, measured = cached
    path = only_file(folder)
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x81]) + whole[place + 1 :])
        found = reference_distribution(
            reader(images()), counted.extractor, folder, keep_features=True
        )
        assert_same(found, measured)
        np.testing.assert_array_equal(found.features, measured.features)


def test_a_file_that_was_renamed_is_not_believed(cached):
    folder, counted, _ = cached
    path = only_file(folder)
    other = reference_distribution(reader(images(seed=1)), counted.extractor, folder)
    (second,) = set(folder.iterdir()) - {path}
    path.replace(second)
    assert_same(reference_distribution(reader(images(seed=1)), counted.extractor, folder), other)
    assert counted.seen == 18
