"""Settings from anywhere: taken and read back unchanged, or refused in one line; never a crash."""

import sys

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.many import examples
from tfpix2pix.ablation.recipes import load_recipes
from tfpix2pix.cli import main as cli
from tfpix2pix.config import dump_settings, load_settings, resolve
from tfpix2pix.config.loading import (
    SECTION_OF,
    SECTIONS,
    all_settings,
    preset_names,
    preset_text,
)
from tfpix2pix.errors import SettingsError, UserError

LONGEST_MESSAGE = 3000
NAMES = list(SECTION_OF)
WORDS = sorted({word for setting in all_settings() for word in setting.choices})
ODD_TEXTS = [
    *("none", "on", "off", "256x512", "0,1", "-1,1", "80/10/10", "cmp", "#000000,#ffffff"),
    *("1e400", "9" * 5000, "inf", "nan", "inf,nan", "nan/nan/nan", "inf/0/0", "1_0", " 12 ", "²"),
    *("\0", "a\nb", "\ud800", "x", "1x", "x1", "1x2x3", "//", ",", "٣"),
]
ODD_NUMBERS = [2**63, 0, -0.0, 1e308, 5e-324, 16384, 256, *map(float, ("inf", "-inf", "nan"))]


def digits(count):
    """A whole number that Python does not write down if it has more than 4300 digits."""
    return (-1) ** count * 10**count


NUMBERS = (
    st.integers()
    | st.floats()
    | st.integers(-2, 600)
    | st.sampled_from(ODD_NUMBERS)
    | st.sampled_from([398, 399, 5000, 5001]).map(digits)
)
TEXTS = st.text(max_size=20) | st.sampled_from([*WORDS, *ODD_TEXTS])
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS | st.dates() | st.binary(max_size=8)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
TREES = VALUES | st.dictionaries(
    SCALARS | st.sampled_from([*SECTIONS, "dta", *NAMES[:5]]),
    VALUES | st.dictionaries(SCALARS | st.sampled_from(NAMES), VALUES, max_size=4),
    max_size=3,
)
NEARLY_RIGHT = st.fixed_dictionaries(
    {},
    optional={
        section: st.dictionaries(
            st.sampled_from([name for name in NAMES if SECTION_OF[name] == section]),
            VALUES,
            max_size=3,
        )
        for section in SECTIONS
    },
)
YAML_SIGNS = "{}[]:,-?&*!|>'\"%@`# \n\tadtrinmoel0123456789._x~<=é"


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("settings") / "settings.yaml"


def check(file, resolved):
    """Settings that are taken are read back as they were, others refused in one short line."""
    settings, message = None, ""
    try:
        settings = resolved()
    except SettingsError as error:
        message = str(error)
    assert len(message) < LONGEST_MESSAGE
    if settings is None:
        assert len(message.splitlines()) == 1
        return
    text = dump_settings(settings)
    file.write_text(text, encoding="utf-8")
    assert load_settings(file) == settings
    assert dump_settings(load_settings(file)) == text


@examples(150)
@given(flags=st.dictionaries(st.sampled_from(NAMES), TEXTS | NUMBERS | VALUES, max_size=4))
def test_flags(file, flags):
    check(file, lambda: resolve(flags=flags))


@examples(150)
@given(tree=TREES | NEARLY_RIGHT)
def test_trees(file, tree):
    check(file, lambda: resolve(layers={"a file": tree}))


@examples(100)
@given(tree=NEARLY_RIGHT)
def test_trees_in_files(file, tree):
    try:
        file.write_text(yaml.safe_dump(tree, allow_unicode=True), encoding="utf-8")
    except ValueError:  # numbers and letters that cannot be written down
        return
    check(file, lambda: resolve(file=file))


@examples(200)
@given(content=st.binary(max_size=300) | st.text(YAML_SIGNS, max_size=60).map(str.encode))
def test_any_bytes(file, content):
    file.write_bytes(content)
    check(file, lambda: resolve(file=file))


