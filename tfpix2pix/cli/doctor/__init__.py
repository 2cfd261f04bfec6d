"""`tfpix2pix doctor`: only the standard library until it looks: all else may be broken."""

import argparse
import dataclasses
import json

from tfpix2pix.errors import UserError

SUMMARY = "Say what is installed, what is missing, and how to get it."

EXAMPLES = """examples:
  tfpix2pix doctor
  tfpix2pix doctor --json > doctor.json    for a bug report; it names folders of yours

Exit status 0: all that is needed is there and can be imported; 1: something is missing, older than
needed or broken. Extras are never needed.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Looks and prints; returns the exit status, 1 if something that is needed is not right."""
    try:
        from tfpix2pix.cli.doctor.examining import examine
        from tfpix2pix.cli.doctor.showing import lines
    except ImportError as error:
        raise UserError(f"doctor cannot look: {error}; pip install packaging") from error
    examination = examine()
    if arguments.json:
        print(json.dumps(dataclasses.asdict(examination), indent=2))
    else:
        for line in lines(examination):
            print(line)
    return 1 if examination.problems else 0
