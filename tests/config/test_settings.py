"""Settings: layers laid over each other, read and written unchanged, refused with a reason."""

import dataclasses
import re

import pytest
import yaml

from tfpix2pix.config import Settings, dump_settings, load_settings, resolve
from tfpix2pix.config.loading import SECTION_OF, SECTIONS, all_settings, preset_names
from tfpix2pix.errors import SettingsError, UserError

# A value for each setting that is not its default: as a flag's text, and as what it means.
OTHER_VALUES = {
    "data": ("photos/mine", "photos/mine"),
    "data_dir": ("/sets", "/sets"),
    "manual_dir": ("/archives", "/archives"),
    "input_feature": ("image", "image"),
    "target_feature": ("segmentation_mask", "segmentation_mask"),
    "layout": ("top_bottom", "top_bottom"),
    "split": ("90/0/10", (90, 0, 10)),
    "on_bad": ("skip", "skip"),
    "direction": ("BtoA", "BtoA"),
    "input_channels": ("1", 1),
    "output_channels": ("5", 5),
    "value_range": ("-1,1", (-1.0, 1.0)),
    "target_value_range": ("0,4095", (0.0, 4095.0)),
    "input_encoding": ("labels", "labels"),
    "target_encoding": ("labels", "labels"),
    "palette": ("0,255", ((0, 0, 0), (255, 255, 255))),
    "channel_order": ("bgr", "bgr"),
    "resize": ("crop", "crop"),
    "load_size": ("300x600", (300, 600)),
    "crop_size": ("128", (128, 128)),
    "mirror": ("off", False),
    "vertical_mirror": ("on", True),
    "rotate": ("on", True),
    "input_interpolation": ("nearest", "nearest"),
    "target_interpolation": ("area", "area"),
    "cache_gib": ("0", 0.0),
    "data_service": ("grpc://host0:5050", "host0:5050"),
    "generator": ("encoder_decoder", "encoder_decoder"),
    "base_filters": ("32", 32),
    "depth": ("7", 7),
    "upsampling": ("subpixel", "subpixel"),
    "skip": ("relu", "relu"),
    "skip_order": ("encoder_first", "encoder_first"),
    "norm": ("group", "group"),
    "discriminator_norm": ("none", "none"),
    "innermost_norm": ("on", True),
    "norm_epsilon": ("1e-3", 0.001),
    "norm_momentum": ("0.99", 0.99),
    "norm_scale_stddev": ("0", 0.0),
    "norm_statistics": ("moving", "moving"),
    "sync_norm": ("on", True),
    "spectral_norm": ("both", "both"),
    "leaky_slope": ("0.3", 0.3),
    "generator_bias": ("all", "all"),
    "discriminator_bias": ("output", "output"),
    "dropout": ("0", 0.0),
    "dropout_start": ("2", 2),
    "dropout_at_prediction": ("on", True),
    "discriminator": ("pixelgan", "pixelgan"),
    "n_layers": ("1", 1),
    "discriminator_scales": ("3", 3),
    "conditional": ("off", False),
    "steps": ("3000", 3000),
    "epochs": ("0.5", 0.5),
    "batch_size": ("4", 4),
    "accumulate": ("2", 2),
    "recompute": ("on", True),
    "learning_rate": ("1e-3", 0.001),
    "discriminator_learning_rate": ("4e-4", 0.0004),
    "beta_1": ("0.9", 0.9),
    "beta_2": ("0.99", 0.99),
    "adam_epsilon": ("1e-7", 1e-7),
    "epsilon_hat": ("on", True),
    "clip_norm": ("1", 1.0),
    "lr_schedule": ("linear", "linear"),
    "decay_start": ("0", 0.0),
    "gan_loss": ("lsgan", "lsgan"),
    "gan_weight": ("0", 0.0),
    "l1_weight": ("10", 10.0),
    "l2_weight": ("10", 10.0),
    "charbonnier_weight": ("10", 10.0),
    "cross_entropy_weight": ("10", 10.0),
    "feature_matching_weight": ("10", 10.0),
    "perceptual_weight": ("10", 10.0),
    "vgg_weights": ("vgg19.h5", "vgg19.h5"),
    "gradient_penalty_weight": ("1", 1.0),
    "r1_weight": ("10", 10.0),
    "label_smoothing": ("0.1", 0.1),
    "discriminator_weight": ("1", 1.0),
    "pool_size": ("50", 50),
    "diff_augment": ("color,cutout", ("color", "cutout")),
    "update": ("alternating", "alternating"),
    "ema_decay": ("0.999", 0.999),
    "strategy": ("multiworker", "multiworker"),
    "seed": ("2147483647", 2147483647),
    "jit": ("on", "on"),
    "precision": ("mixed_bfloat16", "mixed_bfloat16"),
    "steps_per_execution": ("10", 10),
    "deterministic": ("yes", True),
    "log_every": ("1", 1),
    "sample_every": ("10", 10),
    "keep_samples": ("20", 20),
    "sample_pairs": ("64", 64),
    "validate_every": ("20", 20),
    "best_metric": ("l1", "l1"),
    "patience": ("3", 3),
    "checkpoint_every": ("30", 30),
    "keep_checkpoints": ("1", 1),
}


