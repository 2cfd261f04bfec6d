"""A SavedModel answers as the run's Keras generator does, or is not written."""

import numpy as np
import pytest

from tfpix2pix.cli import main as cli
from tfpix2pix.errors import SettingsError, UserError
from tfpix2pix.export import savedmodel, savedmodel_check
from tfpix2pix.export.savedmodel import export_savedmodel
from tfpix2pix.inference.runtimes import load_network
from tfpix2pix.inference.served import ServingOptions, load_served_model
from tfpix2pix.inference.translator import load_run_generator

CHECKED = "checked as TensorFlow loads it: largest difference "


def test_the_difference_is_told(trained, tmp_path, capsys):
    assert cli.main(["export", str(trained()), "--output", str(tmp_path / "model")]) == 0
    shown = capsys.readouterr().out
    (line,) = [line for line in shown.splitlines() if line.startswith(CHECKED)]
    assert line.endswith(" on 3 validation inputs, in units of [-1, 1]")
    assert float(line.removeprefix(CHECKED).split(",")[0]) < 2e-5
    assert "not checked on the run's own images" not in shown
    images = np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 3)).astype(np.float32)
    generator = load_run_generator(trained())
    expected = np.concatenate([generator(image[np.newaxis], training=False) for image in images])
    assert np.abs(expected).max() > 0.5  # a picture, whose difference means something
    np.testing.assert_allclose(load_network(tmp_path / "model" / "1")(images), expected, atol=2e-5)


@pytest.mark.parametrize(
    ("flags", "options"),
    [
        ({}, ServingOptions("resize")),
        # To 64x64.
        ({}, ServingOptions("pad")),
        ({"resize": "crop"}, None),
        # Scaled to a width of 72 first, which is no multiple of 64.
        ({"resize": "scale_width_and_crop", "load_size": 72}, None),
    ],
)
def test_images_of_any_handling_are_compared_as_the_network_sees_them(
    flags, options, trained, tmp_path
):
    exported = export_savedmodel(trained(**flags), tmp_path / "model", options=options)
    assert exported.path == tmp_path / "model" / "1"
    assert exported.difference.images == "3 validation inputs"
    assert exported.difference.mean <= exported.difference.largest < 2e-5
    files = [path for path in exported.path.rglob("*") if path.is_file()]
    assert exported.size == sum(path.stat().st_size for path in files)


def test_dropout_draws_what_the_generator_draws(trained, tmp_path, monkeypatch):
    run_dir = trained(dropout_at_prediction=True, depth=5)
    options = ServingOptions(dropout=True)
    exported = export_savedmodel(run_dir, tmp_path / "model", options=options)
    assert exported.difference.largest < 2e-5
    choose = savedmodel_check.set_prediction_seed
    monkeypatch.setattr(
        savedmodel_check, "set_prediction_seed", lambda model, seed: choose(model, seed + 1)
    )
    with pytest.raises(UserError, match="the SavedModel does not answer as the run does"):
        export_savedmodel(run_dir, tmp_path / "model", options=options)


def test_that_dropout_is_off_is_said_of_what_was_written(trained, tmp_path, capsys):
    run_dir = trained(dropout_at_prediction=True, depth=5)
    arguments = ["export", str(run_dir), "--output"]
    assert cli.main([*arguments, str(tmp_path / "model")]) == 0
    lines = capsys.readouterr().out.splitlines()
    (line,) = [line for line in lines if line.startswith("dropout is off in the export")]
    assert lines.index(line) > next(i for i, one in enumerate(lines) if one.startswith("wrote "))
    (tmp_path / "file").touch()
    assert cli.main([*arguments, str(tmp_path / "file")]) == 1
    shown = capsys.readouterr()
    assert "cannot write" in shown.err
    assert "dropout" not in shown.out


def test_what_answers_otherwise_is_not_written(trained, tmp_path, monkeypatch, capsys):
    def load_others(*args, **kwargs):
        model = load_served_model(*args, **kwargs)
        for variable in model.generator_variables:
            variable.assign(1.2 * variable)
        return model

    monkeypatch.setattr(savedmodel, "load_served_model", load_others)
    assert cli.main(["export", str(trained()), "--output", str(tmp_path / "model")]) == 1
    shown = capsys.readouterr()
    assert "the SavedModel does not answer as the run does: largest difference" in shown.err
    assert "where at most 0.00098 and 9.8e-05 are allowed" in shown.err
    assert CHECKED not in shown.out
    assert list((tmp_path / "model").iterdir()) == []


def test_without_its_data_a_run_is_checked_on_noise(moved_run, tmp_path, capsys):
    assert cli.main(["export", str(moved_run), "--output", str(tmp_path / "model")]) == 0
    shown = capsys.readouterr().out
    assert "not checked on the run's own images: " in shown
    assert f"{tmp_path}/gone" in shown
    assert " on 8 images of noise, in units of [-1, 1]" in shown


def test_data_that_moved_can_be_named(moved_run, module_pairs_folder, tmp_path, capsys):
    arguments = ["export", str(moved_run), "--output", str(tmp_path / "model")]
    assert cli.main([*arguments, "--data", str(module_pairs_folder)]) == 0
    assert " on 3 validation inputs, in units of [-1, 1]" in capsys.readouterr().out
    assert cli.main([*arguments, "--data", str(tmp_path / "nowhere")]) == 1
    assert "nowhere" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["1"]


def test_a_limit_below_the_scaled_width_is_refused(trained, tmp_path):
    run_dir = trained(resize="scale_width_and_crop", load_size=72)
    options = ServingOptions(max_megapixels=0.008)
    with pytest.raises(SettingsError, match=r"own size, 64x128, have 0\.008192"):
        export_savedmodel(run_dir, tmp_path / "model", options=options)
