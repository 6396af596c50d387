// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generators/wgrad_depthwise.h"
#include "schedules/conv2d_wgrad_cuda_params.h"

namespace convwright {

void schedule_wgrad_depthwise_cuda(WgradDepthwise &algorithm, const DepthwiseTile &tile,
                                   const Conv2dWgradCudaParams &params);

}  // namespace convwright
