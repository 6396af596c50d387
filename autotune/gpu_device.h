// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "autotune/environment.h"

namespace convwright {

/// What the driver says of GPU `index` of this machine. Throws std::runtime_error with one sentence if there is none
/// that kernels run on.
GpuFacts gpu_facts(int index);

/// How many GPUs there are. Throws as gpu_facts().
int count_gpus();

}  // namespace convwright
