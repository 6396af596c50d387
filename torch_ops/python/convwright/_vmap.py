# SPDX-License-Identifier: Apache-2.0
"""vmap rules of the three directions: a batch of convolutions as one convolution.

Where the weight is shared, the vmapped dimension B joins N. Otherwise it joins the groups, which
keeps the B convolutions apart: channels become B*C, groups B*groups.
"""

from typing import Any

from torch import Tensor

from convwright._formulas import Ops

InDims = tuple[int | None, ...]


def _batch_first(tensor: Tensor, dim: int | None, size: int) -> Tensor:
    """tensor with the vmapped dimension in front; a shared tensor is expanded, not copied."""
    return tensor.expand(size, *tensor.shape) if dim is None else tensor.movedim(dim, 0)


def sizes_only(tensor: Tensor, sizes: list[int]) -> Tensor:
    """Stands for a tensor of which an op reads the sizes: one element, stride 0."""
    return tensor.new_zeros(()).expand(sizes)


def _into_batch(tensor: Tensor) -> Tensor:
    """[B, N, ...] -> [B*N, ...]"""
    return tensor.flatten(0, 1)


def _into_channels(tensor: Tensor) -> Tensor:
    """[B, N, C, H, W] -> [N, B*C, H, W]"""
    return tensor.transpose(0, 1).flatten(1, 2)


def _out_of_channels(tensor: Tensor, size: int) -> Tensor:
    """[N, B*C, H, W] -> [N, B, C, H, W]"""
    return tensor.unflatten(1, (size, tensor.shape[1] // size))


def fprop_vmap(ops: Ops, info: Any, in_dims: InDims, *args: Any) -> tuple[Tensor, int]:
    input, weight, bias, stride, padding, dilation, groups = args
    input_dim, weight_dim, bias_dim, *_ = in_dims
    size = info.batch_size
    input = _batch_first(input, input_dim, size)
    if weight_dim is None:
        fused_bias = bias if bias_dim is None else None
        output = ops.fprop(
            _into_batch(input), weight, fused_bias, stride, padding, dilation, groups
        ).unflatten(0, (size, input.shape[1]))
        if bias_dim is not None:
            output = output + bias.movedim(bias_dim, 0)[:, None, :, None, None]
        return output, 0
    weight = _batch_first(weight, weight_dim, size)
    if bias is not None:
        bias = _batch_first(bias, bias_dim, size).flatten()
    output = ops.fprop(
        _into_channels(input),
        _into_batch(weight),
        bias,
        stride,
        padding,
        dilation,
        size * groups,
    )
    return _out_of_channels(output, size), 1


def dgrad_vmap(ops: Ops, info: Any, in_dims: InDims, *args: Any) -> tuple[Tensor, int]:
    grad_output, input, weight, stride, padding, dilation, groups = args
    grad_output_dim, input_dim, weight_dim, *_ = in_dims
    size = info.batch_size
    grad_output = _batch_first(grad_output, grad_output_dim, size)
    n, ci, ih, iw = _batch_first(input, input_dim, size).shape[1:]
    if weight_dim is None:
        grad_input = ops.dgrad(
            _into_batch(grad_output),
            sizes_only(input, [size * n, ci, ih, iw]),
            weight,
            stride,
            padding,
            dilation,
            groups,
        )
        return grad_input.unflatten(0, (size, n)), 0
    grad_input = ops.dgrad(
        _into_channels(grad_output),
        sizes_only(input, [n, size * ci, ih, iw]),
        _into_batch(_batch_first(weight, weight_dim, size)),
        stride,
        padding,
        dilation,
        size * groups,
    )
    return _out_of_channels(grad_input, size), 1


def wgrad_vmap(ops: Ops, info: Any, in_dims: InDims, *args: Any) -> tuple[Tensor, int]:
    grad_output, input, weight, stride, padding, dilation, groups = args
    grad_output_dim, input_dim, weight_dim, *_ = in_dims
    size = info.batch_size
    co, *filter_sizes = _batch_first(weight, weight_dim, size).shape[1:]
    grad_weight = ops.wgrad(
        _into_channels(_batch_first(grad_output, grad_output_dim, size)),
        _into_channels(_batch_first(input, input_dim, size)),
        sizes_only(weight, [size * co, *filter_sizes]),
        stride,
        padding,
        dilation,
        size * groups,
    )
    return grad_weight.unflatten(0, (size, co)), 0
