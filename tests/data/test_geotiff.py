"""The place of a GeoTIFF file goes on to an answer of its size; nothing else does."""

import io

import numpy as np
import pytest
import tifffile

from tfpix2pix.data.encoding import encode_image
from tfpix2pix.data.geotiff import with_place_of
from tfpix2pix.data.tiff import read_tiff

# Half a metre a pixel, in UTM zone 33 north.
PLACE = {
    33550: (12, 3, (0.5, 0.5, 0.0)),
    33922: (12, 6, (0.0, 0.0, 0.0, 500000.0, 4649776.0, 0.0)),
    34735: (3, 8, (1, 1, 0, 1, 3072, 0, 1, 32633)),
    34737: (2, 8, "WGS 84|\0"),
}
VALUES = {42113: (2, 6, "-9999\0"), 42112: (2, 18, "<GDALMetadata/>...")}
ANSWER = np.random.default_rng(0).normal(size=(5, 7, 6)).astype(np.float32)


def source(tmp_path, size=(5, 7), tags=PLACE | VALUES, name="in.tif"):
    path = tmp_path / name
    extra = [(code, *what, True) for code, what in tags.items()]
    tifffile.imwrite(path, np.zeros(size, np.float32), extratags=extra)
    return path


def tags_of(content):
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        return {tag.code: tag.value for tag in file.pages.first.tags}


@pytest.mark.parametrize("name", ["in.tif", "in.TIFF"])
@pytest.mark.parametrize("answer", [ANSWER, ANSWER[..., :1], ANSWER[..., :3]])
def test_the_place_is_kept_and_the_pixels_are_as_they_were(name, answer, tmp_path):
    content = with_place_of(source(tmp_path, name=name), encode_image(answer)[0])
    np.testing.assert_array_equal(read_tiff(content).pixels, answer)
    found = tags_of(content)
    assert found[33550] == PLACE[33550][2]
    assert found[33922] == PLACE[33922][2]
    assert found[34735] == PLACE[34735][2]
    assert found[34737] == "WGS 84|"
    assert not set(VALUES) & set(found)


def test_an_answer_of_another_size_lies_elsewhere(tmp_path):
    answer, _ = encode_image(ANSWER)
    assert with_place_of(source(tmp_path, size=(10, 14)), answer) == answer


def test_files_without_a_place_change_nothing(tmp_path):
    answer, _ = encode_image(ANSWER)
    assert with_place_of(source(tmp_path, tags=VALUES), answer) == answer
    assert with_place_of(tmp_path / "photo.png", answer) == answer


def test_names_of_places_may_have_any_letters(tmp_path):
    name = "R\u00e9union 92|".encode() + b"\0"
    tags = PLACE | {34737: (2, len(name), name)}
    content = with_place_of(source(tmp_path, tags=tags), encode_image(ANSWER)[0])
    assert name.rstrip(b"\0") in content
