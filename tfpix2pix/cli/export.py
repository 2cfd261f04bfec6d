"""`tfpix2pix export`."""

import argparse
import shlex
from pathlib import Path

from tfpix2pix.cli.quiet import tensorflow_imported_quietly

SUMMARY = "Export a trained run as a SavedModel for TensorFlow Serving."

EXAMPLES = """example:
  tfpix2pix export runs/demo-1 --output exports/demo

Writes the next version, exports/demo/1/ at first. Point TensorFlow Serving at exports/demo. It
answers encoded images of any size. Runs on floats, on more than four channels or on crops (resize
crop, scale_width_and_crop) are exported to answer arrays of crop_size.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("run_dir", type=Path, metavar="RUN", help="run folder")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="the model's folder"
    )


def run(arguments: argparse.Namespace) -> int:
    """Exports; returns the exit status."""
    from tfpix2pix.training.run_folder import RunFolder

    RunFolder(arguments.run_dir).settings()  # is there one? Said before the slow import
    with tensorflow_imported_quietly():
        from tfpix2pix.export.savedmodel import export_savedmodel
        from tfpix2pix.inference.translator import load_translator

    version = export_savedmodel(load_translator(arguments.run_dir), arguments.output)
    print(f"wrote {version}")
    print(f"inspect with: saved_model_cli show --dir {shlex.quote(str(version))} --all")
    return 0
