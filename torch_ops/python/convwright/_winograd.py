# SPDX-License-Identifier: Apache-2.0
"""Whether dense 3x3 convolutions may run by Winograd's tiles."""

import torch

from convwright import _library


def allow_winograd(allowed: bool) -> bool:
    """Allow or forbid kernels of Winograd tiles from now on, in the whole process.

    They are allowed unless `CONVWRIGHT_WINOGRAD` is `off`, and run where they are predicted or were
    tuned to be the fastest: dense or grouped 3x3 convolutions of float32 with stride 1 in
    channels_last, forward and by the input. Four outputs share 16 products in place of 36. With C
    input channels of a group an output is wrong by at most 81 (C + 13) C max|input| max|weight|
    2**-24, as it is by the sum itself up to the 13; but a NaN or an infinity may reach the other
    outputs of a tile, where PyTorch's would not (docs/adr/0021). Small integers stay exact.
    Approximate layers never use them.

    Returns:
        What held before.

    Raises:
        convwright.LibraryMissing: there is no operator library.
        RuntimeError: `CONVWRIGHT_WINOGRAD` is neither `on` nor `off`.
    """
    _library.load()
    return torch.ops.convwright.allow_winograd(allowed)
