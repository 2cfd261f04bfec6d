"""LPIPS against PyTorch layers put together here, with the same random weights."""

import sys

import numpy as np
import pytest
import tensorflow as tf
import torch
from torch import nn

from tfpix2pix.errors import UserError
from tfpix2pix.evaluation.lpips import lpips_metric
from tfpix2pix.evaluation.metrics import measurable

# torchvision's vgg16: filters, and M for halving.
PLAN = [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"]
SLICES = [4, 9, 16, 23, 30]


def torch_vgg16():
    layers, channels = [], 3
    for entry in PLAN:
        if entry == "M":
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(channels, entry, 3, padding=1), nn.ReLU()]
            channels = entry
    network = nn.Module()
    network.features = nn.Sequential(*layers)
    for layer in network.features:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.uniform_(layer.bias, -0.3, 0.3)
    return network


@pytest.fixture(scope="module")
def vgg():
    torch.manual_seed(0)
    return torch_vgg16()


@pytest.fixture(scope="module")
def heads():
    generator = torch.Generator().manual_seed(1)
    widths = [64, 128, 256, 512, 512]
    return {
        f"lin{i}.model.1.weight": torch.rand(1, width, 1, 1, generator=generator)
        for i, width in enumerate(widths)
    }


@pytest.fixture(scope="module")
def files(vgg, heads, tmp_path_factory):
    """As torchvision and the authors save them: vgg16 has its classifier too."""
    folder = tmp_path_factory.mktemp("lpips")
    torch.save(vgg.state_dict() | {"classifier.0.weight": torch.zeros(2, 2)}, folder / "vgg16.pth")
    torch.save(heads, folder / "vgg.pth")
    arrays = {key: tensor.numpy() for key, tensor in vgg.state_dict().items()}
    np.savez(folder / "vgg16.npz", **arrays)
    np.savez(folder / "vgg.npz", **{key: tensor.numpy() for key, tensor in heads.items()})
    return folder


@pytest.fixture(scope="module")
def metric(files):
    return lpips_metric(files / "vgg16.pth", files / "vgg.pth")


def images(channels=3, size=(32, 40)):
    rng = np.random.default_rng(0)
    return rng.uniform(0, 1, (2, 3, *size, channels)).astype(np.float32)


@torch.no_grad()
def torch_lpips(vgg, heads, target, generated):
    shift = torch.tensor([-0.030, -0.088, -0.188])[:, None, None]
    scale = torch.tensor([0.458, 0.448, 0.450])[:, None, None]
    x, y = (
        (torch.from_numpy(image).permute(0, 3, 1, 2) * 2 - 1 - shift) / scale
        for image in (target, generated)
    )
    total, start = 0.0, 0
    for end, head in zip(SLICES, heads.values(), strict=True):
        x, y = (vgg.features[start:end](z) for z in (x, y))
        unit = [z / (z.square().sum(1, keepdim=True).sqrt() + 1e-10) for z in (x, y)]
        gap = (unit[0] - unit[1]).square()
        total += nn.functional.conv2d(gap, head).mean((1, 2, 3))
        start = end
    return total.numpy()


@pytest.mark.parametrize("channels", [3, 1])
def test_lpips_is_that_of_torch_layers(vgg, heads, metric, channels):
    target, generated = images(channels)
    of_three = [np.broadcast_to(i, (*i.shape[:-1], 3)).copy() for i in (target, generated)]
    expected = torch_lpips(vgg, heads, *of_three)
    found = metric.function(tf.constant(target), tf.constant(generated))
    assert found.shape == (3,)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert np.ptp(expected) > 1e-3 * expected.mean()


def test_files_without_torch_give_the_same(files, metric, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    target, generated = images(size=(16, 16))
    found = lpips_metric(str(files / "vgg16.npz"), str(files / "vgg.npz"))
    compiled = tf.function(found.function)(target, generated)
    np.testing.assert_allclose(compiled, metric.function(target, generated), rtol=1e-5)


def test_an_image_looks_like_itself_and_16_pixels_are_enough(metric):
    image = images(size=(16, 16))[0]
    np.testing.assert_array_equal(metric.function(image, image), [0, 0, 0])
    assert set(measurable((16, 99, 1), {"lpips": metric})) == {"lpips"}
    assert measurable((99, 15, 1), {"lpips": metric}) == {}


def test_other_channels_are_refused(metric):
    assert measurable((99, 99, 5), {"lpips": metric}) == {}
    with pytest.raises(UserError, match="LPIPS takes RGB or gray, and the images have 5"):
        metric.function(*images(5))


def test_keras_weights_are_refused(files):
    with pytest.raises(UserError, match=r"vgg_weights: .*\.h5 is a file of Keras.*torchvision's"):
        lpips_metric("vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5", files / "vgg.pth")


def test_files_of_other_networks_are_named(files):
    with pytest.raises(UserError, match=r"vgg.npz is of another.*features.0.weight.*is missing"):
        lpips_metric(files / "vgg.npz", files / "vgg.npz")
    with pytest.raises(UserError, match=r"vgg16.npz is of another.*lin0.model.1.weight"):
        lpips_metric(files / "vgg16.npz", files / "vgg16.npz")


def test_heads_of_the_other_variants_are_refused(files, heads, tmp_path):
    """AlexNet's second layer has 192 channels."""
    other = heads | {"lin1.model.1.weight": torch.rand(1, 192, 1, 1)}
    torch.save(other, tmp_path / "alex.pth")
    with pytest.raises(UserError, match=r"alex.pth.*\(1, 128, 1, 1\).*shape \(1, 192, 1, 1\)"):
        lpips_metric(files / "vgg16.npz", tmp_path / "alex.pth")


def one_array(path):
    with path.open("wb") as file:
        np.save(file, np.ones(3))


BAD_FILES = {
    "missing": lambda path: None,
    "damaged": lambda path: path.write_bytes(b"PK\x03\x04damaged"),
    "text": lambda path: path.write_text("text"),
    "one array": one_array,
    "objects": lambda path: np.savez(path, a=np.array([{}], object)),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_damaged_files_are_named(files, tmp_path, name):
    path = tmp_path / "bad.npz"
    BAD_FILES[name](path)
    with pytest.raises(UserError, match=r"bad.npz is missing or damaged"):
        lpips_metric(files / "vgg16.npz", path)


def test_half_a_file_is_named(files, tmp_path):
    path = tmp_path / "half.npz"
    path.write_bytes((files / "vgg16.npz").read_bytes()[:10_000_000])
    with pytest.raises(UserError, match=r"half.npz is missing or damaged"):
        lpips_metric(path, files / "vgg.npz")
