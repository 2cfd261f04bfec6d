"""Settings, and nothing else: their definitions, presets, files and checks."""

from tfpix2pix.config.loading import dump_settings, load_settings, resolve
from tfpix2pix.config.settings import DataSettings, ModelSettings, Settings, TrainSettings

__all__ = [
    "DataSettings",
    "ModelSettings",
    "Settings",
    "TrainSettings",
    "dump_settings",
    "load_settings",
    "resolve",
]
