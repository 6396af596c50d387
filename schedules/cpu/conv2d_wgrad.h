// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generators/conv2d_wgrad.h"
#include "schedules/conv2d_wgrad_params.h"

namespace convwright {

/// Schedules wgrad for `lanes` floats per vector; one parallel task is `task_tiles` panels of one
/// part. The output's input channels are whole register tiles.
void schedule_conv2d_wgrad_cpu(Conv2dWgrad &a, const Conv2dWgradCpuParams &p,
                               Halide::Expr task_tiles, int lanes);

}  // namespace convwright
