# SPDX-License-Identifier: Apache-2.0
"""DistributedDataParallel: two processes, gloo, on the CPU."""

import warnings
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import convwright

pytestmark = pytest.mark.skipif(
    not dist.is_available() or not dist.is_gloo_available(), reason="this PyTorch has no gloo"
)
FORMATS = [torch.contiguous_format, torch.channels_last]


def network(module) -> nn.Sequential:
    torch.manual_seed(0)
    # 1x1 filters and one input channel: weights whose strides are ambiguous.
    return nn.Sequential(
        module.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        module.Conv2d(8, 8, 1),
        module.Conv2d(8, 8, 3, groups=8),
        module.Conv2d(8, 4, 2, stride=2, bias=False),
    )


def train(rank: int, folder: str) -> None:
    """Three steps of our layers and of PyTorch's on this rank's half; rank 0 keeps the weights."""
    warnings.simplefilter("error")  # PyTorch warns of gradients with other strides than its buckets
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{folder}/rendezvous", rank=rank, world_size=2)
    weights = {}
    for format in FORMATS:
        for as_view in (False, True):
            for name, module in (("ours", convwright.nn), ("torchs", nn)):
                model = network(module).to(memory_format=format)
                parallel = DistributedDataParallel(model, gradient_as_bucket_view=as_view)
                optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
                torch.manual_seed(1 + rank)
                for _ in range(3):
                    images = torch.randn(4, 1, 12, 12).contiguous(memory_format=format)
                    optimizer.zero_grad(set_to_none=False)
                    parallel(images).square().mean().backward()
                    optimizer.step()
                weights[f"{name} {format} {as_view}"] = [p.detach() for p in model.parameters()]
    if rank == 0:
        torch.save(weights, f"{folder}/weights")
    dist.destroy_process_group()


def test_training_in_two_processes(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(train, (str(tmp_path),), nprocs=2)
    weights = torch.load(tmp_path / "weights", weights_only=True)
    assert len(weights) == 8
    for name, ours in weights.items():
        torchs = weights[name.replace("ours", "torchs")]
        torch.testing.assert_close(ours, torchs)
    for format in FORMATS:  # buckets are a matter of memory, not of values
        both = [weights[f"ours {format} {as_view}"] for as_view in (False, True)]
        assert all(map(torch.equal, *both))
