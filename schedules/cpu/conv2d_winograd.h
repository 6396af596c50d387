// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generators/conv2d_winograd.h"
#include "schedules/cpu/conv2d.h"

namespace convwright {

/// Schedules the engine by Winograd tiles (stage 5), `lanes` floats per vector.
void schedule_conv2d_winograd_cpu(Conv2dWinograd &a, const Conv2dCpuParams &p, const ConvTask &task,
                                  int lanes);

}  // namespace convwright
