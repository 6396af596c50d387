# SPDX-License-Identifier: Apache-2.0
"""The Python layers on a GPU: errors, fall-backs, explain, compilers, modules."""

import copy

import pytest
import torch
import torch.nn.functional as F
from cases import Case, gradients, tensors
from separable_cases import CASES as SEPARABLE_CASES
from separable_cases import FUNCTIONS, operands, results, two_steps
from separable_cases import Case as SeparableCase

import convwright
from convwright.functional import approx_conv2d, conv2d, conv2d_relu

ops = torch.ops.convwright
GEOMETRY = (1, 1), (1, 1), (1, 1), 1


def architecture() -> str:
    return "sm_{}{}".format(*torch.cuda.get_device_capability())


def outcome(call) -> tuple[type, str] | None:
    try:
        call()
    except Exception as error:
        return type(error), str(error)
    return None


X, W, B = torch.ones(2, 4, 5, 5), torch.ones(6, 4, 3, 3), torch.ones(6)
MIXED = {
    "weight on the CPU": (X.cuda, lambda: W, B.cuda),
    "input on the CPU": (lambda: X, W.cuda, B.cuda),
    "bias on the CPU": (X.cuda, W.cuda, lambda: B),
    "weight float64": (X.cuda, lambda: W.cuda().double(), B.cuda),
    "weight float16": (X.cuda, lambda: W.cuda().half(), B.cuda),
    "bias float64": (X.cuda, W.cuda, lambda: B.cuda().double()),
    "input float16": (lambda: X.cuda().half(), W.cuda, B.cuda),
}


@pytest.mark.parametrize("function", [conv2d, conv2d_relu])
@pytest.mark.parametrize("name", MIXED)
def test_mixed_tensors_raise_what_pytorch_raises(name: str, function) -> None:
    args = [make() for make in MIXED[name]]
    torchs = outcome(lambda: F.conv2d(*args))
    assert torchs is not None
    assert outcome(lambda: function(*args)) == torchs


@pytest.mark.parametrize("name", MIXED)
def test_mixed_tensors_in_the_raw_operator(name: str) -> None:
    args = [make() for make in MIXED[name]]
    torchs = outcome(lambda: F.conv2d(*args, padding=1))
    assert outcome(lambda: ops.conv2d_fprop(*args, *GEOMETRY)) == torchs


def test_raw_gradients_of_mixed_tensors() -> None:
    grad_output = torch.ones(2, 6, 5, 5, device="cuda")
    for op, args in (
        ("dgrad", (grad_output, X.cuda(), W)),
        ("wgrad", (grad_output, X, W.cuda())),
        ("wgrad", (grad_output.cpu(), X.cuda(), W.cuda())),
    ):
        with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
            getattr(ops, f"conv2d_{op}")(*args, *GEOMETRY)


@pytest.mark.skipif("torch.cuda.device_count() < 2", reason="needs two CUDA devices")
def test_two_gpus_raise_what_pytorch_raises() -> None:
    args = X.to("cuda:0"), W.to("cuda:1")
    assert outcome(lambda: conv2d(*args)) == outcome(lambda: F.conv2d(*args)) is not None


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_dtypes_are_pytorchs(dtype: torch.dtype) -> None:
    args = [t.cuda().to(dtype) for t in (X, W, B)]
    assert torch.equal(conv2d(*args), F.conv2d(*args))
    (row,) = convwright.explain(conv2d, *args).rows
    others = {torch.float64: "CUDA kernels are float32, bfloat16 and float16"}
    why = others.get(dtype, "whose CUDA kernels are channels_last")
    assert (row.kernel, row.reason) == ("PyTorch", f"dtype is {dtype}, {why}")


def test_autocast() -> None:
    args = [t.cuda() for t in (X, W, B)]
    with torch.autocast("cuda"):
        assert conv2d(*args).dtype == torch.float16
        (row,) = convwright.explain(conv2d, *args).rows
    assert row.reason == "autocast to torch.float16, whose CUDA kernels are channels_last"
    with torch.autocast("cpu", torch.bfloat16):
        assert conv2d(*args).dtype == torch.float32


