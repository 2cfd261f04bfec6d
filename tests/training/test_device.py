"""Where and how the step runs."""

import keras
import pytest

from tfpix2pix.training import device
from tfpix2pix.training.device import JIT_MIN_STEPS, choose_jit, precision_scope


@pytest.mark.parametrize(
    ("jit", "gpu", "steps", "expected"),
    [
        ("on", False, 1, True),
        ("off", True, 10**6, False),
        ("auto", False, 10**6, False),
        ("auto", True, JIT_MIN_STEPS - 1, False),
        ("auto", True, JIT_MIN_STEPS, True),
    ],
)
def test_xla_is_chosen_by_device_and_length_and_the_log_says_why(
    jit, gpu, steps, expected, monkeypatch
):
    monkeypatch.setattr(device, "has_gpu", lambda: gpu)
    chosen, shown = choose_jit(jit, steps)
    assert chosen is expected
    assert shown.startswith("XLA on" if expected else "XLA off")
    assert ("jit auto" in shown) == (jit == "auto")


def test_layers_made_in_the_scope_compute_in_its_precision_and_keep_float32_weights():
    with precision_scope("mixed_bfloat16"):
        layer = keras.layers.Dense(2)
    layer.build((None, 3))
    assert (layer.compute_dtype, layer.kernel.dtype) == ("bfloat16", "float32")
    assert keras.config.dtype_policy().name == "float32"


def test_the_scope_is_left_when_something_fails():
    with pytest.raises(RuntimeError), precision_scope("mixed_bfloat16"):
        raise RuntimeError
    assert keras.config.dtype_policy().name == "float32"


def test_float16_on_a_cpu_is_warned_of(capsys, monkeypatch):
    monkeypatch.setattr(device, "has_gpu", lambda: False)
    with precision_scope("mixed_float16"):
        pass
    assert "slower than float32 on a CPU" in capsys.readouterr().err
