"""Pairs are found in every layout of the docstring; what could be paired wrongly is refused."""

import os
import re

import pytest

from tfpix2pix.data.folders import find_pairs
from tfpix2pix.data.reading import SUFFIXES
from tfpix2pix.errors import UserError


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def found(root):
    """What is found, with paths relative to the root: split -> [(name, a, b)]."""
    pairs = find_pairs(root)
    return {
        split: [
            (pair.name, *(path and os.path.relpath(path, root) for path in (pair.a, pair.b)))
            for pair in of_split
        ]
        for split, of_split in pairs.splits.items()
    }


def refusal(root):
    with pytest.raises(UserError) as caught:
        find_pairs(root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Layouts


def test_side_by_side_files_in_folders_of_splits(tmp_path):
    touch(tmp_path, "train/b.jpg", "train/a.png", "val/c.png", "test/d.png")
    assert found(tmp_path) == {
        "train": [("a.png", "train/a.png", None), ("b.jpg", "train/b.jpg", None)],
        "val": [("c.png", "val/c.png", None)],
        "test": [("d.png", "test/d.png", None)],
    }


def test_side_by_side_files_without_splits(tmp_path):
    touch(tmp_path, "b.png", "a.png", "sub/c.png")
    assert found(tmp_path) == {
        None: [("a.png", "a.png", None), ("b.png", "b.png", None), ("sub/c.png", "sub/c.png", None)]
    }


@pytest.mark.parametrize(("a", "b"), [("input", "target"), ("A", "B")])
@pytest.mark.parametrize("layout", ["{split}/{side}", "{side}/{split}"])
def test_two_folders_in_each_split_or_splits_in_each_of_two_folders(tmp_path, a, b, layout):
    folders = {}
    for split in ("train", "val", "test"):
        folders[split] = [layout.format(split=split, side=side) for side in (a, b)]
        touch(tmp_path, *(f"{folder}/x.png" for folder in folders[split]))
    assert found(tmp_path) == {
        split: [("x.png", *(f"{folder}/x.png" for folder in folders[split]))] for split in folders
    }


def test_folders_named_by_split_and_side(tmp_path):
    touch(tmp_path, "trainA/1.png", "trainB/1.png", "testA/2.png", "testB/2.png")
    assert found(tmp_path) == {
        "train": [("1.png", "trainA/1.png", "trainB/1.png")],
        "test": [("2.png", "testA/2.png", "testB/2.png")],
    }


@pytest.mark.parametrize(("a", "b"), [("input", "target"), ("A", "B")])
def test_two_folders_without_splits(tmp_path, a, b):
    touch(tmp_path, f"{a}/2.png", f"{b}/2.png", f"{a}/1.png", f"{b}/1.png")
    assert found(tmp_path) == {
        None: [(name, f"{a}/{name}", f"{b}/{name}") for name in ("1.png", "2.png")]
    }


def test_splits_may_differ_in_layout(tmp_path):
    touch(tmp_path, "train/a.png", "val/input/b.png", "val/target/b.png", "testA/c", "testB/c")
    touch(tmp_path, "testA/c.png", "testB/c.png")
    assert found(tmp_path) == {
        "train": [("a.png", "train/a.png", None)],
        "val": [("b.png", "val/input/b.png", "val/target/b.png")],
        "test": [("c.png", "testA/c.png", "testB/c.png")],
    }


def test_what_lies_beside_the_folders_of_splits_does_not_count_and_is_told(tmp_path):
    touch(tmp_path, "preview.png", "train/a.png", "trained/b.png", "trained/x/b.png", "input/c.png")
    assert found(tmp_path) == {"train": [("a.png", "train/a.png", None)]}
    assert find_pairs(tmp_path).ignored == (
        "ignored: images beside train/: 1 in input/, 1 in the folder itself, 2 in trained/",
    )


@pytest.mark.parametrize(
    ("used", "aside", "told"),
    [
        (["val/a.png"], "valid/b.png", "images beside val/: 1 in valid/"),
        (["trainA/a.png", "trainB/a.png"], "train/b.png", "beside trainA/, trainB/: 1 in train/"),
        (["train/A/a.png", "train/B/a.png"], "train/b.png", "train/A/, train/B/: 1 in train/"),
        (["A/a.png", "B/a.png"], "C/b.png", "images beside A/, B/: 1 in C/"),
        (["A/val/a.png", "B/val/a.png"], "A/b/b.png", "A/val/, B/val/: 1 in A/b/"),
    ],
)
def test_images_beside_any_layout_are_told(tmp_path, used, aside, told):
    touch(tmp_path, *used)
    assert find_pairs(tmp_path).ignored == ()
    touch(tmp_path, aside)
    (line,) = find_pairs(tmp_path).ignored
    assert line.endswith(told)


def test_files_of_other_suffixes_are_counted_but_for_those_that_are_no_images(tmp_path):
    touch(tmp_path, *(f"train/{i}.gif" for i in range(3)), "train/x/1.EXR", "train/a.png")
    touch(tmp_path, "train/notes.txt", "train/list.csv", "train/Thumbs.db", "train/.b.gif")
    touch(tmp_path, "train/README")
    (line,) = find_pairs(tmp_path).ignored
    assert line.startswith("ignored: 3 .gif, 1 .exr (read are .jpg, ")


# Names


def test_subfolders_are_searched_and_part_of_the_name(tmp_path):
    for side in ("input", "target"):
        touch(tmp_path, f"train/{side}/x/1.png", f"train/{side}/y/z/1.png", f"train/{side}/1.png")
    assert [name for name, *_ in found(tmp_path)["train"]] == ["1.png", "x/1.png", "y/z/1.png"]
    assert found(tmp_path)["train"][2][1:] == ("train/input/y/z/1.png", "train/target/y/z/1.png")


def test_sides_may_differ_in_suffix(tmp_path):
    touch(tmp_path, "trainA/a.jpg", "trainB/a.tif", "trainA/b.c.JPG", "trainB/b.c.npy")
    assert found(tmp_path)["train"] == [
        ("a.jpg", "trainA/a.jpg", "trainB/a.tif"),
        ("b.c.JPG", "trainA/b.c.JPG", "trainB/b.c.npy"),
    ]


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".PNG", ".Tiff"])
def test_every_format_is_found(tmp_path, suffix):
    touch(tmp_path, f"train/a{suffix}")
    assert found(tmp_path)["train"] == [(f"a{suffix}", f"train/a{suffix}", None)]


