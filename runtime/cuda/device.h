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

/// What of a GPU decides whether a tuned choice answers for it, as cpu_identity() of a CPU:
/// "gpu/NVIDIA H100 80GB HBM3/sms=132".
inline std::string gpu_identity(const std::string &name, int multiprocessors) {
    return "gpu/" + name + "/sms=" + std::to_string(multiprocessors);
}

/// The oldest compute capability that kernels are built for.
constexpr int kOldestCapability = 75;

/// The GPU of this index in CUDA's order; the reference stays valid. Throws std::runtime_error with one
/// sentence if there is no driver (driver.h), no such GPU, or it is older than kernels are. Thread-safe;
/// a look-up when it was asked for before.
const Device &device(int index);

}  // namespace convwright::cuda
