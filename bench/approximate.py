# SPDX-License-Identifier: Apache-2.0
"""Times approximate multipliers beside PyTorch's exact float32 convolution.

    python bench/approximate.py [--threads N] [--seconds S] [--only TEXT] [--json PATH]

Layers: forward of ResNet- and LeNet-like convolutions with float32 multipliers and with 8-bit
tables, in channels_last; one also by vectorised PyTorch (unfold, then the product written out;
its algebraic form; that compiled). Networks: a training step and an inference of LeNet-5, and a
training step of VGG-16, with float32 MBM in every convolution and linear layer and exact gradients.
All sides in turn, medians. A ratio is PyTorch's exact time, in its better memory format, over a
side's: above 1 the side is faster than exact float32.

Exit status 1 without the operator library.
"""

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

# Run as a file: the checkout's root in place of this folder, and its Python package last.
if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).parents[1])
sys.path.append(str(Path(__file__).parents[1] / "torch_ops/python"))

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import convwright
from convwright import _library, _memory
from convwright.bench import machine, timing, unfold
from convwright.bench.approximate_torch import MBM, MBM_BITS
from convwright.bench.problems import Problem, parse
from convwright.bench.results import ResultsFile
from examples import nets

Sides = dict[str, Callable[[], object]]
EXACT = "torch exact"  # sides of PyTorch's own convolution; the best of them is the 1
CHANNELS_LAST = torch.channels_last
LAYERS = (
    "n8ci64ih56iw56co64kh3kw3s1p1",
    "n8ci64ih56iw56co256kh1kw1s1p0",
    "n8ci128ih28iw28co128kh3kw3s1p1",
    "n8ci256ih28iw28co512kh1kw1s2p0",
    "n8ci256ih14iw14co256kh3kw3s1p1",
    "n8ci512ih7iw7co512kh3kw3s1p1",
    "n32ci16ih32iw32co16kh3kw3s1p1",
    "n32ci16ih14iw14co32kh5kw5s1p2",
    "n64ci16ih12iw12co32kh5kw5s1p0",
)
FLOATS = ("mbm", "mitchell", "roba", "drum(6)", "truncate(8)")
# (multiplier, dtype): 1, 2, 3 and 4 int8 products for each multiply-add, and a table to look up.
TABLES = (
    ("exact", "int8"),
    ("roba", "int8"),
    ("drum(4)", "int8"),
    ("roba", "uint8"),
    ("mbm", "int8"),
)
VECTORISED = "n8ci64ih28iw28co64kh3kw3s1p1"
VGG16 = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0)


def problem(text: str) -> Problem:
    return parse(f"fprop_{text}_f32_nhwc")[0]


def exact_sides(x: Tensor, weight: Tensor, geometry: tuple) -> Sides:
    contiguous = x.contiguous()
    return {
        f"{EXACT} nhwc": lambda: F.conv2d(x, weight, None, *geometry),
        f"{EXACT} nchw": lambda: F.conv2d(contiguous, weight, None, *geometry),
    }


def operands(p: Problem) -> tuple[Tensor, Tensor]:
    """An activation behind a ReLU, channels_last, and a weight."""
    x = torch.randn(p.input_sizes).relu().to(memory_format=CHANNELS_LAST)
    return x, torch.randn(p.weight_sizes) * 0.1


def float_sides(text: str) -> Sides:
    p = problem(text)
    x, weight = operands(p)
    stride, padding, dilation, groups = p.geometry
    call = torch.ops.convwright.approx_conv2d_fprop
    lists = (list(stride), list(padding), list(dilation), groups)
    sides = exact_sides(x, weight, p.geometry)
    for multiplier in FLOATS:
        sides[multiplier] = lambda m=multiplier: call(x, weight, None, *lists, m, "float32")
    return sides


def table_sides(text: str) -> Sides:
    p = problem(text)
    x, weight = operands(p)
    stride, padding, dilation, groups = p.geometry
    call = torch.ops.convwright.approx_int8_conv2d
    lists = (list(stride), list(padding), list(dilation), groups)
    sides = exact_sides(x, weight, p.geometry)
    for multiplier, dtype in TABLES:
        table = torch.ops.convwright.product_table(multiplier, dtype)
        a, w = (_bytes(t, dtype) for t in (x, weight))
        sides[f"{multiplier} {dtype}"] = lambda a=a, w=w, t=table: call(a, w, *lists, t, 0)
    return sides


def _bytes(values: Tensor, dtype: str) -> Tensor:
    scaled = values / values.abs().max() * 127
    return (
        scaled.round().to(torch.int8) if dtype == "int8" else scaled.abs().round().to(torch.uint8)
    )


