# SPDX-License-Identifier: Apache-2.0
"""ResNet-18, MobileNetV2 and ConvNeXt-T with the layers of torchvision's, for where it is not."""

import torch
from torch import Tensor, nn


def _conv_norm(ci: int, co: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    pad = kernel // 2
    conv = nn.Conv2d(ci, co, kernel, stride, pad, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(co)]


class _BasicBlock(nn.Module):
    """He et al. 2016, figure 2; the shortcut is a strided 1x1 convolution where sizes change."""

    def __init__(self, ci: int, co: int, stride: int) -> None:
        super().__init__()
        first, second = _conv_norm(ci, co, 3, stride), _conv_norm(co, co, 3)
        self.residual = nn.Sequential(*first, nn.ReLU(inplace=True), *second)
        changes = stride != 1 or ci != co
        self.shortcut = nn.Sequential(*(_conv_norm(ci, co, 1, stride) if changes else []))

    def forward(self, x: Tensor) -> Tensor:
        return (self.residual(x) + self.shortcut(x)).relu_()


def resnet18(classes: int = 1000) -> nn.Sequential:
    """He et al. 2016, table 1. 20 convolutions."""
    layers = [*_conv_norm(3, 64, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    ci = 64
    for co, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        layers += [_BasicBlock(ci, co, stride), _BasicBlock(co, co, 1)]
        ci = co
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(ci, classes))


class _InvertedResidual(nn.Module):
    """Sandler et al. 2018, figure 4."""

    def __init__(self, ci: int, co: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = ci * expansion
        widen = [*_conv_norm(ci, inner, 1), nn.ReLU6(inplace=True)] if expansion != 1 else []
        depthwise = [*_conv_norm(inner, inner, 3, stride, inner), nn.ReLU6(inplace=True)]
        self.path = nn.Sequential(*widen, *depthwise, *_conv_norm(inner, co, 1))
        self.adds = stride == 1 and ci == co

    def forward(self, x: Tensor) -> Tensor:
        return x + self.path(x) if self.adds else self.path(x)


def mobilenet_v2(classes: int = 1000) -> nn.Sequential:
    """Sandler et al. 2018, table 2. 52 convolutions, 17 of them depthwise."""
    layers = [*_conv_norm(3, 32, 3, 2), nn.ReLU6(inplace=True)]
    ci = 32
    for expansion, co, count, stride in (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ):
        for index in range(count):
            layers.append(_InvertedResidual(ci, co, stride if index == 0 else 1, expansion))
            ci = co
    layers += [*_conv_norm(ci, 1280, 1), nn.ReLU6(inplace=True)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, classes))


class _ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of [N, C, H, W]."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class _ConvNeXtBlock(nn.Module):
    """Liu et al. 2022, figure 4: the 1x1 convolutions are Linear on permuted channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.rest = nn.Sequential(
            nn.LayerNorm(channels, eps=1e-6),
            nn.Linear(channels, 4 * channels),
            nn.GELU(),
            nn.Linear(4 * channels, channels),
        )
        self.scale = nn.Parameter(torch.full((channels, 1, 1), 1e-6))

    def forward(self, x: Tensor) -> Tensor:
        inner = self.rest(self.depthwise(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return x + self.scale * inner


def convnext_tiny(classes: int = 1000) -> nn.Sequential:
    """Liu et al. 2022, ConvNeXt-T. 22 convolutions, 18 of them depthwise 7x7."""
    layers: list[nn.Module] = [nn.Conv2d(3, 96, 4, 4), _ChannelNorm(96, eps=1e-6)]
    ci = 96
    for co, count in ((96, 3), (192, 3), (384, 9), (768, 3)):
        if co != ci:
            layers += [_ChannelNorm(ci, eps=1e-6), nn.Conv2d(ci, co, 2, 2)]
        layers += [_ConvNeXtBlock(co) for _ in range(count)]
        ci = co
    head = [nn.LayerNorm(ci, eps=1e-6), nn.Linear(ci, classes)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), *head)