def test_explain_names_kernels_and_architecture() -> None:
    model = torch.nn.Sequential(
        convwright.nn.Conv2d(3, 8, 3), torch.nn.Dropout(), convwright.nn.Conv2d(8, 4, 1)
    ).cuda()
    state = torch.cuda.get_rng_state()
    rows = convwright.explain(model, torch.randn(2, 3, 9, 9, device="cuda")).rows
    assert torch.equal(torch.cuda.get_rng_state(), state)
    assert [(row.layer, row.direction) for row in rows] == [
        ("0", "fprop"),
        ("2", "fprop"),
        ("2", "dgrad"),
        ("2", "wgrad"),
        ("0", "wgrad"),
    ]
    assert {row.isa for row in rows} == {architecture()}
    assert "PyTorch" not in {row.kernel for row in rows}


@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
def test_compiled(backend: str) -> None:
    if backend == "inductor":
        pytest.importorskip("triton")
    torch.compiler.reset()
    t = tensors(Case(channels=(8, 12), groups=2)).to("cuda")
    compiled = torch.compile(lambda *a: conv2d(*a).relu(), fullgraph=True, backend=backend)
    actual = gradients(compiled, t)
    wanted = gradients(lambda *a: F.conv2d(*a).relu(), t.to("cpu").double())
    for ours, torchs in zip(actual, wanted, strict=True):
        assert torch.equal(ours.cpu(), torchs.float())


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_training_follows_the_cpu(memory_format: torch.memory_format) -> None:
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 16, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.Conv2d(16, 16, 3, stride=2, groups=4),
        torch.nn.Conv2d(16, 4, 1),
    )
    input, target = torch.randn(8, 3, 12, 12), torch.randint(4, (8, 5, 5))
    losses = []
    for device in ("cpu", "cuda"):
        own = copy.deepcopy(model).to(device, memory_format=memory_format)
        if device == "cuda":
            assert convwright.convert_(own).converted == 3
        optimizer = torch.optim.SGD(own.parameters(), lr=0.05, momentum=0.9)
        losses.append([])
        for _ in range(10):
            optimizer.zero_grad()
            images = input.to(device, memory_format=memory_format)
            loss = F.cross_entropy(own(images), target.to(device))
            loss.backward()
            optimizer.step()
            losses[-1].append(loss.item())
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


def test_a_converted_layer_moves_between_devices() -> None:
    layer = convwright.nn.Conv2d(4, 6, 3)
    expected = layer(X)
    assert layer.cuda()(X.cuda()).device.type == "cuda"
    torch.testing.assert_close(layer(X.cuda()).cpu(), expected)
    torch.testing.assert_close(layer.cpu()(X), expected)


@pytest.mark.parametrize("kind", ["auto", "unfused", "composed", "fused"])
@pytest.mark.parametrize("form", FUNCTIONS)
def test_separable_layers_are_composed_of_convolutions(form: str, kind: str) -> None:
    if kind == "fused" and form != "wsum":
        pytest.skip("depthwise separable layers have no fused kernel")
    for case in [c for c in SEPARABLE_CASES if c.form == "wsum"][:12]:
        case = SeparableCase(**{**vars(case), "form": form})
        tensors = operands(case)
        wanted = results(two_steps(form), case, [t.double() for t in tensors])
        with convwright.force_kind(kind):
            actual = results(FUNCTIONS[form], case, [t.cuda() for t in tensors])
        for ours, torchs in zip(actual, wanted, strict=True):
            assert torch.equal(ours.cpu(), torchs.float()), case


def test_explain_of_a_separable_layer() -> None:
    tensors = [t.cuda() for t in operands(SeparableCase(channels=(3, 32), size=(12, 12)))]
    with convwright.force_kind("unfused"):
        rows = convwright.explain(FUNCTIONS["wsum"], *tensors).rows
    assert (rows[0].kernel, rows[0].isa) == ("unfused", architecture())
    assert len(rows) == 3


