# SPDX-License-Identifier: Apache-2.0
"""A layer of ours inside PyTorch's own machinery: as PyTorch's layer, or in its place."""

import copy
import io
import pickle
from collections.abc import Callable

import pytest
import torch
from test_nn import both
from torch import Tensor, nn
from torch.nn.utils import fusion, parametrizations, prune
from torch.utils.checkpoint import checkpoint, checkpoint_sequential
from torch.utils.data import DataLoader, Dataset

import convwright

REPARAMETRISED: dict[str, Callable[[nn.Module], object]] = {
    "parametrizations.weight_norm": parametrizations.weight_norm,
    "parametrizations.spectral_norm": parametrizations.spectral_norm,
    "parametrizations.orthogonal": parametrizations.orthogonal,
    "weight_norm": nn.utils.weight_norm,
    "spectral_norm": nn.utils.spectral_norm,
    "prune.l1_unstructured": lambda m: prune.l1_unstructured(m, "weight", 0.5),
    "prune.ln_structured": lambda m: prune.ln_structured(m, "weight", 0.5, n=2, dim=0),
}


def step(layer: nn.Module, input: Tensor) -> list[Tensor]:
    """Output and gradients of the input and of every parameter."""
    input = input.detach().clone().requires_grad_()
    output = layer(input)
    output.square().sum().backward()
    return [output.detach(), input.grad, *(p.grad for p in layer.parameters())]


@pytest.mark.parametrize("name", REPARAMETRISED)
@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
def test_reparametrised_weights(name: str) -> None:
    input, results = torch.randn(2, 4, 6, 6), []
    for layer in both(4, 6, 3, padding=1):
        torch.manual_seed(2)
        REPARAMETRISED[name](layer)
        results.append(step(layer, input))
    for ours, torchs in zip(*results, strict=True):
        # Sums of up to 72 products in another order, which may cancel: twice the root of 72 in eps
        # of the largest. 4 were seen.
        most = 17 * torch.finfo(torch.float32).eps * float(torchs.abs().max())
        torch.testing.assert_close(ours, torchs, rtol=0, atol=most)


def test_removed_parametrization() -> None:
    layer, _ = both(4, 6, 3)
    parametrizations.weight_norm(layer)
    nn.utils.parametrize.remove_parametrizations(layer, "weight")
    assert type(layer) is convwright.nn.Conv2d
    assert layer(torch.randn(2, 4, 5, 5)).shape == (2, 6, 3, 3)


def test_fused_batch_norm() -> None:
    layer, _ = both(4, 6, 3, bias=False)
    norm = nn.BatchNorm2d(6)
    norm(torch.randn(8, 6, 5, 5))
    model = nn.Sequential(layer, norm).eval()
    fused = fusion.fuse_conv_bn_eval(*model)
    assert type(fused) is convwright.nn.Conv2d
    input = torch.randn(2, 4, 7, 7)
    torch.testing.assert_close(fused(input), model(input))


def network(module=convwright.nn) -> nn.Sequential:
    torch.manual_seed(3)
    return nn.Sequential(
        module.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        module.Conv2d(8, 4, 3, stride=2, groups=2),
    )


def test_whole_module_in_a_file_of_weights_only() -> None:
    model, file = network().eval(), io.BytesIO()
    torch.save(model, file)
    allowed = [nn.Sequential, convwright.nn.Conv2d, nn.BatchNorm2d, nn.ReLU]
    file.seek(0)
    with torch.serialization.safe_globals(allowed):
        other = torch.load(file, weights_only=True)
    input = torch.randn(2, 3, 8, 8)
    assert type(other[0]) is convwright.nn.Conv2d
    assert torch.equal(other(input), model(input))


def test_copies_of_a_trained_network() -> None:
    model = network()
    input = torch.randn(2, 3, 8, 8)
    model(input).sum().backward()
    for other in (copy.deepcopy(model), copy.copy(model), pickle.loads(pickle.dumps(model))):
        assert [type(m) for m in other] == [type(m) for m in model]
        assert torch.equal(other.eval()(input), model.eval()(input))


def test_symbolic_trace_can_be_pickled_and_copied() -> None:
    model, input = network().eval(), torch.randn(2, 3, 8, 8)
    traced = torch.fx.symbolic_trace(model)
    for other in (copy.deepcopy(traced), pickle.loads(pickle.dumps(traced))):
        assert torch.equal(other(input), model(input))


