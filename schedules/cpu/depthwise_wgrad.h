// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "schedules/cpu/conv2d_wgrad.h"

namespace convwright {

/// Schedules wgrad of a depthwise convolution in place (stage 3); otherwise as
/// schedule_conv2d_wgrad_cpu.
void schedule_depthwise_wgrad_cpu(Conv2dWgrad &a, const Conv2dWgradCpuParams &p,
                                  Halide::Expr task_tiles, int lanes);

}  // namespace convwright
