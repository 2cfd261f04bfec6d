"""`tfpix2pix export` and its flags about a SavedModel, as a user types them."""

import json

import pytest

from tfpix2pix.cli import main as cli

TINY = "--load-size 18 --crop-size 16 --base-filters 2 --depth 3 --n-layers 1 --steps 2"


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory, module_pairs_folder):
    folder = tmp_path_factory.mktemp("cli") / "run"
    arguments = ["--data", str(module_pairs_folder), "--run-dir", str(folder), *TINY.split()]
    assert cli.train_main(arguments) == 0
    return folder


def test_an_export_says_what_it_is_and_what_it_was_trained_on(
    run_dir, module_pairs_folder, tmp_path, capsys
):
    flags = ["--size-handling", "pad", "--max-megapixels", "0.5"]
    arguments = ["export", str(run_dir), "--output", str(tmp_path / "tiny"), *flags]
    assert cli.main(arguments) == 0
    version = tmp_path / "tiny" / "1"
    assert f"wrote {version}; what it is: {version}/model_card.md" in capsys.readouterr().out
    known = json.loads((version / "tfpix2pix.json").read_text())
    assert (known["step"], known["size"], known["size_handling"]) == (2, [16, 16], "pad")
    assert known["multiple"] == 64
    assert known["serving"]["max_megapixels"] == 0.5
    assert known["settings"]["model"]["base_filters"] == 2
    assert known["trained_on"]["train_pairs"] == 6
    card = (version / "model_card.md").read_text()
    assert f"6 pairs of {module_pairs_folder}, 2 steps." in card
    assert "mirrored on at the right and below up to multiples of 64" in card
    assert "base_filters: 2" in card
    # The last step of a run is validated.
    assert known["metrics"]["step"] == 2
    assert f"| ssim | {known['metrics']['val_ssim']:g} |" in card


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--size-handling", "crop"], "invalid choice: 'crop'"),
        (["--max-megapixels", "0"], "expected megapixels, such as 64 or 0.5, got 0"),
        (["--max-megapixels", "nan"], "expected megapixels"),
        (["--dropout"], "--dropout: the generator of this run has no dropout"),
        (["--format", "pytorch", "--dropout"], "--dropout goes with --format savedmodel"),
    ],
)
def test_flags_that_cannot_be_used_are_refused(flags, message, run_dir, tmp_path, capsys):
    output = tmp_path / "out"
    assert cli.main(["export", str(run_dir), "--output", str(output), *flags]) == 2
    assert message in capsys.readouterr().err
    assert not output.exists()
