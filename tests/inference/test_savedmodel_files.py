"""`predict` by a SavedModel writes the very files that it writes by the run."""

import io

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from tfpix2pix.data.encoding import encode_image
from tfpix2pix.data.formats import RGB_PAIRS, ImageFormat, PairFormat
from tfpix2pix.errors import UserError
from tfpix2pix.export.loading import load_exported
from tfpix2pix.export.savedmodel import write_savedmodel
from tfpix2pix.inference.files import FileTranslator
from tfpix2pix.inference.fitting import Fitting
from tfpix2pix.inference.served import ServedModel
from tfpix2pix.inference.streaming import StreamingAnswerer
from tfpix2pix.inference.translator import Translator
from tfpix2pix.models import unet_generator

SIZE = 16
PALETTE = ((0, 0, 170), (0, 0, 255), (0, 85, 255))
GRAY16 = ImageFormat(1, "uint16", (0.0, 65535.0))
RGB16 = ImageFormat(3, "uint16", (0.0, 65535.0))
FLOATS = ImageFormat(5, "float32", (-1.0, 1.0))
FORMATS = {
    "rgb": RGB_PAIRS,
    "gray": PairFormat(ImageFormat(1), ImageFormat(4)),
    "transparency": PairFormat(ImageFormat(4), ImageFormat(4)),
    "gray of 16 bits": PairFormat(GRAY16, GRAY16),
    "colours of 16 bits": PairFormat(RGB16, RGB16),
    "labels": PairFormat(ImageFormat(palette=PALETTE), ImageFormat(palette=PALETTE)),
    "to floats": PairFormat(ImageFormat(), FLOATS),
}


def noise(*shape, dtype="uint8"):
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def by_pillow(image, file_format, **options):
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def by_tifffile(pixels):
    file = io.BytesIO()
    tifffile.imwrite(file, pixels)
    return file.getvalue()


def photo(mode="RGB", size=(SIZE, SIZE)):
    return Image.fromarray(noise(*size, 3)).convert(mode)


FILES = {
    "same.png": by_pillow(photo(), "PNG"),
    "other.png": by_pillow(photo(size=(25, 40)), "PNG"),
    "gray.png": by_pillow(photo("L", (9, 20)), "PNG"),
    "palette.png": by_pillow(photo("P"), "PNG"),
    "alpha.png": by_pillow(photo("RGBA"), "PNG"),
    "gray16.png": imagecodecs.png_encode(noise(20, 9, dtype="uint16")),
    "rgb16.png": imagecodecs.png_encode(noise(SIZE, SIZE, 3, dtype="uint16")),
    "photo.jpg": by_pillow(photo(size=(33, 21)), "JPEG", quality=70),
    "gray.jpeg": by_pillow(photo("L"), "JPEG"),
    "photo.bmp": by_pillow(photo(size=(20, 20)), "BMP"),
    "palette.bmp": by_pillow(photo("P"), "BMP"),
    "photo.webp": by_pillow(photo(), "WEBP", quality=70),
    "gray16.tif": by_tifffile(noise(SIZE, 20, dtype="uint16")),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    return folder


def generator_for(formats):
    channels = formats.input.network_channels, formats.target.network_channels
    activation = "softmax" if formats.target.palette else "tanh"
    model = unet_generator(SIZE, *channels, base_filters=2, output_activation=activation)
    rng = np.random.default_rng(0)
    model.set_weights([w + rng.normal(0, 0.3, w.shape) * (w.ndim > 1) for w in model.get_weights()])
    return model


def translators(formats, models):
    """That of a run, and that of its export."""
    generator = generator_for(formats)
    version = write_savedmodel(
        ServedModel(generator, Fitting((SIZE, SIZE), "fixed", formats)), models
    )
    return FileTranslator(Translator(generator, formats=formats)), load_exported(version)


@pytest.mark.parametrize("name", FORMATS)
def test_the_files_are_the_runs_byte_for_byte(name, folder, tmp_path):
    found = []
    for translator in translators(FORMATS[name], tmp_path / "models"):
        answers = list(StreamingAnswerer(translator).answers(sorted(folder.iterdir())))
        assert [answer.failure for answer in answers] == [None] * len(FILES)
        found.append({answer.source.name: answer.content for answer in answers})
    assert found[0] == found[1]
    assert len(set(found[0].values())) > len(FILES) / 2  # they are answers to the images


def test_floats_of_many_channels_go_in_and_out(tmp_path, caplog):
    image = np.random.default_rng(0).uniform(-1, 1, (SIZE, SIZE, 5)).astype(np.float32)
    (tmp_path / "in.tif").write_bytes(encode_image(image)[0])
    of_run, of_export = translators(PairFormat(FLOATS, FLOATS), tmp_path / "models")
    assert caplog.text == ""  # what TensorFlow says of gradients is not for those who predict
    answer, expected = (
        one.encode(one.translate(one.read(tmp_path / "in.tif")[None])[0])
        for one in (of_export, of_run)
    )
    assert answer == expected


@pytest.mark.parametrize(("content", "reason"), [(b"", "is empty"), (b"GIF89a", "not an image")])
def test_what_is_no_image_is_refused_as_by_the_run(content, reason, tmp_path):
    (tmp_path / "bad.png").write_bytes(content)
    for translator in translators(RGB_PAIRS, tmp_path / "models"):
        with pytest.raises(UserError, match=reason):
            translator.read(tmp_path / "bad.png")
