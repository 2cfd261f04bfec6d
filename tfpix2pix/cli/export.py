"""`tfpix2pix export`."""

import argparse
import dataclasses
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING

from tfpix2pix.cli.parsing import add_checkpoint_flag, count
from tfpix2pix.cli.quiet import tensorflow_imported_quietly
from tfpix2pix.cli.runs import settings_of_run
from tfpix2pix.cli.serving_flags import SERVING_FLAGS, add_serving_flags, serving_options
from tfpix2pix.cli.web_flags import WEB_FLAGS, add_web_flags
from tfpix2pix.errors import SettingsError
from tfpix2pix.export.formats import NETWORK_FORMATS, QUANTIZATIONS
from tfpix2pix.files import check_new
from tfpix2pix.places import as_place

if TYPE_CHECKING:
    from tfpix2pix.export.checking import Exported

SUMMARY = "Export a trained run: a SavedModel, other formats of networks, or PyTorch weights."

EXAMPLES = """examples:
  tfpix2pix export runs/demo-1 --output exports/demo
  tfpix2pix export runs/demo-1 --output exports/demo --checkpoint best
  tfpix2pix export runs/demo-1 --output exports/demo --size-handling resize
  tfpix2pix export runs/demo-1 --format onnx --output exports/demo-onnx
  tfpix2pix export runs/demo-1 --format litert --quantize int8 --output exports/demo-int8
  tfpix2pix export runs/demo-1 --format web --examples 6 --output exports/demo-web
  tfpix2pix export runs/facades --format pytorch --output checkpoints/facades

savedmodel writes the next version, exports/demo/1/ at first. Point TensorFlow Serving at
exports/demo. It answers encoded images of any size as predict does; see docs/serving.md for images
of another size than the network's (--size-handling), for limits and for dropout.

litert, onnx, openvino and keras write a new folder: model.tflite, model.onnx, model.xml with its
model.bin, or model.keras, and tfpix2pix.json, which says what its images are. `tfpix2pix predict
exports/demo-onnx/model.onnx photo.png --output pictures` needs no TensorFlow. Each needs its extra:
pip install 'tfpix2pix[onnx]'. See docs/formats.md, also for browsers.

web writes a folder for any static web host: a page to draw in, which runs the model in the
visitor's browser. Needs pip install 'tfpix2pix[web]'. See docs/web.md.

All of these are checked before they appear: what was written answers some of the run's validation
inputs (noise where they are not at hand; --data says where they are now), and the difference to
the run's own answers is told. One above the format's bound ends the export.

pytorch writes latest_net_G.pth and latest_net_D.pth, which pytorch-CycleGAN-and-pix2pix loads, of
runs whose networks it has: those of --preset pytorch. The best checkpoint holds the generator
alone, so it goes with --only-generator there. Needs PyTorch: pip install
'tfpix2pix[torch]'. See docs/weights.md.
"""


NO_TFJS = (
    "--format tfjs: TensorFlow.js' converter cannot be installed beside this TensorFlow (it pulls "
    "in 2.19). Browsers run --format web, a page to draw in, and --format onnx: see docs/web.md"
)


@dataclasses.dataclass(frozen=True)
class ExportFormat:
    """What `--format` writes.

    Attributes:
        export: writes it, and says so.
        flags: those that go with it alone.
        quantizations: those it has, if any, the default one first.
    """

    export: Callable[[argparse.Namespace], None]
    flags: tuple[str, ...] = ()
    quantizations: tuple[str, ...] = ()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("run_dir", type=as_place, metavar="RUN", help="run folder")
    parser.add_argument(
        "--output", type=as_place, required=True, metavar="DIR", help="folder for what is written"
    )
    parser.add_argument(
        "--format",
        choices=(*FORMATS, "tfjs"),
        default="savedmodel",
        help="what is written [savedmodel]",
    )
    add_checkpoint_flag(parser)
    parser.add_argument(
        "--quantize",
        choices=QUANTIZATIONS,
        help="how numbers are stored; float16, with --format litert, onnx and web: weights of half "
        "the size; with litert int8: all but the normalisation in 8 bits; int8_full: all, for "
        "devices that have nothing else [float32; web: float16]",
    )
    parser.add_argument(
        "--calibration-images",
        type=count,
        metavar="N",
        help="with --quantize int8 and int8_full: training inputs that the ranges of values are "
        "taken from [100]",
    )
    parser.add_argument(
        "--data",
        metavar="DATA",
        help="with the formats that are checked: where the run's data are now [where they were]",
    )
    parser.add_argument(
        "--only-generator", action="store_true", help="with --format pytorch: no latest_net_D.pth"
    )
    add_serving_flags(parser)
    add_web_flags(parser)


def run(arguments: argparse.Namespace) -> int:
    """Exports; returns the exit status."""
    if arguments.format == "tfjs":
        raise SettingsError(NO_TFJS)
    chosen = FORMATS[arguments.format]
    _refuse_other_flags(arguments, chosen)
    settings_of_run(arguments.run_dir, arguments.checkpoint)
    chosen.export(arguments)
    return 0


