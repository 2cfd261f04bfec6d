"""The document's JSON, and what does not fit together."""

import dataclasses
import json
import math

import numpy as np
import pytest

from tests.report.drawn import METRICS, NASTY, figures_of, make_document, make_run
from tfpix2pix.errors import UserError
from tfpix2pix.report.document import Image
from tfpix2pix.report.reading import from_json, read_document, to_json


def image(name="a.png", runs=1, **figures):
    return Image(name, 64, 32, [figures or figures_of(0, 2)] * runs)


@pytest.mark.parametrize("runs", [1, 2])
def test_json_gives_the_same_document_back(runs):
    document = make_document(runs, images=[image(runs=runs), image(NASTY, runs)])
    assert from_json(to_json(document)) == document
    assert from_json(to_json(document, indent=1)) == document


def test_json_holds_plain_names_and_numbers():
    document = make_document(images=[image(ssim=np.float32(0.25), l1=None)])
    read = json.loads(to_json(document))
    assert read["format"] == 1
    assert read["metrics"][1] == {
        "name": "psnr",
        "label": "PSNR",
        "unit": "dB",
        "higher_is_better": True,
        "digits": 2,
    }
    figures = [{"ssim": 0.25, "l1": None}]
    assert read["images"] == [{"name": "a.png", "height": 64, "width": 32, "figures": figures}]
    assert read["runs"][0]["settings"]["data"]["crop_size"] == [256, 256]
    assert read["runs"][0]["curves"]["val_ssim"][0][0] == 1000.0


def test_figures_that_are_not_finite_are_texts_that_float_reads():
    document = make_document(images=[image(psnr=math.inf, ssim=math.nan, l1=-math.inf)])
    text = to_json(document)
    (figures,) = json.loads(text)["images"][0]["figures"]
    assert figures == {"psnr": "Infinity", "ssim": "NaN", "l1": "-Infinity"}
    (read,) = from_json(text).images[0].figures
    assert read["psnr"] == math.inf
    assert math.isnan(read["ssim"])


def test_what_json_and_xml_cannot_hold_is_escaped():
    """A file name of other bytes than UTF-8, and one with a bell in it."""
    document = make_document(images=[image("\udcff.png"), image("\udcfe.png"), image("a\x07b")])
    names = [image.name for image in from_json(to_json(document)).images]
    assert names == ["\\udcff.png", "\\udcfe.png", "a\\x07b"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"main_metric": "fid"}, "main_metric is one of"),
        ({"metrics": METRICS * 2}, "metrics have names of their own"),
        ({"runs": []}, "one or two runs"),
        ({"runs": [make_run("a"), make_run("a")]}, "runs have different names"),
        ({"comparison": {"differences": []}}, "two runs are compared"),
        ({"images": [image(), image()]}, "images have names of their own"),
        ({"images": [image(runs=2)]}, "figures for each of the 1 runs"),
        ({"images": [image(lpips=0.5)]}, "not of {'lpips'}"),
        ({"panels": [{"title": "a", "names": [1]}]}, "valid string"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        make_document(**changed)


def test_a_file_that_is_no_document_is_said_to_be_none(tmp_path):
    path = tmp_path / "evaluation.json"
    with pytest.raises(UserError, match=r"cannot read .*evaluation.json: No such file"):
        read_document(path)
    whole = to_json(make_document())
    path.write_text(whole)
    assert read_document(path) == make_document()
    path.write_text(whole.replace('"digits":2', '"digits":"two"'))
    with pytest.raises(UserError, match=r"evaluation.json is not .*: metrics.1.digits: .*integer"):
        read_document(path)
    later = dataclasses.replace(make_document(), format=2)
    with pytest.raises(UserError, match="has format 2, expected 1"):
        from_json(to_json(later))
