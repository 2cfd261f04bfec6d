"""Which weights, statistics, noise and colours a run predicts with."""

import dataclasses
import functools
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.inference.answered import answered
from tfpix2pix.cli import main as cli
from tfpix2pix.config import dump_settings, resolve
from tfpix2pix.data.formats import RGB_PAIRS, ImageFormat, PairFormat
from tfpix2pix.export.savedmodel import export_savedmodel
from tfpix2pix.files import write_atomically
from tfpix2pix.inference.files import FileTranslator, load_file_translator
from tfpix2pix.inference.translator import Translator
from tfpix2pix.models import BatchNorm, set_prediction_seed
from tfpix2pix.training.checkpoints import Checkpoints, load_generator
from tfpix2pix.training.run import train
from tfpix2pix.training.run_folder import RunFolder
from tfpix2pix.training.samples import sample_grid
from tfpix2pix.training.state import TrainState

# Large steps, so that a few of them make a difference that can be seen.
TINY = {
    "load_size": 36,
    "crop_size": 32,
    "base_filters": 2,
    "depth": 4,
    "n_layers": 1,
    "steps": 4,
    "learning_rate": 0.02,
    "sample_pairs": 1,
}
# With dropout, of which one sees more than of the U-Net's at this size.
NOISY = {"generator": "resnet_6", "depth": None}
STILL = {"norm_statistics": "moving", "norm_momentum": 0.5, "dropout": 0.0}


@pytest.fixture(scope="module")
def trained(tmp_path_factory, module_pairs_folder):
    """A function of settings that trains such a run once, and gives its folder."""

    @functools.cache
    def trained_folder(**flags):
        folder = tmp_path_factory.mktemp("runs") / "run"
        train(resolve(flags=TINY | {"data": str(module_pairs_folder)} | flags), folder)
        return folder

    return trained_folder


@pytest.fixture
def photo(tmp_path):
    """32x32, the size of the networks, so that nothing is resized."""
    path = tmp_path / "photo.png"
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    Image.fromarray(image).save(path)
    return path


def pixels(path):
    return np.asarray(Image.open(path)).astype(int)


def seen(path):
    """float32 [1, H, W, 3] in [-1, 1]."""
    return (pixels(path)[np.newaxis] / 127.5 - 1).astype(np.float32)


def stored(output):
    return np.round((np.asarray(output, np.float64)[0] + 1) * 127.5).clip(0, 255)


def predicted(run_dir, path, output, *flags):
    assert cli.main(["predict", str(run_dir), str(path), "--output", str(output), *flags]) == 0
    return pixels(output / path.name)


def assert_same_picture(found, expected):
    """But for values half way between two, which compiled sums may round the other way."""
    assert np.abs(found - expected).max() <= 1


def generator_of(run_dir, **how):
    run = RunFolder(run_dir)
    return load_generator(run.settings(), run.checkpoints, run.formats(), **how)


@pytest.mark.slow
def test_a_run_with_an_average_predicts_with_it(trained, photo, tmp_path):
    run_dir = trained(ema_decay=0.7)
    run = RunFolder(run_dir)
    state = TrainState(run.settings(), TINY["steps"])
    path = tf.train.latest_checkpoint(str(run.checkpoints))
    state.checkpoint().read(path).assert_existing_objects_matched()
    averaged, raw = (
        stored(model(seen(photo), training=False))
        for model in (state.networks.average, state.networks.generator)
    )
    assert np.abs(averaged - raw).max() > 5
    assert_same_picture(predicted(run_dir, photo, tmp_path / "out"), averaged)


def with_kerass_own_norm(layer):
    config = layer.get_config()
    if not isinstance(layer, BatchNorm):
        return type(layer).from_config(config)
    names = ("name", "momentum", "epsilon")
    return keras.layers.BatchNormalization(**{name: config[name] for name in names})


def test_a_run_with_moving_statistics_predicts_with_them(trained, photo, tmp_path):
    run_dir = trained(**STILL)
    generator = generator_of(run_dir)
    plain = keras.models.clone_model(generator, clone_function=with_kerass_own_norm)
    plain.set_weights(generator.get_weights())
    expected = stored(plain(seen(photo), training=False))
    of_image = stored(plain(seen(photo), training=True))
    assert np.abs(expected - of_image).max() > 5
    assert_same_picture(predicted(run_dir, photo, tmp_path / "out"), expected)


@pytest.mark.slow
def test_dropout_stays_on_where_the_settings_say_so(trained, photo, tmp_path):
    run_dir = trained(dropout_at_prediction=True, **NOISY)
    generator = generator_of(run_dir)
    for seed, flags in ((0, []), (9, ["--seed", "9"])):
        set_prediction_seed(generator, seed, 0)
        expected = stored(generator(seen(photo), training=False))
        assert_same_picture(predicted(run_dir, photo, tmp_path / f"{seed}", *flags), expected)
    without = stored(generator_of(run_dir, dropout_at_prediction=False)(seen(photo)))
    assert np.abs(expected - without).max() > 5
    assert np.abs(pixels(tmp_path / "0" / "photo.png") - expected).max() > 5


