// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "tests/kernel_call.h"
#include "tests/naive_conv2d.h"

namespace convwright {

/// Runs calls of one problem, each of which may compute a share of its result, on dense tensors.
/// Fails the running test if a kernel fails.
Values run_dense(const std::vector<KernelCall> &calls, const ConvValues &values);

}  // namespace convwright
