# SPDX-License-Identifier: Apache-2.0
"""What commands are about: a model with inputs, problem strings, files of them."""

import importlib
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convwright.cli.errors import UsageError, first_line, usage_errors

if TYPE_CHECKING:
    from torch import Tensor

PROBLEM_HELP = "Problem string, as in the example."

Model = Annotated[
    str | None,
    typer.Option(metavar="MODULE:FUNCTION", help="Function that returns a model."),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option("--input", metavar="SIZES", help="Sizes of an input, such as 128x3x32x32."),
]
Device = Annotated[str, typer.Option(help="cpu, cuda or cuda:1.")]
Threads = Annotated[
    int | None, typer.Option(metavar="N", help="Threads of PyTorch; as it is without.")
]


def load_model(name: str) -> Any:
    """What `module:function` returns; the present folder is searched first. Raises UsageError."""
    module, colon, function = name.partition(":")
    if not colon:
        raise UsageError(f"--model is {name!r}; write module:function")
    sys.path.insert(0, "")
    try:
        return getattr(importlib.import_module(module), function)()
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise UsageError(f"--model {name} cannot be made: {error}") from error
    finally:
        sys.path.remove("")


def model_and_inputs(
    name: str, inputs: list[str] | None, device: str = "cpu"
) -> tuple[Any, list["Tensor"]]:
    """The model, and random tensors of the sizes given, on a device. Raises UsageError."""
    import torch

    from convwright import check

    if not inputs:
        raise UsageError("--model needs --input, the sizes of its input, such as 128x3x32x32")
    with usage_errors(ValueError):
        place = check.place_of(device)
    model, tensors = load_model(name), [torch.randn(_sizes(text)) for text in inputs]
    if place.type == "cuda" and isinstance(model, torch.nn.Module):
        model.to(place)
    return model, [tensor.to(place) for tensor in tensors]


@contextmanager
def model_runs() -> Iterator[None]:
    """What a model raises inside is about its inputs."""
    try:
        yield
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        raise UsageError(f"the model does not run on --input: {first_line(error)}") from error


def _sizes(text: str) -> tuple[int, ...]:
    sizes = text.split("x")
    if not all(size.isdigit() and int(size) > 0 for size in sizes):
        raise UsageError(f"--input is {text!r}; write sizes such as 128x3x32x32")
    return tuple(map(int, sizes))


def set_threads(count: int | None) -> None:
    """Raises UsageError for a number that PyTorch does not accept."""
    import torch

    if count is not None:
        with usage_errors(RuntimeError):
            torch.set_num_threads(count)


def problems_in(file: Path) -> Counter[str]:
    """A problem and, if given, how often it occurs, a line; # begins a comment.

    Raises UsageError for a file that cannot be read and a line of another form.
    """
    problems: Counter[str] = Counter()
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"problems cannot be read from {file}: {error}") from error
    for line in lines:
        text, *count = line.partition("#")[0].split() or [""]
        if len(count) > 1 or not all(word.isdigit() and int(word) > 0 for word in count):
            raise UsageError(f"{file}: {line!r} is no problem with how often it occurs behind it")
        if text:
            problems[text] += int(count[0]) if count else 1
    return problems
