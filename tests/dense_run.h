// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "autotune/verify/call_tensors.h"

namespace convwright {

/// Runs a call on dense tensors, all memory at the start and then at the end of its pages. Fails the running test if a
/// kernel fails, writes around its result or workspace, or gives other bits the second time.
Values run_dense(const KernelCall &call, const ConvValues &values);

}  // namespace convwright
