"""How the step runs: XLA, the networks' precision."""

import contextlib
from collections.abc import Iterator

import keras
import tensorflow as tf

from tfpix2pix.progress import say

# A guess, no GPU was at hand: a minute or two of compiling, some hundredths of a second a step.
JIT_MIN_STEPS = 5000


def has_gpu() -> bool:
    """Whether TensorFlow can use a GPU."""
    return bool(tf.config.list_logical_devices("GPU"))


def choose_jit(jit: str, steps: int) -> tuple[bool, str]:
    """Whether the step is compiled with XLA, and why, for the log.

    Args:
        jit: the setting, `"auto"`, `"on"` or `"off"`.
        steps: of the run.
    """
    if jit != "auto":
        return jit == "on", f"XLA {jit}"
    if not has_gpu():
        return False, "XLA off (jit auto: it makes the step slower on a CPU)"
    if steps < JIT_MIN_STEPS:
        return False, f"XLA off (jit auto: {steps} steps are too few to pay for compiling)"
    return True, "XLA on (jit auto: the first step takes long)"


@contextlib.contextmanager
def precision_scope(precision: str) -> Iterator[None]:
    """Keras layers made inside compute in `precision`; their weights are float32."""
    if precision == "mixed_float16" and not has_gpu():
        say("mixed_float16 is several times slower than float32 on a CPU")
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