# Settings that make sense only together with another.
COMPANIONS = {
    "accumulate": ("batch_size",),
    "palette": ("input_encoding",),
    "input_encoding": ("palette",),
    "target_encoding": ("palette",),
    "cross_entropy_weight": ("target_encoding", "palette"),
}


# What presets leave to the user.
PRESET_FLAGS = {"segmenter": {"palette": "cmp"}}


def flags_of(name):
    """What sets one setting to its other value."""
    names = (name, *COMPANIONS.get(name, ()))
    return {name: OTHER_VALUES[name][0] for name in names}


def yaml_of(flags):
    lines = {section: [] for section in SECTIONS}
    for name, text in flags.items():
        lines[SECTION_OF[name]].append(f"  {name}: {text}")
    return "\n".join(f"{section}:\n" + "\n".join(lines[section]) for section in lines)


def value_of(settings, name):
    return getattr(getattr(settings, SECTION_OF[name]), name)


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "settings.yaml"
        path.write_text(text)
        return path

    return write


def refusal(**layers):
    with pytest.raises(SettingsError) as caught:
        resolve(**layers)
    assert isinstance(caught.value, UserError)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Definitions


def test_names_are_unique_over_all_sections():
    names = [info.name for info in all_settings()]
    assert len(set(names)) == len(names)
    assert not set(names) & (set(SECTIONS) - {"data"})


def test_every_setting_has_a_help_text():
    assert [info.name for info in all_settings() if not info.help] == []


def test_defaults_are_the_papers():
    settings = resolve()
    assert settings == Settings()
    assert (settings.data.load_size, settings.data.crop_size) == ((286, 286), (256, 256))
    assert (settings.model.base_filters, settings.model.n_layers) == (64, 3)
    assert settings.model.dropout == 0.5
    train = settings.train
    assert (train.learning_rate, train.beta_1, train.beta_2) == (2e-4, 0.5, 0.999)
    assert (train.l1_weight, train.batch_size) == (100, 1)


@pytest.mark.parametrize("section", ["data", "model", "train"])
def test_settings_are_frozen(section):
    settings = Settings()
    values = getattr(settings, section)
    first = dataclasses.fields(values)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(values, first, getattr(values, first))
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(settings, section, values)


# Reading and writing


def test_other_values_cover_every_setting():
    assert list(OTHER_VALUES) == [info.name for info in all_settings()]


@pytest.mark.parametrize("name", OTHER_VALUES)
def test_flag_and_file_mean_the_same(write, name):
    _, value = OTHER_VALUES[name]
    flags = flags_of(name)
    flagged = resolve(flags=flags)
    assert value_of(flagged, name) == value
    assert type(value_of(flagged, name)) is type(value)
    assert value_of(Settings(), name) != value
    assert load_settings(write(yaml_of(flags))) == flagged


