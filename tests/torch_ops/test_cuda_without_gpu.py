# SPDX-License-Identifier: Apache-2.0
"""CUDA tensors where no GPU is needed: fake ones, the choice of who computes, TF32's switch."""

import gc
import weakref
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from cases import Case, tensors
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from convwright import (
    _approx_ops,
    _choices,
    _eligibility,
    _first_calls,
    _quantised,
    _slopes,
    _trace,
    explain,
    multipliers,
)
from convwright._separable_choice import settled_plan
from convwright._separable_plan import WEIGHTED_SUM, Plan
from convwright.functional import approx_conv2d, conv2d, conv2d_relu, weighted_sum_conv2d
from convwright.multipliers import Multiplier

ops = torch.ops.convwright


@pytest.fixture
def fake_cuda() -> Iterator[FakeTensorMode]:
    with FakeTensorMode() as mode:
        yield mode


def fakes(*sizes: tuple[int, ...], **options) -> list[torch.Tensor]:
    """To be made under FakeTensorMode, where no device is asked."""
    return [torch.empty(s, **{"device": "cuda", **options}) for s in sizes]


SIZES = (2, 3, 7, 9), (4, 3, 3, 3), (4,)
CHANNELS_LAST = torch.channels_last


@pytest.mark.parametrize(
    "name",
    [
        *(f"{op}_{d}" for op in ("conv2d", "approx_conv2d") for d in ("fprop", "dgrad", "wgrad")),
        "approx_int8_conv2d",
        "conv2d_relu",
        "weighted_sum_fprop",
        "weighted_sum_dgrad",
    ],
)
def test_operators_are_registered(name: str) -> None:
    assert torch._C._dispatch_has_kernel_for_dispatch_key(f"convwright::{name}", "CUDA")


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_fake_kernels(fake_cuda: FakeTensorMode, memory_format: torch.memory_format) -> None:
    input, weight, bias = fakes(*SIZES)
    input = input.to(memory_format=memory_format)
    geometry = (1, 1), (1, 1), (1, 1), 1
    output = ops.conv2d_fprop(input, weight, bias, *geometry)
    assert output.device == torch.device("cuda:0")
    assert output.is_contiguous(memory_format=memory_format)
    assert output.shape == (2, 4, 7, 9)
    grad_input = ops.conv2d_dgrad(output, input, weight, *geometry)
    grad_weight = ops.conv2d_wgrad(output, input, weight, *geometry)
    assert (grad_input.stride(), grad_input.device) == (input.stride(), input.device)
    assert (grad_weight.stride(), grad_weight.device) == (weight.stride(), weight.device)


@pytest.mark.parametrize("function", [conv2d, conv2d_relu])
@pytest.mark.parametrize("requires_grad", [False, True])
def test_fake_tensors(fake_cuda: FakeTensorMode, function, requires_grad: bool) -> None:
    operands = [t.requires_grad_(requires_grad) for t in fakes(*SIZES)]
    output = function(*operands, 2, 1)
    assert (output.shape, output.device) == ((2, 4, 4, 5), operands[0].device)
    assert output.requires_grad is requires_grad