@examples(40)
@given(
    preset=st.sampled_from(preset_names()),
    changes=st.lists(
        st.tuples(st.integers(0, 2000), st.integers(0, 20), st.text(YAML_SIGNS, max_size=4)),
        min_size=1,
        max_size=5,
    ),
)
def test_presets_with_a_few_letters_changed(file, preset, changes):
    text = preset_text(preset)
    for place, removed, added in changes:
        place %= len(text) + 1
        text = text[:place] + added + text[place + removed :]
    file.write_text(text, encoding="utf-8")
    check(file, lambda: resolve(file=file))


# Each made the settings' reader stumble, or is what YAML has to run code with.
ODD_YAML = {
    "no number": "!!int ''",
    "no float": "!!float .",
    "no date": "!!timestamp x",
    "no switch": "!!bool maybe",
    "no bytes": "!!binary \u2603",
    "an object": "!!python/object:os.system {}",
    "a call": "!!python/object/apply:os.system ['touch CANARY']",
    "a call in a setting": "data: {data: !!python/object/apply:os.system ['touch CANARY']}",
    "brackets": "[" * 1500,
    "braces": "{a: " * 3000,
    "a circle": "&a [*a]",
    "a circle in a setting": "data: {load_size: &a [*a]}",
    "a list as a key": "{[1,2]: 3}",
    "a merge of nothing": "<<: 3",
    "an endless shape": "data: {load_size: [.inf]}",
    "endless shares": "data: {split: [.inf, 0, 0]}",
    "endless colours": "data: {palette: [.inf, 1]}",
    "endless levels": "data: {palette: [[.inf, 1, 1], 1]}",
    "a long range": f"data: {{value_range: [0, {'9' * 400}]}}",
    "a long number": f"model: {{base_filters: {'9' * 5000}}}",
    "a long hexadecimal number": f"model: {{base_filters: 0x{'f' * 6000}}}",
    "a long count": f"train: {{batch_size: 0x{'f' * 6000}}}",
    "a broken escape": '"\\x"',
    "half a character": 'data: {data: "\\ud800"}',
    "two documents": "--- a\n--- b",
    "another version": "%YAML 9\n---\n",
}
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 15)
)
BOMBS = {
    "in a setting": f"{BOMB}data: {{layout: *a14}}",
    "in a switch": f"{BOMB}train: {{jit: *a14}}",
    "in colours": f"{BOMB}data: {{palette: [*a14, *a14]}}",
}


@pytest.mark.parametrize("name", ODD_YAML)
def test_odd_yaml(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "settings.yaml"
    path.write_text(ODD_YAML[name], encoding="utf-8")
    with pytest.raises(SettingsError) as refused:
        resolve(file=path)
    assert len(str(refused.value).splitlines()) == 1
    with pytest.raises(UserError):
        load_recipes(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["settings.yaml"]


@pytest.mark.parametrize("name", BOMBS)
def test_values_that_hold_each_other_are_not_written_out(name):
    """A few lines stand for 10^15 letters."""
    tree = {
        section: values
        for section, values in yaml.safe_load(BOMBS[name]).items()
        if section in SECTIONS
    }
    with pytest.raises(SettingsError) as refused:
        resolve(layers={"a file": tree})
    assert len(str(refused.value)) < LONGEST_MESSAGE


ARGUMENTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            *("train", "predict", "evaluate", "export", "presets", "ablate", "prepare", "import"),
            *("--data", "--run-dir", "--steps", "--output", "--config", "--preset", "--resume"),
            *("--check", "--format", "--seed=-1", "--", "-", "-x", "--no-mirror", "--checkpoint"),
            *("\ud800", "\0", "a\nb", "%s", "%(prog)s", "²", "9" * 5000, "@file", "--steps=²"),
        ]
    ),
)


@examples(100)
@given(arguments=st.lists(ARGUMENTS, max_size=5))
def test_command_lines(tmp_path_factory, arguments):
    """Whatever is typed, the command ends with a status and, if it fails, one line."""
    # Words alone, without a value that a command could work with, never start anything long.
    words = ["--nonsense", *arguments] if set(arguments) & STARTING else arguments
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("typed"))
        patch.setattr(sys, "argv", ["tfpix2pix", *words])
        status = cli.main(words)
    assert status in ((2,) if words != arguments else (0, 1, 2))


# Commands that do something when nothing follows; with a flag that is not known they must refuse.
STARTING = {"train", "doctor", "demo", "launch"}
