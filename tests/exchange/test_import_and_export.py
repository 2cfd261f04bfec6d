"""`tfpix2pix import` and `export --format pytorch`: from a checkpoint to a run, and back."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import torch
from parity import answer, arrays
from PIL import Image
from torch_reference import PatchGan, PixelGan, Resnet, Unet, draw

from tfpix2pix.cli import main as cli
from tfpix2pix.config import dump_settings, resolve
from tfpix2pix.data.formats import RGB_PAIRS
from tfpix2pix.errors import SettingsError, UserError
from tfpix2pix.export.pytorch import export_pytorch
from tfpix2pix.files import write_atomically
from tfpix2pix.training.checkpoints import Checkpoints, load_generator
from tfpix2pix.training.import_settings import import_settings
from tfpix2pix.training.imported import import_run
from tfpix2pix.training.run_folder import RunFolder
from tfpix2pix.training.state import TrainState

POOL = ("inputs", "generated", "held")
QUIET = {"dropout_at_prediction": False}


def saved(network, path):
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A U-Net of depth 5 and its discriminator, as the reference saves them."""
    folder = tmp_path_factory.mktemp("checkpoints")
    return {
        "generator": saved(draw(Unet(5, 4)), folder / "latest_net_G.pth"),
        "discriminator": saved(draw(PatchGan(2, 4), 1), folder / "latest_net_D.pth"),
    }


def importing(files, run_dir, *flags):
    paths = [str(files["generator"]), "--discriminator", str(files["discriminator"])]
    size = ["--crop-size", "32", "--no-dropout-at-prediction"]
    return cli.main(["import", *paths, "--output", str(run_dir), *size, *flags])


def loads(network, path):
    network.load_state_dict(torch.load(path, weights_only=True), strict=True)
    return network


def test_a_checkpoint_predicts_trains_and_goes_back(files, pairs_folder, tmp_path, capsys):
    run_dir, pictures, back = tmp_path / "run", tmp_path / "pictures", tmp_path / "back"
    assert importing(files, run_dir) == 0
    shown = capsys.readouterr().out
    assert "U-Net (depth 5), batch norm, 4 filters, 3 to 3 channels: 0.0" in shown
    assert "PatchGAN (n_layers 2), batch norm, 4 filters, 6 channels in" in shown
    assert f"tfpix2pix-train --run-dir {run_dir} --resume --data PATH --epochs N" in shown

    # It answers as the reference does, with the statistics of the one image.
    photo = next((pairs_folder / "val").iterdir())
    assert cli.main(["predict", str(run_dir), str(photo), "--output", str(pictures)]) == 0
    image = np.array(Image.open(photo).resize((32, 32), Image.Resampling.BICUBIC))
    run = RunFolder(run_dir)
    generator = load_generator(run.settings(), run.checkpoints, run.formats())
    scaled = (image[np.newaxis] / 127.5 - 1).astype(np.float32)
    network = loads(Unet(5, 4, dropout=0.0), files["generator"]).train()
    np.testing.assert_allclose(
        generator(scaled, training=False), answer(network, scaled), atol=1e-5
    )
    assert np.array(Image.open(pictures / photo.name)).shape == (32, 32, 3)

    # Not trained, it goes back as it came.
    export = ["export", str(run_dir), "--format", "pytorch", "--output", str(back)]
    assert cli.main(export) == 0
    for name, network in (("G", Unet(5, 4)), ("D", PatchGan(2, 4))):
        kind = {"G": "generator", "D": "discriminator"}[name]
        before, after = (
            torch.load(path, weights_only=True)
            for path in (files[kind], back / f"latest_net_{name}.pth")
        )
        assert list(before) == list(after)
        assert all(torch.equal(before[key], after[key]) for key in before)
        assert all(before[key].dtype == after[key].dtype for key in before)
        loads(network, back / f"latest_net_{name}.pth")

    # It trains on, and what it learned goes back too.
    resume = ["train", "--run-dir", str(run_dir), "--resume"]
    assert cli.main([*resume, "--data", str(pairs_folder), "--steps", "2"]) == 0
    assert run.settings().data.data == str(pairs_folder)
    assert cli.main([*export[:-1], str(tmp_path / "trained")]) == 0
    network = loads(Unet(5, 4, dropout=0.0), tmp_path / "trained" / "latest_net_G.pth").train()
    generator = load_generator(run.settings(), run.checkpoints, run.formats())
    np.testing.assert_allclose(
        generator(scaled, training=False), answer(network, scaled), atol=1e-5
    )
    assert network.model.model[1].model[2].num_batches_tracked == 2 + 1  # and this one answer
    before = torch.load(files["generator"], weights_only=True)["model.model.3.bias"]
    assert not np.allclose(arrays(network)["model.model.3.bias"], before)
    judge = loads(PatchGan(2, 4), tmp_path / "trained" / "latest_net_D.pth").train()
    target = np.random.default_rng(0).uniform(-1, 1, scaled.shape).astype(np.float32)
    np.testing.assert_allclose(
        trained_discriminator(run)([scaled, target], training=True),
        answer(judge, np.concatenate([scaled, target], axis=-1)),
        atol=1e-4,
    )


