# SPDX-License-Identifier: Apache-2.0
"""Problems of every operator that is tuned, as calls."""

import math
import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from convwright import _product_calls, check, functional
from convwright._choices import FASTER, FASTER_STEP, MARKS
from convwright._kinds import KINDS
from convwright._ops import weighted_sum_dgrad
from convwright._separable_choice import by_rule, by_rule_on_cuda
from convwright._separable_plan import DEPTHWISE_SEPARABLE, WEIGHTED_SUM, Form, make_plan
from convwright._separable_trace import tuned_problem
from convwright._trace import Row

_KERNELS = ("conv2d", "approx_conv2d", "approx_gemm")  # the last ones of GPUs
_OF_BYTES = re.compile(r"_u?int8$")
_FORMS = {form.op: form for form in (WEIGHTED_SUM, DEPTHWISE_SEPARABLE)}


class Subject(NamedTuple):
    """A problem string, taken apart."""

    form: Form | None  # None: one convolution
    step: bool  # forward and backward
    problem: check.Problem  # fprop for two convolutions in a row
    dtype: torch.dtype
    relu: bool
    product: str  # of an approximate convolution: one of the library, or a multiplier; else ""


def parse(text: str) -> Subject:
    """Raises RuntimeError if the string does not parse, LibraryMissing without the library."""
    op, colon, rest = text.rpartition(":")
    step = bool(colon) and rest.startswith("step_")
    directions = ("fprop_", "dgrad_") if op == WEIGHTED_SUM.op else ("fprop_",)
    if colon and (op not in _FORMS or not (step or rest.startswith(directions))):
        raise RuntimeError(
            f"problem '{text}': in front of ':' stands wsum2d or dwsep2d, behind it fprop or step, "
            "behind wsum2d also dgrad"
        )
    sizes, product = (rest, "") if colon else check.split(rest)
    if product:
        _product_calls.check_product(product)
    problem = check.parse(sizes.replace("step_", "fprop_", 1) if step else sizes)
    return Subject(_FORMS.get(op), step, problem, problem.dtype, "_relu" in sizes, product)


def of_row(row: Row, on_gpu: bool = False) -> str | None:
    """The problem of a row of `explain`; None where nothing is tuned: without a kernel, on CPUs in
    a search for a GPU or the other way round.

    8-bit products are searched on GPUs alone. PyTorch's own where tuning chose it may be tuned
    again.
    """
    tuned_to_pytorch = row.reason in (FASTER, FASTER_STEP)
    of_bytes = on_gpu and _OF_BYTES.search(row.problem)
    ours = row.kernel in KINDS or row.kernel.startswith(_KERNELS) or of_bytes
    is_there = row.isa.startswith("sm_") == on_gpu
    if not (tuned_to_pytorch or (ours and is_there)):
        return None
    # On a GPU a table of fractions is named by its bits, which its kernels take as they come.
    text = re.sub(r"_table\d+$", "_mantissa_table", tuned_problem(row))
    try:
        parse(text)
    except RuntimeError:
        return None
    return text


def left_out(rows: Iterable[Row]) -> tuple[str, ...]:
    """What `of_row` passes over although Convwright computes it: a sentence, or none."""
    count = sum(_OF_BYTES.search(row.problem) is not None for row in rows)
    if count == 0:
        return ()
    calls = "1 call of 8-bit products is" if count == 1 else f"{count} calls of 8-bit products are"
    why = "CPUs compute them by engines that have no schedules to choose from"
    return (f"{calls} left out: {why}.",)


def was_chosen(row: Row) -> bool:
    """Whether what computed a row of `explain` was chosen by tuning, here or for the library."""
    return row.schedule.endswith(MARKS) or row.reason in (FASTER, FASTER_STEP)


