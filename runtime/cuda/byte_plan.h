// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "runtime/cuda/byte_cost.h"
#include "runtime/cuda/device.h"
#include "runtime/cuda/kernel_table.h"
#include "runtime/cuda/placed.h"
#include "runtime/multipliers/device_table.h"

namespace convwright::cuda {

/// What runs for an fprop problem of 8-bit operands: both are packed into words of four bytes, as the
/// multiplier's terms have them, and a kernel multiplies those.
struct BytePlan : ByteLayout {
    const ByteKernel *kernel = nullptr;
    std::string reason;  ///< Why there is no kernel, where there is none.
    /// Stands behind the schedule: how the kernel was chosen, if tuning has a say.
    const char *mark = "";
    ConvProblem problem;    ///< Only its sizes and its format, that of the output, count.
    int64_t workspace = 0;  ///< int32 words.
};

/// The plan of the kernel that tuning chose for the device, else the one with the least predicted time; of the table its
/// product and the number of terms count. `placed` is about the tensors as for conv_plan(),
/// `problem` possible and its output not empty.
BytePlan byte_plan(const ConvProblem &problem, const DeviceTable &table, const Device &device,
                   const Placed &placed);
/// The plan for one kernel: it has none when that one does not accept the problem.
BytePlan byte_plan_with(const ByteKernel &kernel, const ConvProblem &problem,
                        const DeviceTable &table, const Device &device, const Placed &placed);

}  // namespace convwright::cuda
