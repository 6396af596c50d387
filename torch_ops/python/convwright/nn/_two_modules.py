# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of two torch.nn layers in a row, in the names of the one layer that replaces them.

The two-module form is torch.nn.Sequential(first, second), or a module with the two as attributes
`pointwise` and `depthwise`; the pointwise one is a 1x1 torch.nn.Conv2d or a torch.nn.Linear.

    first.weight   0.weight   pointwise.weight   ->  pointwise     (of a weighted sum; the other
    second.weight  1.weight   depthwise.weight   ->  depthwise     order for depthwise separable)
    second.bias    1.bias     depthwise.bias     ->  bias
"""

from typing import Any

from torch import Tensor

Sizes = tuple[int, ...]


def renamed(
    state_dict: dict[str, Any], prefix: str, steps: tuple[str, str], sizes: dict[str, Sizes]
) -> dict[str, Any]:
    """The entries of `state_dict` under `prefix`, with two-module names and sizes mapped.

    steps are the layer's own names of the weights, in order; sizes those of all its parameters.
    Entries that do not map keep their keys. `state_dict` and its tensors stay as they are.
    """
    state = {key: value for key, value in state_dict.items() if key.startswith(prefix)}
    for first, second in (("0", "1"), steps):
        names = {f"{first}.weight": steps[0], f"{second}.weight": steps[1]}
        if all(prefix + name in state for name in names):
            if "bias" in sizes:
                names[f"{second}.bias"] = "bias"
            for old, new in names.items():
                if prefix + old in state and prefix + new not in state:
                    state[prefix + new] = state.pop(prefix + old)
    for name, wanted in sizes.items():
        value = state.get(prefix + name)
        if isinstance(value, Tensor):
            state[prefix + name] = _fitted(value, name, wanted)
    return state


def _fitted(value: Tensor, name: str, wanted: Sizes) -> Tensor:
    """value as `wanted` where the two are forms of one weight, such as [Co, Ci, 1, 1], [Co, Ci]."""
    if name == "pointwise":
        same = value.shape[:2] == wanted[:2] and all(
            n == 1 for n in (*value.shape[2:], *wanted[2:])
        )
    else:
        same = name == "depthwise" and _without_filter_dim(value.shape) == _without_filter_dim(
            wanted
        )
    return value.reshape(wanted) if same else value


def _without_filter_dim(sizes: Sizes) -> Sizes:
    """[C, 1, Kh, Kw] -> [C, Kh, Kw]"""
    sizes = tuple(sizes)
    return sizes[:1] + sizes[2:] if len(sizes) == 4 and sizes[1] == 1 else sizes
