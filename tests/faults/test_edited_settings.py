"""config.yaml edited by hand into something impossible: one line, and nothing is lost."""

import json

import pytest
import yaml

from tests.conftest import write_pairs
from tests.faults.tiny import assert_one_error
from tests.tiny_runs import write_run
from tfpix2pix.cli import main as cli
from tfpix2pix.training.datasets import open_run_data
from tfpix2pix.training.run_folder import RunFolder

pytestmark = pytest.mark.slow


def changed(section, **values):
    def edit(text):
        settings = yaml.safe_load(text)
        settings.setdefault(section, {}).update(values)
        return yaml.safe_dump(settings)

    return edit


EDITS = {
    "empty": lambda text: "",
    "cut short": lambda text: text[: len(text) // 2] + "\n  - : [",
    "binary": lambda text: b"\x00\xff\xfe\x80 config",
    "a list": lambda text: "- 1\n- 2\n",
    "a word": lambda text: "settings\n",
    "tabs": lambda text: text.replace("  ", "\t"),
    "an object of Python's": lambda text: "train: !!python/object/apply:os.system [exit 3]\n",
    "an anchor to itself": lambda text: "train: &a {steps: *a}\n",
    "a section that is a number": lambda text: "train: 3\n",
    "an unknown section": changed("trian", steps=3),
    "an unknown setting": changed("train", stesp=3),
    "steps of a word": changed("train", steps="many"),
    "steps below zero": changed("train", steps=-3),
    "a rate that is not a number": changed("train", learning_rate=float("nan")),
    "a batch of none": changed("train", batch_size=0),
    "a batch of a half": changed("train", batch_size=0.5),
    "an unknown generator": changed("model", generator="unicorn"),
    "a crop larger than the image": changed("data", load_size=16, crop_size=64),
    "a size that the depth does not divide": changed("data", load_size=18, crop_size=15),
    "patience without validation": changed("train", patience=-1),
    "other filters": changed("model", base_filters=4),
    "another depth": changed("model", depth=2),
    "another generator": changed("model", generator="resnet_6"),
}

# The file, or the setting.
IS_NAMED = (
    r"config\.yaml|data|steps|stesp|trian|learning_rate|batch_size|generator|crop_size|depth|"
    "patience|base_filters|training pairs"
)


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    place = tmp_path_factory.mktemp("edited")
    pairs = write_pairs(place / "pairs")
    run_dir = write_run(place / "run", data=str(pairs), cache_gib=0, steps=2)
    folder = RunFolder(run_dir)
    found = open_run_data(folder.settings().data).train.pairs
    facts = {"train_pairs": len(found), "fingerprint": found.fingerprint()}
    folder.data.write_text(json.dumps(json.loads(folder.data.read_text()) | facts))
    return run_dir


def contents(folder):
    return {
        path: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


@pytest.mark.parametrize("edit", EDITS)
def test_an_impossible_setting_is_told_in_one_line(edit, run_dir, tmp_path, capsys, tally):
    config = run_dir / "config.yaml"
    good = config.read_bytes()
    bad = EDITS[edit](good.decode())
    config.write_bytes(bad if isinstance(bad, bytes) else bad.encode())
    before = contents(run_dir)
    try:
        inputs = str(run_dir.parent / "pairs" / "val")
        for command in (
            ["train", "--run-dir", str(run_dir), "--resume"],
            ["predict", str(run_dir), inputs, "--output", str(tmp_path / "answers")],
            ["export", str(run_dir), "--output", str(tmp_path / "export")],
        ):
            status = cli.main(command)
            shown = capsys.readouterr()
            if status == 0 and command[0] != "train":
                continue  # what only training goes by
            assert status in (1, 2), (command, shown)
            assert_one_error(shown.err, IS_NAMED)
        assert contents(run_dir) == before
        tally.add("config.yaml made impossible")
    finally:
        config.write_bytes(good)
