# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import pytest
import torch

from bench import networks


@pytest.mark.parametrize(
    ("only", "sides"),
    [
        ("dwsep2d:step_n128ci64ih8", {"two_layers"}),
        ("wsum2d:step_n128ci64ih8", {"linear", "conv1x1", "dense_nchw", "dense_nhwc"}),
        ("pruned", {"torch_nchw", "torch_nhwc"}),
    ],
)
def test_rows_hold_a_ratio_for_each_other_side(
    only: str, sides: set[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "networks.json"
    assert networks.main(["--only", only, "--seconds", "0.01", "--json", str(path)]) == 0
    content = json.loads(path.read_text())
    assert content["finished"]
    (row,) = content["rows"]
    assert only in row["name"] and row["name"] in capsys.readouterr().out
    assert set(row["ratios"]) == sides
    assert min(row["ratios"].values()) > 0


def test_layers_compute_the_same() -> None:
    layers = networks.weighted_sum_layers(3, 4, 3, 2)
    ours = layers[networks.OURS]
    x = torch.randn(2, 3, 9, 9)
    weights = [p.detach() for p in (ours.pointwise, ours.depthwise)]
    with torch.no_grad():
        layers["linear"].linear.weight.copy_(weights[0].flatten(1))
        layers["linear"].depthwise.weight.copy_(weights[1])
        layers["conv1x1"][0].weight.copy_(weights[0].reshape(4, 3, 1, 1))
        layers["conv1x1"][1].weight.copy_(weights[1])
        expected = layers["linear"](x)
        for name in (networks.OURS, "conv1x1"):
            torch.testing.assert_close(layers[name](x), expected)
