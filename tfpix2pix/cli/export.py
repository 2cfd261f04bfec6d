"""`tfpix2pix export`."""

import argparse
import shlex
from pathlib import Path

from tfpix2pix.cli.parsing import add_checkpoint_flag
from tfpix2pix.cli.quiet import tensorflow_imported_quietly
from tfpix2pix.cli.runs import settings_of_run
from tfpix2pix.cli.serving_flags import (
    add_serving_flags,
    given_serving_flags,
    serving_options,
)
from tfpix2pix.errors import SettingsError

SUMMARY = "Export a trained run: a SavedModel for TensorFlow Serving, or weights for PyTorch."

EXAMPLES = """examples:
  tfpix2pix export runs/demo-1 --output exports/demo
  tfpix2pix export runs/demo-1 --output exports/demo --checkpoint best
  tfpix2pix export runs/demo-1 --output exports/demo --size-handling resize
  tfpix2pix export runs/facades --format pytorch --output checkpoints/facades

savedmodel writes the next version, exports/demo/1/ at first. Point TensorFlow Serving at
exports/demo. It answers encoded images of any size as predict does; see docs/serving.md for images
of another size than the network's (--size-handling), for limits and for dropout.

pytorch writes latest_net_G.pth and latest_net_D.pth, which pytorch-CycleGAN-and-pix2pix loads, of
runs whose networks it has: those of --preset pytorch. The best checkpoint holds the generator
alone, so it goes with --only-generator there. Needs PyTorch: pip install
'tfpix2pix[torch]'. See docs/weights.md.
"""

FORMATS = ("savedmodel", "pytorch")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("run_dir", type=Path, metavar="RUN", help="run folder")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="folder for what is written"
    )
    parser.add_argument(
        "--format", choices=FORMATS, default="savedmodel", help="what is written [savedmodel]"
    )
    add_checkpoint_flag(parser)
    parser.add_argument(
        "--only-generator", action="store_true", help="with --format pytorch: no latest_net_D.pth"
    )
    add_serving_flags(parser)


def run(arguments: argparse.Namespace) -> int:
    """Exports; returns the exit status."""
    if arguments.only_generator and arguments.format != "pytorch":
        raise SettingsError("--only-generator goes with --format pytorch: leave it out")
    if arguments.format != "savedmodel":
        for flag in given_serving_flags(arguments):
            raise SettingsError(f"{flag} goes with --format savedmodel: leave it out")
    settings_of_run(arguments.run_dir, arguments.checkpoint)
    {"savedmodel": _export_savedmodel, "pytorch": _export_pytorch}[arguments.format](arguments)
    return 0


def _export_savedmodel(arguments: argparse.Namespace) -> None:
    with tensorflow_imported_quietly():
        from tfpix2pix.export.savedmodel import export_savedmodel

    version = export_savedmodel(
        arguments.run_dir,
        arguments.output,
        checkpoint=arguments.checkpoint,
        options=serving_options(arguments),
    )
    print(f"wrote {version}; what it is: {version}/model_card.md")
    print(f"inspect with: saved_model_cli show --dir {shlex.quote(str(version))} --all")


def _export_pytorch(arguments: argparse.Namespace) -> None:
    with tensorflow_imported_quietly():
        from tfpix2pix.export.pytorch import export_pytorch

    with_discriminator = not arguments.only_generator
    paths = export_pytorch(
        arguments.run_dir,
        arguments.output,
        checkpoint=arguments.checkpoint,
        with_discriminator=with_discriminator,
    )
    for path in paths:
        print(f"wrote {path}")
    print("load with: network.load_state_dict(torch.load(FILE, weights_only=True))")
