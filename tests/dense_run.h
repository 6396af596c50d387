// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "autotune/verify/call_tensors.h"

namespace convwright {

/// Runs a call on dense tensors. Fails the running test if a kernel fails.
Values run_dense(const KernelCall &call, const ConvValues &values);

}  // namespace convwright
