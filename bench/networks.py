# SPDX-License-Identifier: Apache-2.0
"""Times layers and networks of weighted sums beside PyTorch's forms of them, and dense ones.

    python bench/networks.py [--threads N] [--seconds S] [--compile] [--json PATH]

Layers: forward and backward of the weighted sum and of the depthwise separable layer, in the
shapes of the example network and some larger ones. Networks: a training step and an inference of
`examples/nets.py:channel_selection`, in float32 and under bfloat16 autocast, and an inference of
the pruned network of `examples/pruned_network.py`. All sides in turn, medians. A ratio is a side's
time over Convwright's: above 1 Convwright is faster.

Exit status 1 without the operator library.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

# Run as a file: the checkout's root in place of this folder, and its Python package last.
if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).parents[1])
sys.path.append(str(Path(__file__).parents[1] / "torch_ops/python"))

import torch
from torch import Tensor, nn

import convwright
from convwright import _library, _memory
from convwright.bench import machine, timing
from convwright.bench.results import ResultsFile
from examples import nets

Sides = dict[str, Callable[[], object]]
OURS = "convwright"
CHANNELS_LAST = torch.channels_last
# n, ci, co, rows and columns, kernel, stride: the layers of the example network, then larger ones.
LAYERS = (
    (128, 16, 16, 32, 3, 1),
    (128, 16, 32, 32, 3, 2),
    (128, 16, 32, 32, 1, 2),
    (128, 32, 32, 16, 3, 1),
    (128, 32, 64, 16, 3, 2),
    (128, 64, 64, 8, 3, 1),
    (32, 64, 64, 32, 3, 1),
    (32, 128, 128, 16, 3, 1),
)
BATCH = 128  # of the networks
PRUNED_WIDTHS = (11, 23, 45)


class _Linear(nn.Module):
    """permute, nn.Linear, permute, depthwise nn.Conv2d: the usual form."""

    def __init__(self, ci: int, co: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.linear = nn.Linear(ci, co, bias=False)
        self.depthwise = nn.Conv2d(co, co, kernel, stride, kernel // 2, groups=co, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.depthwise(self.linear(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))


def weighted_sum_layers(ci: int, co: int, kernel: int, stride: int) -> dict[str, nn.Module]:
    window = {"kernel_size": kernel, "stride": stride, "padding": kernel // 2, "bias": False}
    return {
        OURS: convwright.nn.WeightedSumConv2d(ci, co, **window).to(memory_format=CHANNELS_LAST),
        "linear": _Linear(ci, co, kernel, stride),
        "conv1x1": nn.Sequential(
            nn.Conv2d(ci, co, 1, bias=False), nn.Conv2d(co, co, groups=co, **window)
        ).to(memory_format=CHANNELS_LAST),
        "dense_nchw": nn.Conv2d(ci, co, **window),
        "dense_nhwc": nn.Conv2d(ci, co, **window).to(memory_format=CHANNELS_LAST),
    }


def separable_layers(ci: int, co: int, kernel: int, stride: int) -> dict[str, nn.Module]:
    window = {"kernel_size": kernel, "stride": stride, "padding": kernel // 2, "bias": False}
    two = nn.Sequential(nn.Conv2d(ci, ci, groups=ci, **window), nn.Conv2d(ci, co, 1, bias=False))
    return {
        OURS: convwright.nn.DepthwiseSeparableConv2d(ci, co, **window).to(
            memory_format=CHANNELS_LAST
        ),
        "two_layers": two.to(memory_format=CHANNELS_LAST),
    }


def layer_sides(layers: dict[str, nn.Module], n: int, ci: int, size: int) -> Sides:
    """Forward and backward of each, on inputs of its own format that require a gradient."""
    x = torch.randn(n, ci, size, size)

    def step(layer: nn.Module, contiguous: bool) -> Callable[[], object]:
        input = x.clone(
            memory_format=torch.contiguous_format if contiguous else CHANNELS_LAST
        ).requires_grad_()
        grad = torch.randn_like(layer(input))
        leaves = [input, *layer.parameters()]

        def run() -> object:
            for leaf in leaves:
                leaf.grad = None
            layer(input).backward(grad)

        return run

    # The form with nn.Linear starts from contiguous tensors, as its users have them.
    return {name: step(layer, name in ("linear", "dense_nchw")) for name, layer in layers.items()}


def network_sides(training: bool, autocast: bool, compiled: bool) -> Sides:
    """A step of SGD, or an inference, of each form of the example network."""
    forms = {
        OURS: ("convwright", CHANNELS_LAST),
        "conv1x1": ("conv1x1", CHANNELS_LAST),
        "linear": ("linear", torch.contiguous_format),
        "dense_nchw": ("dense", torch.contiguous_format),
        "dense_nhwc": ("dense", CHANNELS_LAST),
    }
    # The forms share a class, and with it the limit on how often its code is compiled.
    torch.compiler.config.recompile_limit = 8 * len(forms)
    images = torch.randn(BATCH, 3, 32, 32)
    labels = torch.randint(0, 10, (BATCH,))
    sides = {}
    for name, (form, memory_format) in forms.items():
        torch.manual_seed(0)
        model = nets.channel_selection(form).to(memory_format=memory_format).train(training)
        call = torch.compile(model, fullgraph=True, dynamic=False) if compiled else model
        x = images.clone(memory_format=memory_format)
        sides[name] = (_step if training else _inference)(model, call, x, labels, autocast)
    return sides


def _step(
    model: nn.Module, call: Callable[[Tensor], Tensor], x: Tensor, labels: Tensor, autocast: bool
) -> Callable[[], object]:
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)

    def run() -> object:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            scores = call(x)
        nn.functional.cross_entropy(scores.float(), labels).backward()
        optimizer.step()

    return run


def _inference(
    model: nn.Module, call: Callable[[Tensor], Tensor], x: Tensor, _: Tensor, autocast: bool
) -> Callable[[], object]:
    def run() -> object:
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            return call(x)

    return run


def pruned_sides() -> Sides:
    """Inference of small_cnn with odd channel counts, batch 64."""
    sides = {}
    x = torch.randn(64, 1, 28, 28)
    for name, kind, memory_format in (
        (OURS, convwright.nn.Conv2d, CHANNELS_LAST),
        ("torch_nchw", nn.Conv2d, torch.contiguous_format),
        ("torch_nhwc", nn.Conv2d, CHANNELS_LAST),
    ):
        model = nets.small_cnn(kind, widths=PRUNED_WIDTHS).to(memory_format=memory_format).eval()
        own = x.clone(memory_format=memory_format)
        sides[name] = _inference(model, model, own, x, autocast=False)
    return sides


def cases(compiled: bool) -> list[tuple[str, Callable[[], Sides]]]:
    """Names of the rows and what makes their sides."""
    rows: list[tuple[str, Callable[[], Sides]]] = []
    for op, make in (("wsum2d", weighted_sum_layers), ("dwsep2d", separable_layers)):
        for n, ci, co, size, kernel, stride in LAYERS:
            name = f"{op}:step_n{n}ci{ci}ih{size}iw{size}co{co}kh{kernel}kw{kernel}s{stride}"
            rows.append(
                (
                    f"{name}p{kernel // 2}_f32_nhwc",
                    lambda a=(ci, co, kernel, stride), n=n, size=size, make=make: layer_sides(
                        make(*a), n, a[0], size
                    ),
                )
            )
    for training, what in ((True, "step"), (False, "inference")):
        for autocast in (False, True):
            dtype = "bf16 autocast" if autocast else "f32"
            rows.append(
                (
                    f"channel_selection {what}, {dtype}",
                    lambda t=training, a=autocast: network_sides(t, a, compiled=False),
                )
            )
        if compiled:
            rows.append(
                (
                    f"channel_selection {what}, f32, compiled",
                    lambda t=training: network_sides(t, autocast=False, compiled=True),
                )
            )
    rows.append(("pruned small_cnn inference", pruned_sides))
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="default: 1")
    parser.add_argument("--seconds", type=float, default=3.0, metavar="S", help="a row; default: 3")
    parser.add_argument("--compile", action="store_true", help="compiled networks, too")
    parser.add_argument("--only", default="", metavar="TEXT", help="rows whose name holds TEXT")
    parser.add_argument("--json", type=Path, metavar="PATH", help="results file")
    options = parser.parse_args(arguments)
    try:
        _library.load()
    except convwright.LibraryMissing as error:
        print(error, file=sys.stderr)
        return 1
    torch.set_num_threads(options.threads)
    _memory.keep_freed_memory()
    clock = timing.clock_name(options.threads)
    about = {"machine": machine.describe(), "threads": options.threads, "clock": clock}
    results = ResultsFile(options.json, about)
    for name, make in cases(options.compile):
        if options.only not in name:
            continue
        torch.manual_seed(0)
        taken = timing.measure(make(), options.threads, options.seconds).sides
        ours = taken[OURS].median
        ratios = {side: t.median / ours for side, t in taken.items() if side != OURS}
        results.add(
            {"name": name, "seconds": {k: asdict(v) for k, v in taken.items()}, "ratios": ratios}
        )
        text = "  ".join(f"{side} {ratio:.2f}" for side, ratio in ratios.items())
        print(f"{name:58} {ours * 1e3:8.2f} ms ±{taken[OURS].spread:.0%}  {text}", flush=True)
    results.put(finished=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