@pytest.mark.parametrize(
    ("dtype", "groups", "reason"),
    [
        (torch.float32, 1, None),
        (torch.float32, 2, None),
        (torch.float16, 1, None),
        (torch.bfloat16, 1, None),
        (torch.bfloat16, 2, None),
        (
            torch.float64,
            1,
            "dtype is torch.float64, CUDA kernels are float32, bfloat16 and float16",
        ),
    ],
)
def test_who_computes(
    fake_cuda: FakeTensorMode, dtype: torch.dtype, groups: int, reason: str | None
) -> None:
    input, weight = fakes((2, 4, 7, 9), (4, 4 // groups, 3, 3), dtype=dtype)
    input = input.to(memory_format=CHANNELS_LAST)
    assert _eligibility.why_pytorch((input, weight), (weight,), groups) == reason


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_short_floats_are_channels_last(fake_cuda: FakeTensorMode, dtype: torch.dtype) -> None:
    input, weight, bias = fakes(*SIZES, dtype=dtype)
    reason = _eligibility.why_pytorch((input, weight), (weight,), 1)
    assert reason == f"dtype is {dtype}, whose CUDA kernels are channels_last"
    # A slice of channels has gaps, and is channels_last nevertheless.
    for dense in (input.to(memory_format=CHANNELS_LAST), None):
        taken = input.to(memory_format=CHANNELS_LAST)[:, :2] if dense is None else dense
        weight = fakes((4, taken.shape[1], 3, 3), dtype=dtype)[0]
        assert _eligibility.why_pytorch((taken, weight), (weight,), 1) is None
        output = conv2d(taken, weight, bias)
        assert (output.dtype, output.is_contiguous(memory_format=CHANNELS_LAST)) == (dtype, True)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_fake_kernels_of_short_floats(fake_cuda: FakeTensorMode, dtype: torch.dtype) -> None:
    input, weight, bias = fakes(*SIZES, dtype=dtype)
    input = input.to(memory_format=CHANNELS_LAST)
    geometry = (1, 1), (1, 1), (1, 1), 1
    output = ops.conv2d_fprop(input, weight, bias, *geometry)
    grads = [d(output, input, weight, *geometry) for d in (ops.conv2d_dgrad, ops.conv2d_wgrad)]
    assert [t.dtype for t in (output, *grads)] == [dtype] * 3
    assert [t.stride() for t in grads] == [input.stride(), weight.stride()]


@pytest.mark.parametrize("other", ["cpu", "cuda:1"])
def test_two_devices_are_for_pytorch_to_refuse(fake_cuda: FakeTensorMode, other: str) -> None:
    input, weight = *fakes(SIZES[0]), *fakes(SIZES[1], device=other)
    reason = _eligibility.why_pytorch((input, weight), (weight,), 1)
    assert reason == f"devices are cuda:0 and {other}"


@pytest.fixture
def autocast_on_cuda() -> Iterator[None]:
    """As torch.autocast("cuda") leaves it, which refuses where there is no GPU."""
    torch.set_autocast_enabled("cuda", True)
    yield
    torch.set_autocast_enabled("cuda", False)


def test_autocast_on_cuda(fake_cuda: FakeTensorMode, autocast_on_cuda: None) -> None:
    input, weight, bias = fakes(*SIZES)
    assert _eligibility.special()
    reason = _eligibility.why_pytorch((input, weight, bias), (weight,), 1)
    assert reason == "autocast to torch.float16, whose CUDA kernels are channels_last"
    assert _eligibility.autocast_dtype(input, 1) is None
    input = input.to(memory_format=CHANNELS_LAST)
    assert _eligibility.autocast_dtype(input, 1) is torch.float16
    for function in (conv2d, conv2d_relu):
        output = function(input, weight, bias, 2, 1)
        assert (output.dtype, output.shape) == (torch.float16, (2, 4, 4, 5))


def test_autocast_on_cuda_does_not_touch_the_cpu(autocast_on_cuda: None) -> None:
    t = tensors(Case())
    output = conv2d(*t.operands, 1, 1)
    assert torch.equal(output, F.conv2d(*t.operands, 1, 1))
    assert output.dtype == torch.float32


def test_autocast_on_the_cpu_does_not_touch_cuda(fake_cuda: FakeTensorMode) -> None:
    operands = fakes(*SIZES)
    with torch.autocast("cpu", torch.bfloat16):
        assert _eligibility.why_pytorch(operands, operands[1:2], 1) is None
        assert _eligibility.autocast_dtype(operands[0], 1) is None
        assert conv2d(*operands).dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weighted_sums_of_short_floats_are_for_pytorch(
    fake_cuda: FakeTensorMode, dtype: torch.dtype
) -> None:
    input, *weights = fakes((2, 3, 9, 12), (32, 3, 1, 1), (32, 1, 3, 3), dtype=dtype)
    input = input.to(memory_format=CHANNELS_LAST)
    with _trace.recording():
        output = weighted_sum_conv2d(input, *weights)
        reasons = {row.reason for row in _trace.take()}
    assert (output.shape, output.dtype) == ((2, 32, 7, 10), dtype)
    assert reasons == {f"dtype is {dtype}, whose CUDA kernels are of single convolutions"}


def test_weighted_sums_are_composed(fake_cuda: FakeTensorMode) -> None:
    input, pointwise, depthwise = fakes((2, 3, 9, 12), (32, 3, 1, 1), (32, 1, 3, 3))
    output = weighted_sum_conv2d(input.to(memory_format=torch.channels_last), pointwise, depthwise)
    assert (output.shape, output.device) == ((2, 32, 7, 10), input.device)


@pytest.mark.parametrize("backward", ["ste", "approx"])
def test_approximate_layers(fake_cuda: FakeTensorMode, backward: str) -> None:
    """Gradients by the operators: autograd's engine asks the driver for a context."""
    input, weight, bias = fakes(*SIZES)
    output = approx_conv2d(input, weight, bias, 2, 1, multiplier="mbm", backward=backward)
    assert (output.shape, output.device) == ((2, 4, 4, 5), input.device)
    ops = _approx_ops.ops_of("mbm", "", None)
    for direction, leaf in ((ops.dgrad, input), (ops.wgrad, weight)):
        grad = direction(torch.empty_like(output), input, weight, [2, 2], [1, 1], [1, 1], 1)
        assert (grad.shape, grad.device) == (leaf.shape, leaf.device)


def test_approximate_layers_say_what_they_take(fake_cuda: FakeTensorMode) -> None:
    with pytest.raises(
        TypeError,
        match=r"^approximate layers take float32 tensors on the CPU or a GPU, not torch.float64 on "
        r"cuda:0$",
    ):
        approx_conv2d(*fakes(*SIZES, dtype=torch.float64))


@pytest.mark.parametrize("zero_point", [0, 3])
@pytest.mark.parametrize("number_format", ["int8", "uint8"])
def test_quantised_layers(
    fake_cuda: FakeTensorMode, monkeypatch: pytest.MonkeyPatch, number_format: str, zero_point: int
) -> None:
    """Sums come from the operator of the GPU, with the table's copy there; values are not known."""
    copies = []

    def device_table(_: Multiplier, number_format: str, device: torch.device) -> torch.Tensor:
        copies.append((number_format, device.type))
        return torch.empty(1024, dtype=torch.int32, device=device)

    def extremes(values: torch.Tensor) -> tuple[float, float]:
        return (1.0, 1.0) if values.is_floating_point() else (zero_point, zero_point)

    monkeypatch.setattr(_quantised, "_extremes", extremes)
    monkeypatch.setattr(_quantised, "_largest", lambda *_: 16384)
    monkeypatch.setattr(Multiplier, "table", lambda *_: torch.empty(65536, dtype=torch.int32))
    monkeypatch.setattr(Multiplier, "device_table", device_table)
    floats, integers = fakes((), (4,)), fakes((), (4,), dtype=torch.int32)
    scales = _quantised.Quantisation(floats[0], integers[0], floats[1], integers[1])
    input, weight, bias = fakes(*SIZES)
    how = {"multiplier": "mbm", "number_format": number_format, "quantisation": scales}
    # On GPUs the first call of 8-bit products may be searched, too.
    searched = []
    monkeypatch.setattr(_first_calls, "pending", True)
    monkeypatch.setattr(_first_calls, "tune", lambda *call: searched.append(call[2:4]))
    output = approx_conv2d(input, weight, bias, 2, 1, **how)
    assert searched == [(scales, input)]
    assert (output.shape, output.dtype) == ((2, 4, 4, 5), torch.float32)
    assert output.device == input.device
    assert copies == [(number_format, "cuda")]


@pytest.mark.parametrize(
    ("ci", "taps", "stride", "dilation", "memory_format", "kind"),
    [
        (16, 3, 1, 1, CHANNELS_LAST, "fused"),
        (32, 3, 2, 1, CHANNELS_LAST, "fused"),
        (32, 5, 1, 1, CHANNELS_LAST, "fused"),
        (33, 3, 1, 1, CHANNELS_LAST, "unfused"),
        (16, 5, 2, 1, CHANNELS_LAST, "unfused"),
        (18, 5, 1, 1, CHANNELS_LAST, "unfused"),  # that kernel reads channels in fours
        (18, 3, 1, 1, CHANNELS_LAST, "fused"),
        (16, 3, 1, 2, CHANNELS_LAST, "unfused"),
        (16, 3, 1, 1, torch.contiguous_format, "unfused"),
    ],
)
def test_kind_of_a_weighted_sum(
    chosen: dict[str, str],
    ci: int,
    taps: int,
    stride: int,
    dilation: int,
    memory_format: torch.memory_format,
    kind: str,
) -> None:
    for with_grad in (False, True):
        plan = plan_of(ci, taps, stride, dilation, memory_format, with_grad)
        assert plan.kind == ("unfused" if with_grad else kind)


@pytest.mark.parametrize("with_grad", [False, True])
def test_a_weighted_sum_is_computed_as_tuned_for_the_gpu(
    chosen: dict[str, str], with_grad: bool
) -> None:
    problem = f"wsum2d:{'step' if with_grad else 'fprop'}_n2ci33ih20iw20co24kh3kw3s1p1_f32_nhwc"
    for choice in ("composed (tuned)", "unfused (tuned)", "pytorch (shipped)", "fused (tuned)"):
        chosen[problem] = choice
        plan = plan_of(33, 3, with_grad=with_grad)
        assert f"{plan.kind} {plan.mark}" == choice
        assert plan_of(33, 3, with_grad=not with_grad).mark == ""  # another question
    # No kernel takes it: what the rule says in that case runs, and nobody is said to have chosen.
    chosen[problem.replace("nhwc", "nchw")] = "fused (tuned)"
    plan = plan_of(33, 3, memory_format=torch.contiguous_format, with_grad=with_grad)
    assert (plan.kind, plan.mark) == ("unfused", "")


def plan_of(
    ci: int,
    taps: int,
    stride: int = 1,
    dilation: int = 1,
    memory_format: torch.memory_format = CHANNELS_LAST,
    with_grad: bool = False,
    forced_kind: str = "auto",
) -> Plan:
    """Of tensors on the third GPU; nothing is kept."""
    sizes = (2, ci, 20, 20), (24, ci, 1, 1), (24, 1, taps, taps)
    input = torch.empty(sizes[0], memory_format=memory_format)
    strides = tuple(t.stride() for t in (input, *map(torch.empty, sizes[1:])))
    geometry = (stride, stride), (1, 1), (dilation, dilation)
    rest = None, *geometry, strides, torch.float32, 2, with_grad, forced_kind, 0
    return settled_plan.__wrapped__(WEIGHTED_SUM, *sizes, *rest)


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What was chosen for problems on the third GPU."""
    choices: dict[str, str] = {}

    def tuned_kind(problem: str, gpu: int) -> str:
        assert gpu == 2
        return choices.get(problem, "")

    monkeypatch.setattr(ops, "tuned_kind", tuned_kind)
    return choices


def test_a_forced_kind_without_a_kernel_is_refused() -> None:
    with pytest.raises(RuntimeError, match=r"^kind 'fused' was forced, but .* use 'auto', "):
        plan_of(16, 7, forced_kind="fused")
    assert plan_of(33, 3, forced_kind="fused", with_grad=True).kind == "fused"


def test_a_table_is_copied_when_it_changes(fake_cuda: FakeTensorMode) -> None:
    """To where the copy is: a CUDA graph reads it there."""
    input, table = torch.empty(1, device="cuda"), torch.empty(4)
    copy = _approx_ops.table_for(input, table)
    assert copy.device == input.device
    assert _approx_ops.table_for(input, table) is copy
    written = copy._version
    table.add_(1)
    assert _approx_ops.table_for(input, table) is copy
    assert copy._version == written + 1
    assert _approx_ops.table_for(input, table) is copy
    assert copy._version == written + 1


def test_copies_live_as_long_as_their_tables(fake_cuda: FakeTensorMode) -> None:
    input, tables = torch.empty(1, device="cuda"), [torch.empty(4) for _ in range(40)]
    copies = [_approx_ops.table_for(input, table) for table in tables]
    for table, copy in zip(tables, copies, strict=True):
        assert _approx_ops.table_for(input, table) is copy
    held = weakref.ref(copies[0])
    del table, copy, tables[0], copies[0]
    gc.collect()
    assert held() is None


def test_a_table_of_another_gpu_is_copied(fake_cuda: FakeTensorMode) -> None:
    input, table = torch.empty(1, device="cuda:0"), torch.empty(4, device="cuda:1")
    assert _approx_ops.table_for(input, table).device == input.device
    assert _approx_ops.table_for(table, table) is table


def test_tables_of_inference_mode_are_not_kept(fake_cuda: FakeTensorMode) -> None:
    """They have no version: a change would not be seen."""
    input = torch.empty(1, device="cuda")
    with torch.inference_mode():
        table = torch.empty(4)
        assert _approx_ops.table_for(input, table) is not _approx_ops.table_for(input, table)


def test_copies_made_in_inference_mode_are_for_training_too(fake_cuda: FakeTensorMode) -> None:
    input, table = torch.empty(1, device="cuda"), torch.empty(4)
    with torch.inference_mode():
        assert not _approx_ops.table_for(input, table).is_inference()


@torch.inference_mode()
def test_tables_of_multipliers_have_versions() -> None:
    multiplier = multipliers.drum(3)
    entries = [i << 20 for i in range(4)]
    fractions = multipliers.from_table(torch.tensor(entries, dtype=torch.int32), format="float32")
    slopes = multipliers.gradient_table(multiplier, "uint8")
    made = multiplier.table("uint8"), fractions.mantissa_table, slopes.activation, slopes.weight
    assert not any(table.is_inference() for table in made)


class Recorded(TorchDispatchMode):
    """Names of the operators that run."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, op, types, args=(), kwargs=None):
        self.names.append(op._schema.name)
        return op(*args, **(kwargs or {}))


def test_graphs_do_not_copy_tables(
    fake_cuda: FakeTensorMode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """256 KB and a wait in each call otherwise; the operator keeps a copy."""
    _approx_ops.operator("approx_conv2d_fprop")  # registers what Python adds
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    input, weight, bias = fakes(*SIZES)
    (grad_output,) = fakes((2, 4, 5, 7))
    table, geometry = torch.empty(256, dtype=torch.int32), ([1, 1], [0, 0], [1, 1], 1)
    for device in ("cpu", "cuda"):
        ops = _approx_ops.ops_of("exact", "float32", table.to(device))
        with Recorded() as recorded:
            ops.fprop(input, weight, bias, *geometry)
            ops.dgrad(grad_output, input, weight, *geometry)
            ops.wgrad(grad_output, input, weight, *geometry)
        end = "_with_table" if device == "cpu" else ""
        assert recorded.names == [
            f"convwright::approx_conv2d_{direction}{end}"
            for direction in ("fprop", "dgrad", "wgrad")
        ]


def test_slopes_of_a_table_are_copied_once(
    fake_cuda: FakeTensorMode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two copies of 256 KB and two waits in each backward otherwise."""
    copied = []
    monkeypatch.setattr(
        _slopes,
        "table_for",
        lambda a, table: copied.append(_approx_ops.table_for(a, table)) or copied[-1],
    )
    table = multipliers.GradientTable("int8", torch.empty(256, 256), torch.empty(256, 256))
    a, w = fakes((5, 1), (7,))
    for _ in range(2):
        slopes = _slopes.table_slopes(table)
        assert slopes.activation(a, w).shape == (5, 7)
        assert slopes.weight(a, w).device == a.device
    assert copied[0] is copied[2]
    assert copied[1] is copied[3]


@pytest.mark.parametrize("multiplier", ["mbm", "lmul(4)"])
def test_slopes_do_not_read_values_of_a_gpu(fake_cuda: FakeTensorMode, multiplier: str) -> None:
    """A fake tensor has none to read."""
    slopes = _slopes.log_slopes(multipliers.parse(multiplier))
    a, w = fakes((5, 1), (7,))
    assert slopes.activation(a, w).shape == slopes.weight(a, w).shape == (5, 7)


def test_tf32_is_allowed_where_pytorch_allows_it() -> None:
    for allowed in (False, True, False):
        with torch.backends.cudnn.flags(torch.backends.cudnn.enabled, allow_tf32=allowed):
            assert ops.tf32_allowed() is allowed


def test_choices_for_gpus_are_none_of_cpus() -> None:
    problem = "fprop_n1ci8ih5iw5co16kh3kw3s1p1_f32_nhwc"
    lines = [line.split("\t") for line in ops.library_kernels().splitlines()]
    kernels = [k for k in lines if k[:2] == ["cuda", "conv2d"] and k[5:7] == ["nhwc", "f32"]]
    if not kernels:
        pytest.skip("the library has no CUDA kernels")
    operands = (torch.randn(1, 8, 5, 5).to(memory_format=CHANNELS_LAST), torch.randn(16, 8, 3, 3))
    usual = explain(conv2d, *operands, None, 1, 1).rows
    _choices.choose(problem, f"conv2d.cuda/{kernels[0][3]}")
    try:
        assert explain(conv2d, *operands, None, 1, 1).rows == usual
    finally:
        _choices.choose(problem, "")
    with pytest.raises(RuntimeError, match="none that this version knows"):
        _choices.choose(problem, "conv2d.cuda/engine:9")