@pytest.mark.parametrize("name", OTHER_VALUES)
def test_one_setting_leaves_the_others_alone(name):
    flags = flags_of(name)
    settings = resolve(flags=flags)
    for other in SECTION_OF:
        assert other in flags or value_of(settings, other) == value_of(Settings(), other)


@pytest.mark.parametrize("name", OTHER_VALUES)
def test_what_is_dumped_loads_unchanged(write, name):
    settings = resolve(flags=flags_of(name))
    assert load_settings(write(dump_settings(settings))) == settings


@pytest.mark.parametrize("preset", preset_names())
def test_presets_survive_dump_and_load(write, preset):
    settings = resolve(preset, flags=PRESET_FLAGS.get(preset))
    assert settings != Settings()
    text = dump_settings(settings)
    assert load_settings(write(text)) == settings
    tree = yaml.safe_load(text)
    assert {name: list(values) for name, values in tree.items()} == {
        name: list(section.__pydantic_fields__) for name, section in SECTIONS.items()
    }


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("256", (256, 256)),
        ("256x512", (256, 512)),
        ("'256'", (256, 256)),
        ("256 X 512", (256, 512)),
        ("[256, 512]", (256, 512)),
        ("[256]", (256, 256)),
    ],
)
def test_sizes_are_read_in_every_way_people_write_them(write, text, size):
    path = write(f"data: {{load_size: 600, crop_size: {text}}}")
    assert load_settings(path).data.crop_size == size


@pytest.mark.parametrize("text", ["2e-4", "2.0e-4", "0.0002", "'2e-4'"])
def test_learning_rate_is_a_number_though_yaml_takes_it_for_text(write, text):
    rate = load_settings(write(f"train: {{learning_rate: {text}}}")).train.learning_rate
    assert isinstance(rate, float)
    assert rate == 0.0002


@pytest.mark.parametrize(
    ("text", "value"), [("off", False), ("no", False), ("false", False), ("'off'", False),
                        ("on", True), ("yes", True), ("'yes'", True), ("true", True)],
)  # fmt: skip
def test_switches_are_read_in_every_way_people_write_them(write, text, value):
    settings = load_settings(write(f"data: {{mirror: {text}}}\ntrain: {{jit: {text}}}"))
    assert settings.data.mirror == value
    assert settings.train.jit == ("on" if value else "off")


@pytest.mark.parametrize("text", ["", "# nothing\n", "data:\n", "data: {}\nmodel:\ntrain: {}\n"])
def test_files_may_be_empty(write, text):
    assert load_settings(write(text)) == Settings()


# Layers


def test_flags_lie_over_the_file_over_the_preset(write):
    file = write("model: {base_filters: 16}\ntrain: {batch_size: 2, seed: 5}")
    settings = resolve("demo", file, {"batch_size": "3"})
    assert settings.train.batch_size == 3  # flag, file and preset
    assert settings.model.base_filters == 16  # file and preset
    assert settings.train.seed == 5  # file
    assert settings.data.crop_size == (128, 128)  # preset
    assert settings.model.n_layers == 3  # default


@pytest.mark.parametrize(
    ("preset", "text", "flags", "length"),
    [
        ("demo", "", {}, (4000, None)),
        ("demo", "", {"epochs": "2"}, (None, 2)),
        ("demo", "train: {epochs: 2}", {}, (None, 2)),
        ("demo", "train: {epochs: 2}", {"steps": "5"}, (5, None)),
        ("facades", "", {"steps": "5"}, (5, None)),
        ("facades", "train: {steps: 5}", {"epochs": "1.5"}, (None, 1.5)),
        ("facades", "train: {steps: 5, epochs: null}", {}, (5, None)),
        ("facades", "train: {batch_size: 2}", {"seed": "1"}, (None, 200)),
    ],
)
def test_the_last_layer_that_gives_a_length_decides(write, preset, text, flags, length):
    train = resolve(preset, write(text), flags).train
    assert (train.steps, train.epochs) == length


