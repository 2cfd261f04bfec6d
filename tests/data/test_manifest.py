"""A manifest's rows become pairs; what makes no sense is refused with its line."""

import pytest

from tfpix2pix.data.folders import PairFiles
from tfpix2pix.data.manifest import read_manifest
from tfpix2pix.errors import UserError

FILES = ("a.png", "b.png", "c.png", "one, two.png", "sub/d.png", "ä.png")


@pytest.fixture
def manifest(tmp_path):
    """Writes a manifest beside some files; `{root}` in it stands for their folder."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    def write(content):
        path = tmp_path / "pairs.csv"
        if isinstance(content, str):
            content = content.replace("{root}", str(tmp_path)).encode()
        path.write_bytes(content)
        return path

    return write


def splits_of(path):
    """split -> [(name, a, b)], paths relative to the manifest's folder."""
    return {
        split: [
            (pair.name, *(str(file).removeprefix(f"{path.parent}/") for file in (pair.a, pair.b)))
            for pair in pairs
        ]
        for split, pairs in read_manifest(path).splits.items()
    }


def refusal(path):
    with pytest.raises(UserError) as caught:
        read_manifest(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# What is read


def test_rows_are_pairs_in_their_splits(manifest):
    path = manifest(
        "input,target,split\na.png,b.png,train\nb.png,c.png,val\nc.png,a.png,test\n"
        "sub/d.png,a.png,train\n"
    )
    assert splits_of(path) == {
        "train": [("a.png", "a.png", "b.png"), ("sub/d.png", "sub/d.png", "a.png")],
        "val": [("b.png", "b.png", "c.png")],
        "test": [("c.png", "c.png", "a.png")],
    }
    assert list(read_manifest(path).problems) == []


@pytest.mark.parametrize(
    "content", ["input,target\na.png,b.png\n", "input,target,split\na.png,b.png,\n"]
)
def test_rows_without_a_split_have_none(manifest, content):
    assert splits_of(manifest(content)) == {None: [("a.png", "a.png", "b.png")]}


def test_some_rows_may_have_a_split(manifest):
    path = manifest("input,target,split\na.png,b.png,val\nb.png,c.png\n")
    assert splits_of(path) == {
        "val": [("a.png", "a.png", "b.png")],
        None: [("b.png", "b.png", "c.png")],
    }


def test_paths_are_relative_to_the_manifest_or_absolute(manifest, tmp_path, monkeypatch):
    path = manifest("input,target\n{root}/a.png,sub/../b.png\n")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    [pair] = read_manifest(path).splits[None]
    assert pair == PairFiles("a.png", f"{tmp_path}/a.png", f"{tmp_path}/sub/../b.png")


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("{root}/sub/d.png", "sub/d.png"),
        ("../{folder}/a.png", "a.png"),
        ("sub/../a.png", "a.png"),
        ("../beside/x.png", "beside/x.png"),
        ("{root}/../beside/x.png", "beside/x.png"),
    ],
)
def test_names_do_not_depend_on_the_place_and_lead_out_of_no_folder(manifest, tmp_path, cell, name):
    outside = tmp_path.parent / "beside"
    outside.mkdir(exist_ok=True)
    (outside / "x.png").touch()
    path = manifest(f"input,target\n{cell.replace('{folder}', tmp_path.name)},b.png\n")
    assert [pair.name for pair in read_manifest(path).splits[None]] == [name]


def test_two_files_that_would_share_a_name_get_numbers(manifest, tmp_path):
    (tmp_path / "beside").mkdir()
    (tmp_path.parent / "beside").mkdir(exist_ok=True)
    for folder in (tmp_path, tmp_path.parent):
        (folder / "beside" / "x.png").touch()
    path = manifest(
        "input,target\nbeside/x.png,a.png\n../beside/x.png,b.png\n{root}/beside/x.png,c.png\n"
    )
    names = [pair.name for pair in read_manifest(path).splits[None]]
    assert names == ["beside/x.png", "beside/x_2.png", "beside/x.png"]


@pytest.mark.parametrize("split", ["val", "valid", "validation"])
def test_val_may_be_spelt_out(manifest, split):
    path = manifest(f"input,target,split\na.png,b.png,{split}\n")
    assert splits_of(path) == {"val": [("a.png", "a.png", "b.png")]}


