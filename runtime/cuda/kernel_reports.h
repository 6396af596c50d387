// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "runtime/cuda/module_table.h"
#include "runtime/cuda/nvrtc.h"

namespace convwright::cuda {

/// What a kernel needs on one architecture.
struct KernelReport {
    std::string symbol;  ///< Of the row that it belongs to.
    int architecture;
    KernelFigures figures;
    int spill_allowance;  ///< Bytes per thread that the row may spill.
    int resident_blocks;  ///< Of a multiprocessor, as occupancy.h counts them.
    double occupancy;
};

/// Of each row, architecture and kernel, as they were when the images were made; nothing of a row that
/// was made without NVRTC. One sentence if the images are damaged.
std::variant<std::vector<KernelReport>, std::string> kernel_reports(
    const std::vector<EmbeddedImages> &table);

}  // namespace convwright::cuda