def test_steps_and_epochs_together_are_refused(write):
    message = "steps and epochs both give the run's length: give one of them"
    assert refusal(file=write("train: {steps: 1, epochs: 1}")) == message
    assert refusal(preset="demo", flags={"steps": "1", "epochs": "1"}) == message


# Presets


def test_presets_are_those_promised():
    assert preset_names() == [
        "cityscapes", "demo", "edges2shoes", "facades", "maps",
        "paper", "pytorch", "segmenter", "tf-tutorial", "torch",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("preset", "direction", "load", "mirror", "epochs", "batch_size"),
    [
        ("facades", "BtoA", 286, True, 200, 1),
        ("maps", "AtoB", 286, True, 200, 1),
        ("cityscapes", "BtoA", 286, True, 200, 1),
        ("edges2shoes", "AtoB", 256, False, 15, 4),
    ],
)
def test_presets_hold_the_papers_values(preset, direction, load, mirror, epochs, batch_size):
    """Section 6.2 of the paper; the networks and the optimiser are the defaults."""
    settings = resolve(preset)
    data, train = settings.data, settings.train
    assert (data.direction, data.mirror) == (direction, mirror)
    assert (data.load_size, data.crop_size) == ((load, load), (256, 256))
    assert (train.epochs, train.steps, train.batch_size) == (epochs, None, batch_size)
    assert settings.model == Settings().model
    for name in ["learning_rate", "beta_1", "beta_2", "l1_weight", "lr_schedule"]:
        assert value_of(settings, name) == value_of(Settings(), name)


def test_the_segmenter_learns_classes_alone_and_asks_for_their_palette():
    settings = resolve("segmenter", flags={"palette": "0,255"})
    weights = {n: value_of(settings, n) for n in SECTION_OF if n.endswith("_weight")}
    penalties = {"gradient_penalty_weight", "discriminator_weight"}
    used = {name for name, weight in weights.items() if weight} - penalties
    assert used == {"cross_entropy_weight"}
    assert (settings.data.load_size, settings.data.crop_size) == ((286, 286), (256, 256))
    assert refusal(preset="segmenter").startswith("target_encoding labels needs a palette: cmp")


# Where the four differ from the defaults; what is not named here is a default.
FOLLOWED = {
    "paper": {"skip": "relu", "dropout_at_prediction": True, "update": "alternating"},
    "torch": {
        "channel_order": "bgr",
        "skip": "relu",
        "dropout_at_prediction": True,
        "generator_bias": "all",
        "discriminator_bias": "all",
        "discriminator_weight": 1.0,
        "update": "alternating",
    },
    "pytorch": {
        "skip": "relu",
        "skip_order": "encoder_first",
        "dropout_start": 2,
        "dropout_at_prediction": True,
        "generator_bias": "output",
        "lr_schedule": "linear",
        "decay_start": 0.5,
        "update": "alternating",
    },
    "tf-tutorial": {
        "input_interpolation": "nearest",
        "target_interpolation": "nearest",
        "skip": "postactivation",
        "innermost_norm": True,
        "norm_epsilon": 1e-3,
        "norm_momentum": 0.99,
        "norm_scale_stddev": 0.0,
        "leaky_slope": 0.3,
        "generator_bias": "output",
        "discriminator_bias": "output",
        "dropout_at_prediction": True,
        "adam_epsilon": 1e-7,
        "epsilon_hat": True,
        "discriminator_weight": 1.0,
    },
}