def test_samples_are_drawn_whatever_the_settings_say(trained, photo, tmp_path, capsys):
    run_dir, output = trained(**NOISY), tmp_path / "out"
    arguments = ["predict", str(run_dir), str(photo), "--output", str(output)]
    assert cli.main([*arguments, "--samples", "10", "--seed", "3"]) == 0
    assert f"1 written to {output}, 10 samples of each, 0 failed" in capsys.readouterr().out
    names = [path.name for path in sorted(output.iterdir())]
    assert names == [
        *(f"photo_{n:02}.png" for n in range(1, 11)),
        "photo_mean.png",
        "photo_std.png",
        "predict.json",
    ]
    generator = generator_of(run_dir, dropout_at_prediction=True)
    draws = []
    for number in range(10):
        set_prediction_seed(generator, 3, number)
        draws.append((generator(seen(photo))[0].numpy().astype(np.float64) + 1) * 127.5)
        assert_same_picture(pixels(output / names[number]), np.round(draws[-1]))
    assert_same_picture(pixels(output / "photo_mean.png"), np.round(np.mean(draws, axis=0)))
    assert_same_picture(pixels(output / "photo_std.png"), np.round(np.std(draws, axis=0)))
    assert np.std(draws, axis=0).max() > 5


@pytest.mark.parametrize(
    ("settings", "flags", "message"),
    [
        (STILL, ["--samples", "2"], "the generator of this run has no dropout"),
        (NOISY, ["--seed", "2"], "--seed is of dropout, which is off in this run's answers"),
        (NOISY, ["--samples", "0"], "expected a whole number of at least 1, got 0"),
        (
            NOISY,
            ["--samples", "2", "--seed", "-1"],
            "expected a whole number of at least 0, got -1",
        ),
    ],
)
def test_noise_where_there_is_none_is_refused(
    settings, flags, message, trained, photo, tmp_path, capsys
):
    arguments = ["predict", str(trained(**settings)), str(photo), "--output", str(tmp_path / "out")]
    assert cli.main([*arguments, *flags]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_exports_answer_without_dropout(trained, photo, tmp_path):
    run_dir = trained(dropout_at_prediction=True, **NOISY)
    version = export_savedmodel(run_dir, tmp_path / "models").path
    signature = tf.saved_model.load(str(version)).signatures["serving_default"]
    answer = signature(image_bytes=tf.constant([photo.read_bytes()]))["generated_image_bytes"]
    expected = generator_of(run_dir, dropout_at_prediction=False)(seen(photo), training=False)
    assert_same_picture(tf.io.decode_png(answer[0]).numpy().astype(int), stored(expected))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "size"),
    [
        (NOISY, (64, 64)),
        (NOISY | {"upsampling": "resize"}, (64, 64)),
        ({"generator": "global", "depth": None}, (64, 64)),
        # As deep as 32 pixels make it, not as 64 would.
        ({"depth": None}, (64, 64)),
        ({"depth": None, "generator": "encoder_decoder"}, (64, 64)),
    ],
)
def test_own_scale_works_with_every_kind_of_generator(flags, size, trained, tmp_path):
    run_dir = trained(resize="crop", **flags)
    image = np.random.default_rng(1).integers(0, 256, (21, 30, 3), np.uint8)
    Image.fromarray(image).save(tmp_path / "photo.png")
    found = predicted(run_dir, tmp_path / "photo.png", tmp_path / "out")
    padded = np.pad(image, [(0, size[0] - 21), (0, size[1] - 30), (0, 0)], mode="reflect")
    run = RunFolder(run_dir)
    settings = run.settings()
    if flags.get("generator") in (None, "encoder_decoder"):
        model = dataclasses.replace(settings.model, depth=5)
        settings = dataclasses.replace(settings, model=model)
    generator = load_generator(settings, run.checkpoints, run.formats(), size)
    output = generator((padded[np.newaxis] / 127.5 - 1).astype(np.float32), training=False)
    assert_same_picture(found, stored(output)[:21, :30])


@pytest.mark.parametrize(
    "resize", ["scale_width_and_crop", pytest.param("crop", marks=pytest.mark.slow)]
)
def test_photos_too_small_for_the_generator_are_named_and_the_others_go_on(
    resize, tmp_path, module_pairs_folder, capsys
):
    """A ResNet of depth 6 needs 128 pixels: those of 65 and more are padded so far."""
    flags = {"generator": "resnet_6", "depth": 6, "crop_size": 128, "load_size": 200}
    settings = resolve(flags=TINY | {"data": str(module_pairs_folder)} | flags | {"resize": resize})
    run_dir = tmp_path / "run"
    run = RunFolder(run_dir)
    Checkpoints(TrainState(settings, 1), run.checkpoints, 1).save()
    facts = {"train_pairs": None, "fingerprint": None, "format": RGB_PAIRS.to_plain()}
    write_atomically(run.data, json.dumps(facts))
    write_atomically(run.config, dump_settings(settings))

    sizes = {"low": (64, 200), "right": (65, 200)}
    for name, size in sizes.items():
        Image.fromarray(np.full((*size, 3), 100, np.uint8)).save(tmp_path / f"{name}.png")
    photos = [str(tmp_path / f"{name}.png") for name in sizes]
    output = tmp_path / "out"
    assert cli.main(["predict", str(run_dir), *photos, "--output", str(output)]) == 1
    shown = capsys.readouterr().out
    scaled = {"crop": "", "scale_width_and_crop": ", scaled to a width of 200,"}[resize]
    assert f"failed: {photos[0]}: the image{scaled} is 64x200: too small" in shown
    assert "at least 65x65" in shown
    assert "crop_size" not in shown
    assert pixels(output / "right.png").shape == (65, 200, 3)
    assert [path.name for path in output.glob("*.png")] == ["right.png"]


