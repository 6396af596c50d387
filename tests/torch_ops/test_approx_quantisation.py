# SPDX-License-Identifier: Apache-2.0
"""Observers and calibrate_: which scales they set, and that nothing else changes."""

import math

import pytest
import torch
from torch import nn

import convwright
from convwright.quantisation import MinMaxObserver, PercentileObserver, calibrate_, scales


def network(number_format: str = "int8", multiplier: str = "exact") -> nn.Sequential:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 10)
    )
    convwright.convert_(model, multiplier=multiplier, number_format=number_format)
    return model


@pytest.mark.parametrize(
    "low, high, number_format, symmetric, scale, zero_point",
    [
        (-1.0, 3.0, "int8", True, 3 / 127, 0),
        (-1.0, 3.0, "uint8", True, 3 / 127, 128),
        (-1.0, 3.0, "int8", False, 4 / 255, -64),
        (-1.0, 3.0, "uint8", False, 4 / 255, 64),
        (0.0, 2.0, "uint8", False, 2 / 255, 0),
        (0.0, 2.0, "int8", False, 2 / 255, -128),
        (1.0, 2.0, "uint8", False, 2 / 255, 0),  # widened to hold 0
        (-3.0, -1.0, "uint8", False, 3 / 255, 255),
        (0.0, 0.0, "int8", False, 1.0, -128),
        (0.0, 0.0, "int8", True, 1.0, 0),
    ],
)
def test_scales(low, high, number_format, symmetric, scale, zero_point) -> None:
    found = scales(torch.tensor(low), torch.tensor(high), number_format, symmetric)
    assert found[0].item() == pytest.approx(scale, rel=1e-6)
    assert found[1].item() == zero_point
    assert [t.dtype for t in found] == [torch.float32, torch.int32]


def test_min_max_observer() -> None:
    observer = MinMaxObserver()
    for values in ([1.0, 2.0], [-4.0], [], [3.0]):
        observer.observe(torch.tensor(values))
    assert observer.range() == (-4.0, 3.0)


def test_percentile_observer_leaves_outliers_out() -> None:
    observer = PercentileObserver(99)
    values = torch.arange(1001.0)
    observer.observe(values[torch.randperm(1001)])
    assert observer.range() == (10.0, 990.0)
    observer = PercentileObserver(100)
    observer.observe(values)
    assert observer.range() == (0.0, 1000.0)
    many = PercentileObserver(99.9)
    many.observe(torch.linspace(0, 1, 1_000_000))
    assert many.range() == pytest.approx((0.001, 0.999), abs=1e-4)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("size", [1000, 200_000])
