# SPDX-License-Identifier: Apache-2.0
"""Convolution problems, their tensors, and comparisons whose failures print a repeating command."""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

FORMATS = {"nchw": torch.contiguous_format, "nhwc": torch.channels_last}


@dataclass(frozen=True)
class Case:
    """One convolution; sizes in elements, `channels` is (input, output), pairs are (h, w)."""

    channels: tuple[int, int] = (3, 4)
    size: tuple[int, int] = (7, 9)
    kernel: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    batch: int = 2
    bias: bool = True

    def __str__(self) -> str:
        defaults = Case()
        changed = {k: v for k, v in vars(self).items() if v != getattr(defaults, k)}
        return ",".join(f"{k}={v}".replace(" ", "") for k, v in changed.items()) or "defaults"

    @property
    def geometry(self) -> tuple:
        """What follows the tensors in a call."""
        return self.stride, self.padding, self.dilation, self.groups


@dataclass
class Tensors:
    input: Tensor
    weight: Tensor
    bias: Tensor | None
    grad_output: Tensor
    case: Case = field(repr=False)

    @property
    def operands(self) -> tuple:
        return self.input, self.weight, self.bias

    def requires_grad_(self) -> "Tensors":
        for tensor in self.leaves():
            tensor.requires_grad_()
        return self

    def leaves(self) -> list[Tensor]:
        return [t for t in self.operands if t is not None]

    def to(self, device: str) -> "Tensors":
        """The same values and strides on a device, as new leaves."""
        moved = [
            None if t is None else t.detach().to(device, copy=True)
            for t in (*self.operands, self.grad_output)
        ]
        return Tensors(*moved, self.case)

    def double(self) -> "Tensors":
        """The same values in float64, as new leaves."""
        wide = [
            None if t is None else t.detach().double() for t in (*self.operands, self.grad_output)
        ]
        return Tensors(*wide, self.case)


