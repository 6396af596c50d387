// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generators/conv2d_depthwise.h"
#include "schedules/conv2d_cuda_params.h"

namespace convwright {

void schedule_conv2d_depthwise(Conv2dDepthwise &algorithm, const DepthwiseTile &tile,
                               const Conv2dCudaParams &params);

}  // namespace convwright
