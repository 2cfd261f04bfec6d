"""Run as a process of its own: imports modules, and says what TensorFlow sees.

Each line that it writes is JSON. What fails ends this process, with the reason in its last line;
what crashes it, as TensorFlow does on a CPU that it is not built for, ends it without one, and the
line before tells what was under way.
"""

import functools
import importlib
import json
import os
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, TextIO

# TFDS logs errors of its own import and goes on; this part of it does not.
TELLING_PARTS = {"tensorflow_datasets": "tensorflow_datasets.public_api"}


def main(steps: list[str]) -> None:
    """Takes these steps in turn: MODULE imports it, MODULE:LOOK looks at something of it."""
    answers = _only_for_lines()
    for step in steps:
        module, _, look = step.partition(":")
        name = look or module
        sys.excepthook = functools.partial(_tell_error, answers, name)
        _tell(answers, {"begin": name})
        found = LOOKS[module][look]() if look else _import(module)
        _tell(answers, {"end": name, "found": found})


def _only_for_lines() -> TextIO:
    """What was stdout; what modules print there goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def _tell(answers: TextIO, answer: dict[str, Any]) -> None:
    print(json.dumps(answer), file=answers, flush=True)


def _tell_error(
    answers: TextIO,
    name: str,
    kind: type[BaseException],
    error: BaseException,
    trace: TracebackType | None,
) -> None:
    """In the place of a traceback: the kind of the error, and the first line of what it says."""
    lines = str(error).strip().splitlines() or ["no reason given"]
    _tell(answers, {"end": name, "error": f"{kind.__name__}: {lines[0]}"})


def _import(name: str) -> Any:
    importlib.import_module(name)
    if name in TELLING_PARTS:
        importlib.import_module(TELLING_PARTS[name])
    return None


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