def trained_discriminator(run):
    state = TrainState(run.settings(), 1)
    assert Checkpoints(state, run.checkpoints, 1).restore_latest()
    return state.networks.discriminator


def test_resuming_imported_weights_asks_for_what_is_missing(files, pairs_folder, tmp_path, capsys):
    run_dir = tmp_path / "run"
    assert importing(files, run_dir) == 0
    resume = ["train", "--run-dir", str(run_dir), "--resume"]

    def error(*flags):
        capsys.readouterr()
        status = cli.main([*resume, *flags])
        return status, capsys.readouterr().err

    assert "holds imported weights, and no data yet: give --data" in error("--steps", "1")[1]
    assert error("--data", str(pairs_folder)) == (
        2,
        "error: how long to train? Give --steps or --epochs\n",
    )
    assert "--seed cannot be given" in error("--seed", "1")[1]
    gray = ["--data", str(pairs_folder), "--steps", "1", "--input-channels", "1"]
    status, message = error(*gray)
    assert status == 1
    assert "networks see as 1 to 3 channels; the imported weights are for 3 to 3" in message
    # A refused attempt leaves all as it was.
    assert RunFolder(run_dir).awaits_pairs()
    assert RunFolder(run_dir).settings().data.data == "imported"
    config = str(RunFolder(run_dir).config)
    assert cli.main(["train", "--config", config, "--steps", "1"]) == 1
    assert "stands for imported weights that have no data yet" in capsys.readouterr().err


@pytest.mark.slow
def test_data_and_length_may_be_given_at_the_import(files, pairs_folder, tmp_path):
    run_dir = tmp_path / "run"
    flags = ["--data", str(pairs_folder), "--epochs", "0.5", "--batch-size", "3"]
    assert importing(files, run_dir, *flags) == 0
    assert cli.main(["train", "--run-dir", str(run_dir), "--resume"]) == 0
    assert tf.train.latest_checkpoint(str(run_dir / "checkpoints")).endswith("step-1")
    # From here on it is a run like any other.
    assert cli.main(["train", "--run-dir", str(run_dir), "--resume", "--steps", "2"]) == 0
    assert tf.train.latest_checkpoint(str(run_dir / "checkpoints")).endswith("step-2")


@pytest.mark.slow
def test_a_pool_is_of_the_size_that_imported_weights_are_trained_at(files, pairs_folder, tmp_path):
    """Not of that of the import, since it is empty then."""
    run_dir = tmp_path / "run"
    assert importing(files, run_dir, "--pool-size", "2") == 0
    resume = ["train", "--run-dir", str(run_dir), "--resume"]
    sizes = ["--crop-size", "64", "--load-size", "64"]
    assert cli.main([*resume, "--data", str(pairs_folder), "--steps", "1", *sizes]) == 0
    assert cli.main([*resume, "--steps", "2"]) == 0
    pool = tf.train.load_checkpoint(str(run_dir / "checkpoints"))
    values = {name: pool.get_tensor(f"pool/{name}/.ATTRIBUTES/VARIABLE_VALUE") for name in POOL}
    assert values["held"] == 2
    assert values["inputs"].shape == values["generated"].shape == (2, 64, 64, 3)
    assert all(image.std() > 0 for image in (*values["inputs"], *values["generated"]))


