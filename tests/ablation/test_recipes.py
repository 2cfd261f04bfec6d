"""Recipe sets as they are read: products, checks, and the messages for what cannot be used."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tfpix2pix.ablation.recipes import load_recipes
from tfpix2pix.cli import main as cli
from tfpix2pix.config import resolve
from tfpix2pix.errors import SettingsError

CONFIGS = Path(__file__).parents[2] / "configs" / "ablations"

SET = """
settings:
  train: {steps: 7, seed: 3}
  model: {base_filters: 8}
options:
  loss:
    L1: {train: {gan_weight: 0}}
    both: {}
  generator:
    encoder-decoder: {model: {generator: encoder_decoder}}
    U-Net:
  patch:
    1: {model: {discriminator: pixelgan}}
    70: {}
"""


@pytest.fixture
def recipes(tmp_path):
    """A function from the text of a set to the set."""

    def load(text, flags=None):
        path = tmp_path / "set.yaml"
        path.write_text(text)
        return load_recipes(path, flags)

    return load


def names(recipe_set):
    return [recipe.name for recipe in recipe_set.recipes]


def without(text, key):
    return "".join(line for line in text.splitlines(keepends=True) if key not in line)


def test_without_runs_it_is_the_product_of_all_axes(recipes):
    found = recipes(SET)
    assert found.axes == ("loss", "generator", "patch")
    assert names(found) == [
        f"{loss}_{generator}_{patch}"
        for loss in ("L1", "both")
        for generator in ("encoder-decoder", "U-Net")
        for patch in ("1", "70")
    ]
    assert found.recipes[0].options == {"loss": "L1", "generator": "encoder-decoder", "patch": "1"}
    assert found.recipes[0].settings == resolve(
        flags={
            "steps": 7,
            "seed": 3,
            "base_filters": 8,
            "gan_weight": 0,
            "generator": "encoder_decoder",
            "discriminator": "pixelgan",
        }
    )
    assert found.recipes[-1].settings == resolve(flags={"steps": 7, "seed": 3, "base_filters": 8})


def test_runs_are_products_in_order_and_each_once(recipes):
    runs = """
runs:
  - {generator: all, loss: L1}
  - {patch: [70, 1], loss: [both], generator: U-Net}
  - {loss: both, patch: 1, generator: all}
  - {loss: L1, generator: U-Net}
