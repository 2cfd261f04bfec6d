"""Networks in training whose features are computed again, block by block, instead of being kept.

Between the forward pass and the gradients only what goes from block to block is held: about one map
a layer instead of three. Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost".
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, Literal

import keras
import tensorflow as tf

Recompute = Literal["no", "graph", "xla"]

# What follows a block's name in its layers' names.
LAYERS = "conv|norm|leaky_relu|skip_relu|relu|dropout|pad|crop|sum|skip|resize|subpixel"
# Cheap, and as large as what goes into it: better computed where the result is wanted.
MOVABLE = (keras.layers.LeakyReLU, keras.layers.ReLU, keras.layers.Concatenate)


def recomputed(model: keras.Model, recompute: Recompute) -> Callable[[list[Any]], list[Any]]:
    """A network in training, first-order gradients of which compute its features again.

    Dropout draws the same again; moving averages and other states move on once.

    Args:
        model: a functional model of this package.
        recompute: `"xla"` where XLA compiles what is made of it, which would find the same computed
            twice and merge it; else `"graph"`.

    Returns:
        A function from the list of the model's inputs to the list of its outputs.
    """
    blocks = _blocks(model)

    def call(inputs: list[Any]) -> list[Any]:
        known = {id(tensor): x for tensor, x in zip(model.inputs, inputs, strict=True)}
        for block in blocks:
            outputs = _run(block, [known[id(tensor)] for tensor in block.taken], recompute)
            known |= {id(t): x for t, x in zip(block.given, outputs, strict=True)}
        return [known[id(tensor)] for tensor in model.outputs]

    return call


class _Block:
    """Some of a network's layers, as a network: what it takes from others, and what it gives."""

    def __init__(self, layers: Sequence[keras.layers.Layer], wanted: set[int]):
        own = {id(layer.output) for layer in layers}
        taken = {id(x): x for layer in layers for x in _inputs(layer) if id(x) not in own}
        self.taken = list(taken.values())
        self.given = [layer.output for layer in layers if id(layer.output) in wanted]
        self.model = keras.Model(self.taken, self.given)


def _inputs(layer: keras.layers.Layer) -> list[Any]:
    return tf.nest.flatten(layer.input)


def _blocks(model: keras.Model) -> list[_Block]:
    """The blocks in an order in which they can be computed."""
    layers = [x for x in model.layers if not isinstance(x, keras.layers.InputLayer)]
    names = _block_names(layers, {id(x) for x in model.outputs})
    groups: dict[str, list[keras.layers.Layer]] = {}
    for layer in layers:
        groups.setdefault(names[layer.name], []).append(layer)
    blocks = []
    for group in groups.values():
        others = [x for x in layers if x not in group]
        wanted = {id(tensor) for layer in others for tensor in _inputs(layer)}
        blocks.append(_Block(group, wanted | {id(x) for x in model.outputs}))
    known, ordered = {id(x) for x in model.inputs}, []
    while blocks:
        block = next(b for b in blocks if all(id(x) in known for x in b.taken))
        known |= {id(x) for x in block.given}
        blocks.remove(block)
        ordered.append(block)
    return ordered


def _block_names(layers: Sequence[keras.layers.Layer], outputs: set[int]) -> dict[str, str]:
    """The block of each layer: that of its name, or of what alone wants it where it is movable."""
    names = {x.name: re.sub(rf"(_[12])?_({LAYERS})$", "", x.name) for x in layers}
    for layer in reversed(layers):
        produced = id(layer.output)
        wanting = {names[x.name] for x in layers if produced in map(id, _inputs(x))}
        if isinstance(layer, MOVABLE) and len(wanting) == 1 and produced not in outputs:
            (names[layer.name],) = wanting
    return names


def _run(block: _Block, inputs: list[Any], recompute: Recompute) -> list[Any]:
    model = block.model
    states = model.non_trainable_variables
    before = [tf.identity(state.value) for state in states]
    after: list[Any] = []

    def forward(tensors: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        # Without side effects, so that it can be done twice.
        images, weights = list(tensors[: len(inputs)]), list(tensors[len(inputs) :])
        outputs, values = model.stateless_call(weights, before, images, training=True)
        return tf.nest.flatten(outputs), values

    @tf.custom_gradient
    def run(*tensors: Any) -> tuple[list[Any], Callable[..., Any]]:
        outputs, after[:] = forward(tensors)

        def gradient(*upstream: Any) -> Any:
            again = _only_now(tensors, len(inputs), upstream, recompute)
            with tf.GradientTape() as tape:
                tape.watch(again)
                found, _ = forward(again)
            return tape.gradient(found, again, list(upstream))

        return outputs, gradient

    weights = [tf.convert_to_tensor(v.value) for v in model.trainable_variables]
    outputs = tf.nest.flatten(run(*inputs, *weights))
    for state, value in zip(states, after, strict=True):
        state.assign(value)
    return outputs


def _only_now(
    tensors: Sequence[Any], inputs: int, upstream: Sequence[Any], recompute: Recompute
) -> list[Any]:
    """The same tensors, but there only once the gradients are that come from above."""
    if recompute == "graph":
        with tf.control_dependencies(upstream):
            return [tf.identity(x) for x in tensors]
    # XLA keeps no order but that of values: 0 that it cannot know is 0, as in tf.recompute_grad.
    value = tf.reshape(upstream[0], [-1])[0]
    zero = tf.where(value == value, tf.zeros_like(value), float("nan"))
    return [x + tf.cast(zero, x.dtype) for x in tensors[:inputs]] + list(tensors[inputs:])
