# SPDX-License-Identifier: Apache-2.0
"""`convwright explain`: which kernel computes each convolution of a model."""

from dataclasses import asdict
from typing import Annotated

import typer

from convwright.cli import formats, subjects
from convwright.cli.subjects import Device, Inputs

_COLUMNS = ("layer", "problem", "kernel", "schedule", "isa", "reason")


def add_to(app: typer.Typer) -> None:
    app.command("explain")(_explain)


def _explain(
    model: Annotated[
        str, typer.Option(metavar="MODULE:FUNCTION", help="Function that returns a model.")
    ],
    input: Inputs = None,
    device: Device = "cpu",
    train: Annotated[bool, typer.Option("--train", help="Backward too.")] = False,
    convert: Annotated[
        bool, typer.Option("--convert", help="After convwright.convert_, layer by layer.")
    ] = False,
    as_json: formats.AsJson = False,
    as_csv: formats.AsCsv = False,
    as_markdown: formats.AsMarkdown = False,
) -> int:
    """Say which kernel computes each convolution of a model, or why PyTorch does.

    Examples:

    convwright explain --model examples.nets:channel_selection --input 8x3x32x32 --train

    convwright explain --model torchvision.models:resnet18 --input 1x3x224x224 --convert --md
    """
    how = formats.chosen(as_json, as_csv, as_markdown)
    network, inputs = subjects.model_and_inputs(model, input, device)
    import torch

    import convwright

    if convert:
        convwright.convert_(network)
    with subjects.model_runs(), torch.set_grad_enabled(train):
        explanation = convwright.explain(network, *inputs)
    if how == "text":
        print(explanation)
    else:
        formats.show([asdict(row) for row in explanation.rows], _COLUMNS, how)
    return 0
