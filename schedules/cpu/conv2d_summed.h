// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generators/conv2d_summed.h"
#include "schedules/cpu/conv2d.h"

namespace convwright {

/// Schedules the engine with input channels as lanes (lane 3), `lanes` floats per vector.
void schedule_conv2d_summed_cpu(Conv2dSummed &a, const Conv2dCpuParams &p, const ConvTask &task,
                                int lanes);

}  // namespace convwright
