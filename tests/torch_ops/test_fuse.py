# SPDX-License-Identifier: Apache-2.0
"""fuse_weighted_sum_ and its kin: same results on the same parameters, nothing fused in doubt."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

import convwright


def pointwise(ci: int = 4, co: int = 6, **options) -> nn.Conv2d:
    return nn.Conv2d(ci, co, 1, **{"bias": False, **options})


def depthwise(channels: int = 6, **options) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, 3, **{"groups": channels, "padding": 1, **options})


class Steps(nn.Module):
    """Two layers as attributes; `between` and the rest of forward vary."""

    def __init__(self, code: Callable[["Steps", torch.Tensor], torch.Tensor], **layers) -> None:
        super().__init__()
        self.code = code
        self.pw, self.dw = layers.pop("pw", pointwise()), layers.pop("dw", depthwise())
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.code(self, x)


def in_a_row(self: Steps, x: torch.Tensor) -> torch.Tensor:
    return self.dw(self.pw(x))


def outcome(report: convwright.fuse.FusionReport) -> list[tuple[str, str, str]]:
    return [(pair.first, pair.second, pair.reason) for pair in report.pairs]


def assert_fused(
    model: nn.Module, fuse, expected_fused: int = 1, layer: type | None = None
) -> nn.Module:
    """Fuse and compare results and gradients of the very same parameters; returns the model."""
    input = torch.randn(2, 4, 7, 8)
    parameters = list(model.parameters())
    expected = model(input)
    torchs = torch.autograd.grad(expected.square().mean(), parameters)
    report = fuse(model)
    assert report.fused == expected_fused, report
    assert {id(p) for p in model.parameters()} == {id(p) for p in parameters}
    actual = model(input)
    torch.testing.assert_close(actual, expected)
    torch.testing.assert_close(torch.autograd.grad(actual.square().mean(), parameters), torchs)
    if layer is not None:
        assert sum(type(m) is layer for m in model.modules()) == expected_fused
    return model


class TestWeightedSum:
    def test_sequential(self) -> None:
        model = nn.Sequential(pointwise(), depthwise(stride=2), nn.ReLU())
        assert_fused(model, convwright.fuse_weighted_sum_, 1, convwright.nn.WeightedSumConv2d)
        assert [type(m).__name__ for m in model] == ["Identity", "WeightedSumConv2d", "ReLU"]
        assert model[1].pointwise.shape == (6, 4, 1, 1)

    def test_report_text(self) -> None:
        model = nn.Sequential(pointwise(), depthwise(), pointwise(6, 6, bias=True), depthwise())
        report = convwright.fuse_weighted_sum_(model)
        assert str(report).splitlines() == [
            "1 of 2 pairs fused",
            "  0, 1  fused",
            "  2, 3  left: 2 has a bias",
        ]
        assert str(convwright.fuse_weighted_sum_(nn.ReLU())) == "0 of 0 pairs fused"

    def test_attributes_of_a_nested_module(self) -> None:
        model = nn.Sequential(nn.Conv2d(4, 4, 3), Steps(in_a_row), Steps(in_a_row, pw=pointwise(6)))
        assert_fused(model, convwright.fuse_weighted_sum_, 2, convwright.nn.WeightedSumConv2d)

    def test_convwrights_own_convolutions(self) -> None:
        model = nn.Sequential(pointwise(), depthwise(bias=False, dilation=2, padding="same"))
        convwright.convert_(model)
        assert_fused(model, convwright.fuse_weighted_sum_)

    @pytest.mark.parametrize("mode", ["reflect", "circular"])
    def test_padding_modes(self, mode: str) -> None:
        model = nn.Sequential(pointwise(), depthwise(padding_mode=mode))
        assert_fused(model, convwright.fuse_weighted_sum_)

    @pytest.mark.parametrize("permute", [torch.Tensor.permute, torch.permute])
    def test_linear_between_permutations(self, permute) -> None:
        def code(self: Steps, x: torch.Tensor) -> torch.Tensor:
            if permute is torch.permute:
                x = torch.permute(self.pw(torch.permute(x, (0, 2, 3, 1))), (0, 3, 1, 2))
            else:
                x = self.pw(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
            return self.dw(x)

        model = Steps(code, pw=nn.Linear(4, 6, bias=False))
        assert_fused(model, convwright.fuse_weighted_sum_)

    def test_linear_between_other_permutations(self) -> None:
        def code(self: Steps, x: torch.Tensor) -> torch.Tensor:
            return self.dw(self.pw(x.permute(0, 3, 2, 1)).permute(0, 3, 1, 2))

        model = Steps(code, pw=nn.Linear(4, 6, bias=False))
        report = convwright.fuse_weighted_sum_(model)
        assert outcome(report) == [("pw", "dw", "something else reads the output of pw")]

    def test_optimizer_made_before_trains_the_layer(self) -> None:
        model = nn.Sequential(pointwise(), depthwise())
        optimizer = torch.optim.SGD(model.parameters(), lr=1)
        convwright.fuse_weighted_sum_(model)
        before = [p.detach().clone() for p in model.parameters()]
        model(torch.randn(1, 4, 4, 4)).square().sum().backward()
        optimizer.step()
        assert not any(map(torch.equal, before, model.parameters()))

    def test_mode_and_frozen_parameters_stay(self) -> None:
        model = nn.Sequential(pointwise(), depthwise()).eval()
        model[0].weight.requires_grad_(False)
        convwright.fuse_weighted_sum_(model)
        assert not model[1].training
        assert not model[1].pointwise.requires_grad

    def test_model_that_cannot_be_traced_is_searched_by_child(self) -> None:
        def code(self: Steps, x: torch.Tensor) -> torch.Tensor:
            return self.block(x) if x.sum() > 0 else -self.block(x)

        model = Steps(code, block=nn.Sequential(pointwise(), depthwise()))
        report = convwright.fuse_weighted_sum_(model)
        assert outcome(report) == [("block.0", "block.1", "")]


class Special(nn.Conv2d):
    """A subclass that may do anything."""


def hooked(layer: nn.Module) -> nn.Module:
    layer.register_forward_hook(lambda *_: None)
    return layer


def parametrized(layer: nn.Module) -> nn.Module:
    return parametrizations.weight_norm(layer)


def of_its_own(layer: nn.Module) -> nn.Module:
    layer.forward = lambda x: x
    return layer


LEFT = {
    "bias": ({"pw": pointwise(bias=True)}, "pw has a bias"),
    "stride": ({"pw": pointwise(stride=2)}, "pw has a stride of (2, 2)"),
    "padding": ({"pw": pointwise(padding=1)}, "pw has a padding of (1, 1)"),
    "one channel": (
        {"pw": nn.Conv2d(1, 1, 1, stride=2, bias=False), "dw": depthwise(1)},
        "pw has a stride of (2, 2)",
    ),
    "hooks of the first": ({"pw": hooked(pointwise())}, "pw has hooks"),
    "hooks of the second": ({"dw": hooked(depthwise())}, "dw has hooks"),
    "parametrization": ({"pw": parametrized(pointwise())}, "pw is parametrized"),
    "subclass": (
        {"pw": Special(4, 6, 1, bias=False)},
        "pw is Special, a subclass",
    ),
    "dtype": ({"dw": depthwise().double()}, "pw and dw differ in dtype or device"),
    "forward": ({"dw": of_its_own(depthwise())}, "dw has a forward of its own"),
}


@pytest.mark.parametrize("name", LEFT)
def test_layers_that_stay(name: str) -> None:
    layers, reason = LEFT[name]
    model = Steps(in_a_row, **layers)
    before = model.pw, model.dw
    assert outcome(convwright.fuse_weighted_sum_(model)) == [("pw", "dw", reason)]
    assert (model.pw, model.dw) == before


def _second_reader(self: Steps, x: torch.Tensor) -> torch.Tensor:
    z = self.pw(x)
    return self.dw(z) + z


def _in_training_only(self: Steps, x: torch.Tensor) -> torch.Tensor:
    z = self.pw(x)
    return self.dw(z) + z if self.training else self.dw(z)


def _first_twice(self: Steps, x: torch.Tensor) -> torch.Tensor:
    return self.dw(self.pw(x)) + self.pw(x)


def _second_twice(self: Steps, x: torch.Tensor) -> torch.Tensor:
    return self.dw(self.dw(self.pw(x)))


def _weight_read(self: Steps, x: torch.Tensor) -> torch.Tensor:
    return self.dw(self.pw(x)) * self.pw.weight.sum()


def _returned(self: Steps, x: torch.Tensor) -> list[torch.Tensor]:
    z = self.pw(x)
    return [z, self.dw(z)]


CODE = {
    _second_reader: "something else reads the output of pw",
    _in_training_only: "something else reads the output of pw",
    _first_twice: "something else reads the output of pw",
    _second_twice: "dw also reads something else than the output of pw",
    _weight_read: "forward reads pw.weight",
    _returned: "something else reads the output of pw",
}


@pytest.mark.parametrize("code", CODE, ids=lambda f: f.__name__.strip("_"))
def test_code_that_keeps_them_apart(code) -> None:
    model = Steps(code).eval()
    assert outcome(convwright.fuse_weighted_sum_(model)) == [("pw", "dw", CODE[code])]
    assert not model.training and not model.pw.training


def test_layers_with_two_names() -> None:
    model = Steps(in_a_row)
    model.alias = model.pw
    assert outcome(convwright.fuse_weighted_sum_(model)) == [("pw", "dw", "pw is also alias")]


def test_hooks_of_containers_between() -> None:
    model = nn.Sequential(hooked(nn.Sequential(pointwise())), nn.Sequential(depthwise()))
    assert outcome(convwright.fuse_weighted_sum_(model)) == [("0.0", "1.0", "0 has hooks")]
    model = hooked(nn.Sequential(pointwise(), depthwise()))
    assert convwright.fuse_weighted_sum_(model).fused == 1


def test_depthwise_separable() -> None:
    model = nn.Sequential(depthwise(4, bias=False, stride=2), pointwise(bias=True), nn.ReLU())
    assert_fused(
        model, convwright.fuse_depthwise_separable_, 1, convwright.nn.DepthwiseSeparableConv2d
    )
    model = nn.Sequential(depthwise(4), pointwise())
    report = convwright.fuse_depthwise_separable_(model)
    assert outcome(report) == [("0", "1", "0 has a bias")]


def test_a_layer_joins_one_pair() -> None:
    model = nn.Sequential(*(nn.Conv2d(1, 1, 1, bias=False) for _ in range(3)))
    reasons = [reason for *_, reason in outcome(convwright.fuse_weighted_sum_(model))]
    assert reasons == ["", "1 is part of another pair"]


class TestRelu:
    def test_sequential(self) -> None:
        model = nn.Sequential(
            nn.Conv2d(4, 6, 3),
            nn.ReLU(inplace=True),
            nn.Conv2d(6, 6, 3),
            nn.BatchNorm2d(6),
            nn.ReLU(),
        )
        keys, first = list(model.state_dict()), model[0]
        assert_fused(model, convwright.fuse_relu_, 1, convwright.nn.Conv2dReLU)
        assert model[0] is first
        assert list(model.state_dict()) == keys

    def test_one_relu_of_two_convolutions(self) -> None:
        def code(self: Steps, x: torch.Tensor) -> torch.Tensor:
            return self.relu(self.dw(self.relu(self.pw(x))))

        report = convwright.fuse_relu_(Steps(code, relu=nn.ReLU()))
        reason = "relu also reads something else than the output of"
        assert outcome(report) == [("pw", "relu", f"{reason} pw"), ("dw", "relu", f"{reason} dw")]