@pytest.mark.parametrize("preset", FOLLOWED)
def test_presets_differ_as_those_do_whom_they_follow(preset):
    settings, usual = resolve(preset), Settings()
    lengths = ("steps", "epochs")
    differing = {
        name: value_of(settings, name)
        for name in SECTION_OF
        if name not in lengths and value_of(settings, name) != value_of(usual, name)
    }
    assert differing == FOLLOWED[preset]
    length = (40000, None) if preset == "tf-tutorial" else (None, 200)
    assert (settings.train.steps, settings.train.epochs) == length


def test_demo_is_small_and_keeps_the_light_where_it_is():
    settings = resolve("demo")
    assert (settings.data.data, settings.data.mirror) == ("drawn_facades", False)
    assert (settings.data.load_size, settings.data.crop_size) == ((128, 128), (128, 128))
    assert (settings.model.base_filters, settings.train.steps) == (32, 4000)


# Refusals


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model: {base_filter: 3}", "unknown key 'base_filter': did you mean 'base_filters'?"),
        ("train: {batchsize: 3}", "unknown key 'batchsize': did you mean 'batch_size'?"),
        ("train: {xyzzy: 3}", "unknown key 'xyzzy'"),
        ("train: {3: 4}", "unknown key 3"),
        ("trian: {steps: 3}", "unknown section 'trian': did you mean 'train'?"),
        ("xyzzy: {steps: 3}", "unknown section 'xyzzy'"),
        ("data: {batch_size: 3}", "batch_size belongs in section train"),
        ("train: {mirror: no}", "mirror belongs in section data"),
        ("steps: 3", "steps belongs in section train"),
        ("train: 3", "section train must hold `name: value` lines"),
        ("data: photos", "section data must hold `name: value` lines"),
        ("[data, train]", "expected the sections data, model, train"),
    ],
)
def test_misplaced_and_misspelt_keys_are_explained(write, text, message):
    path = write(text)
    assert refusal(file=path) == f"{path}: {message}"


def test_wrong_yaml_is_named(write):
    path = write("train: {steps: 3")
    assert refusal(file=path).startswith(f"{path} is not valid YAML: ")


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (lambda path: None, "No such file or directory"),
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: path.write_bytes(b"\xff\xfe\x00"), "it is not a text file"),
    ],
    ids=["missing", "folder", "bytes"],
)
def test_unreadable_file_is_named(tmp_path, prepare, reason):
    path = tmp_path / "settings.yaml"
    prepare(path)
    assert refusal(file=path) == f"cannot read the settings file {path}: {reason}"


def test_unknown_preset_and_flag_name_the_nearest():
    message = refusal(preset="facade")
    assert "unknown preset 'facade': did you mean 'facades'?" in message
    assert "cityscapes, demo, edges2shoes, facades, maps" in message
    assert refusal(flags={"step": 3}) == "unknown setting 'step': did you mean 'steps'?"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("steps", "0", "input should be greater than or equal to 1"),
        ("steps", "many", "input should be a valid integer"),
        ("steps", 2.5, "input should be a valid integer"),
        ("epochs", "0", "input should be greater than 0"),
        ("batch_size", "-1", "input should be greater than or equal to 1"),
        ("learning_rate", "0", "input should be greater than 0"),
        ("learning_rate", "inf", "input should be a finite number"),
        ("learning_rate", "fast", "input should be a valid number"),
        ("beta_1", "1", "input should be less than 1"),
        ("dropout", "1", "input should be less than 1"),
        ("l1_weight", "nan", "input should be a finite number"),
        ("seed", "-1", "input should be greater than or equal to 0"),
        ("seed", 2**31, "input should be less than 2147483648"),
        ("sample_pairs", "65", "input should be less than or equal to 64"),
        ("depth", "0", "input should be greater than or equal to 1"),
        ("n_layers", "7", "input should be less than or equal to 6"),
        ("mirror", "maybe", "input should be a valid boolean"),
        ("direction", "AtoC", "input should be 'AtoB' or 'BtoA'"),
        ("generator", "resnet", "input should be 'unet', 'unet_128', 'unet_256'"),
        ("discriminator_norm", "layer", "input should be 'same', 'batch', 'instance'"),
        ("label_smoothing", "0.5", "input should be less than 0.5"),
        ("ema_decay", "1", "input should be less than 1"),
        ("discriminator_weight", "0", "input should be greater than 0"),
        ("discriminator_scales", "5", "input should be less than or equal to 4"),
        ("input_interpolation", "cubic", "input should be 'bicubic', 'area' or 'nearest'"),
        ("data", 2024, "input should be a valid string"),
        ("cache_gib", "-1", "input should be greater than or equal to 0"),
    ],
)
def test_wrong_values_name_the_setting_and_the_value(name, value, reason):
    pattern = rf"{SECTION_OF[name]}\.{name}: {reason}.*, got {re.escape(repr(value))}"
    assert re.fullmatch(pattern, refusal(flags={name: value}))


