"""One device is the simplest strategy: the same step runs on two replicas."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_two_replicas_of_one_pair_each_train_as_one_device_with_both():
    program = Path(__file__).with_name("two_replicas.py")
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 1e-5
