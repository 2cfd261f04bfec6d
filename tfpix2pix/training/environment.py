"""What a run computes with: versions, devices, code revision."""

import importlib.metadata
import platform
import subprocess
from pathlib import Path


def environment() -> dict[str, object]:
    """Versions, devices and, from a git checkout, the revision of this package."""
    # Imported here, so that commands can look at run folders before the slow import.
    import tensorflow as tf

    packages = ("tfpix2pix", "tensorflow", "keras", "tensorflow-datasets", "numpy")
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: importlib.metadata.version(name) for name in packages},
        "devices": [device.name for device in tf.config.list_physical_devices()],
        "git_revision": _git_revision(),
    }


def _git_revision() -> str | None:
    here = Path(__file__).parent
    try:
        answer = subprocess.run(
            ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=40"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None
