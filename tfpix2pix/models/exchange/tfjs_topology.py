"""The graph in the config of a Keras 2 model, with nested models unfolded.

The config is read as plain data: no Keras object is made from it, so nothing in it can run.
"""

import dataclasses
import json
from typing import Any

MODELS = ("Functional", "Model", "Sequential")
INPUT = "InputLayer"


class TopologyError(ValueError):
    """A graph that cannot be read, or is no U-Net: the message names the layer."""


@dataclasses.dataclass(frozen=True, eq=False)
class Node:
    """One call of a layer.

    Attributes:
        name: of the layer, after the names of the models that it is nested in.
        kind: its class in Keras.
        config: its arguments.
        inputs: the calls whose results it takes.
        training: it was called with training=True, so it is as in training at prediction too.
    """

    name: str
    kind: str
    config: dict[str, Any]
    inputs: tuple["Node", ...] = dataclasses.field(default=(), repr=False)
    training: bool = False


@dataclasses.dataclass(frozen=True)
class _Layer:
    kind: str
    name: str
    config: dict[str, Any]
    calls: list[list[Any]]

    @property
    def is_model(self) -> bool:
        return self.kind in MODELS


@dataclasses.dataclass(frozen=True)
class _Context:
    """Where a model stands: the names around it, and what it is called with."""

    path: str = ""
    input: Node | None = None
    training: bool = False

    def name(self, layer: _Layer) -> str:
        return f"{self.path}{layer.name}"


def unfold(topology: Any) -> Node:
    """The call that gives the model's output; the others hang on it.

    Args:
        topology: `modelTopology` of a TF.js model, or what `model.to_json()` of Keras 2 says.

    Raises:
        TopologyError: it is no model of one input and one output, or not well formed.
    """
    model = topology
    if isinstance(topology, dict) and "model_config" in topology:
        model = topology["model_config"]
    try:
        if isinstance(model, str):
            model = json.loads(model)
        layer = _read_layer(model)
        if not layer.is_model:
            raise TopologyError(f"{layer.name} is a {layer.kind}: expected a Keras model")
        return _model(layer, _Context())
    except json.JSONDecodeError as error:
        raise TopologyError(f"model_config is no JSON ({error})") from error
    except RecursionError as error:
        raise TopologyError("models are nested too deep") from error


def _read_layer(value: Any) -> _Layer:
    if not isinstance(value, dict) or not isinstance(value.get("class_name"), str):
        raise TopologyError(f"expected a layer with class_name and config, not {str(value)[:60]}")
    kind, config = value["class_name"], value.get("config")
    if isinstance(config, list):  # how old Keras writes a Sequential
        config = {"layers": config}
    if not isinstance(config, dict):
        raise TopologyError(f"a {kind} has no config")
    name = value.get("name") or config.get("name") or kind
    calls = value.get("inbound_nodes") or []
    if not isinstance(name, str) or not isinstance(calls, list):
        raise TopologyError(f"the name and inbound_nodes of a {kind} are not well formed")
    for call in calls:
        if isinstance(call, dict):
            raise TopologyError(f"{name} was written by Keras 3: expected a model of Keras 2")
        if not isinstance(call, list):
            raise TopologyError(f"the inbound_nodes of {name} are not well formed")
    return _Layer(kind, name, config, [_wrapped(call) for call in calls])


def _wrapped(references: list[Any]) -> list[Any]:
    """A single reference may stand alone: ["name", 0, 0] for [["name", 0, 0]]."""
    return [references] if references and isinstance(references[0], str) else references


def _layers(model: _Layer) -> list[_Layer]:
    layers = model.config.get("layers")
    if not isinstance(layers, list) or not layers:
        raise TopologyError(f"{model.name} has no layers")
    return [_read_layer(layer) for layer in layers]


def _model(model: _Layer, context: _Context) -> Node:
    return _MODELS.get(model.kind, _functional)(model, context)


def _call(layer: _Layer, inputs: list[Node], training: bool, context: _Context) -> Node:
    if not layer.is_model:
        return Node(context.name(layer), layer.kind, layer.config, tuple(inputs), training)
    if len(inputs) != 1:
        raise TopologyError(f"{context.name(layer)} takes {len(inputs)} inputs: expected one")
    return _model(layer, _Context(f"{context.name(layer)}/", inputs[0], training))


def _sequential(model: _Layer, context: _Context) -> Node:
    layers = _layers(model)
    node = context.input
    if layers[0].kind == INPUT:
        node = node or Node(layers[0].name, INPUT, layers[0].config)
        layers = layers[1:]
    # Without an InputLayer the first layer says what goes in.
    node = node or Node(model.name, INPUT, layers[0].config)
    for layer in layers:
        node = _call(layer, [node], context.training, context)
    return node


def _functional(model: _Layer, context: _Context) -> Node:
    layers = {layer.name: layer for layer in _layers(model)}
    start, end = (
        _key(_only(model, f"{at}_layers"), layers, model.name) for at in ("input", "output")
    )
    first = layers[start[0]]
    if first.kind != INPUT:
        raise TopologyError(f"{first.name}, the input of {model.name}, is no {INPUT}")
    nodes = {start: context.input or Node(context.name(first), INPUT, first.config)}
    pending = _calls(layers)
    while pending:
        ready = {
            key: call
            for key, call in pending.items()
            if all(_key(reference, layers, key[0]) in nodes for reference in call)
        }
        if not ready:
            raise TopologyError(f"{next(iter(pending))[0]} takes what no layer gives")
        for key, call in ready.items():
            inputs = [nodes[_key(reference, layers, key[0])] for reference in call]
            nodes[key] = _call(layers[key[0]], inputs, _training(call, context), context)
            del pending[key]
    if end not in nodes:
        raise TopologyError(f"{end[0]}, the output of {model.name}, takes nothing")
    return nodes[end]


def _calls(layers: dict[str, _Layer]) -> dict[tuple[str, int], list[Any]]:
    """What each call of each layer takes."""
    for layer in layers.values():
        if layer.is_model and len(layer.calls) > 1:
            raise TopologyError(f"{layer.name} is used {len(layer.calls)} times: expected once")
    return {
        (layer.name, index): call
        for layer in layers.values()
        for index, call in enumerate(layer.calls)
    }


_MODELS = {"Sequential": _sequential}


def _only(model: _Layer, role: str) -> list[Any]:
    references = model.config.get(role)
    references = _wrapped(references) if isinstance(references, list) else []
    if len(references) != 1 or not isinstance(references[0], list) or not references[0]:
        raise TopologyError(f"{model.name} has {len(references)} {role}: expected one")
    return references[0]


def _key(reference: Any, layers: dict[str, _Layer], user: str) -> tuple[str, int]:
    """Which call of which layer [name, call, output, arguments] refers to."""
    well_formed = isinstance(reference, list) and len(reference) >= 3
    if not well_formed or not isinstance(reference[0], str) or reference[0] not in layers:
        raise TopologyError(f"{user} takes {str(reference)[:60]}, which is no layer of the model")
    if not isinstance(reference[1], int) or reference[2] != 0:
        raise TopologyError(f"{user} takes {str(reference[:3])[:60]}: expected a first output")
    # The first call of a model is the one that made it, which the config leaves out.
    return reference[0], 0 if layers[reference[0]].is_model else reference[1]


def _training(call: list[Any], context: _Context) -> bool:
    arguments = call[0][3] if call and len(call[0]) > 3 else None
    training = arguments.get("training") if isinstance(arguments, dict) else None
    return context.training if training is None else bool(training)