"""
    assert names(recipes(SET + runs)) == [
        "L1_encoder-decoder",
        "L1_U-Net",
        "both_U-Net_70",
        "both_U-Net_1",
        "both_encoder-decoder_1",
    ]


def test_flags_lie_over_settings_and_these_over_the_preset(recipes):
    text = "preset: facades\nsettings: {train: {batch_size: 4}}\noptions: {a: {b: {}}}"
    (recipe,) = recipes(text, {"steps": "9", "base_filters": "32"}).recipes
    settings = recipe.settings
    assert settings.data.direction == "BtoA"
    assert settings.train.batch_size == 4
    assert (settings.train.steps, settings.train.epochs) == (9, None)
    assert settings.model.base_filters == 32


def test_differing_settings_are_those_of_the_options(recipes):
    assert recipes(SET).differing()["L1_U-Net_1"] == {
        "model.generator": "unet",
        "model.discriminator": "pixelgan",
        "train.gan_weight": 0.0,
    }


def test_names_make_folders_that_any_system_takes(recipes):
    text = "settings: {train: {steps: 1}}\noptions: {a: {'.. /x y*': {}, 'é': {train: {seed: 1}}}}"
    assert names(recipes(text)) == ["x-y-", "é"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "expected a recipe set with the keys preset, settings, options, runs"),
        ("{options: [", "set.yaml is not valid YAML"),
        (SET + "run: []", "unknown key 'run': did you mean 'runs'?"),
        ("preset: [facades]", "preset: expected the name"),
        (SET + "preset: facade", "unknown preset 'facade': did you mean 'facades'?"),
        (
            SET.replace("seed:", "sed:"),
            "set.yaml, settings: unknown key 'sed': did you mean 'seed'",
        ),
        (SET.replace("model: {base", "modell: {base"), "settings: unknown section 'modell'"),
        (SET.replace("gan_weight", "gan_wait"), "set.yaml, loss L1: unknown key 'gan_wait'"),
        (
            SET.replace("{train: {gan", "{model: {gan"),
            "loss L1: gan_weight belongs in section train",
        ),
        (
            SET.replace("gan_weight: 0", "gan_weight: -1"),
            "recipe L1_encoder-decoder_1: train.gan_we",
        ),
        ("settings: {train: {steps: 1}}", "options: expected axes"),
        ("options: {a: }", "axis a: expected options by name"),
        ("options: {a: {yes: {}}}", "axis a: True cannot be an option's name: put it in quotes"),
        ("options: {a: {all: {}}}", "axis a: option all stands for all options: rename it"),
        ("options: {a: {1: {}, '1': {}}}", "axis a: option 1 is there twice"),
        ("options: {a: {b: [1]}}", "a b: expected the sections"),
        (
            SET + "runs: []",
            "runs: expected a list such as - {loss: all, generator: all, patch: all}",
        ),
        (SET + "runs: [L1]", "runs, entry 1: expected options by axis"),
        (
            SET + "runs: [{loss: L1}, {losses: L1}]",
            "entry 2: unknown axis 'losses': did you mean 'lo",
        ),
        (
            SET + "runs: [{generator: UNet}]",
            "generator: unknown option 'UNet': did you mean 'U-Net'?",
        ),
        (SET + "runs: [{loss: []}]", "entry 1: loss: expected an option, a list of them, or all"),
        (without(SET, "steps"), "recipe L1_encoder-decoder_1: how long to train? Give --steps or"),
        (
            SET.replace("70: {}", "70: {model: {generator: unet}}"),
            "axes generator and patch both give",
        ),
        (
            SET.replace("both: {}", "l1: {}"),
            "recipe l1_encoder-decoder_1 would have the same folder",
        ),
        (SET.replace("70: {}", "70: {}\n    71: {}"), "_70 and L1_encoder-decoder_71 are alike"),
        (
            SET.replace("70: {}", "70: {data: {direction: BtoA}}"),
            "_1 and L1_encoder-decoder_70 differ in direction, and so in the pairs",
        ),
        (
            SET.replace("seed: 3}", "seed: 3}\n  data: {resize: scale_width}").replace(
                "70: {}", "70: {data: {load_size: 100}}"
            ),
            "differ in load_size",
        ),
        ("settings: {train: {steps: 1}}\noptions: {a: {table.csv: {}}}", "as a file of the set"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_place(recipes, text, message):
    with pytest.raises(SettingsError) as caught:
        recipes(text)
    assert message in str(caught.value)


def test_a_set_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"cannot read the settings file .*no\.yaml"):
        load_recipes(tmp_path / "no.yaml")


def test_what_only_training_sees_of_the_data_may_differ(recipes):
    data = {"load_size": 400, "mirror": False, "rotate": True}
    options = {"data": {"jitter": {}, "other": {"data": data}}}
    found = recipes(yaml.safe_dump({"settings": {"train": {"steps": 1}}, "options": options}))
    assert [recipe.settings.data.load_size[0] for recipe in found.recipes] == [286, 400]


@pytest.mark.parametrize(
    ("options", "flag", "axis"),
    [
        ("70: {}", "gan_weight", "loss"),
        ("70: {}", "discriminator", "patch"),
        ("70: {train: {epochs: 3}}", "steps", "patch"),
    ],
)
def test_a_flag_for_what_an_axis_chooses_is_refused(recipes, options, flag, axis):
    with pytest.raises(SettingsError) as caught:
        recipes(SET.replace("70: {}", options), {flag: "1"})
    shown = "--" + flag.replace("_", "-")
    assert str(caught.value).startswith(f"{shown} would lie over what axis {axis} of ")


@pytest.mark.parametrize(
    ("name", "count"), [("losses", 5), ("generators", 4), ("patches", 4), ("all", 34)]
)
def test_the_papers_sets_resolve(name, count):
    recipe_set = load_recipes(CONFIGS / f"{name}.yaml")
    assert len(recipe_set.recipes) == count
    paper = resolve("paper")
    for recipe in recipe_set.recipes:
        assert recipe.settings.data == paper.data
        assert recipe.settings.train.epochs == 200
        assert recipe.settings.train.update == "alternating"
        assert recipe.settings.train.batch_size == (10 if name == "generators" else 1)
        assert recipe.settings.model.skip == "relu"
        assert recipe.settings.model.dropout_at_prediction


def test_the_tables_in_small_are_those_of_the_other_sets():
    """Each of losses.yaml, generators.yaml and patches.yaml but for the patch of 286 pixels."""
    small = load_recipes(CONFIGS / "facades_64.yaml").recipes
    assert len(small) == 20
    for seed in (0, 1):
        found = {chosen(recipe) for recipe in small if recipe.settings.train.seed == seed}
        assert len(found) == 10
        for name in ("losses", "generators", "patches"):
            wanted = {chosen(recipe) for recipe in load_recipes(CONFIGS / f"{name}.yaml").recipes}
            assert {what for what in wanted if what[2] != ("patchgan", 5)} <= found
    for recipe in small:
        assert recipe.settings.data.crop_size == (64, 64)
        assert recipe.settings.train.steps == 3000


def test_every_set_there_is_tested():
    assert {path.stem for path in CONFIGS.iterdir()} == {
        *("losses", "generators", "patches", "all", "facades_64"),
    }


def chosen(recipe):
    """What the paper's tables tell the runs apart by."""
    model, train = recipe.settings.model, recipe.settings.train
    weights = (train.gan_weight, train.l1_weight, model.conditional)
    return weights, model.generator, (model.discriminator, model.n_layers)


