// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "runtime/conv_problem.h"
#include "schedules/conv2d_wgrad_cuda_params.h"

namespace convwright::cuda {

/// How wgrad cuts its sum over the output pixels: `parts` parts of `steps` chunks each (direct:
/// pixels of a thread; depthwise: strips), the last perhaps shorter. Depends on sizes and the number of multiprocessors
/// alone: each call gives the same bits.
struct WgradParts {
    int64_t parts = 1, steps = 1;
};

/// What all blocks of one part write, in whole tiles: filter elements, output channels and groups;
/// direct: output channels of all groups, and one group.
struct WgradExtents {
    int64_t e = 0, co = 0, groups = 1;

    WgradExtents(const Conv2dWgradCudaParams &params, const ConvProblem &problem);
    int64_t floats() const { return e * co * groups; }
    int64_t blocks(const Conv2dWgradCudaParams &params) const {
        return e / params.elements() * (co / params.co) * groups;
    }
};

/// Predicted cycles of the device with this cut, reduction included.
double predicted_cycles(const Conv2dWgradCudaParams &params, const ConvProblem &problem,
                        int multiprocessors, const WgradParts &cut);

/// The cut with the fewest predicted cycles.
WgradParts wgrad_parts(const Conv2dWgradCudaParams &params, const ConvProblem &problem,
                       int multiprocessors);

}  // namespace convwright::cuda