def test_a_size_that_imported_weights_do_not_take_is_refused(
    files, pairs_folder, tmp_path, monkeypatch, capsys
):
    run_dir = tmp_path / "run"
    assert importing(files, run_dir) == 0
    monkeypatch.setattr("tfpix2pix.training.run.resume", lambda *_, **__: pytest.fail("resumed"))
    flags = ["--data", str(pairs_folder), "--steps", "1", "--crop-size", "48", "--load-size", "48"]
    assert cli.main(["train", "--run-dir", str(run_dir), "--resume", *flags]) == 2
    assert "crop_size: image size 48x48 does not fit" in capsys.readouterr().err


def test_what_an_imported_run_folder_says_of_itself(files, tmp_path):
    imported = import_run(files["generator"], tmp_path / "run", given={"crop_size": 32})
    assert imported.discriminator is None
    folder = RunFolder(tmp_path / "run")
    settings = folder.settings()
    assert settings == imported.settings
    assert (settings.data.crop_size, settings.data.load_size) == ((32, 32), (36, 36))
    assert (settings.train.update, settings.model.dropout_start) == ("alternating", 2)
    assert settings.model.dropout_at_prediction
    assert folder.awaits_pairs()
    origin = json.loads(folder.environment.read_text())["imported"]["generator"]
    assert origin["file"] == "latest_net_G.pth"
    assert len(origin["sha256"]) == 64
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_the_moving_average_begins_at_the_imported_weights(files, tmp_path):
    given = {"crop_size": 32, "ema_decay": 0.9, **QUIET}
    import_run(files["generator"], tmp_path / "run", given=given)
    paths = export_pytorch(tmp_path / "run", tmp_path / "out", with_discriminator=False)
    assert [path.name for path in paths] == ["latest_net_G.pth"]
    before, after = (torch.load(p, weights_only=True) for p in (files["generator"], paths[0]))
    assert all(torch.equal(before[key], after[key]) for key in before)


@pytest.mark.parametrize(
    ("generator", "discriminator", "size"),
    [
        (partial(Unet, 6, 2, "instance", (1, 3)), partial(PatchGan, 1, 2, "instance", 4), 64),
        (partial(Resnet, 6, 2, dropout=0.5), partial(PixelGan, 2), 16),
        pytest.param(
            *(partial(Resnet, 9, 2, "instance", dropout=0.0), partial(PatchGan, 1, 2, channels=3)),
            16,
            marks=pytest.mark.slow,
        ),
    ],
    ids=["unet", "resnet_6", "resnet_9"],
)
def test_every_kind_comes_back_as_it_went_in(generator, discriminator, size, tmp_path):
    networks = {"G": draw(generator(), 4), "D": draw(discriminator(), 5)}
    paths = {name: saved(network, tmp_path / f"{name}.pth") for name, network in networks.items()}
    given = {"crop_size": size}
    import_run(paths["G"], tmp_path / "run", discriminator_file=paths["D"], given=given)
    exported = export_pytorch(tmp_path / "run", tmp_path / "out")
    for name, path in zip("GD", exported, strict=True):
        found = arrays(loads({"G": generator, "D": discriminator}[name](), path))
        expected = arrays(networks[name])
        assert found.keys() == expected.keys()
        assert all(np.array_equal(found[key], expected[key]) for key in found)


WRONG_FLAGS = {
    "a contradiction": (["--base-filters", "64"], "--base-filters 64: the weights are of a net"),
    "another kind": (["--generator", "resnet_9"], "a network of generator unet; leave"),
    "a wrong size": (["--crop-size", "48"], "must be multiples of 32"),
    "channels": (["--input-channels", "1"], "a network of input_channels 3"),
    "spectral norm": (["--spectral-norm", "both"], "--spectral-norm"),
    "an unknown word": (["--norm", "layer"], "norm"),
}


