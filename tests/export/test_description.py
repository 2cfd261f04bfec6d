"""What is written of a model is what is read back, without TensorFlow."""

import dataclasses
import json
import subprocess
import sys

import pytest

from tfpix2pix.data.formats import ImageFormat, PairFormat
from tfpix2pix.errors import UserError
from tfpix2pix.export.description import ModelDescription, read_description

FULL = ModelDescription(
    PairFormat(
        ImageFormat(3, "uint8", palette=((0, 0, 0), (255, 1, 2))),
        ImageFormat(5, "float32", (-1.5, 2.0)),
    ),
    (64, 128),
    "pad",
    "area",
    "nearest",
    256,
    512,
    {"model": {"base_filters": 64, "depth": None}, "data": {"crop_size": [64, 128]}},
    400,
    {"step": 300, "val_ssim": 0.25},
    {"train_pairs": 6, "fingerprint": "abc"},
    {"tensorflow": "2.21.0"},
    {"max_megapixels": 64.0},
)


@pytest.mark.parametrize(
    "description",
    [FULL, *(ModelDescription(PairFormat(), (256, 256), handling) for handling in ("fixed", None))],
)
def test_a_description_comes_back_as_it_was(description):
    assert ModelDescription.from_json(description.to_json()) == description


def test_the_text_names_every_attribute():
    plain = json.loads(FULL.to_json())
    assert set(plain) == {f.name for f in dataclasses.fields(FULL)} | {"tfpix2pix_model"}
    assert plain["formats"]["target"]["value_range"] == [-1.5, 2.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing", "no description of a model"),
        ("[]", "no description of a model"),
        ('{"tfpix2pix_model": 1}', "no description of a model"),
        ('{"tfpix2pix_model": 2}', "of version 2, and this program reads version 1"),
        (FULL.to_json().replace('"size":', '"sighs":'), "no description of a model"),
        (FULL.to_json().replace('"step": 400', '"more": 400'), "no description of a model"),
    ],
)
def test_other_texts_are_refused_by_their_file(text, message, tmp_path):
    path = tmp_path / "tfpix2pix.json"
    path.write_text(text)
    with pytest.raises(UserError, match=message) as refused:
        read_description(path)
    assert str(refused.value).startswith(f"{path}: ")


def test_a_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(UserError, match=r"cannot read .*gone\.json: No such file"):
        read_description(tmp_path / "gone.json")


def test_it_is_read_without_tensorflow():
    program = (
        "import sys; from tfpix2pix.export.description import read_description; "
        "sys.exit(bool({'tensorflow', 'keras'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