def test_hidden_files_and_folders_and_other_files_do_not_count(tmp_path):
    touch(tmp_path, "train/a.png", "train/.b.png", "train/._a.png", "train/.cache/c.png")
    touch(tmp_path, "train/notes.txt", "train/d.png.part", "train/png", "train/e.gif")
    assert found(tmp_path)["train"] == [("a.png", "train/a.png", None)]


def test_names_that_are_not_utf8_are_found_and_matched(tmp_path):
    odd = os.fsdecode(b"caf\xe9.png")
    touch(tmp_path, f"input/{odd}", f"target/{odd}", "input/café.png", "target/café.png")
    names = [name for name, *_ in found(tmp_path)[None]]
    assert sorted(names) == sorted([odd, "café.png"])
    [pair] = [pair for pair in find_pairs(tmp_path).splits[None] if pair.name == odd]
    assert os.fsencode(pair.b) == os.fsencode(tmp_path) + b"/target/caf\xe9.png"


def test_the_order_is_that_of_the_names_whatever_the_disk_says(tmp_path, monkeypatch):
    names = ["a.png", "b/a.png", "b/z.png", "c.png"]
    touch(tmp_path, *(f"train/{name}" for name in names))
    walk = os.walk
    monkeypatch.setattr(
        os, "walk", lambda *args, **kw: ((p, d, f[::-1]) for p, d, f in walk(*args, **kw))
    )
    assert [name for name, *_ in found(tmp_path)["train"]] == names


# Links


def test_links_to_files_and_folders_are_followed(tmp_path):
    touch(tmp_path, "store/a.png", "store/sub/b.png")
    set_folder = tmp_path / "set"
    (set_folder / "train").mkdir(parents=True)
    (set_folder / "train" / "x.png").symlink_to(tmp_path / "store" / "a.png")
    (set_folder / "train" / "linked").symlink_to(tmp_path / "store" / "sub")
    assert [name for name, *_ in found(set_folder)["train"]] == ["linked/b.png", "x.png"]


def test_one_folder_linked_twice_is_two_folders(tmp_path):
    touch(tmp_path, "store/a.png")
    (tmp_path / "set").mkdir()
    for name in ("input", "target"):
        (tmp_path / "set" / name).symlink_to(tmp_path / "store")
    assert found(tmp_path / "set") == {None: [("a.png", "input/a.png", "target/a.png")]}