@pytest.mark.parametrize("name", WRONG_FLAGS)
def test_settings_that_contradict_the_weights_are_refused(name, files, tmp_path, capsys):
    flags, message = WRONG_FLAGS[name]
    assert importing(files, tmp_path / "run", *flags) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_import_refuses_what_is_no_pair_of_networks(files, tmp_path, capsys):
    def error(generator, discriminator=None):
        flags = ["--discriminator", str(discriminator)] if discriminator else []
        status = cli.main(["import", str(generator), "--output", str(tmp_path / "run"), *flags])
        assert status == 1
        return capsys.readouterr().err

    assert "there is no file nothing.pth" in error("nothing.pth")
    assert "holds a discriminator" in error(files["discriminator"])
    assert "holds a generator" in error(files["generator"], files["generator"])
    other = saved(PatchGan(2, 4, channels=5), tmp_path / "channels.pth")
    assert "sees 5 channels; with this generator it must be 6" in error(files["generator"], other)
    other = saved(PatchGan(2, 8), tmp_path / "filters.pth")
    assert "the discriminator has base_filters 8, the generator 4: both have" in error(
        files["generator"], other
    )
    many = saved(Unet(5, 4, channels=(5, 3)), tmp_path / "many.pth")
    assert "the generator's input has 5 channels: expected images of 1 (gray)" in error(many)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    assert f"{tmp_path / 'run'} is there already" in error(files["generator"])


def test_a_discriminator_of_pytorch_is_not_for_the_tutorials_generator(tmp_path):
    """One epsilon and one slope are of both networks here; with others it would judge otherwise."""
    generator = Path(__file__).parent / "data" / "tutorial"
    judge = saved(PatchGan(1, 2), tmp_path / "latest_net_D.pth")
    with pytest.raises(UserError, match=r"norm_epsilon 1e-05, the generator 0\.001: both have"):
        import_run(generator, tmp_path / "run", discriminator_file=judge)
    assert not (tmp_path / "run").exists()


def test_generators_of_label_maps_take_their_palette(tmp_path):
    path = saved(draw(Unet(5, 2, channels=(3, 1))), tmp_path / "labels.pth")
    labels = {"input_encoding": "labels", "crop_size": 32}
    colours = {"palette": "#000000,#0000ff,#00ff00"}
    imported = import_run(path, tmp_path / "run", given=labels | colours)
    assert RunFolder(imported.run_dir).formats().input.network_channels == 3
    with pytest.raises(SettingsError, match="palette: it has 2 colours, and the generator takes 3"):
        import_run(path, tmp_path / "no", given=labels | {"palette": "#000000,#0000ff"})


@pytest.mark.parametrize(
    ("given", "load_size", "crop_size"),
    [
        ({}, (286, 286), (256, 256)),
        ({"crop_size": "512"}, (572, 572), (512, 512)),
        ({"crop_size": "128x256"}, (143, 286), (128, 256)),
        ({"load_size": "300"}, (300, 300), (256, 256)),
        ({"load_size": "128"}, (128, 128), (128, 128)),
        ({"load_size": "256", "crop_size": "256"}, (256, 256), (256, 256)),
    ],
)
def test_sizes_follow_each_other_as_in_the_reference(given, load_size, crop_size):
    data = import_settings(given).data
    assert (data.load_size, data.crop_size) == (load_size, crop_size)


def untrained_run(folder, **flags):
    """A run folder at step 0 of any settings."""
    flags = {"base_filters": 2, "crop_size": 32, "load_size": 32, "n_layers": 1, **flags}
    run, settings = RunFolder(folder), resolve("pytorch", flags=flags)
    Checkpoints(TrainState(settings, 1), run.checkpoints, 1).save()
    facts = {"train_pairs": None, "fingerprint": None, "format": RGB_PAIRS.to_plain()}
    write_atomically(run.data, json.dumps(facts))
    write_atomically(run.config, dump_settings(settings))
    return run


