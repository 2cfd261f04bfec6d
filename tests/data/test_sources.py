"""What `--data` names is told apart, listed in splits, and refused where nothing can be trained."""

import os
from pathlib import Path

import pytest

from tfpix2pix.config import resolve
from tfpix2pix.data.sources import (
    Problem,
    absolute_source,
    check_source,
    describe_problems,
    kind_of,
    list_pairs,
    usable_listing,
)
from tfpix2pix.data.splits import SPLITS, split_of
from tfpix2pix.errors import UserError


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return str(root)


def settings_for(data, **settings):
    return resolve(flags={"data": str(data), **settings}).data


def names_of(listing):
    return {split: [pair.name for pair in pairs] for split, pairs in listing.splits.items()}


# Kinds


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ("drawn_facades", "tfds"),
        ("tfds:pix2pix/facades", "tfds"),
        ("tfds:anything", "tfds"),
        ("{root}/folder", "folder"),
        ("{root}/store", "store"),
        ("{root}/pairs.csv", "manifest"),
        ("{root}/PAIRS.CSV", "manifest"),
    ],
)
def test_kinds_are_told_apart(tmp_path, data, kind):
    touch(tmp_path, "folder/a.png", "store/dataset_info.json", "pairs.csv", "PAIRS.CSV")
    assert kind_of(data.format(root=tmp_path)) == kind


def test_places_are_found_from_home(tmp_path, monkeypatch):
    touch(tmp_path, "folder/train/a.png", "folder/dataset_info.json", "set/train/a.png")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert (kind_of("~/folder"), kind_of("~/set")) == ("store", "folder")
    assert names_of(list_pairs(settings_for("~/set"))) == {"train": ["a.png"]}
    assert absolute_source("~/set") == f"{tmp_path}/set"


def test_absolute_sources_are_found_from_anywhere(tmp_path, monkeypatch):
    touch(tmp_path, "set/a.png", "pairs.csv")
    monkeypatch.chdir(tmp_path)
    assert absolute_source("set") == f"{tmp_path}/set"
    assert absolute_source("pairs.csv") == f"{tmp_path}/pairs.csv"
    assert absolute_source("drawn_facades") == "drawn_facades"
    assert absolute_source("tfds:mnist") == "tfds:mnist"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("{root}/none", r"no folder {root}/none, nor a set of that name \(drawn_facades\)"),
        ("mnist", r"no folder mnist \(or tfds:mnist, a TFDS set\?\), nor a set of that name"),
        ("{root}/a.png", "{root}/a.png is neither a folder nor a .csv manifest"),
        ("{root}/" + "x" * 300, "cannot read {root}/x+: File name too long"),
    ],
)
def test_what_is_not_there_is_named(tmp_path, data, message):
    touch(tmp_path, "a.png")
    with pytest.raises(UserError, match=f"^data: .*{message.format(root=tmp_path)}"):
        kind_of(data.format(root=tmp_path))


def test_a_place_that_may_not_be_looked_into_is_named(tmp_path, monkeypatch):
    def deny(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "exists", deny)
    with pytest.raises(UserError, match=r"^data: cannot read .*dataset_info.json: Permission"):
        kind_of(str(tmp_path))


# Listings


def test_a_folder_is_listed_with_its_splits(tmp_path):
    touch(tmp_path, "test/d.png", "train/b.png", "train/a.png", "val/c.png")
    listing = list_pairs(settings_for(tmp_path))
    assert list(names_of(listing).items()) == [
        ("train", ["a.png", "b.png"]),
        ("val", ["c.png"]),
        ("test", ["d.png"]),
    ]
    assert (listing.origin, listing.problems, listing.made_splits) == (str(tmp_path), (), False)


def test_splits_without_pairs_are_left_out(tmp_path):
    touch(tmp_path, "train/a.png", "val/notes.txt")
    assert list(list_pairs(settings_for(tmp_path)).splits) == ["train"]


@pytest.mark.parametrize("split", ["80/10/10", "50/25/25"])
def test_a_set_without_splits_is_split_by_its_names(tmp_path, split):
    names = [f"{number}.png" for number in range(60)]
    touch(tmp_path, *names)
    listing = list_pairs(settings_for(tmp_path, split=split))
    shares = [int(share) for share in split.split("/")]
    assert listing.made_splits
    assert names_of(listing) == {
        wanted: sorted(name for name in names if split_of(name, shares) == wanted)
        for wanted in SPLITS
    }


def test_files_added_later_move_no_other_to_another_split(tmp_path):
    touch(tmp_path, *(f"{number}.png" for number in range(40)))
    before = names_of(list_pairs(settings_for(tmp_path)))
    touch(tmp_path, *(f"new {number}.png" for number in range(40)))
    after = names_of(list_pairs(settings_for(tmp_path)))
    assert sum(map(len, after.values())) == 80
    assert all(set(before[split]) <= set(after[split]) for split in before)


def test_a_manifest_is_listed_and_split_where_it_does_not_say(tmp_path):
    touch(tmp_path, *(f"{number}.png" for number in range(40)))
    rows = [f"{number}.png,0.png,{'test' if number < 5 else ''}" for number in range(40)]
    (tmp_path / "pairs.csv").write_text("\n".join(["input,target,split", *rows]))
    listing = list_pairs(settings_for(tmp_path / "pairs.csv"))
    found = names_of(listing)
    assert listing.made_splits
    assert {f"{number}.png" for number in range(5)} <= set(found["test"])
    assert sum(map(len, found.values())) == 40
    for number in range(5, 40):
        assert f"{number}.png" in found[split_of(f"{number}.png", (80, 10, 10))]


