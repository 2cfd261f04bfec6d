"""What the tests of faults share: the forking process, and the table of what was tried."""

import os
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.zygote import Zygote


@pytest.fixture(scope="module")
def zygote():
    process = Zygote()
    yield process
    sys.stdout.write(f"\nthe commands took {process.cpu:.0f} s of CPU\n")
    process.close()


class Tally:
    """How often each fault was tried and survived."""

    def __init__(self):
        self.tries, self.survived = Counter(), Counter()

    def add(self, fault, survived=True, times=1):
        self.tries[fault] += times
        self.survived[fault] += times * survived

    def table(self):
        rows = [
            f"| {fault} | {tries} | {self.survived[fault]} | {tries - self.survived[fault]} |"
            for fault, tries in self.tries.items()
        ]
        return "\n".join(
            ["| fault | tries | survived | lost |", "| --- | --- | --- | --- |", *rows]
        )


@pytest.fixture(scope="module")
def tally(request):
    """Shown at a module's end, and added to the file that the variable FAULT_TABLE names."""
    counts = Tally()
    yield counts
    sys.stdout.write(f"\n{counts.table()}\n")
    if os.environ.get("FAULT_TABLE"):
        with Path(os.environ["FAULT_TABLE"]).open("a") as file:
            file.write(f"{counts.table()}\n")