def _refuse_other_flags(arguments: argparse.Namespace, chosen: ExportFormat) -> None:
    """Refuses a flag that has no effect."""
    for flag in sorted({flag for one in FORMATS.values() for flag in one.flags}):
        if not getattr(arguments, flag) or flag in chosen.flags:
            continue
        users = [name for name, one in FORMATS.items() if flag in one.flags]
        raise SettingsError(
            f"--{flag.replace('_', '-')} goes with --format {', '.join(users)}: leave it out"
        )
    if arguments.quantize and arguments.quantize not in chosen.quantizations:
        users = [name for name, one in FORMATS.items() if arguments.quantize in one.quantizations]
        raise SettingsError(
            f"--quantize {arguments.quantize} goes with --format {', '.join(users)}: leave it out"
        )
    calibrated = QUANTIZATIONS[arguments.quantize or "float32"].is_calibrated
    if arguments.calibration_images is not None and not calibrated:
        raise SettingsError(
            "--calibration-images goes with --quantize int8 and int8_full: leave it out"
        )


def _export_savedmodel(arguments: argparse.Namespace) -> None:
    with tensorflow_imported_quietly():
        from tfpix2pix.export.savedmodel import export_savedmodel

    settings = settings_of_run(arguments.run_dir, arguments.checkpoint)
    exported = export_savedmodel(
        arguments.run_dir,
        arguments.output,
        checkpoint=arguments.checkpoint,
        options=serving_options(arguments),
        data=arguments.data,
    )
    version = exported.path
    print(f"wrote {version}; what it is: {version}/model_card.md")
    _tell_check(exported, "as TensorFlow loads it")
    if settings.model.dropout_at_prediction and not arguments.dropout:
        print(
            "dropout is off in the export, and on in this run's own answers: --dropout leaves it on"
        )
    print(f"inspect with: saved_model_cli show --dir {shlex.quote(str(version))} --all")


def _export_pytorch(arguments: argparse.Namespace) -> None:
    with tensorflow_imported_quietly():
        from tfpix2pix.export.pytorch import export_pytorch

    paths = export_pytorch(
        arguments.run_dir,
        arguments.output,
        checkpoint=arguments.checkpoint,
        with_discriminator=not arguments.only_generator,
    )
    for path in paths:
        print(f"wrote {path}")
    print("load with: network.load_state_dict(torch.load(FILE, weights_only=True))")


def _export_network(arguments: argparse.Namespace) -> None:
    from tfpix2pix.inference.runtimes import require

    chosen = NETWORK_FORMATS[arguments.format]
    require(chosen.modules, arguments.format, f"--format {arguments.format}")
    check_new(arguments.output)
    # Converters write what they do to stderr, dozens of lines.
    with tensorflow_imported_quietly():
        from tfpix2pix.export.exporting import CALIBRATION_IMAGES, export_network

        exported = export_network(
            arguments.run_dir,
            arguments.output,
            arguments.format,
            checkpoint=arguments.checkpoint,
            quantize=arguments.quantize or "float32",
            calibration_count=arguments.calibration_images or CALIBRATION_IMAGES,
            data=arguments.data,
        )
    print(f"wrote {exported.path}, {exported.size / 1e6:.3g} MB")
    _tell_check(exported, "by its own runtime")
    print(f"try it: tfpix2pix predict {shlex.quote(str(exported.path))} IMAGE --output pictures")


def _export_web(arguments: argparse.Namespace) -> None:
    from tfpix2pix.inference.runtimes import require

    require(NETWORK_FORMATS["onnx"].modules, "web", "--format web")
    check_new(arguments.output)
    with tensorflow_imported_quietly():
        from tfpix2pix.demo.web.writing import export_web

        exported = export_web(
            arguments.run_dir,
            arguments.output,
            checkpoint=arguments.checkpoint,
            quantize=arguments.quantize or FORMATS["web"].quantizations[0],
            title=arguments.title,
            example_count=arguments.examples or 0,
            data=arguments.data,
            runtime_package=arguments.web_runtime,
        )
    folder = shlex.quote(str(exported.path.parent))
    print(f"wrote {exported.path} and what it needs, {exported.size / 1e6:.3g} MB")
    if arguments.examples:
        print("examples are in it: whoever sees the page sees these pairs")
    _tell_check(exported, "by ONNX Runtime")
    print(f"look at it: python -m http.server --directory {folder}, at http://localhost:8000")


def _tell_check(exported: "Exported", how: str) -> None:
    """Says what the difference to the run's own answers was, and on what it was taken."""
    if exported.no_data:
        print(f"not checked on the run's own images: {exported.no_data}")
    print(f"checked {how}: {exported.difference.describe()}, in units of [-1, 1]")


FORMATS = {
    "savedmodel": ExportFormat(_export_savedmodel, ("data", *SERVING_FLAGS)),
    **{
        name: ExportFormat(
            _export_network,
            ("data", "calibration_images") if "int8" in one.quantizations else ("data",),
            one.quantizations,
        )
        for name, one in NETWORK_FORMATS.items()
    },
    "web": ExportFormat(_export_web, ("data", *WEB_FLAGS), ("float16", "float32")),
    "pytorch": ExportFormat(_export_pytorch, ("only_generator",)),
}