@pytest.mark.parametrize("target", [".", "..", "../../train"])
def test_links_in_a_circle_add_no_pairs(tmp_path, target):
    touch(tmp_path, "train/sub/a.png")
    (tmp_path / "train" / "sub" / "again").symlink_to(target)
    assert found(tmp_path)["train"] == [("sub/a.png", "train/sub/a.png", None)]


def test_links_in_a_circle_over_two_places_end(tmp_path):
    touch(tmp_path, "train/a.png", "elsewhere/b.png")
    (tmp_path / "train" / "out").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "train")
    assert [name for name, *_ in found(tmp_path)["train"]] == ["a.png", "out/b.png"]


# What has no partner


def test_files_without_a_partner_are_named_each_with_where_it_should_be(tmp_path):
    touch(tmp_path, "trainA/both.png", "trainB/both.png", "trainA/left.png", "trainB/x/right.png")
    assert list(find_pairs(tmp_path).problems) == [
        (f"{tmp_path}/trainA/left.png", f"no file of that name in {tmp_path}/trainB"),
        (f"{tmp_path}/trainB/x/right.png", f"no file of that name in {tmp_path}/trainA"),
    ]
    assert [name for name, *_ in found(tmp_path)["train"]] == ["both.png"]


def test_a_partner_of_a_suffix_that_is_not_read_is_named(tmp_path):
    touch(tmp_path, "A/both.png", "B/both.png", "A/x/1.png", "B/x/1.gif")
    assert list(find_pairs(tmp_path).problems) == [
        (
            f"{tmp_path}/A/x/1.png",
            f"no file of that name in {tmp_path}/B but x/1.gif, of a suffix that is not read",
        )
    ]
    (tmp_path / "A/both.png").unlink()
    (tmp_path / "B/both.png").unlink()
    touch(tmp_path, "B/other.png")
    assert "but x/1.gif, of a suffix that is not read" in refusal(tmp_path)


def test_names_are_matched_with_their_folders_and_capitals(tmp_path):
    touch(tmp_path, "A/x/1.png", "B/y/1.png", "A/both.png", "B/both.png", "A/c.png", "B/C.png")
    assert [name for name, *_ in found(tmp_path)[None]] == ["both.png"]
    assert len(find_pairs(tmp_path).problems) == 4


@pytest.mark.parametrize(
    ("there", "missing"),
    [
        ("trainA", "trainB"),
        ("trainB", "trainA"),
        ("train/input", "train/target"),
        ("train/B", "train/A"),
        ("target", "input"),
        ("A", "B"),
    ],
)
def test_one_side_alone_is_refused(tmp_path, there, missing):
    touch(tmp_path, f"{there}/a.png", "a.png", "other/b.png")
    message = f"{tmp_path}/{there} has no partner: there is no folder {tmp_path}/{missing}"
    assert refusal(tmp_path) == message


def test_a_split_in_one_of_two_folders_alone_is_refused(tmp_path):
    touch(tmp_path, "input/train/a.png", "target/train/a.png", "input/val/b.png")
    assert f"{tmp_path}/input/val has no partner" in refusal(tmp_path)


def test_two_sides_without_a_name_in_common_are_refused(tmp_path):
    touch(tmp_path, "trainA/1_A.png", "trainB/1_B.png")
    assert refusal(tmp_path).startswith(
        f"no file in {tmp_path}/trainA has one of the same name in {tmp_path}/trainB, such as "
        f"{tmp_path}/trainA/1_A.png: expected train/ and val/"
    )


@pytest.mark.parametrize("side", ["A", "B"])
@pytest.mark.parametrize("other", ["1.jpg", "1.PNG"])
def test_names_that_differ_only_in_their_suffix_are_refused(tmp_path, side, other):
    touch(tmp_path, "trainA/1.png", "trainB/1.png", f"train{side}/{other}")
    first, second = sorted(["1.png", other])
    assert f"{tmp_path}/train{side} holds {first} and {second}: they differ" in refusal(tmp_path)


# What would go in as pairs and is none


@pytest.mark.parametrize("place", [".", "train"])
def test_two_folders_of_other_names_are_not_taken_for_side_by_side(tmp_path, place):
    for number in range(4):
        touch(tmp_path, f"{place}/photos/{number}.jpg", f"{place}/labels/{number}.png")
    touch(tmp_path, f"{place}/photos/alone.jpg")
    message = refusal(tmp_path)
    assert "holds labels/ and photos/ with the same names in both: call them input/" in message


