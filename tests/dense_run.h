// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "autotune/verify/kernel_call.h"
#include "autotune/verify/naive_conv2d.h"

namespace convwright {

/// Runs a call on dense tensors. Fails the running test if a kernel fails.
Values run_dense(const KernelCall &call, const ConvValues &values);

}  // namespace convwright