def test_percentile_observer_sees_one_value_that_is_not_finite(size: int, value: float) -> None:
    """Beyond the percentile, and of a large batch perhaps not among the samples."""
    observer = PercentileObserver()
    values = torch.zeros(size)
    values[size // 2 + 1] = value
    observer.observe(values)
    observer.observe(torch.zeros(3))
    assert all(map(math.isnan, observer.range()))


def test_observers_say_what_is_wrong() -> None:
    for observer in (MinMaxObserver(), PercentileObserver()):
        with pytest.raises(ValueError, match="has seen no values, calibration needs one batch or"):
            observer.range()
    with pytest.raises(ValueError, match="percentile is 40, it must be above 50 and at most 100"):
        PercentileObserver(40)


@pytest.mark.parametrize("number_format", ["int8", "uint8"])
@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("per_channel", [False, True])
def test_calibrated_scales(number_format: str, symmetric: bool, per_channel: bool) -> None:
    model = network(number_format)
    batches = [(torch.randn(8, 1, 8, 8), torch.zeros(8)), [torch.randn(8, 1, 8, 8)]]
    names = calibrate_(model, batches, symmetric=symmetric, per_channel=per_channel)
    assert names == ["0", "4"]
    seen = torch.cat([batch[0] for batch in batches])
    expected = scales(seen.min(), seen.max(), number_format, symmetric)
    assert torch.equal(model[0].input_scale, expected[0])
    assert torch.equal(model[0].input_zero_point, expected[1])
    for layer in (model[0], model[4]):
        assert layer.weight_scale.shape == (layer.weight.shape[:1] if per_channel else ())
        steps = layer.weight.detach().abs().flatten(1).amax(1) / 127
        torch.testing.assert_close(layer.weight_scale, steps if per_channel else steps.max())
        assert (layer.weight_zero_point == (0 if number_format == "int8" else 128)).all()


def test_a_calibrated_network_is_close_to_the_exact_one() -> None:
    model, input = network(), torch.randn(16, 1, 8, 8)
    model.eval()
    calibrate_(model, [input], observer=lambda: PercentileObserver(99.99))
    int8 = model(input)
    assert len({row.kernel for row in convwright.explain(model, input).rows}) > 0
    convwright.convert_(model, multiplier="exact")
    exact = model(input)
    assert 0 < (int8 - exact).abs().max() < 0.03 * exact.abs().max()


def test_nothing_else_changes() -> None:
    model = network()
    model[1].train()
    model[0].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [m.training for m in model.modules()]
    calibrate_(model, [torch.randn(8, 1, 8, 8)])
    changed = {n for n, v in model.state_dict().items() if not torch.equal(v, before[n])}
    assert all("scale" in name or "zero_point" in name for name in changed)
    assert [m.training for m in model.modules()] == modes
    assert not any(m._forward_pre_hooks for m in model.modules())
    assert not any("_calibrating" in m.__dict__ for m in model.modules())


def test_layers_that_are_called_by_keyword() -> None:
    class ByKeyword(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = network()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for layer in self.layers:
                x = layer(input=x)
            return x

    named, plain, input = ByKeyword(), network(), torch.randn(8, 1, 8, 8)
    assert calibrate_(named, [input]) == ["layers.0", "layers.4"]
    calibrate_(plain, [input])
    assert named.layers[4].input_scale == plain[4].input_scale


def test_layers_compute_exactly_meanwhile() -> None:
    """The second layer sees what the first gives in float32, not what `zeros` gives."""
    model, input = network(multiplier="zeros"), torch.randn(8, 1, 8, 8)
    calibrate_(model, [input])
    control = network()
    calibrate_(control, [input])
    assert torch.equal(model[4].input_scale, control[4].input_scale)


@pytest.mark.parametrize("observer", [MinMaxObserver, PercentileObserver])
@pytest.mark.parametrize(
    "batches, text",
    [
        ([], "layer 0: the observer has seen no values"),
        ([torch.full((1, 1, 8, 8), torch.inf)], "layer 0 has values that are not finite"),
        ([torch.full((1, 1, 8, 8), torch.nan)], "layer 0 has values that are not finite"),
    ],
)
def test_bad_batches_are_one_sentence_and_change_nothing(
    batches: list, text: str, observer: type
) -> None:
    model = network()
    with pytest.raises(ValueError, match=text) as caught:
        calibrate_(model, batches, observer=observer)
    assert "\n" not in str(caught.value)
    assert model[0].input_scale == model[4].input_scale == 0
    with pytest.raises(ValueError, match=r"calibrate_ sets it"):
        model(torch.randn(1, 1, 8, 8))


def test_an_error_of_the_model_ends_the_calibration() -> None:
    model = network()
    with pytest.raises(RuntimeError):
        calibrate_(model, [torch.randn(1, 3, 8, 8)])
    assert not any("_calibrating" in m.__dict__ for m in model.modules())


def test_training_of_a_quantised_network() -> None:
    """Fake quantisation: the loss falls with int8 MBM in forward."""
    model, input = network(multiplier="mbm"), torch.randn(32, 1, 8, 8)
    target = torch.arange(32) % 10
    calibrate_(model, [input])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    losses = []
    for _ in range(12):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(input), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]
