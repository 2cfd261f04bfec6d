"""`tfpix2pix presets`."""

import argparse

from tfpix2pix.config.loading import preset_names, preset_text

SUMMARY = "List the presets, or print one as YAML."

EXAMPLES = """examples:
  tfpix2pix presets
  tfpix2pix presets facades > my.yaml
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("name", nargs="?", metavar="PRESET", help="the preset to print")


def run(arguments: argparse.Namespace) -> int:
    """Prints; returns the exit status."""
    if arguments.name:
        print(preset_text(arguments.name), end="")
        return 0
    for name in preset_names():
        print(f"{name:12} {preset_text(name).splitlines()[0].lstrip('# ')}")
    return 0