@pytest.mark.parametrize("stray", ["alone.jpg", "more/x.jpg", "a/x.jpg"])
def test_stray_files_beside_two_folders_hide_nothing(tmp_path, stray):
    touch(tmp_path, stray, *(f"{top}/{i}.png" for top in ("photos", "labels") for i in range(4)))
    assert "holds labels/ and photos/ with the same names in both" in refusal(tmp_path)


@pytest.mark.parametrize("place", [".", "train"])
@pytest.mark.parametrize(
    "inner", ["input {}/target", "A {}/B", "train", "trainA {}/trainB", "validation", "x/test"]
)
def test_known_names_deeper_than_expected_are_refused(tmp_path, place, inner):
    names = f"mydata/{inner}".format("mydata").split()
    touch(tmp_path, *(f"{place}/{name}/{i}.png" for name in names for i in (1, 2)))
    folder = tmp_path / place
    wrapper = (folder / names[0]).parent
    assert refusal(tmp_path).endswith(f"/: did you mean {wrapper}?")
    assert refusal(tmp_path).startswith(f"{folder} holds ")


def test_splits_in_several_folders_are_refused(tmp_path):
    """As Cityscapes is laid out."""
    touch(tmp_path, "leftImg8bit/train/aachen/1_leftImg8bit.png", "gtFine/train/aachen/1_c.png")
    message = refusal(tmp_path)
    assert "holds gtFine/train/ and leftImg8bit/train/: call them input/ and target/" in message


def test_folders_of_unknown_names_alone_are_refused(tmp_path):
    touch(tmp_path, "leftImg8bit/1_leftImg8bit.png", "gtFine/1_color.png")
    message = refusal(tmp_path)
    assert "holds images in gtFine/, leftImg8bit/ only" in message
    assert "call them input/ and target/, or write a manifest" in message


def test_one_folder_alone_may_be_what_is_meant(tmp_path):
    touch(tmp_path, "mydata/1.png", "mydata/2.png")
    assert refusal(tmp_path).endswith(f"holds nothing but mydata/: did you mean {tmp_path}/mydata?")


def test_folders_of_classes_are_side_by_side_in_a_split(tmp_path):
    touch(tmp_path, *(f"train/{name}/{name}_{i}.png" for name in ("cat", "dog") for i in range(3)))
    assert len(found(tmp_path)["train"]) == 6


def test_two_folders_of_different_names_are_side_by_side(tmp_path):
    touch(tmp_path, "train/day/1.png", "train/day/2.png", "train/night/3.png", "train/night/2.png")
    assert len(found(tmp_path)["train"]) == 4


# Nothing there


@pytest.mark.parametrize(
    "names", [(), ("train/notes.txt",), ("trainA/.a.png", "trainB/.a.png"), ("input/x", "target/y")]
)
def test_a_folder_without_images_says_what_was_expected(tmp_path, names):
    touch(tmp_path, *names)
    message = refusal(tmp_path)
    assert message.startswith(f"{tmp_path} holds no pairs: expected train/ and val/ (or test/)")
    assert all(suffix in message for suffix in SUFFIXES)


def test_an_empty_split_beside_others_is_empty(tmp_path):
    touch(tmp_path, "train/a.png", "val/notes.txt")
    assert found(tmp_path) == {"train": [("a.png", "train/a.png", None)], "val": []}


def denying(function, denied):
    def deny(path=".", *args, **kwargs):
        if os.fspath(path) == os.fspath(denied):
            raise PermissionError(13, "Permission denied", os.fspath(denied))
        return function(path, *args, **kwargs)

    return deny


def test_a_folder_that_cannot_be_listed_is_named(tmp_path, monkeypatch):
    touch(tmp_path, "train/a.png", "train/secret/b.png")
    secret = tmp_path / "train" / "secret"
    monkeypatch.setattr(os, "scandir", denying(os.scandir, secret))
    assert refusal(tmp_path) == f"cannot read {secret}: Permission denied"


def test_a_folder_that_cannot_be_searched_is_named(tmp_path, monkeypatch):
    touch(tmp_path, "train/a.png")
    place = tmp_path / "trainA"
    monkeypatch.setattr(os, "stat", denying(os.stat, place))
    assert re.fullmatch(f"cannot read {place}: Permission denied", refusal(tmp_path))


@pytest.mark.parametrize("name", ["validation", "valid"])
def test_val_may_be_spelt_out(tmp_path, name):
    for folder in ("train", name):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "1.png").write_bytes(b"")
    assert set(find_pairs(tmp_path).splits) == {"train", "val"}
