"""Overlapping windows of an image and their adjoint, each the other's gradient."""

from typing import Any

from keras import ops


def windows(x: Any, stride: int) -> Any:
    """Square windows of 2 strides a side, one stride apart.

    Args:
        x: [B, stride (h + 1), stride (w + 1), C].
        stride: in pixels.

    Returns:
        [B, h, 2 stride, w, 2 stride, C].
    """

    # Of slices and concatenations, TensorFlow's own gradients take several times as long.
    @ops.custom_gradient
    def split(x: Any) -> tuple[Any, Any]:
        return _split(x, stride), _gradient(lambda upstream: overlap_add(upstream, stride))

    return split(x)


def overlap_add(taps: Any, stride: int) -> Any:
    """The adjoint of `windows`: adds windows up where they overlap.

    Args:
        taps: [B, h, 2 stride, w, 2 stride, C].
        stride: in pixels.

    Returns:
        [B, stride (h + 1), stride (w + 1), C].
    """

    @ops.custom_gradient
    def join(taps: Any) -> tuple[Any, Any]:
        return _join(taps, stride), _gradient(lambda upstream: windows(upstream, stride))

    return join(taps)


def crop(x: Any, padding: Any) -> Any:
    """The adjoint of `ops.pad(x, padding)`."""

    @ops.custom_gradient
    def cropped(x: Any) -> tuple[Any, Any]:
        inside = zip(padding, x.shape, strict=True)
        index = tuple(slice(b, None if a == 0 else n - a) for (b, a), n in inside)
        return x[index], _gradient(lambda upstream: ops.pad(upstream, padding))

    return cropped(x)


def _gradient(adjoint: Any) -> Any:
    """As `ops.custom_gradient` wants it: backends differ in how they pass what comes upstream."""
    return lambda *args, upstream=None: adjoint(args[0] if upstream is None else upstream)


def _split(x: Any, stride: int) -> Any:
    height, width, channels = x.shape[1:]
    blocks = (-1, height // stride, stride, width // stride, stride, channels)
    x = ops.reshape(x, blocks)
    # A window is two neighbouring blocks.
    x = ops.concatenate([x[:, :-1], x[:, 1:]], 2)
    return ops.concatenate([x[:, :, :, :-1], x[:, :, :, 1:]], 4)


def _join(taps: Any, stride: int) -> Any:
    _, h, _, w, _, channels = taps.shape
    x = _shifted(taps[:, :, :, :, :stride], 3, 0) + _shifted(taps[:, :, :, :, stride:], 3, 1)
    x = _shifted(x[:, :, :stride], 1, 0) + _shifted(x[:, :, stride:], 1, 1)
    return ops.reshape(x, (-1, stride * (h + 1), stride * (w + 1), channels))


def _shifted(x: Any, axis: int, by: int) -> Any:
    """Longer by one in an axis, and moved along it `by` 0 or 1."""
    padding = [(0, 0)] * len(x.shape)
    padding[axis] = (by, 1 - by)
    return ops.pad(x, padding)