def tensors(
    case: Case, input_format: str = "nchw", weight_format: str = "nchw", draw=None
) -> Tensors:
    """Operands of `case`; by default integers in [-3, 3], whose sums are exact in float32."""
    generator = torch.Generator().manual_seed(0)
    draw = draw or (lambda *sizes: torch.randint(-3, 4, sizes, generator=generator).float())
    ci, co = case.channels
    input = draw(case.batch, ci, *case.size).contiguous(memory_format=FORMATS[input_format])
    weight = draw(co, ci // case.groups, *case.kernel)
    weight = weight.contiguous(memory_format=FORMATS[weight_format])
    bias = draw(co) if case.bias else None
    sizes = F.conv2d(input.to("meta"), weight.to("meta"), None, *case.geometry).shape
    return Tensors(input, weight, bias, draw(*sizes), case)


def gradients(conv2d, t: Tensors) -> tuple[Tensor, ...]:
    """Output and the gradient of each leaf of `t`."""
    t.requires_grad_()
    output = conv2d(*t.operands, *t.case.geometry)
    return output, *torch.autograd.grad(output, t.leaves(), t.grad_output.to(output.dtype))


def memory_order(t: Tensor) -> tuple[int, ...]:
    """The strides that matter: those of dimensions with more than one index."""
    return tuple(stride for size, stride in zip(t.shape, t.stride(), strict=True) if size > 1)


def weights_with_gaps() -> dict[str, Tensor]:
    """Weights [8, 4, 3, 3] whose strides no gradient can have: with gaps, or expanded."""
    nhwc = torch.randn(8, 8, 3, 3).contiguous(memory_format=torch.channels_last)
    return {
        "slice": torch.randn(8, 8, 3, 3)[:, ::2],
        "slice of channels_last": nhwc[:, ::2],
        "columns of channels_last": F.pad(nhwc[:, :4], (0, 1))[..., :3],
        "permuted and sliced": torch.randn(3, 3, 4, 16).permute(3, 2, 0, 1)[::2],
        "one filter": torch.randn(1, 4, 3, 3).expand(8, 4, 3, 3),
        "one channel": torch.randn(8, 1, 3, 3).expand(8, 4, 3, 3),
    }


def repeat_command(t: Tensors, direction: str) -> str:
    """The shell command that checks the kernels of this problem alone."""
    with torch.no_grad():
        problem = torch.ops.convwright.problem(
            t.input, t.weight, t.bias is not None, *t.case.geometry, direction
        )
    device = "" if t.input.is_cpu else f" --device {t.input.device.type}"
    return f"python -m convwright check {problem}{device}"


def assert_same(
    t: Tensors, actual: tuple[Tensor, ...], expected: tuple[Tensor, ...], **bounds
) -> None:
    """Compare (output, grad_input, grad_weight[, grad_bias]); default: equal to the last bit."""
    directions = ("fprop", "dgrad", "wgrad", "wgrad")
    for direction, ours, torchs in zip(directions, actual, expected, strict=False):
        torch.testing.assert_close(
            ours,
            torchs.to(ours),
            **{"rtol": 0, "atol": 0, **bounds},
            msg=lambda text, d=direction: f"{d}: {text}\nrepeat: {repeat_command(t, d)}",
        )


# Around the sizes of vectors and register tiles (8, 16, 32), and each parameter apart.
CASES = [
    Case(),
    Case(bias=False),
    Case(kernel=(1, 1), padding=(0, 0)),
    Case(kernel=(1, 1), padding=(0, 0), stride=(2, 2)),
    Case(size=(1, 1), kernel=(1, 1), padding=(0, 0), channels=(1, 1), batch=1),
    Case(size=(1, 1)),
    Case(size=(1, 17), kernel=(1, 3), padding=(0, 1)),
    Case(size=(17, 1), kernel=(3, 1), padding=(1, 0)),
    Case(channels=(1, 1)),
    Case(channels=(1, 8)),
    Case(channels=(7, 1)),
    Case(channels=(8, 16), size=(8, 8)),
    Case(channels=(15, 17), size=(5, 16)),
    Case(channels=(16, 15), size=(6, 15)),
    Case(channels=(17, 33), size=(4, 17)),
    Case(channels=(32, 32), size=(9, 33)),
    Case(channels=(33, 31), size=(3, 31), batch=1),
    Case(channels=(64, 9), size=(5, 5), kernel=(1, 1), padding=(0, 0), batch=3),
    Case(channels=(9, 64), size=(5, 5), kernel=(1, 1), padding=(0, 0)),
    Case(kernel=(5, 5), padding=(2, 2)),
    Case(kernel=(7, 7), padding=(3, 3), stride=(2, 2), size=(15, 14)),
    Case(kernel=(2, 2), padding=(0, 0), stride=(2, 2), size=(8, 8)),
    Case(kernel=(2, 4), padding=(1, 2)),
    Case(kernel=(3, 5), padding=(0, 2), stride=(1, 2)),
    Case(stride=(2, 1)),
    Case(stride=(3, 2), padding=(0, 1)),
    Case(stride=(5, 5)),  # rows and columns that no window reads
    Case(stride=(9, 11)),
    Case(padding=(4, 5)),  # wider than the kernel: windows of zeros only
    Case(dilation=(2, 3), padding=(2, 3)),
    Case(dilation=(2, 2), stride=(2, 2), padding=(2, 2)),
    Case(dilation=(100, 1), padding=(100, 0)),  # two of three rows are always padding
    Case(groups=2, channels=(4, 6)),
    Case(groups=3, channels=(9, 12), stride=(2, 2)),
    Case(groups=8, channels=(8, 8)),
    Case(groups=8, channels=(8, 16), kernel=(5, 5), padding=(2, 2)),
    Case(groups=17, channels=(17, 17), stride=(2, 2), bias=False),
    Case(groups=32, channels=(32, 32), size=(9, 17)),
    Case(batch=0),
    Case(batch=1, size=(20, 40), channels=(2, 2)),
    Case(channels=(0, 4)),
]
NOT_EMPTY = [case for case in CASES if case.batch and case.channels[0]]