def test_torch_jit_script_gives_a_graph_of_pytorchs_own() -> None:
    model, input = network().eval(), torch.randn(2, 3, 8, 8)
    scripted, file = torch.jit.script(model), io.BytesIO()
    assert "aten::conv2d" in str(scripted.inlined_graph)
    assert "convwright::" not in str(scripted.inlined_graph)
    torch.jit.save(scripted, file)
    file.seek(0)
    torch.testing.assert_close(torch.jit.load(file)(input), model(input))
    assert type(model[0]) is convwright.nn.Conv2d
    model[0].weight.data.zero_()  # the parameters are shared, as PyTorch's layers share them
    assert not dict(scripted.named_parameters())["0.weight"].any()


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointed_layers(reentrant: bool) -> None:
    model, input = network().eval(), torch.randn(2, 3, 8, 8)

    class Checkpointed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, x: Tensor) -> Tensor:
            x = checkpoint(self.model[:2], x, use_reentrant=reentrant)
            return checkpoint_sequential(self.model[2:], 2, x, use_reentrant=reentrant)

    expected = step(network().eval(), input)
    torch.testing.assert_close(step(Checkpointed(), input), expected, rtol=0, atol=0)


def test_functional_call_under_vmap_grad_and_jvp() -> None:
    ours, torchs = network().eval(), network(nn).eval()
    inputs = torch.randn(3, 2, 3, 8, 8)
    results = []
    for model in (ours, torchs):
        parameters = dict(model.named_parameters())

        def loss(parameters: dict, input: Tensor, model=model) -> Tensor:
            return torch.func.functional_call(model, parameters, (input,)).square().sum()

        each = torch.vmap(torch.func.grad(loss), (None, 0))(parameters, inputs)
        tangents = {name: torch.ones_like(p) for name, p in parameters.items()}
        value, tangent = torch.func.jvp(
            lambda p, loss=loss: loss(p, inputs[0]), (parameters,), (tangents,)
        )
        results.append([*each.values(), value, tangent])
    torch.testing.assert_close(*results)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_autocast_of_a_training_step(dtype: torch.dtype) -> None:
    results = []
    for module in (convwright.nn, nn):
        model = network(module)
        with torch.autocast("cpu", dtype):
            output = model(torch.ones(2, 3, 8, 8))
        output.float().square().sum().backward()
        assert {p.grad.dtype for p in model.parameters()} == {torch.float32}
        results.append([output, *(p.grad for p in model.parameters())])
    torch.testing.assert_close(*results, rtol=0.05, atol=0.05)


def test_data_parallel_without_gpus_and_its_replicas() -> None:
    model, input = network().eval(), torch.randn(4, 3, 8, 8)
    assert torch.equal(nn.DataParallel(model)(input), model(input))
    replica = model[0]._replicate_for_data_parallel()
    replica.weight, replica.bias = model[0].weight * 1, model[0].bias * 1  # as replicate() does
    assert torch.equal(replica(input), model[0](input))


def test_skipped_initialisation_and_materialised_meta_layers() -> None:
    layer = nn.utils.skip_init(convwright.nn.Conv2d, 3, 4, 3, padding=1)
    assert type(layer) is convwright.nn.Conv2d
    with torch.device("meta"):
        model = network()
    model.load_state_dict(network().state_dict(), assign=True)
    assert torch.equal(
        model.eval()(torch.ones(1, 3, 8, 8)), network().eval()(torch.ones(1, 3, 8, 8))
    )


def test_converting_in_place_by_overwriting_parameters() -> None:
    before = torch.__future__.get_overwrite_module_params_on_conversion()
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    try:
        model = network().double().float().eval()
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(before)
    assert torch.equal(model(torch.ones(1, 3, 8, 8)), network().eval()(torch.ones(1, 3, 8, 8)))


class Convolved(Dataset):
    """Images that a convolution makes, in the worker that is asked for them."""

    def __init__(self, images: Tensor) -> None:
        self.images = images
        self.layer = convwright.nn.Conv2d(3, 16, 3, padding=1).requires_grad_(False)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return self.layer(self.images[index])


def test_forked_data_loader_workers() -> None:
    data = Convolved(torch.randn(8, 3, 32, 32))
    torch.set_num_threads(2)
    expected = data.layer(data.images)  # the threads of this process exist before it is forked
    loader = DataLoader(data, batch_size=2, num_workers=2, multiprocessing_context="fork")
    assert torch.equal(torch.cat(list(loader)), expected)