def test_narrow_photos_that_scaling_makes_enormous_are_refused(trained, tmp_path, capsys):
    run_dir = trained(resize="scale_width_and_crop")  # to a width of 36
    sizes = {"narrow": (60_000, 1), "long": (5 * 64, 5)}
    for name, size in sizes.items():
        Image.fromarray(np.full((*size, 3), 100, np.uint8)).save(tmp_path / f"{name}.png")
    photos = [str(tmp_path / f"{name}.png") for name in sizes]
    output = tmp_path / "out"
    assert cli.main(["predict", str(run_dir), *photos, "--output", str(output)]) == 1
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == (
        f"failed: {photos[0]}: the image is 60000x1, and scaled to a width of 36 would have 77.8 "
        "megapixels: expected at most 64; cut it into shorter ones"
    )
    assert len(shown) == 2
    assert pixels(output / "long.png").shape == (64 * 36, 36, 3)


# Colours

BGR = ImageFormat(reversed_channels=True)


def only_networks_first(input_channels):
    """Answers with -1 but in the first channel as the network counts, where the first input is."""
    inputs = keras.Input((16, 16, input_channels))
    first = inputs[..., :1]
    dark = keras.ops.full_like(first, -1)
    return keras.Model(inputs, keras.ops.concatenate([first, dark, dark], axis=-1))


@pytest.mark.parametrize(
    ("formats", "colour", "answer"),
    [
        (RGB_PAIRS, [200, 100, 50], [200, 0, 0]),
        (PairFormat(BGR, BGR), [200, 100, 50], [0, 0, 50]),
        (PairFormat(RGB_PAIRS.input, BGR), [200, 100, 50], [0, 0, 200]),
        (PairFormat(ImageFormat(1), BGR), [70], [0, 0, 70]),
    ],
)
def test_predictions_and_grids_are_rgb_whatever_the_networks_see(formats, colour, answer, tmp_path):
    generator = only_networks_first(len(colour))
    image = np.full((16, 16, len(colour)), colour, np.uint8)
    Image.fromarray(image.squeeze()).save(tmp_path / "photo.png")
    translator = FileTranslator(Translator(generator, formats=formats))
    (tmp_path / "answer.png").write_bytes(answered(translator, tmp_path / "photo.png"))
    assert (pixels(tmp_path / "answer.png") == answer).all()
    target = np.full((1, 16, 16, 3), 9, np.uint8)
    grid = sample_grid(generator, image[np.newaxis], target, formats)
    assert (grid[:, :16] == colour).all()
    assert (grid[:, 20:36] == answer).all()
    assert (grid[:, 40:] == 9).all()


@pytest.mark.slow
def test_a_bgr_run_is_the_rgb_run_of_files_with_their_colours_turned(tmp_path, module_pairs_folder):
    turned = tmp_path / "turned"
    for file in module_pairs_folder.rglob("*.png"):
        path = turned / file.relative_to(module_pairs_folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(Image.open(file))[..., ::-1]).save(path)
    bgr = resolve(flags=TINY | {"data": str(module_pairs_folder), "channel_order": "bgr"})
    rgb = resolve(flags=TINY | {"data": str(turned)})
    results = {}
    for name, settings in (("bgr", bgr), ("rgb", rgb)):
        results[name] = train(settings, tmp_path / name).validation
    pairs = zip(
        generator_of(tmp_path / "bgr").get_weights(),
        generator_of(tmp_path / "rgb").get_weights(),
        strict=True,
    )
    for one, other in pairs:
        np.testing.assert_array_equal(one, other)
    assert results["bgr"] == {n: pytest.approx(v, rel=1e-4) for n, v in results["rgb"].items()}
    assert RunFolder(tmp_path / "bgr").formats() == PairFormat(BGR, BGR)
    assert RunFolder(tmp_path / "rgb").formats() == RGB_PAIRS
    file = next((turned / "val").iterdir())
    Image.open(file).crop((0, 0, 64, 64)).save(tmp_path / "turned.png")
    Image.fromarray(np.asarray(Image.open(tmp_path / "turned.png"))[..., ::-1]).save(
        tmp_path / "plain.png"
    )
    answers = [
        tf.io.decode_png(answered(load_file_translator(tmp_path / name), tmp_path / photo)).numpy()
        for name, photo in (("bgr", "plain.png"), ("rgb", "turned.png"))
    ]
    np.testing.assert_array_equal(answers[0], answers[1][..., ::-1])
