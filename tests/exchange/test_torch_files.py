"""Reading files of PyTorch weights: what is read, and what is refused without running it."""

import collections
import io
import pickle
import sys

import numpy as np
import pytest
import torch
from torch_reference import PixelGan, draw

from tfpix2pix.errors import UserError
from tfpix2pix.models.exchange.torch_files import read_weights, weights_file, write_weights


@pytest.fixture
def state():
    return draw(PixelGan(2)).state_dict()


def floats(state):
    return {key: tensor for key, tensor in state.items() if tensor.is_floating_point()}


def saved(tmp_path, content, **options):
    path = tmp_path / "weights.pth"
    torch.save(content, path, **options)
    return path


def same(weights, state):
    return list(weights) == list(floats(state)) and all(
        np.array_equal(weights[key], tensor.numpy()) for key, tensor in floats(state).items()
    )


@pytest.mark.parametrize("zipped", [True, False])
def test_both_formats_are_read(tmp_path, state, zipped):
    path = saved(tmp_path, state, _use_new_zipfile_serialization=zipped)
    weights = read_weights(path)
    assert same(weights, state)
    assert all(array.dtype == np.float32 for array in weights.values())


@pytest.mark.parametrize("wrapper", ["state_dict", "model"])
def test_a_state_dict_beside_other_things_is_found(tmp_path, state, wrapper):
    content = {"epoch": 200, wrapper: dict(state), "optimizer": {"lr": 2e-4}}
    assert same(read_weights(saved(tmp_path, content)), state)


def test_the_prefix_of_data_parallel_is_taken_off(tmp_path, state):
    parallel = {f"module.{key}": tensor for key, tensor in state.items()}
    assert same(read_weights(saved(tmp_path, parallel)), state)


def test_half_precision_becomes_float32(tmp_path, state):
    weights = read_weights(saved(tmp_path, {k: t.half() for k, t in floats(state).items()}))
    assert weights["net.0.weight"].dtype == np.float32
    np.testing.assert_array_equal(
        weights["net.0.weight"], state["net.0.weight"].half().float().numpy()
    )


class CreatesFile:
    """Pickled, an order to create a file, which Python's own pickle carries out."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("form", ["pickle", "zip", "legacy", "within"])
def test_code_in_a_file_is_never_run(tmp_path, state, form):
    victim, path = tmp_path / "created", tmp_path / "weights.pth"
    if form == "pickle":
        path.write_bytes(pickle.dumps(CreatesFile(victim)))
        pickle.loads(path.read_bytes()).close()
        assert victim.exists()  # it is dangerous indeed
        victim.unlink()
    else:
        content = {**state, "net.9.weight": CreatesFile(victim)} if form == "within" else None
        torch.save(
            content or CreatesFile(victim), path, _use_new_zipfile_serialization=form != "legacy"
        )
    with pytest.raises(UserError, match=r"weights\.pth (holds other Python objects|is no check)"):
        read_weights(path)
    assert not victim.exists()


def test_a_whole_network_is_refused_with_what_to_save(tmp_path):
    path = saved(tmp_path, torch.nn.Conv2d(1, 1, 1))
    with pytest.raises(UserError, match=r"other Python objects than weights.*state_dict\(\)"):
        read_weights(path)


def test_damaged_files_are_refused(tmp_path, state):
    """Cut short anywhere, or with bytes overwritten: an error that names the file, or the weights.

    Formats have no checksums of all they hold, so that some damage cannot be seen.
    """
    random, path = np.random.default_rng(0), tmp_path / "weights.pth"
    for zipped in (True, False):
        file = io.BytesIO()
        torch.save(state, file, _use_new_zipfile_serialization=zipped)
        content = file.getvalue()
        for end in range(0, len(content), len(content) // 40):
            assert str(path) in refusal(path, content[:end])
        messages = []
        for _ in range(100):
            changed = np.frombuffer(content, np.uint8).copy()
            changed[random.integers(0, len(content), 3)] = random.integers(0, 256, 3)
            messages.append(refusal(path, changed.tobytes()))
        assert sum(str(path) in message for message in messages) > 20
        assert {message for message in messages if str(path) not in message} <= {""}


def refusal(path, content):
    """What is said of a file of this content; nothing if it is read."""
    path.write_bytes(content)
    try:
        read_weights(path)
    except UserError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no checkpoint of PyTorch, or it is damaged"),
        (b"hello", "no checkpoint of PyTorch, or it is damaged"),
        (b"PK\x03\x04 and so on", "no checkpoint of PyTorch, or it is damaged"),
    ],
)
def test_other_files_are_refused(tmp_path, content, message):
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"weights.pth is {message}"):
        read_weights(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "holds no state dict but a list"),
        ({}, "holds no state dict but an empty dict"),
        ({"state_dict": {}}, "holds no state dict but an empty dict"),
        ({"epoch": 3}, "'epoch' is of type int"),
        ({0: torch.zeros(1)}, "0 is no key"),
    ],
)
def test_other_contents_are_refused(tmp_path, content, message):
    with pytest.raises(UserError, match=message):
        read_weights(saved(tmp_path, content))


@pytest.mark.parametrize(("value", "shown"), [(float("nan"), "NaN"), (float("inf"), "infinite")])
def test_numbers_that_are_not_finite_are_refused(tmp_path, state, value, shown):
    state["net.2.weight"][0, 0] = value
    with pytest.raises(UserError, match=rf"weights\.pth: net\.2\.weight holds {shown}"):
        read_weights(saved(tmp_path, state))


def test_files_that_are_not_there_or_folders_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"cannot read .*nothing\.pth: No such file"):
        read_weights(tmp_path / "nothing.pth")
    with pytest.raises(UserError, match="Is a directory"):
        read_weights(tmp_path)


def test_without_pytorch_it_is_said_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UserError, match=r"pip install 'tfpix2pix\[torch\]'"):
        read_weights(tmp_path / "weights.pth")
    with pytest.raises(UserError, match=r"pip install 'tfpix2pix\[torch\]'"):
        weights_file({})


def test_what_is_written_is_what_pytorch_reads(tmp_path):
    """Arrays of any memory layout, in order; counters stay whole numbers."""
    arrays = {
        "b": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "a": np.array(3, np.int64),
    }
    path = tmp_path / "new" / "weights.pth"
    write_weights(path, arrays)
    found = torch.load(path, weights_only=True)
    assert isinstance(found, collections.OrderedDict)
    assert list(found) == ["b", "a"]
    assert found["a"].dtype == torch.int64
    assert found["a"].item() == 3
    np.testing.assert_array_equal(found["b"].numpy(), arrays["b"])
    assert [p.name for p in path.parent.iterdir()] == ["weights.pth"]