def kind_by_rule(text: str, on_gpu: bool = False) -> str:
    """How two convolutions in a row are computed without tuning; "" for one, and for gradients.

    On a GPU "fused" where a kernel of the library fuses them, else "unfused".
    """
    form, step, problem, *_ = parse(text)
    if form is None or problem.direction != "fprop":
        return ""
    co, ci, kh, kw = problem.weight_sizes
    depthwise = co if form.pointwise_first else ci, 1, kh, kw
    sizes = problem.input_sizes, (co, ci), depthwise, None
    plan = make_plan(form, *sizes, *problem.geometry[:3], "auto")
    if on_gpu:
        return by_rule_on_cuda(plan, step).kind
    channels_last = problem.memory_format is torch.channels_last
    return by_rule(plan, problem.input_sizes[3], channels_last, step).kind


def bytes_of(text: str) -> int:
    """Of the input, the output and the weight of a problem, in float32."""
    problem = parse(text).problem
    shapes = problem.input_sizes, problem.weight_sizes, check.output_sizes(problem)
    return 4 * sum(math.prod(shape) for shape in shapes)


def call_of(text: str, device: str = "cpu") -> Callable[[], Any]:
    """The operator of a problem on random tensors of a device, as eager calls reach it."""
    subject, place = parse(text), torch.device(device)
    if subject.product:
        return _product_calls.call_of(subject.problem, subject.product, place)
    if subject.form is None:
        return _call_of_one(subject, place)
    if subject.problem.direction != "fprop":
        return _call_of_gradients(subject, place)
    return _call_of_two(subject, place)


def _tensor(subject: Subject, place: torch.device, *sizes: int) -> Tensor:
    values = torch.randn(sizes, device=place)
    if len(sizes) == 4:
        values = values.contiguous(memory_format=subject.problem.memory_format)
    return values.to(subject.dtype)


def _call_of_one(subject: Subject, place: torch.device) -> Callable[[], Any]:
    problem, tensor = subject.problem, partial(_tensor, subject, place)
    input, weight = tensor(*problem.input_sizes), tensor(*problem.weight_sizes)
    if problem.direction == "fprop":
        name = "conv2d_relu" if subject.relu else "conv2d_fprop"
        operands = input, weight, tensor(len(weight)) if problem.has_bias else None
    else:
        name = f"conv2d_{problem.direction}"
        operands = tensor(*check.output_sizes(problem)), input, weight
    op = getattr(torch.ops.convwright, name)
    arguments = (*operands, *(list(g) for g in problem.geometry[:3]), problem.geometry[3])

    def call() -> Tensor:
        with torch._C._AutoDispatchBelowAutograd():  # calls without gradients
            return op(*arguments)

    return call


def _call_of_gradients(subject: Subject, place: torch.device) -> Callable[[], Any]:
    problem, tensor = subject.problem, partial(_tensor, subject, place)
    co, ci, kh, kw = problem.weight_sizes
    batch, _, *size = problem.input_sizes
    grad_output = tensor(*check.output_sizes(problem))
    input, z = tensor(*problem.input_sizes), tensor(batch, co, *size)
    weights = tensor(co, ci, 1, 1), tensor(co, 1, kh, kw)

    def call() -> tuple[Tensor, Tensor]:
        return weighted_sum_dgrad(grad_output, input, z, *weights, problem.geometry, grad_z=True)

    return call


def _call_of_two(subject: Subject, place: torch.device) -> Callable[[], Any]:
    form, step, problem, *_ = subject
    tensor = partial(_tensor, subject, place)
    co, ci, kh, kw = problem.weight_sizes
    operands = [
        tensor(*problem.input_sizes),
        tensor(co, ci, 1, 1),
        tensor(co if form.pointwise_first else ci, 1, kh, kw),
    ]
    if problem.has_bias:
        operands.append(tensor(co))
    grad_output = tensor(*check.output_sizes(problem))
    for operand in operands:
        operand.requires_grad_(step)
    weights = operands[1:3] if form.pointwise_first else operands[2:0:-1]
    bias = operands[3] if problem.has_bias else None
    arguments = operands[0], *weights, bias, *problem.geometry[:3]
    function = getattr(functional, form.name)

    def call() -> Any:
        output = function(*arguments)
        return torch.autograd.grad(output, operands, grad_output) if step else output

    return call
