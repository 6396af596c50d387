// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/cuda/nvrtc.h"

namespace convwright::cuda {

/// How many blocks of a kernel a multiprocessor holds at once, by registers, shared memory, threads and
/// blocks that it has; the launch is taken at its most threads. 0 where the kernel does not fit, says
/// nothing of its launches, or the architecture's limits are not known here.
int resident_blocks(const KernelFigures &kernel, int architecture);

/// Those whose limits are known here: 75, 80, ...
std::vector<int> known_architectures();

/// Bytes of shared memory that a block may have; 0 where the limits are not known here.
int most_shared_bytes(int architecture);

/// The warps of those blocks, of the warps that a multiprocessor can hold: 0 to 1.
double occupancy(const KernelFigures &kernel, int architecture);

}  // namespace convwright::cuda
