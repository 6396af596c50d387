# SPDX-License-Identifier: Apache-2.0
"""`explain`: which kernel computes each convolution of a model, or why PyTorch does."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import Node
from torch.nn.modules.conv import _ConvNd
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.hooks import RemovableHandle

from convwright import _trace
from convwright._arguments import first_tensor
from convwright._text_table import text_table
from convwright._trace import Row
from convwright._undisturbed import undisturbed
from convwright.nn import Conv1d, Conv2d, ConvTranspose2d
from convwright.nn._approximate import Approximate
from convwright.nn.separable import _Separable

_IN_PLACE = (Conv1d, Conv2d, ConvTranspose2d)  # of PyTorch's layers of the same names


@dataclass(frozen=True)
class Explanation:
    """The convolutions of one run in order of execution; `isa` is what this machine's CPU offers.

    A row on a GPU has its architecture as `isa`, such as sm_90.
    """

    isa: str
    rows: tuple[Row, ...]

    def __str__(self) -> str:
        if not self.rows:
            return f"no convolution was recorded (isa {self.isa})"
        head = ("layer", "problem", "kernel", "schedule", "isa")
        return text_table(head, [_cells(row) for row in self.rows], left=range(len(head)))


def _cells(row: Row) -> tuple[str, ...]:
    how = f"because {row.reason}" if row.reason else row.schedule
    return row.layer or "-", row.problem, row.kernel, how, row.isa


def explain(module_or_fn: Callable[..., Any], *inputs: Any) -> Explanation:
    """Run `module_or_fn(*inputs)` once and report the kernel, or why PyTorch, of each convolution.

    Where the result requires a gradient, backward runs too. Gradients, buffers (running statistics)
    and the random states of the CPU and of the tensors' GPUs are left as they were; other effects
    of the call happen.

    Rows of a module carry its layers' names, unless it is compiled. PyTorch's own convolutions have
    no rows for backward, nor any inside compiled code. The recording takes in the whole process:
    run nothing else meanwhile. Raises LibraryMissing if the operator library could not be loaded,
    and whatever the call raises.
    """
    inputs = tree_map(_as_leaf, inputs)
    rows: list[Row] = []
    with ExitStack() as stack:
        stack.enter_context(_trace.recording())
        stack.enter_context(undisturbed(module_or_fn, inputs))
        if isinstance(module_or_fn, torch.nn.Module):
            stack.enter_context(_layers_named(module_or_fn, rows))
        output = module_or_fn(*inputs)
        rows += _trace.take()
        _run_backward(output)
        rows += _trace.take()
    return Explanation(torch.ops.convwright.isa(), tuple(rows))


def _as_leaf(value: Any) -> Any:
    """Cuts the caller's graph off, so that backward does not run into it."""
    if isinstance(value, Tensor) and value.grad_fn is not None:
        return value.detach().requires_grad_()
    return value


@contextmanager
def _layers_named(module: torch.nn.Module, rows: list[Row]) -> Iterator[None]:
    """Collects the rows of each convolution layer under its name, forward and backward."""

    def watch(name: str, layer: torch.nn.Module) -> Iterator[RemovableHandle]:
        def before(*_: Any) -> None:
            if not torch.compiler.is_compiling():
                rows.extend(_trace.take())  # of calls outside the layers

        def after(*_: Any) -> None:
            rows.extend(_trace.take(name))

        def after_forward(
            _layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Tensor
        ) -> None:
            if torch.compiler.is_compiling():
                return  # the layers of a compiled model do not run one by one
            if not isinstance(layer, (*_IN_PLACE, _Separable, Approximate)):
                kind = type(layer).__name__
                known = kind in {ours.__name__ for ours in _IN_PLACE}
                ours = f"convwright.nn.{kind}" if known else "Convwright's"
                reason = f"{kind} is not {ours}"
                direction = "dgrad" if layer.transposed else "fprop"
                operands = (first_tensor(args, kwargs), layer.weight)
                _trace.note_pytorch(direction, reason, *(t for t in operands if t is not None))
            after()
            # Hooks of the graph's nodes, not of the module: a module's backward hooks put a view
            # around the output, which an in-place activation after it is not allowed to change.
            for node in _nodes([output], until=(args, kwargs)):
                if not _is_leaf(node):
                    node.register_prehook(before)
                    node.register_hook(after)

        yield layer.register_forward_pre_hook(before)
        yield layer.register_forward_hook(after_forward, with_kwargs=True)

    handles = [
        handle
        for name, layer in module.named_modules()
        if isinstance(layer, _ConvNd | _Separable | Approximate)
        for handle in watch(name, layer)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _run_backward(output: Any) -> None:
    """Backward to every leaf of the graph, without touching .grad."""
    outputs = [t for t in tree_leaves(output) if isinstance(t, Tensor) and t.grad_fn is not None]
    leaves = [node.variable for node in _nodes(outputs) if _is_leaf(node)]
    if leaves:
        torch.autograd.grad(outputs, leaves, [torch.ones_like(t) for t in outputs])


def _is_leaf(node: Node) -> bool:
    return hasattr(node, "variable")  # AccumulateGrad, the end of a path


def _nodes(outputs: list[Tensor], until: Any = ()) -> Iterator[Node]:
    """The nodes of the graph behind `outputs` as far as the tensors among `until`."""
    seen = {t.grad_fn for t in tree_leaves(until) if isinstance(t, Tensor)}
    waiting = [t.grad_fn for t in outputs]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        yield node
        waiting += [following for following, _ in node.next_functions]
