"""`tfpix2pix predict`."""

import argparse
from pathlib import Path

from tfpix2pix.cli.quiet import tensorflow_imported_quietly

SUMMARY = "Translate images with a trained run; no targets needed."

EXAMPLES = """example:
  tfpix2pix predict runs/demo-1 photo.png folder/ --output pictures

Writes pictures/photo.png and, for each image in the folder, one of the same name, in the type of
the training targets: PNG, with 16 bits if they have them, or TIFF for floats and many channels.
Runs with `resize` crop or scale_width_and_crop answer at each image's own scale; all others at
the size they were trained at (crop_size), to which images are resized first.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("run_dir", type=Path, metavar="RUN", help="run folder")
    parser.add_argument(
        "images", type=Path, nargs="+", metavar="IMAGE", help="image file, or folder of them"
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="folder for the results"
    )


def run(arguments: argparse.Namespace) -> int:
    """Translates; returns the exit status, 1 if any file failed."""
    from tfpix2pix.training.run_folder import RunFolder

    RunFolder(arguments.run_dir).settings()  # is there one? Said before the slow import
    with tensorflow_imported_quietly():
        from tfpix2pix.inference.files import load_file_translator
        from tfpix2pix.inference.predict import find_jobs, predict_files
        from tfpix2pix.progress import track

    translator = load_file_translator(arguments.run_dir)
    jobs, failures = find_jobs(arguments.images, arguments.output, translator.suffix)
    written = 0
    for prediction in track(predict_files(translator, jobs), len(jobs), "image"):
        written += prediction.failure is None
        if prediction.failure:
            failures.append(prediction)
    for prediction in failures:
        print(f"failed: {prediction.source}: {prediction.failure}")
    print(f"{written} written to {arguments.output}, {len(failures)} failed")
    return 1 if failures else 0