def test_a_fused_weighted_sum_is_one_kernel() -> None:
    input = torch.ones(2, 8, 12, 12, device="cuda").to(memory_format=torch.channels_last)
    weights = torch.ones(32, 8, 1, 1, device="cuda"), torch.ones(32, 1, 3, 3, device="cuda")
    with torch.no_grad():
        rows = convwright.explain(FUNCTIONS["wsum"], input, *weights).rows
    assert [row.kernel.startswith("weighted_sum_cuda") for row in rows] == [False, True]
    assert rows[0].kernel == "fused"


@pytest.mark.parametrize("frozen", [(), (0,), (1,), (0, 1)], ids=str)
@pytest.mark.parametrize(("stride", "size"), [(1, 12), (2, 13)])
def test_the_gradient_of_a_weighted_sum_is_one_kernel(
    stride: int, size: int, frozen: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    sizes = (2, 8, size, size), (32, 8, 1, 1), (32, 1, 3, 3)
    tensors = [torch.randint(-2, 3, s).float() for s in sizes]
    tensors[0] = tensors[0].to(memory_format=torch.channels_last)
    grads = []
    for device in ("cpu", "cuda"):
        input, *weights = (t.to(device).detach().requires_grad_() for t in tensors)
        for number in frozen:
            weights[number].requires_grad_(False)

        def step(input=input, weights=weights) -> None:
            FUNCTIONS["wsum"](input, *weights, None, stride, 1).sum().backward()

        rows = convwright.explain(step).rows
        grads.append([t.grad.cpu() for t in (input, *weights) if t.grad is not None])
    backward = [row.kernel for row in rows if row.direction == "dgrad"]
    assert [kernel.startswith("weighted_sum_grad_cuda") for kernel in backward] == [True]
    for ours, wanted in zip(*reversed(grads), strict=True):
        assert torch.equal(ours, wanted)


MULTIPLIERS = ("mbm", "mbm(18)", "mitchell", "lmul(3)", "realm", "roba", "ax_fpm", "drum(6)")


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("multiplier", [*MULTIPLIERS, "drum(20)", "exact", "zeros", "table"])
def test_approximate_layers_have_the_bits_of_the_cpu(
    multiplier: str, memory_format: torch.memory_format
) -> None:
    chosen = multiplier
    if multiplier == "table":
        chosen = fractions()
    operands = [torch.randn(s) for s in ((3, 8, 13, 11), (12, 8, 3, 3), (12,))]
    if multiplier in ("drum(6)", "exact"):  # of exact kernels the order of sums is their own
        operands = [(8 * t).round() for t in operands]
    results = []
    for device in ("cpu", "cuda"):
        leaves = [
            t.to(device, memory_format=memory_format if t.dim() == 4 else torch.contiguous_format)
            .detach()
            .requires_grad_()
            for t in operands
        ]
        output = approx_conv2d(*leaves, 2, 1, multiplier=chosen, backward="approx")
        grad = torch.arange(output.numel(), device=device).reshape(output.shape) % 7 - 3.0
        results.append([output, *torch.autograd.grad(output, leaves[:2], grad)])
    for on_cpu, on_cuda in zip(*results, strict=True):
        assert torch.equal(on_cpu.detach(), on_cuda.detach().cpu())


def fractions() -> convwright.multipliers.Multiplier:
    return convwright.multipliers.from_function(
        lambda a, b: max(1.0, a * b * 0.97), format="float32", mantissa_bits=5
    )


def test_a_table_of_fractions_where_the_tensors_are_not() -> None:
    table = fractions().mantissa_table
    for on, other in (("cpu", "cuda"), ("cuda", "cpu")):
        args = X.to(on), W.to(on), None, *GEOMETRY, "exact", "float32", table.to(other)
        with pytest.raises(RuntimeError, match=r"^convwright: the table of fractions is on "):
            ops.approx_conv2d_fprop(*args)


def test_compiled_layers_with_a_table_of_fractions() -> None:
    torch.compiler.reset()
    layer = convwright.nn.ApproxConv2d(4, 6, 3, multiplier=fractions(), backward="approx").cuda()
    results = []
    for module in (torch.compile(layer, backend="aot_eager", fullgraph=True), layer):
        input = X.cuda().requires_grad_()
        output = module(input)
        results.append((output, *torch.autograd.grad(output.sum(), (input, layer.weight))))
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_gradients_of_more_phases_than_a_plan_holds_are_pytorchs() -> None:
    input, weight = torch.ones(1, 1, 99, 99, device="cuda"), torch.ones(1, 1, 1, 1, device="cuda")
    grad_output = torch.full((1, 1, 1, 1), 2.0, device="cuda")
    rows = convwright.explain(
        ops.conv2d_dgrad, grad_output, input, weight, [99, 99], [0, 0], [1, 1], 1
    ).rows
    assert [(r.kernel, r.reason) for r in rows] == [
        ("PyTorch", "the gradient has more than 4096 phases")
    ]
    grad = ops.conv2d_dgrad(grad_output, input, weight, [99, 99], [0, 0], [1, 1], 1)
    assert grad.sum().item() == grad[0, 0, 0, 0].item() == 2


INT8_MULTIPLIERS = ("exact", "zeros", "mbm", "mitchell", "drum(4)", "realm", "roba", "truncate(5)")


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("number_format", ["int8", "uint8"])
@pytest.mark.parametrize("multiplier", [*INT8_MULTIPLIERS, "table"])
def test_quantised_layers_have_the_bits_of_the_cpu(
    multiplier: str, number_format: str, memory_format: torch.memory_format
) -> None:
    chosen = multiplier
    if multiplier == "table":  # whose entries span more than 16 bits
        chosen = convwright.multipliers.from_function(
            lambda a, b: 9 * a * b + (a ^ b) * 37, format=number_format
        )
    torch.manual_seed(0)
    for ci, co, groups, kernel in ((3, 12, 1, 3), (32, 64, 1, 3), (8, 8, 8, 3), (20, 6, 2, 1)):
        layer = convwright.nn.ApproxConv2d(
            *(ci, co, kernel), 2, 1, groups=groups, multiplier=chosen, number_format=number_format
        ).to(memory_format=memory_format)
        input = torch.randn(2, ci, 11, 9).to(memory_format=memory_format)
        convwright.quantisation.calibrate_(layer, [input])
        expected = layer(input).detach()
        actual = layer.cuda()(input.cuda()).detach()
        assert actual.stride() == expected.stride()
        assert torch.equal(actual.cpu(), expected), (ci, co, groups, kernel)


def test_quantised_layers_can_be_captured() -> None:
    layer = convwright.nn.ApproxConv2d(8, 8, 3, multiplier="mbm", number_format="int8").cuda()
    input = torch.randn(2, 8, 9, 9, device="cuda")
    convwright.quantisation.calibrate_(layer, [input])
    with torch.no_grad():
        expected = layer(input)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            output = layer(input)
    output.zero_()
    graph.replay()
    assert torch.equal(output, expected)


def test_explain_of_a_quantised_layer_names_the_product() -> None:
    layer = convwright.nn.ApproxConv2d(8, 8, 3, multiplier="drum(4)", number_format="uint8").cuda()
    input = torch.randn(2, 8, 9, 9, device="cuda")
    convwright.quantisation.calibrate_(layer, [input])
    rows = convwright.explain(layer.requires_grad_(False), input).rows
    assert rows[0].problem.endswith("_drum(4)_uint8")
    assert "byte_gemm_dot_u8" in rows[1].kernel and rows[1].isa == architecture()


def test_explain_of_an_approximate_layer_names_the_forms() -> None:
    rows = convwright.explain(approx_conv2d, X.cuda(), W.cuda(), B.cuda()).rows
    assert rows[-1].isa == architecture()
    assert "mbm_zeros" in rows[-1].kernel and "|" in rows[-1].kernel


def test_tf32_changes_nothing_where_values_fit_it() -> None:
    """Small integers are exact in TF32 too; that it may be used is in float32's switch alone."""
    t = tensors(Case(channels=(64, 64), size=(16, 16)), "nhwc", "nhwc").to("cuda")
    wanted = gradients(F.conv2d, t.to("cpu").double())
    with torch.backends.cudnn.flags(torch.backends.cudnn.enabled, allow_tf32=True):
        actual = gradients(conv2d, t)
    for ours, torchs in zip(actual, wanted, strict=True):
        assert torch.equal(ours.cpu(), torchs.float())
