# SPDX-License-Identifier: Apache-2.0
"""explain: which kernel, or why PyTorch; and no trace of itself left behind."""

import pytest
import torch
from cases import Case, tensors
from torch import nn

import convwright
from convwright.functional import conv2d


def model() -> nn.Sequential:
    return nn.Sequential(
        convwright.nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.Dropout(),
        convwright.nn.Conv2d(4, 2, 1, bias=False),
    )


def test_forward_and_backward_of_each_layer() -> None:
    explanation = convwright.explain(model(), torch.randn(2, 3, 6, 6))
    assert [(row.layer, row.direction) for row in explanation.rows] == [
        ("0", "fprop"),
        ("4", "fprop"),
        ("4", "dgrad"),
        ("4", "wgrad"),
        ("0", "wgrad"),  # the input needs no gradient
    ]
    first = explanation.rows[0]
    assert first.problem == "fprop_n2ci3ih6iw6co4kh3kw3s1p0_f32_nchw_bias"
    chosen = torch.ops.convwright.kernels(first.problem).splitlines()[0]
    assert f"{first.kernel}\t{first.schedule}\t{first.isa}" == chosen
    assert first.reason == ""


def test_table() -> None:
    text = str(convwright.explain(model().requires_grad_(False), torch.randn(2, 3, 6, 6)))
    header, *rows = text.splitlines()
    assert header.split() == ["layer", "problem", "kernel", "schedule", "isa"]
    assert [row.split()[:2] for row in rows] == [
        ["0", "fprop_n2ci3ih6iw6co4kh3kw3s1p0_f32_nchw_bias"],
        ["4", "fprop_n2ci4ih4iw4co2kh1kw1s1p0_f32_nchw"],
    ]


def test_nothing_is_left_behind() -> None:
    net, input = model(), torch.randn(2, 3, 6, 6, requires_grad=True)
    state = {name: value.clone() for name, value in net.state_dict().items()}
    random_state = torch.get_rng_state()
    convwright.explain(net, input)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    assert input.grad is None
    assert all(parameter.grad is None for parameter in net.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net)
    net(input)
    assert torch.ops.convwright.take_trace() == ""


def test_function() -> None:
    t = tensors(Case()).requires_grad_()
    explanation = convwright.explain(lambda x: conv2d(x, t.weight, t.bias).relu(), t.input)
    assert [row.direction for row in explanation.rows] == ["fprop", "dgrad", "wgrad"]
    assert all(leaf.grad is None for leaf in t.leaves())


def test_without_grad_mode_only_forward_runs() -> None:
    with torch.no_grad():
        explanation = convwright.explain(model(), torch.randn(2, 3, 6, 6))
    assert {row.direction for row in explanation.rows} == {"fprop"}


def test_the_callers_graph_is_not_run() -> None:
    t = tensors(Case()).requires_grad_()
    hidden = conv2d(*t.operands, 1, 1)
    explanation = convwright.explain(lambda x: x * 2, hidden)
    assert explanation.rows == ()
    assert str(explanation).startswith("no convolution was recorded")
    hidden.sum().backward()


def test_layers_that_are_pytorchs() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), convwright.nn.Conv2d(4, 4, 3).double().float())
    rows = convwright.explain(net, torch.randn(1, 3, 8, 8)).rows
    assert (rows[0].layer, rows[0].kernel) == ("0", "PyTorch")
    assert rows[0].reason == "Conv2d is not convwright.nn.Conv2d"
    assert rows[1].kernel != "PyTorch"


@pytest.mark.filterwarnings("ignore")  # of torch.compile about what it cannot trace
def test_compiled_model() -> None:
    torch.compiler.reset()
    compiled = torch.compile(model(), backend="aot_eager")
    rows = convwright.explain(compiled, torch.randn(2, 3, 6, 6)).rows
    assert sorted(row.direction for row in rows) == ["dgrad", "fprop", "fprop", "wgrad", "wgrad"]


def test_error_in_the_call_ends_the_recording() -> None:
    with pytest.raises(RuntimeError, match="channels"):
        convwright.explain(model(), torch.randn(2, 5, 6, 6))
    assert convwright.explain(model(), torch.randn(2, 3, 6, 6)).rows


class Averaging(nn.Module):
    """Gives its buffers' names to new tensors at each call."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = convwright.nn.Conv2d(3, 4, 3)
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("last", None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.mean = 0.9 * self.mean + x.mean()
        self.last = x.detach().amax()
        return self.layer(x)


@pytest.mark.parametrize("look", [convwright.explain, convwright.flops])
def test_buffers_that_are_reassigned_are_left_as_they_were(look) -> None:
    net = Averaging()
    mean = net.mean
    look(net, torch.ones(1, 3, 8, 8))
    assert net.mean is mean
    assert net.mean == 0
    assert net.last is None


class Named(nn.Module):
    """Calls its layers by keyword."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.up = nn.Conv2d(3, 4, 3), nn.ConvTranspose2d(4, 3, 2)
        self.last = convwright.nn.Conv2d(3, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        up = self.up(output_size=[5, 5], input=self.first(input=x))
        return self.last(input=up)


def test_layers_that_are_called_by_keyword() -> None:
    rows = convwright.explain(Named(), torch.randn(2, 3, 6, 6)).rows
    assert [(row.layer, row.direction) for row in rows] == [
        ("first", "fprop"),
        ("up", "dgrad"),
        ("last", "fprop"),
        ("last", "dgrad"),
        ("last", "wgrad"),
    ]
    assert [row.problem for row in rows[:2]] == [
        "fprop_(2, 3, 6, 6)*(4, 3, 3, 3)",
        "dgrad_(2, 4, 4, 4)*(4, 3, 2, 2)",
    ]
