# SPDX-License-Identifier: Apache-2.0
"""`approx_conv2d` and `approx_linear`: convolutions whose multiply is an approximate model."""

import operator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from convwright import _approx_trace, _counting, _eligibility, _first_calls
from convwright._approx_functions import Call, approximate
from convwright._approx_settings import Settings, check_settings
from convwright._arguments import IntOrPair, pad_far_side, padding_by_name, pair
from convwright._functions import transform_active
from convwright._quantised import Quantisation, quantised
from convwright.multipliers import GradientTable, Multiplier


def approx_conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrPair = 1,
    padding: IntOrPair | str = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    *,
    multiplier: str | Multiplier = "mbm",
    backward: str | GradientTable = "ste",
    number_format: str = "float32",
    quantisation: Quantisation | None = None,
) -> Tensor:
    """torch.nn.functional.conv2d with another product: sums of product(activation, weight).

    input [N, Ci, H, W] or [Ci, H, W], weight [Co, Ci/groups, Kh, Kw] and bias [Co] are float32 on
    the CPU or on one GPU; returns float32 of conv2d's sizes, channels_last where input or weight
    is. In a float format every sum starts at the bias and adds the float32 products in the order of
    kernel rows, kernel columns, channels (the channel changes fastest): the bits are the same
    everywhere. Not so of `exact`, and of `drum` and `truncate` where their products have at most 24
    bits: these add the products themselves (no Winograd tiles, no TF32) in the order of the exact
    kernel that is chosen, so that the bits are the same for any number of threads, but not for
    another memory format, size, CPU, GPU or tuned kernel. An integer format needs `quantisation`
    and computes what `_quantised.py` says. Under autocast the call stays in float32.

    Raises ValueError with one sentence for a multiplier, format or backward that does not exist or
    has no engine on the tensors' device, TypeError for tensors that are not float32 on the CPU or a
    GPU, and what PyTorch raises for sizes that do not fit: nothing is computed by PyTorch's exact
    convolution instead.
    """
    settings = check_settings(multiplier, number_format, backward)
    geometry = (stride, padding, dilation, groups)
    return convolve(settings, quantisation, input, weight, bias, *geometry)


def approx_linear(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    multiplier: str | Multiplier = "mbm",
    backward: str | GradientTable = "ste",
    number_format: str = "float32",
    quantisation: Quantisation | None = None,
) -> Tensor:
    """torch.nn.functional.linear with another product; the rest is as of `approx_conv2d`.

    input [..., Ci], weight [Co, Ci], bias [Co]; returns [..., Co]. Where `approx_conv2d` states an
    order, a sum adds its products in that of the input features.
    """
    settings = check_settings(multiplier, number_format, backward)
    return multiply(settings, quantisation, input, weight, bias)


def convolve(
    settings: Settings,
    quantisation: Quantisation | None,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *geometry: Any,
) -> Tensor:
    """approx_conv2d with checked settings."""
    input, weight, bias = (_float32(t) for t in (input, weight, bias))
    try:
        stride, padding, dilation, groups = geometry
        if isinstance(padding, str):
            padding, extra = padding_by_name(padding, stride, dilation, weight.shape[2:])
            input = pad_far_side(input, extra)
        geometry = pair(stride), pair(padding), pair(dilation), operator.index(groups)
        if input.dim() == 3:
            output = _run(settings, quantisation, input.unsqueeze(0), weight, bias, *geometry)
            return output.squeeze(0)
        return _run(settings, quantisation, input, weight, bias, *geometry)
    except (RuntimeError, TypeError, IndexError) as error:
        # Sizes that do not fit raise what PyTorch raises; the operator's texts are not for users,
        # but where it failed, as of no memory.
        if not str(error).startswith("convwright: "):
            F.conv2d(*(t if t is None else t.detach() for t in (input, weight, bias)), *geometry)
        raise


def multiply(
    settings: Settings,
    quantisation: Quantisation | None,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
) -> Tensor:
    """approx_linear with checked settings: a 1x1 convolution whose columns are the rows."""
    fits = weight.dim() == 2 and (bias is None or bias.shape == weight.shape[:1])
    if input.numel() == 0 or not fits or input.shape[-1:] != weight.shape[1:]:
        output = F.linear(input, weight, bias)  # raises, or has no product to take
        if input.numel():
            raise ValueError(
                f"approx_linear takes a weight of [Co, Ci] and a bias of [Co], not {weight.shape}"
            )
        return output
    rows = input.reshape(-1, weight.shape[1])
    # [1, Ci, 1, rows] in channels_last is the same memory: nothing is copied.
    image = rows[None, None].permute(0, 3, 1, 2)
    output = convolve(settings, quantisation, image, weight[:, :, None, None], bias, 1, 0, 1, 1)
    return output[0, :, 0].t().reshape(*input.shape[:-1], weight.shape[0])


def _run(
    settings: Settings,
    quantisation: Quantisation | None,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *geometry: Any,
) -> Tensor:
    # 8-bit products have schedules to choose from on GPUs alone.
    may_tune = _first_calls.pending and (settings.is_float or (quantisation and input.is_cuda))
    if may_tune and not torch.compiler.is_compiling() and not transform_active():
        _first_calls.tune(_run, settings, quantisation, input, weight, bias, *geometry)
    if settings.is_float:
        _approx_trace.note("fprop", settings, input, weight, bias, geometry)
        call = Call(settings, *geometry)
        kind = _eligibility.device_type(input)
        if not torch.is_autocast_enabled(kind):
            return approximate(input, weight, bias, call)
        with torch.autocast(kind, enabled=False):
            return approximate(input, weight, bias, call)
    if quantisation is None:
        raise ValueError(
            f"number_format {settings.number_format} needs a quantisation: scales and zero points"
        )
    _approx_trace.note("fprop", settings, input, weight, bias, geometry)
    with _counting.as_one(settings.text) as count:
        output = quantised(settings, quantisation, input, weight, bias, *geometry)
        count(output, weight, bias)
    return output


def _float32(tensor: Tensor | None) -> Tensor | None:
    """The tensor, which must be float32 on the CPU or a GPU; autocast widens narrower ones."""
    if tensor is None:
        return tensor
    known = tensor.is_cpu or tensor.is_cuda
    if tensor.dtype is torch.float32 and (known or tensor.is_meta):
        return tensor
    narrow = tensor.dtype in (torch.bfloat16, torch.float16)
    if known and narrow and torch.is_autocast_enabled(_eligibility.device_type(tensor)):
        return tensor.float()
    raise TypeError(
        "approximate layers take float32 tensors on the CPU or a GPU, not "
        f"{tensor.dtype} on {tensor.device}"
    )
