"""Run as a process of its own: imports modules, then says what TensorFlow sees.

Each line that it writes is JSON. What crashes here, as TensorFlow does on a CPU that it is not
built for, crashes this process alone, and the line before tells what was under way.
"""

import functools
import importlib
import json
import os
import sys
from collections.abc import Callable
from typing import Any, TextIO

# What comes after them needs them, and would fail for the same reason, less clearly.
FOUNDATIONS = ("numpy", "tensorflow")
# TFDS logs errors of its own import and goes on; this part of it does not.
TELLING_PARTS = {"tensorflow_datasets": "tensorflow_datasets.public_api"}


def main(modules: list[str]) -> None:
    """Imports these in turn, and looks with each at what it can tell."""
    with _only_for_lines() as answers:
        for name in modules:
            works = _step(answers, name, functools.partial(_import, name))
            if not works and name in FOUNDATIONS:
                return
            for key, look in LOOKS.get(name, {}).items():
                if works:
                    _step(answers, key, look)


def _only_for_lines() -> TextIO:
    """What was stdout; what modules print there goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def _step(answers: TextIO, name: str, action: Callable[[], Any]) -> bool:
    print(json.dumps({"begin": name}), file=answers, flush=True)
    try:
        answer = {"end": name, "found": action()}
    except Exception as error:  # noqa: BLE001
        # Whatever it is, the user has to know.
        lines = str(error).strip().splitlines() or ["no reason given"]
        answer = {"end": name, "error": f"{type(error).__name__}: {lines[0]}"}
    print(json.dumps(answer), file=answers, flush=True)
    return "error" not in answer


def _import(name: str) -> None:
    importlib.import_module(name)
    if name in TELLING_PARTS:
        importlib.import_module(TELLING_PARTS[name])


def _vector_units() -> list[str]:
    import numpy as np

    found: Any = np.show_config(mode="dicts")
    units = found["SIMD Extensions"]
    return [*units["baseline"], *units["found"]]


def _gpus() -> list[str]:
    import tensorflow as tf

    details = map(tf.config.experimental.get_device_details, tf.config.list_physical_devices("GPU"))
    return [_gpu_name(detail) for detail in details]


def _gpu_name(detail: dict[str, Any]) -> str:
    name = detail.get("device_name", "a GPU without a name")
    capability = detail.get("compute_capability")
    return f"{name} (compute capability {'.'.join(map(str, capability))})" if capability else name


def _cuda() -> str | None:
    import tensorflow as tf

    return tf.sysconfig.get_build_info().get("cuda_version")


def _xla() -> bool:
    """Compiles and runs something small, on a GPU where there is one."""
    import tensorflow as tf

    doubled = tf.function(lambda x: x * 2, jit_compile=True)(tf.constant(1.0))
    return float(doubled) == 2.0


def _backend() -> str:
    import keras

    return keras.backend.backend()


def _data_cache() -> str:
    import tensorflow_datasets as tfds

    # Not by pathlib: it may be a URL.
    return os.path.expanduser(tfds.core.constants.DATA_DIR)  # noqa: PTH111


# What is looked at once a module is there: name of the finding -> function.
LOOKS: dict[str, dict[str, Callable[[], Any]]] = {
    "numpy": {"vector_units": _vector_units},
    "tensorflow": {"gpus": _gpus, "cuda": _cuda, "xla": _xla},
    "keras": {"backend": _backend},
    "tensorflow_datasets": {"data_cache": _data_cache},
}

if __name__ == "__main__":
    main(sys.argv[1:])
