# SPDX-License-Identifier: Apache-2.0
"""Pruning of whole output channels: a smaller network from the strongest filters of a larger."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from nets import small_cnn
from torch import nn


@torch.no_grad()
def pruned(model: nn.Sequential, widths: Sequence[int]) -> nn.Sequential:
    """The `widths` strongest output channels of `model`, a `small_cnn`, which stays as it is.

    Strong is a filter with a large L1 norm (Li et al., "Pruning Filters for Efficient ConvNets",
    2017). The kept filters, their biases and the weights that read them are copied, in their old
    order; layers are torch.nn.Conv2d. Raises ValueError when a layer has too few channels.
    """
    convs, scores = convolutions(model), model[-1]
    pooled = scores.in_features // convs[-1].out_channels  # pixels of a channel before the scores
    smaller = small_cnn(
        classes=scores.out_features,
        image_size=4 * round(pooled**0.5),
        channels=convs[0].in_channels,
        widths=widths,
    )
    inputs = torch.arange(convs[0].in_channels)
    for source, target in zip(convs, convolutions(smaller), strict=True):
        outputs = strongest(source.weight, target.out_channels)
        target.weight.copy_(source.weight[outputs][:, inputs])
        target.bias.copy_(source.bias[outputs])
        inputs = outputs
    by_channel = scores.weight.unflatten(1, (-1, pooled))
    smaller[-1].weight.copy_(by_channel[:, inputs].flatten(1))
    smaller[-1].bias.copy_(scores.bias)
    return smaller


def strongest(weight: torch.Tensor, count: int) -> torch.Tensor:
    """Indices of the `count` filters of `weight` [Co, Ci, Kh, Kw] with the largest L1 norms."""
    if count > len(weight):
        raise ValueError(f"pruned: a layer has {len(weight)} channels, {count} cannot be kept")
    return weight.abs().sum(dim=(1, 2, 3)).topk(count).indices.sort().values


def convolutions(model: nn.Sequential) -> list[nn.Conv2d]:
    return [layer for layer in model if isinstance(layer, nn.Conv2d)]
