# SPDX-License-Identifier: Apache-2.0
"""Which layer alone reads what another layer gives: found with torch.fx."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch.fx import Graph, Node, Tracer
from torch.nn import Module


@dataclass
class Link:
    """Layer `second` reads what layer `first` gives; qualified names in the model."""

    first: str
    second: str
    reasons: list[str] = field(default_factory=list)  # what else reads or feeds either


def links(model: Module, wanted: Callable[[Module, Module], bool]) -> list[Link]:
    """The links of `model` for which wanted(first, second), in order of named_modules().

    Also a torch.nn.Linear between two permutations that move the channels to its last dimension and
    back is linked to what reads the second one.

    Tracing runs the Python code of forward without tensors, in training and in evaluation mode,
    since the mode may decide who reads what. Modules that torch.fx cannot trace are searched child
    by child, which does not see their own code.
    """
    found = []
    for prefix, module, graphs in _graphs(model, ""):
        modules = dict(module.named_modules())
        names = {
            pair: None
            for graph in graphs
            for pair in _pairs(graph, modules)
            if wanted(*(modules[name] for name in pair))
        }  # in order, each once
        for first, second in names:
            reasons = [r for graph in graphs for r in _why_apart(graph, modules, first, second)]
            found.append(Link(prefix + first, prefix + second, list(dict.fromkeys(reasons))))
    for link in found:
        link.reasons += _other_names(model, link.first) + _other_names(model, link.second)
    order = {name: i for i, (name, _) in enumerate(model.named_modules())}
    return sorted(found, key=lambda link: order[link.first])


class _Tracer(Tracer):
    def is_leaf_module(self, module: Module, name: str) -> bool:
        """Layers of any origin are, also subclasses of PyTorch's, which fx would look into."""
        is_layer = isinstance(module, torch.nn.Conv2d | torch.nn.Linear | torch.nn.ReLU)
        ours = module.__module__.startswith("convwright.")
        return is_layer or ours or super().is_leaf_module(module, name)


def _graphs(module: Module, prefix: str) -> Iterator[tuple[str, Module, list[Graph]]]:
    try:
        graphs = []
        for training in (True, False):
            with _mode(module, training):
                graphs.append(_Tracer().trace(module))
    except Exception:  # whatever the model's own code raises when it is given proxies
        for name, child in module.named_children():
            yield from _graphs(child, f"{prefix}{name}.")
    else:
        yield prefix, module, graphs


@contextmanager
def _mode(module: Module, training: bool) -> Iterator[None]:
    """As module.train(training), which a model may override, and undone at the end."""
    before = [(m, m.training) for m in module.modules()]
    for m, _ in before:
        m.training = training
    try:
        yield
    finally:
        for m, was in before:
            m.training = was


def _pairs(graph: Graph, modules: dict[str, Module]) -> Iterator[tuple[str, str]]:
    for node in graph.nodes:
        if node.op == "call_module":
            source = _source(node, modules)
            if source is not None:
                yield source.target, node.target


def _source(node: Node, modules: dict[str, Module]) -> Node | None:
    """The call of a layer whose output the call `node` reads, and nothing else; else None."""
    if len(node.args) != 1 or node.kwargs or not isinstance(node.args[0], Node):
        return None
    source = node.args[0]
    if _permutes(source, _FROM_LAST):
        source = source.args[0]
        if source.op != "call_module" or not isinstance(modules[source.target], torch.nn.Linear):
            return None
    elif source.op == "call_module" and isinstance(modules[source.target], torch.nn.Linear):
        return None
    return source if source.op == "call_module" else None


def _why_apart(graph: Graph, modules: dict[str, Module], first: str, second: str) -> list[str]:
    """Why, in this graph, the two are not one layer."""
    reasons = []
    for node in graph.nodes:
        if node.op == "get_attr":
            reasons += [
                f"forward reads {node.target}"
                for name in (first, second)
                if node.target.startswith(f"{name}.")
            ]
        elif node.op == "call_module" and node.target == first:
            if any(r.op != "call_module" or r.target != second for r in _readers(node, modules)):
                reasons.append(f"something else reads the output of {first}")
        elif node.op == "call_module" and node.target == second:
            source = _source(node, modules)
            if source is None or source.target != first:
                reasons.append(f"{second} also reads something else than the output of {first}")
    return reasons


def _readers(node: Node, modules: dict[str, Module]) -> list[Node]:
    """Who reads the output of a layer; of a Linear, who reads it with the channels moved back."""
    if not isinstance(modules[node.target], torch.nn.Linear):
        return list(node.users)
    if not _permutes(node.args[0], _TO_LAST):
        return [node]  # the input's channels are elsewhere: none of the readers counts
    return [
        r for user in node.users for r in (user.users if _permutes(user, _FROM_LAST) else [user])
    ]


_TO_LAST, _FROM_LAST = (0, 2, 3, 1), (0, 3, 1, 2)


def _permutes(node: object, dims: tuple[int, ...]) -> bool:
    if not isinstance(node, Node) or node.target not in ("permute", torch.permute) or node.kwargs:
        return False
    given = node.args[1:]
    if len(given) == 1 and isinstance(given[0], tuple | list):
        given = tuple(given[0])
    return given == dims


def _other_names(model: Module, name: str) -> list[str]:
    """Calls of a layer by another name could come from anywhere."""
    module = model.get_submodule(name)
    everything = model.named_modules(remove_duplicate=False)
    others = [other for other, m in everything if m is module and other != name]
    return [f"{name} is also {', '.join(others)}"] if others else []