def test_a_manifest_and_the_folder_it_names_are_split_alike(tmp_path):
    names = [f"{number}.png" for number in range(30)]
    touch(tmp_path, *names)
    (tmp_path / "pairs.csv").write_text("input,target\n" + "".join(f"{n},{n}\n" for n in names))
    of_manifest = names_of(list_pairs(settings_for(tmp_path / "pairs.csv")))
    assert of_manifest == names_of(list_pairs(settings_for(tmp_path)))


# Refusals


def test_problems_stop_a_run_each_by_name(tmp_path):
    touch(tmp_path, "trainA/a.png", "trainB/a.png", "trainA/b.png", "trainB/c.png")
    with pytest.raises(UserError) as caught:
        usable_listing(settings_for(tmp_path))
    assert str(caught.value) == (
        f"2 of the pairs in {tmp_path} cannot be used: {tmp_path}/trainA/b.png: no file of that "
        f"name in {tmp_path}/trainB; {tmp_path}/trainB/c.png: no file of that name in "
        f"{tmp_path}/trainA. Mend them or take them out, or leave them out with --on-bad skip; "
        f"`tfpix2pix prepare --check {tmp_path}` lists them all"
    )


def test_problems_are_left_out_where_the_user_says_so(tmp_path):
    touch(tmp_path, "trainA/a.png", "trainB/a.png", "trainA/b.png")
    listing = usable_listing(settings_for(tmp_path, on_bad="skip"))
    assert names_of(listing) == {"train": ["a.png"]}
    assert [problem.name for problem in listing.problems] == [f"{tmp_path}/trainA/b.png"]


def test_a_few_of_many_problems_are_shown():
    problems = [Problem(f"{number}.png", "broken") for number in range(8)]
    message = describe_problems(problems, "SET")
    assert message.startswith("8 of the pairs in SET cannot be used: 0.png: broken; 1.png: ")
    assert "4.png: broken; and 3 more. Mend" in message
    assert "5.png" not in message
    assert "more" not in describe_problems(problems[:5], "SET").split("Mend")[0]


@pytest.mark.parametrize("on_bad", ["fail", "skip"])
def test_a_manifest_of_missing_files_alone_has_nothing_to_train_on(tmp_path, on_bad):
    (tmp_path / "pairs.csv").write_text("input,target,split\na.png,b.png,train\n")
    message = {"fail": "1 of the pairs", "skip": "no train/ pairs: .*; found none of them"}
    with pytest.raises(UserError, match=message[on_bad]):
        usable_listing(settings_for(tmp_path / "pairs.csv", on_bad=on_bad))


def test_a_missing_split_says_which_there_are(tmp_path):
    touch(tmp_path, "train/a.png", "test/b.png")
    settings = settings_for(tmp_path)
    assert names_of(usable_listing(settings, "test"))["test"] == ["b.png"]
    with pytest.raises(UserError) as caught:
        usable_listing(settings, "val")
    assert str(caught.value) == (
        f"{tmp_path} has no val/ pairs: expected train, val, test; found train/, test/"
    )


def test_a_source_is_checked_before_anything_slow(tmp_path):
    check_source(settings_for("tfds:whatever"))
    check_source(settings_for(touch(tmp_path / "store", "dataset_info.json")))
    check_source(settings_for(Path(touch(tmp_path / "set", "train/a.png")).parent / "set"))
    with pytest.raises(UserError, match="has no train/ pairs"):
        check_source(settings_for(touch(tmp_path / "tests", "test/a.png")))
    with pytest.raises(UserError, match="holds no pairs: expected"):
        check_source(settings_for(touch(tmp_path / "empty", "train/notes.txt")))
    with pytest.raises(UserError, match="has no partner"):
        check_source(settings_for(touch(tmp_path / "half", "trainA/a.png")))
    (tmp_path / "pairs.csv").write_text("input,target\n")
    with pytest.raises(UserError, match="lists no pairs"):
        check_source(settings_for(tmp_path / "pairs.csv"))


def test_a_source_is_not_listed_to_its_end_before_tensorflow(tmp_path, monkeypatch):
    touch(tmp_path, *(f"{side}/{i}/a.png" for side in ("trainA", "trainB") for i in range(50)))
    visited = []
    realpath = os.path.realpath
    monkeypatch.setattr(os.path, "realpath", lambda path: visited.append(path) or realpath(path))
    check_source(settings_for(tmp_path))
    assert 0 < len(visited) < 60
    (tmp_path / "pairs.csv").write_text("input,target\nnone.png,none.png\n")
    check_source(settings_for(tmp_path / "pairs.csv"))


@pytest.mark.parametrize(("split", "shares"), [("train", "0/50/50"), ("val", "50/0/50")])
def test_made_splits_without_a_share_say_what_made_them(tmp_path, split, shares):
    touch(tmp_path, *(f"{number}.png" for number in range(20)))
    with pytest.raises(UserError, match=rf"has no {split} pairs: its splits were made by --split"):
        usable_listing(settings_for(tmp_path, split=shares), split)
