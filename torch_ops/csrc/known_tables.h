// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/csrc/stable/tensor.h>

#include <memory>

#include "runtime/multipliers/device_table.h"
#include "runtime/multipliers/int8_conv.h"

namespace convwright {

using torch::stable::Tensor;

/// What the engines make of a table, an int32 tensor of 65,536 entries on the CPU. Kept for the last tables
/// of the process, and their classifications on disk: in CONVWRIGHT_CACHE_DIR, or else convwright in
/// XDG_CACHE_HOME or ~/.cache. RuntimeError, one sentence, for another tensor.
struct KnownTable {
    Classification classification;
    std::shared_ptr<const Int8Table> table;
};
std::shared_ptr<const KnownTable> known_table(const Tensor &table, bool is_signed);

/// The same of CUDA kernels.
struct KnownDeviceTable {
    Classification classification;
    DeviceTable table;
};
std::shared_ptr<const KnownDeviceTable> known_device_table(const Tensor &table, bool is_signed);

/// The operator int8_device_table: DeviceTable::words, int32 on the CPU.
Tensor int8_device_table(const Tensor &table, bool is_signed);

}  // namespace convwright