def test_columns_may_be_in_any_order(manifest):
    path = manifest("split,target,input\nval,b.png,a.png\n")
    assert splits_of(path) == {"val": [("a.png", "a.png", "b.png")]}


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("\ufeffinput,target\na.png,b.png\n", "a.png"),
        ("input,target\r\na.png,b.png\r\n", "a.png"),
        ("input,target\n\n  a.png , b.png\n\n", "a.png"),
        ("input,target\na.png,b.png", "a.png"),
        ('"input","target"\n"one, two.png",b.png\n', "one, two.png"),
        ("input,target\nä.png,b.png\n", "ä.png"),
    ],
    ids=["byte order mark", "crlf", "blank lines", "no last line end", "quotes", "umlaut"],
)
def test_csv_comes_as_programs_write_it(manifest, content, name):
    assert splits_of(manifest(content)) == {None: [(name, name, "b.png")]}


# What is not there


def test_rows_whose_files_are_missing_are_problems_with_their_lines(manifest, tmp_path):
    path = manifest("input,target\na.png,b.png\nnone.png,b.png\n\na.png,nor.png\nsub,b.png\n")
    assert list(read_manifest(path).problems) == [
        (f"{tmp_path}/none.png", "no such file (pairs.csv, line 3)"),
        (f"{tmp_path}/nor.png", "no such file (pairs.csv, line 5)"),
        (f"{tmp_path}/sub", "no such file (pairs.csv, line 6)"),
    ]
    assert splits_of(path) == {None: [("a.png", "a.png", "b.png")]}


@pytest.mark.parametrize(
    "name", ["x" * 300, "a.png\0", "a.png/b.png"], ids=["long", "nul", "below"]
)
def test_names_that_no_file_can_have_are_missing_files(manifest, tmp_path, name):
    path = manifest(f"input,target\na.png,b.png\n{name},b.png\n")
    [(named, reason)] = read_manifest(path).problems
    assert (named, reason) == (f"{tmp_path}/{name}", "no such file (pairs.csv, line 3)")


# What makes no sense


@pytest.mark.parametrize("split", ["training", "Train", "0"])
def test_an_unknown_split_is_refused(manifest, split):
    message = refusal(manifest(f"input,target,split\na.png,b.png,train\nb.png,c.png,{split}\n"))
    assert message.endswith(f"pairs.csv, line 3: split {split!r}: expected train, val, test")


@pytest.mark.parametrize("row", ["a.png,", ",b.png", "a.png", " ,b.png", ",,train"])
def test_a_row_without_input_or_target_is_refused(manifest, row):
    message = refusal(manifest(f"input,target,split\na.png,b.png,val\n{row}\n"))
    assert "pairs.csv, line 3: expected an input and a target, found [" in message


def test_more_cells_than_columns_are_refused(manifest):
    """A name with a comma and no quotes would else be a pair with another file."""
    message = refusal(manifest("input,target\nb.png,one, two.png\n"))
    assert message.endswith("pairs.csv, line 2: more cells than the first line has columns")


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("input,output", "input,output"),
        ("target", "target"),
        ("input;target", "input;target"),
        ("input,target,weight", "input,target,weight"),
        ("input,target,input", "input,target,input"),
        ("Input,Target", "Input,Target"),
        ("input,target,", "input,target,"),
        ("a.png,b.png", "a.png,b.png"),
    ],
)
def test_other_columns_are_refused(manifest, header, found):
    message = refusal(manifest(f"{header}\na.png,b.png\n"))
    assert message.endswith(
        "pairs.csv: its first line must name the columns input,target or input,target,split; "
        f"found {found}"
    )


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_an_empty_file_is_refused(manifest, content):
    assert refusal(manifest(content)).endswith("found nothing")


def test_a_header_alone_is_refused(manifest):
    message = refusal(manifest("input,target,split\n"))
    assert message.endswith(
        "pairs.csv lists no pairs: expected a row for each below its first line"
    )


@pytest.mark.parametrize(
    "content",
    [
        "input,target\nä.png,b.png\n".encode("latin-1"),
        "input,target\na.png,b.png\n".encode("utf-16"),
        b"\x89PNG\r\n\x1a\n\xff\xd8",
        b'input,target\n"a.png,b.png\n',
        b"input,target\n" + b"x" * 200_000 + b",b.png\n",
    ],
    ids=["latin-1", "utf-16", "an image", "open quote", "huge cell"],
)
def test_what_is_no_csv_is_refused(manifest, content):
    path = manifest(content)
    assert refusal(path).startswith(f"{path} is not a readable CSV file: ")


def test_a_manifest_that_is_not_there_is_refused(tmp_path):
    path = tmp_path / "none.csv"
    assert refusal(path).startswith(f"{path} is not a readable CSV file: [Errno 2]")