def vectorised_sides() -> Sides:
    """MBM by Convwright and by three forms of vectorised PyTorch."""
    p = problem(VECTORISED)
    x, weight = operands(p)
    *geometry, groups = p.geometry
    call = torch.ops.convwright.approx_conv2d_fprop
    lists = (*map(list, geometry), groups)
    forms = {
        "unfold bits": MBM_BITS,
        "unfold algebra": MBM,
        "unfold compiled": replace(MBM, compiled=True),
    }
    sides = exact_sides(x, weight, p.geometry)
    sides["mbm"] = lambda: call(x, weight, None, *lists, "mbm", "float32")
    for name, form in forms.items():
        unfold.fprop(form, x, weight, None, *geometry)  # compiles
        sides[name] = lambda f=form: unfold.fprop(f, x, weight, None, *geometry)
    return sides


def vgg16(classes: int = 10) -> nn.Sequential:
    """VGG-16 (Simonyan and Zisserman 2014) for 64x64 images, one linear layer behind it."""
    layers: list[nn.Module] = []
    channels = 3
    for width in VGG16:
        if width == 0:
            layers.append(nn.MaxPool2d(2))
            continue
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
        channels = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(512 * 4, classes))


def network_sides(make: Callable[[], nn.Module], sizes: tuple[int, ...], training: bool) -> Sides:
    """The network by PyTorch in both memory formats, and with float32 MBM in all its layers."""
    images, labels = torch.randn(sizes), torch.randint(0, 10, sizes[:1])
    sides: Sides = {}
    for name, memory_format, multiplier in (
        (f"{EXACT} nhwc", CHANNELS_LAST, None),
        (f"{EXACT} nchw", torch.contiguous_format, None),
        ("mbm", CHANNELS_LAST, "mbm"),
    ):
        torch.manual_seed(0)
        model = make().to(memory_format=memory_format).train(training)
        if multiplier:
            convwright.convert_(model, multiplier=multiplier)
        own = images.clone(memory_format=memory_format)
        sides[name] = _step(model, own, labels) if training else _inference(model, own)
    return sides


def _step(model: nn.Module, images: Tensor, labels: Tensor) -> Callable[[], object]:
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)

    def run() -> object:
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()

    return run


def _inference(model: nn.Module, images: Tensor) -> Callable[[], object]:
    def run() -> object:
        with torch.no_grad():
            return model(images)

    return run


def cases() -> list[tuple[str, str, Callable[[], Sides]]]:
    """Group, name and what makes the sides of each row."""
    rows: list[tuple[str, str, Callable[[], Sides]]] = []
    for group, make in (("float32 layer", float_sides), ("8-bit layer", table_sides)):
        rows += [(group, f"{group} {text}", lambda m=make, t=text: m(t)) for text in LAYERS]
    rows.append(("vectorised", f"vectorised {VECTORISED}", vectorised_sides))
    for name, make, sizes in (
        ("LeNet-5, batch 64", nets.lenet5, (64, 1, 32, 32)),
        ("VGG-16, batch 8, 64x64", vgg16, (8, 3, 64, 64)),
    ):
        for training, what in ((True, "step"), (False, "inference")):
            rows.append(
                (
                    "network",
                    f"{name}, {what}",
                    lambda m=make, s=sizes, t=training: network_sides(m, s, t),
                )
            )
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="default: 1")
    parser.add_argument("--seconds", type=float, default=2.0, metavar="S", help="a row; default: 2")
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
    means: dict[tuple[str, str], list[float]] = {}
    for group, name, make in cases():
        if options.only not in name:
            continue
        torch.manual_seed(0)
        taken = timing.measure(make(), options.threads, options.seconds).sides
        best = min(t.median for side, t in taken.items() if side.startswith(EXACT))
        ratios = {s: best / t.median for s, t in taken.items() if not s.startswith(EXACT)}
        results.add(
            {"name": name, "seconds": {k: asdict(v) for k, v in taken.items()}, "ratios": ratios}
        )
        for side, ratio in ratios.items():
            means.setdefault((group, side), []).append(math.log(ratio))
        text = "  ".join(f"{side} {ratio:.3g}" for side, ratio in ratios.items())
        print(f"{name:44} exact {best * 1e3:8.2f} ms  {text}", flush=True)
    for (group, side), logs in means.items():
        if len(logs) > 1:
            mean = math.exp(sum(logs) / len(logs))
            least = math.exp(min(logs))
            print(f"{group}: {side:14} geometric mean {mean:.2f}, least {least:.2f}")
    results.put(finished=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
