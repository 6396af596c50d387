# SPDX-License-Identifier: Apache-2.0
"""The networks of the examples. The class, or the form, of their convolutions is a parameter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

Layer = Callable[..., nn.Module]  # (in_channels, out_channels, kernel_size, stride), without bias
BLOCK_CHANNELS = (16, 16, 32, 32, 64, 64)
DROPOUT = 0.2


def small_cnn(
    conv: type[nn.Conv2d] = nn.Conv2d,
    classes: int = 10,
    image_size: int = 28,
    channels: int = 1,
    widths: Sequence[int] = (16, 32, 64),
) -> nn.Sequential:
    """Three 3x3 convolutions with bias and ReLU, 2x2 average pooling after two, a linear layer.

    Takes [N, channels, image_size, image_size], gives [N, classes] scores before softmax; `widths`
    are the convolutions' output channels. `image_size` is at least 4. With the same seed the
    weights are the same whatever `conv` is, as long as its constructor draws them as
    `torch.nn.Conv2d` does.

    Pooling takes the mean: with the maximum a difference in the last bit picks another winner, and
    trainings that differ in rounding alone part faster. Seen after 3 epochs of Fashion-MNIST: test
    accuracy 0.07 points apart (root mean square of six pairs), 0.28 with three max poolings.
    """
    if image_size < 4:
        raise ValueError(f"small_cnn: image_size is {image_size}, it must be at least 4")
    pooled = image_size // 4
    first, second, third = widths
    return nn.Sequential(
        conv(channels, first, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2),
        conv(first, second, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2),
        conv(second, third, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(third * pooled * pooled, classes),
    )


def lenet5(classes: int = 10, channels: int = 1) -> nn.Sequential:
    """LeNet-5 (LeCun et al. 1998) with ReLU and max pooling, for [N, channels, 32, 32].

    Two 5x5 convolutions of 6 and 16 channels without padding, each pooled to half, and linear
    layers of 120, 84 and `classes`. Gives scores before softmax. Parameters with 1 channel and 10
    classes: 61,706.
    """
    return nn.Sequential(
        nn.Conv2d(channels, 6, kernel_size=5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, kernel_size=5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * 5 * 5, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, classes),
    )


def channel_selection(form: str = "convwright", classes: int = 10) -> nn.Module:
    """A residual network for [N, 3, 32, 32], dense or of weighted sums of channels.

    `form` says what its layers are, all but the first (a dense 3x3 convolution in every form):

    - "dense": torch.nn.Conv2d.
    - "linear": a weighted sum of channels, then a filter for each sum: torch.nn.Linear between two
      permutes, then a depthwise torch.nn.Conv2d.
    - "conv1x1": the same, with a 1x1 torch.nn.Conv2d in place of permute, Linear, permute.
    - "convwright": the same in one operator, convwright.nn.WeightedSumConv2d.

    A single channel, [N, 1, 32, 32], is taken for three equal ones. Gives [N, classes] scores
    before softmax. The last three forms compute the same function of the same weights, which
    `copy_weights` carries from one to another. Parameters with 3 classes: 174,787 dense, 27,363
    otherwise; 65 more for each further class. Everything is in channels_last: every form is faster
    so, and Linear's permutes then move nothing.
    """
    if form not in FORMS:
        raise ValueError(f"channel_selection: form is {form!r}, it must be one of {list(FORMS)}")
    network = ResidualNetwork(FORMS[form](), classes)
    return network.to(memory_format=torch.channels_last)


class ResidualNetwork(nn.Module):
    """A 3x3 convolution, six residual blocks, the mean of each channel, dropout, linear scores."""

    def __init__(self, layer: Layer, classes: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, BLOCK_CHANNELS[0], kernel_size=3, padding=1)
        inputs = (BLOCK_CHANNELS[0], *BLOCK_CHANNELS)
        self.blocks = nn.Sequential(*map(partial(ResidualBlock, layer), inputs, BLOCK_CHANNELS))
        self.dropout = nn.Dropout(DROPOUT)
        self.scores = nn.Linear(BLOCK_CHANNELS[-1], classes)

    def forward(self, images: Tensor) -> Tensor:
        images = images.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
        features = self.blocks(self.stem(images).relu())
        return self.scores(self.dropout(features.mean(dim=(2, 3))))


class ResidualBlock(nn.Module):
    """Two 3x3 layers beside a shortcut; where the channels change, rows and columns are halved."""

    def __init__(self, layer: Layer, in_channels: int, channels: int) -> None:
        super().__init__()
        changes = in_channels != channels
        stride = 2 if changes else 1
        self.first = layer(in_channels, channels, 3, stride)
        self.first_norm = nn.BatchNorm2d(channels)
        self.second = layer(channels, channels, 3, 1)
        self.second_norm = nn.BatchNorm2d(channels)
        self.shortcut = (
            nn.Sequential(layer(in_channels, channels, 1, stride), nn.BatchNorm2d(channels))
            if changes
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.first_norm(self.first(x)).relu()
        y = self.second_norm(self.second(y))
        return (y + self.shortcut(x)).relu()


class LinearThenDepthwise(nn.Module):
    """Weighted sums of channels by torch.nn.Linear, which wants the channels last."""

    def __init__(self, in_channels: int, channels: int, kernel_size: int, stride: int) -> None:
        super().__init__()
        self.pointwise = nn.Linear(in_channels, channels, bias=False)
        self.depthwise = depthwise(channels, kernel_size, stride)

    def forward(self, x: Tensor) -> Tensor:
        return self.depthwise(self.pointwise(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))


def conv1x1_then_depthwise(
    in_channels: int, channels: int, kernel_size: int, stride: int
) -> nn.Module:
    """Weighted sums of channels by a 1x1 convolution."""
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 1, bias=False), depthwise(channels, kernel_size, stride)
    )


def depthwise(channels: int, kernel_size: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(
        channels,
        channels,
        kernel_size,
        stride,
        padding=kernel_size // 2,
        groups=channels,
        bias=False,
    )


def dense(in_channels: int, channels: int, kernel_size: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(
        in_channels, channels, kernel_size, stride, padding=kernel_size // 2, bias=False
    )


def convwright_layer() -> Layer:
    """convwright.nn.WeightedSumConv2d, imported here so that the other forms need PyTorch alone."""
    from convwright.nn import WeightedSumConv2d

    def layer(in_channels: int, channels: int, kernel_size: int, stride: int) -> nn.Module:
        return WeightedSumConv2d(
            in_channels, channels, kernel_size, stride, padding=kernel_size // 2, bias=False
        )

    return layer


FORMS: dict[str, Callable[[], Layer]] = {
    "dense": lambda: dense,
    "linear": lambda: LinearThenDepthwise,
    "conv1x1": lambda: conv1x1_then_depthwise,
    "convwright": convwright_layer,
}


@torch.no_grad()
def copy_weights(source: nn.Module, target: nn.Module) -> None:
    """Gives `target` the parameters and buffers of `source`, one after another.

    The two may keep the same values in other shapes, as Linear's [Co, Ci] and a 1x1 convolution's
    [Co, Ci, 1, 1]. Raises ValueError when their numbers of values differ.
    """
    pairs = zip(
        [*source.parameters(), *source.buffers()],
        [*target.parameters(), *target.buffers()],
        strict=True,
    )
    for here, there in pairs:
        if here.numel() != there.numel():
            raise ValueError(
                f"copy_weights: {list(here.shape)} does not fit {list(there.shape)}, "
                "the networks must be of the same kind"
            )
        there.copy_(here.reshape(there.shape))


def parameter_count(model: nn.Module) -> int:
    """Number of trained values."""
    return sum(p.numel() for p in model.parameters())
