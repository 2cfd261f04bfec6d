"""What is written for TensorBoard, read back as TensorBoard reads it."""

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata, plugin_data_pb2

from tfpix2pix.config import resolve
from tfpix2pix.models import unet_generator
from tfpix2pix.training import tensorboard
from tfpix2pix.training.tensorboard import TensorBoard, plain_settings


def write_everything(folder, settings):
    board = TensorBoard(folder)
    board.hyperparameters(settings, ["val_ssim", "val_l1"])
    board.graph(unet_generator(16, base_filters=2, depth=3))
    board.scalars({"step": 7, "l1_loss": 0.5})
    board.scalars({"step": 9, "l1_loss": 0.25, "val_ssim": 0.75})
    board.image("grid", np.zeros((4, 6, 3), np.uint8), 7)


def hparams_content(events, tag):
    summary = events.SummaryMetadata(tag)
    return plugin_data_pb2.HParamsPluginData.FromString(summary.plugin_data.content)


def test_tensorboard_gets_scalars_images_graph_and_hyperparameters(tmp_path):
    settings = resolve(flags={"base_filters": 2, "learning_rate": 1e-3})
    write_everything(tmp_path, settings)
    events = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0})
    events.Reload()
    scalars = {
        tag: [
            (e.step, float(np.frombuffer(e.tensor_proto.tensor_content, np.float32)[0]))
            for e in events.Tensors(tag)
        ]
        for tag in ("l1_loss", "val_ssim")
    }
    assert scalars == {"l1_loss": [(7, 0.5), (9, 0.25)], "val_ssim": [(9, 0.75)]}
    (image,) = events.Tensors("grid")
    assert [int(text) for text in image.tensor_proto.string_val[:2]] == [6, 4]  # width, height
    assert image.step == 7

    names = {node.name.split("/")[-1] for node in events.Graph().node}
    operations = {node.op for node in events.Graph().node}
    assert "input_image" in names
    assert {"Conv2D", "Tanh"} <= operations

    session = hparams_content(events, metadata.SESSION_START_INFO_TAG).session_start_info
    assert session.hparams["learning_rate"].number_value == 1e-3
    assert session.hparams["gan_loss"].string_value == "vanilla"
    assert session.hparams["mirror"].bool_value is True
    assert session.hparams["crop_size"].string_value == "(256, 256)"
    experiment = hparams_content(events, metadata.EXPERIMENT_TAG).experiment
    assert {info.name for info in experiment.hparam_infos} == set(plain_settings(settings))
    assert [m.name.tag for m in experiment.metric_infos] == ["val_ssim", "val_l1"]


def test_without_tensorboard_nothing_is_written_and_nothing_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(tensorboard.importlib.util, "find_spec", lambda name: None)
    write_everything(tmp_path, resolve())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value"), [("steps", "None"), ("patience", 0), ("split", "(80, 10, 10)")]
)
def test_settings_are_flat_and_plain(name, value):
    assert plain_settings(resolve())[name] == value
