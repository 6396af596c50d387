// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace convwright {

/// Where a measurement was made.
struct Environment {
    std::string
        identity;  ///< Decides whether a record answers: GPU's name and SMs, CPU's model and ISA.
    std::string device;  ///< All else that is known of the device; another one asks for a new time.
    std::string versions;  ///< Of the library, the kernel compiler and PyTorch; likewise.

    bool operator==(const Environment &) const = default;
};

/// This CPU, from /proc/cpuinfo and sysfs, in front of which `root` stands: cores, caches and how many threads kernels
/// ran on as in "cores=2;L1d=48K;L2=2048K;L3=266240K;threads=2".
Environment cpu_environment(const std::string &versions, int threads, const std::string &root = "");

/// What a CUDA driver says of a GPU.
struct GpuFacts {
    std::string name;
    int sms = 0;
    int64_t core_khz = 0, memory_khz = 0, l2_bytes = 0;
    std::string driver;
};
Environment gpu_environment(const GpuFacts &gpu, const std::string &versions);

}  // namespace convwright
