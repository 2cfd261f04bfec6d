"""The C++ loader's harness itself, on a model of one variable."""

import numpy as np
import pytest
import tensorflow as tf
from c_loader import LoaderError, run_in_c_loader, serve_in_c_loader

SCALE = 2.0


class Scaler(tf.Module):
    """Multiplies images by a variable: [B, H, W, C] floats, or PNG files as bytes."""

    def __init__(self):
        super().__init__()
        self.scale = tf.Variable(SCALE)

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32)])
    def images(self, images):
        return {"scaled": images * self.scale}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def files(self, files):
        scaled = tf.map_fn(self._scale_png, files, fn_output_signature=tf.string)
        return {"generated_image_bytes": scaled}

    def _scale_png(self, file):
        image = tf.cast(tf.io.decode_png(file, channels=3), tf.float32)
        return tf.io.encode_png(tf.saturate_cast(image * self.scale, tf.uint8))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def echo(self, strings):
        return {"strings": tf.identity(strings)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def lengths(self, strings):
        return {"lengths": tf.cast(tf.strings.length(strings), tf.float32)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def two_outputs(self, strings):
        return {"one": tf.identity(strings), "two": tf.strings.lower(strings)}


@pytest.fixture(scope="module")
def export_dir(tmp_path_factory):
    model, folder = Scaler(), tmp_path_factory.mktemp("export")
    names = ("images", "files", "echo", "lengths", "two_outputs")
    signatures = {name: getattr(model, name) for name in names}
    tf.saved_model.save(model, folder, signatures=signatures)
    return folder


def test_scales_float_images(export_dir):
    images = np.random.default_rng(0).normal(size=(2, 3, 5, 3)).astype(np.float32)
    scaled = run_in_c_loader(export_dir, "images", images)
    assert scaled.dtype == np.float32
    np.testing.assert_array_equal(scaled, images * SCALE)


def test_reads_an_array_that_is_not_contiguous(export_dir):
    images = np.arange(90, dtype=np.float32).reshape(3, 2, 5, 3).transpose(1, 2, 0, 3)
    np.testing.assert_array_equal(run_in_c_loader(export_dir, "images", images), images * SCALE)


def test_scales_png_files_of_different_sizes(export_dir):
    generator = np.random.default_rng(0)
    images = [generator.integers(0, 256, (*size, 3), np.uint8) for size in ((4, 6), (64, 32))]
    files = [tf.io.encode_png(image).numpy() for image in images]
    scaled = run_in_c_loader(export_dir, "files", files)
    for file, image in zip(scaled, images, strict=True):
        np.testing.assert_array_equal(tf.io.decode_png(file), np.minimum(image * SCALE, 255))


def test_strings_survive_whatever_their_length_and_bytes(export_dir):
    # Up to 22 bytes lie inside the tensor's element, longer strings outside it.
    strings = [b"", b"a\0b\xff\0", b"x" * 22, b"y" * 23, bytes(range(256)) * 4096]
    assert run_in_c_loader(export_dir, "echo", strings) == strings


def test_an_empty_batch_stays_empty(export_dir):
    assert run_in_c_loader(export_dir, "echo", []) == []


def test_strings_in_and_floats_out(export_dir):
    lengths = run_in_c_loader(export_dir, "lengths", [b"four", b""])
    np.testing.assert_array_equal(lengths, [4, 0])


def test_bytes_that_are_no_image_are_an_invalid_argument(export_dir):
    with pytest.raises(LoaderError, match=r"(?s)^code 3: .*image"):
        run_in_c_loader(export_dir, "files", [b"garbage"])


def test_an_empty_folder_is_not_found(tmp_path):
    with pytest.raises(LoaderError, match=r"(?ms)^exit code 1$.*^code 5: .*SavedModel"):
        run_in_c_loader(tmp_path, "serving_default", [b""])


def test_a_damaged_model_is_an_error(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"no protocol buffer")
    with pytest.raises(LoaderError, match=r"(?ms)^exit code 1$.*^code \d+: .*saved_model\.pb"):
        run_in_c_loader(tmp_path, "serving_default", [b""])


def test_names_the_signatures_there_are(export_dir):
    with pytest.raises(LoaderError, match=r"no signature 'missing'.*'echo', 'files', 'images'"):
        run_in_c_loader(export_dir, "missing", [b""])


def test_refuses_a_signature_of_two_outputs(export_dir):
    with pytest.raises(LoaderError, match=r"one output in 'two_outputs'.*\['one', 'two'\]"):
        run_in_c_loader(export_dir, "two_outputs", [b""])


def test_one_loaded_model_answers_requests_after_one_that_failed(export_dir):
    failed, answered = serve_in_c_loader(
        export_dir, [("files", [b"garbage"]), ("echo", {"strings": [b"here"]})]
    )
    assert isinstance(failed, LoaderError)
    assert answered == [b"here"]


def test_inputs_of_other_names_are_refused(export_dir):
    with pytest.raises(LoaderError, match=r"'echo' takes \['strings'\], not \['words'\]"):
        run_in_c_loader(export_dir, "echo", {"words": [b""]})


def test_refuses_strings_for_a_float_input(export_dir):
    with pytest.raises(LoaderError, match="expected strings or an array, as the type 1 says"):
        run_in_c_loader(export_dir, "images", [b"garbage"])
