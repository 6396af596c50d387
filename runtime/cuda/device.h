// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace convwright::cuda {

/// What plans need to know of a GPU.
struct Device {
    int index = 0;
    int compute_capability = 0;  ///< 80 for 8.0.
    int multiprocessors = 1;
    int shared_bytes = 48 * 1024;  ///< That a block may have.
    std::string name;
};

/// The oldest compute capability that kernels are built for.
constexpr int kOldestCapability = 75;

/// The GPU of this index in CUDA's order; the reference stays valid. Throws std::runtime_error with one
/// sentence if there is no driver (driver.h), no such GPU, or it is older than kernels are. Thread-safe;
/// a look-up when it was asked for before.
const Device &device(int index);

}  // namespace convwright::cuda