@pytest.mark.parametrize("value", ["0", "20000"])
def test_sizes_out_of_range_name_the_setting(value):
    message = refusal(flags={"load_size": value})
    assert message.startswith("data.load_size: input should be ")
    assert f", got {value}" in message


@pytest.mark.parametrize("value", ["256x", "axb", "1x2x3", None, ""])
def test_what_is_no_size_is_said_what_it_should_be(value):
    message = refusal(flags={"load_size": value})
    assert message.startswith("data.load_size: expected 256 or HEIGHTxWIDTH")
    assert f"got {value!r}" in message


@pytest.mark.parametrize("line", ["batch_size: yes", "dropout: off"])
def test_switch_words_are_no_numbers(line, write):
    section = "train" if "batch" in line else "model"
    message = refusal(file=write(f"{section}: {{{line}}}"))
    assert message.startswith(f"{section}.{line.split(':')[0]}: got a switch")


def test_a_run_has_an_end():
    assert "less than or equal" in refusal(flags={"epochs": "inf"})
    assert "less than or equal" in refusal(flags={"steps": "9" * 20})


def test_an_impossible_date_is_refused(write):
    assert "not valid YAML" in refusal(file=write("data: {data: 2024-13-45}"))


def test_all_wrong_values_are_named_at_once(write):
    message = refusal(file=write("train: {steps: 0}"), flags={"depth": "0", "mirror": "?"})
    assert {part.split(":")[0] for part in message.split("; ")} == {
        "data.mirror", "model.depth", "train.steps",
    }  # fmt: skip


@pytest.mark.parametrize("crop", ["287", "256x287", "287x256"])
def test_crop_must_fit_in_the_loaded_size(crop):
    message = refusal(flags={"crop_size": crop})
    shown = crop if "x" in crop else f"{crop}x{crop}"
    assert message.startswith(f"crop_size {shown} does not fit in load_size 286x286")


def test_crop_may_be_the_whole():
    settings = resolve(flags={"crop_size": "64x192", "load_size": "64x192"})
    assert settings.data.crop_size == settings.data.load_size == (64, 192)


def test_none_gives_an_optional_setting_its_default_back():
    assert resolve("demo").model.depth == 5
    assert resolve("demo", flags={"depth": "none"}).model.depth is None
    assert "valid integer" in refusal(flags={"n_layers": "none"})


def test_a_palette_holds_each_colour_once():
    """Two classes of one colour could not be told apart in any label map."""
    message = refusal(flags={"input_encoding": "labels", "palette": "0,#0a0b0c,255,#0A0B0C"})
    assert "data.palette: #0a0b0c is there twice: expected a colour of its own" in message


@pytest.mark.parametrize("count", [256, 257])
def test_a_palette_holds_as_many_colours_as_8_bits_count(count):
    colours = [f"#{number:06x}" for number in range(count)]
    flags = {"input_encoding": "labels", "palette": ",".join(colours)}
    if count == 256:
        assert len(resolve(flags=flags).data.palette) == 256
    else:
        assert "found 257 colours: expected 256 at the most" in refusal(flags=flags)