def test_skips_in_the_other_order_are_put_into_the_references(tmp_path):
    """The channels of the kernels over them are exchanged, so that the answers are the same."""
    run = untrained_run(tmp_path / "run", skip_order="decoder_first")
    export_pytorch(run.path, tmp_path / "out")
    images = np.random.default_rng(0).uniform(-1, 1, (1, 32, 32, 3)).astype(np.float32)
    model = load_generator(
        run.settings(), run.checkpoints, run.formats(), dropout_at_prediction=False
    )
    network = loads(Unet(5, 2, dropout=0.0), tmp_path / "out" / "latest_net_G.pth").train()
    found = np.array(model(images, training=False))
    np.testing.assert_allclose(found, answer(network, images), atol=1e-5)
    assert found.std() > 1e-3


NOT_THERE = {
    "skip": {"skip": "preactivation"},
    "generator": {"generator": "encoder_decoder"},
    "upsampling": {"upsampling": "resize"},
    "norm": {"norm": "group"},
    "generator_bias": {"generator_bias": "all"},
    "norm_epsilon": {"norm_epsilon": 1e-3},
    "leaky_slope": {"leaky_slope": 0.1},
    "depth": {"depth": 4},
    "spectral_norm": {"spectral_norm": "discriminator"},
    "discriminator_scales": {"discriminator_scales": 2, "n_layers": 1},
    "discriminator_norm": {"discriminator_norm": "none"},
    "discriminator_bias": {"discriminator": "pixelgan"},
}
# Biases that the reference lacks; new ones are 0, and go for none.
EXTRA_BIASES = {
    "generator_bias": ("generator", "down2_conv"),
    "discriminator_bias": ("discriminator", "logits_conv"),
}


@pytest.mark.parametrize("setting", NOT_THERE)
def test_networks_that_the_reference_lacks_are_refused_by_their_setting(setting, tmp_path):
    run = untrained_run(tmp_path / "run", **NOT_THERE[setting])
    if setting in EXTRA_BIASES:
        give_bias(run, *EXTRA_BIASES[setting])
    with pytest.raises(UserError, match=rf"^{setting}\b.*reference"):
        export_pytorch(run.path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def give_bias(run, network, layer):
    """As training does."""
    state = TrainState(run.settings(), 1)
    bias = getattr(state.networks, network).get_layer(layer).bias
    bias.assign(np.ones(bias.shape))
    state.step.assign(1)
    Checkpoints(state, run.checkpoints, 1).save()


def test_export_overwrites_nothing(files, tmp_path, capsys):
    import_run(files["generator"], tmp_path / "run", given={"crop_size": 32})
    (tmp_path / "latest_net_D.pth").write_text("mine")
    arguments = ["export", str(tmp_path / "run"), "--output", str(tmp_path)]
    assert cli.main([*arguments, "--format", "pytorch"]) == 1
    assert "latest_net_D.pth is there already: choose another --output" in capsys.readouterr().err
    assert not (tmp_path / "latest_net_G.pth").exists()
    assert cli.main([*arguments, "--format", "pytorch", "--only-generator"]) == 0
    assert (tmp_path / "latest_net_G.pth").exists()
    assert cli.main([*arguments, "--only-generator"]) == 2
    assert "--only-generator goes with --format pytorch" in capsys.readouterr().err


def test_a_dropout_that_is_no_number_is_refused(files, tmp_path, capsys):
    assert importing(files, tmp_path / "run", "--dropout", "abc") == 2
    assert "model.dropout: input should be a valid number" in capsys.readouterr().err


def test_a_discriminator_that_never_trained_is_not_exported(files, tmp_path, capsys):
    assert importing(files, tmp_path / "run", "--gan-weight", "0") == 0
    export = ["export", str(tmp_path / "run"), "--format", "pytorch", "--output"]
    assert cli.main([*export, str(tmp_path / "both")]) == 1
    assert "gan_weight 0: no discriminator was trained" in capsys.readouterr().err
    assert cli.main([*export, str(tmp_path / "one"), "--only-generator"]) == 0
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["latest_net_G.pth"]