# Table 1: the weights of GAN and L1, and whether the discriminator sees the input.
LOSSES = {
    "L1": (0, 100, True),
    "GAN": (1, 0, False),
    "cGAN": (1, 0, True),
    "L1+GAN": (1, 100, False),
    "L1+cGAN": (1, 100, True),
}
GENERATORS = {"encoder-decoder": "encoder_decoder", "U-Net": "unet"}
# Table 3 and 6.1.2: 16, 34, 70, 142, 286 pixels are 1 to 5 layers of stride 2.
PATCHES = {
    "1": ("pixelgan", 3),
    "16": ("patchgan", 1),
    "70": ("patchgan", 3),
    "286": ("patchgan", 5),
}


@pytest.mark.parametrize("name", ["losses", "generators", "patches", "all"])
def test_recipes_of_the_papers_sets_are_what_their_names_say(name):
    for recipe in load_recipes(CONFIGS / f"{name}.yaml").recipes:
        options = recipe.options
        assert recipe.name == "_".join(options.values())
        assert chosen(recipe) == (
            LOSSES[options.get("loss", "L1+cGAN")],
            GENERATORS[options.get("generator", "U-Net")],
            PATCHES[options.get("patch", "70")],
        )


def test_the_whole_family_is_every_loss_with_every_generator_and_patch():
    found = {tuple(r.options.values()) for r in load_recipes(CONFIGS / "all.yaml").recipes}
    assert found == {("L1", g) for g in GENERATORS} | {
        (loss, g, p) for loss in LOSSES if loss != "L1" for g in GENERATORS for p in PATCHES
    }


def test_the_set_in_the_docs_resolves(recipes):
    docs = (CONFIGS.parents[1] / "docs" / "ablations.md").read_text()
    (text,) = re.findall(r"```yaml\n(.*?)```", docs, re.DOTALL)
    found = recipes(text)
    assert names(found) == ["U-Net_vanilla", "ResNet_vanilla", "ResNet_lsgan", "ResNet_hinge"]
    assert found.recipes[2].settings == resolve(
        "facades",
        flags={"epochs": 50, "generator": "resnet_9", "norm": "instance", "gan_loss": "lsgan"},
    )


def test_the_help_has_examples(capsys):
    assert cli.main(["ablate", "--help"]) == 0
    assert "tfpix2pix ablate configs/ablations/losses.yaml --data PATH" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        [str(CONFIGS / "all.yaml"), "--output", "nowhere", "--dry-run"],
        [str(CONFIGS / "all.yaml"), "--output", "nowhere", "--n-layers", "1"],
        [str(CONFIGS / "all.yaml"), "--output", "nowhere", "--data", "nowhere"],
    ],
)
def test_nothing_is_checked_with_tensorflow(arguments):
    program = (
        "import sys; from tfpix2pix.cli.main import main; main(['ablate', *sys.argv[1:]]); "
        "sys.exit(bool({'tensorflow', 'keras'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True)
    assert done.returncode == 0, done.stderr
