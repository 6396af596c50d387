// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "schedules/cpu/conv2d.h"

namespace convwright {

/// Schedules the engine for depthwise convolution in place (stage 3): lanes are groups, nothing is
/// copied. `task.rows` alone is used: a task takes all columns and groups of its rows.
void schedule_depthwise_cpu(Conv2dFprop &a, const Conv2dCpuParams &p, const ConvTask &task,
                            int lanes);

}  // namespace convwright
