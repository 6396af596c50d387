# SPDX-License-Identifier: Apache-2.0
"""PyTorch's own tables of samples and of bad arguments, for its conv2d and its Conv2d."""

import pytest
import torch
import torch.nn.functional as F
from test_conv2d_errors import assert_same_error, on
from test_nn import both

from convwright.functional import conv2d

pytest.importorskip("expecttest", reason="PyTorch's tables need it")

from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.common_modules import module_db

(OP_INFO,) = [op for op in op_db if op.name == "nn.functional.conv2d"]
(MODULE_INFO,) = [info for info in module_db if info.module_cls is torch.nn.Conv2d]
ERROR_INPUTS = list(OP_INFO.error_inputs("cpu"))


def float32(value: object) -> object:
    is_double = isinstance(value, torch.Tensor) and value.dtype == torch.float64
    return value.float() if is_double else value


@pytest.mark.parametrize("convert", [lambda x: x, float32], ids=["as listed", "float32"])
@pytest.mark.parametrize("index", range(len(ERROR_INPUTS)))
def test_errors(index: int, convert, device: str) -> None:
    sample = ERROR_INPUTS[index].sample_input
    args = [on(device, convert(a)) for a in (sample.input, *sample.args)]
    kwargs = {name: on(device, value) for name, value in sample.kwargs.items()}
    assert_same_error(args, kwargs)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
def test_samples(device: str) -> None:
    for sample in OP_INFO.sample_inputs(device, torch.float32):
        args = (sample.input, *sample.args)
        torch.testing.assert_close(conv2d(*args, **sample.kwargs), F.conv2d(*args, **sample.kwargs))


def test_modules(device: str) -> None:
    samples = MODULE_INFO.module_inputs_func(
        MODULE_INFO, device=device, dtype=torch.float32, requires_grad=True, training=True
    )
    for sample in samples:
        layers = both(*sample.constructor_input.args, **sample.constructor_input.kwargs)
        ours, torchs = (layer.to(device) for layer in layers)
        args = sample.forward_input.args
        torch.testing.assert_close(ours(*args), torchs(*args))
