"""`tfpix2pix import`."""

import argparse
import shlex
from typing import TYPE_CHECKING

from tfpix2pix.cli.parsing import add_setting_flags, given_settings
from tfpix2pix.cli.quiet import tensorflow_imported_quietly
from tfpix2pix.config import resolve
from tfpix2pix.config.loading import REFERENCE_PRESET, SECTION_OF
from tfpix2pix.errors import UserError
from tfpix2pix.places import as_place, local_place

if TYPE_CHECKING:
    from tfpix2pix.training.imported import ImportedRun

SUMMARY = "Make a run folder of weights of the PyTorch reference or of TF.js."

EXAMPLES = """examples:
  tfpix2pix import latest_net_G.pth --output runs/facades --discriminator latest_net_D.pth
  tfpix2pix import latest_net_G.pth --output runs/maps --crop-size 512
  tfpix2pix import web_model/model.json --output runs/web

CHECKPOINT is a generator of pytorch-CycleGAN-and-pix2pix: a U-Net, resnet_6blocks or
resnet_9blocks, with batch or instance norm; or pix2pixHD's global generator; or the model.json of a
U-Net for TF.js (a layers-model of Keras 2) with its shards beside it, or their folder. What kind it
is, is seen from the weights. Only weights are read; code in the file is never run. The run predicts
and exports at once; to train it further, resume it with --data and --steps or --epochs. What the
weights leave open is as in preset pytorch, shown here, or for TF.js as in preset tf-tutorial. Files
of PyTorch need it: pip install 'tfpix2pix[torch]'. See docs/weights.md.
"""


# `--discriminator` is a file here, or the word that it is in a setting.
KINDS = ("patchgan", "pixelgan")
SETTINGS = [name for name in SECTION_OF if name != "discriminator"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.usage = "%(prog)s CHECKPOINT --output RUN [--discriminator FILE] [SETTING ...]"
    parser.add_argument(
        "checkpoint",
        type=local_place,
        metavar="CHECKPOINT",
        help="the generator: a .pth file or model.json",
    )
    parser.add_argument(
        "--output", type=as_place, required=True, metavar="RUN", help="the new run folder"
    )
    parser.add_argument(
        "--discriminator",
        dest="discriminator_file",
        type=local_place,
        metavar="FILE",
        help="its discriminator's weights; or the kind of a new one, patchgan or pixelgan "
        "[patchgan]",
    )
    shown = resolve(REFERENCE_PRESET)
    values = {name: getattr(getattr(shown, part), name) for name, part in SECTION_OF.items()}
    add_setting_flags(parser, SETTINGS, values | {"data": None, "epochs": None})


def run(arguments: argparse.Namespace) -> int:
    """Imports; returns the exit status."""
    given, discriminator_file = given_settings(arguments), arguments.discriminator_file
    if str(discriminator_file) in KINDS:
        given["discriminator"], discriminator_file = str(discriminator_file), None
    # What can be seen to be wrong without TensorFlow is said before it is imported.
    from tfpix2pix.training.import_settings import check_new_folder, import_settings

    import_settings(given)
    for path in (arguments.checkpoint, discriminator_file):
        # A TF.js model may be given as its folder.
        if path is not None and not path.is_file() and not (path / "model.json").is_file():
            raise UserError(f"there is no file {path}")
    check_new_folder(arguments.output)
    with tensorflow_imported_quietly():
        from tfpix2pix.training.imported import import_run

    imported = import_run(
        arguments.checkpoint,
        arguments.output,
        discriminator_file=discriminator_file,
        given=given,
    )
    _conclude(imported)
    return 0


def _conclude(imported: "ImportedRun") -> None:
    """Says what was recognized, where it is and what to do next."""
    from tfpix2pix.data.sources import IMPORTED

    judge = imported.discriminator
    described = judge.describe() if judge else f"new: {imported.settings.model.discriminator}"
    print(
        f"generator      {imported.generator.describe()}: "
        f"{imported.generator_parameters / 1e6:.3f} M parameters"
    )
    print(f"discriminator  {described}: {imported.discriminator_parameters / 1e6:.3f} M parameters")
    height, width = imported.settings.data.crop_size
    print(f"images         {height}x{width}, 8 bits")
    print(f"run folder     {imported.run_dir}")
    run_dir = shlex.quote(str(imported.run_dir))
    name = shlex.quote(f"exports/{imported.run_dir.name}")
    resume = f"tfpix2pix-train --run-dir {run_dir} --resume"
    if imported.settings.data.data == IMPORTED:
        resume += " --data PATH"
    if imported.settings.train.steps is None and imported.settings.train.epochs is None:
        resume += " --epochs N"
    print(f"next           tfpix2pix predict {run_dir} PHOTO.png --output pictures")
    print(f"               tfpix2pix export {run_dir} --output {name}")
    print(f"               {resume}")
