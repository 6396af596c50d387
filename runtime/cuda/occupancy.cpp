// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/occupancy.h"

#include <algorithm>

namespace convwright::cuda {
namespace {

/// CUDA C++ Programming Guide, "Technical Specifications per Compute Capability". The sums below answer
/// as NVIDIA's cuda_occupancy.h does.
struct Limits {
    int architecture;
    int warps, blocks;
    int shared_bytes, shared_unit;
    int reserved_bytes;  ///< Of shared memory, by the system for each block.
};

constexpr Limits kLimits[] = {
    {75, 32, 16, 64 << 10, 256, 0},      {80, 64, 32, 164 << 10, 128, 1024},
    {86, 48, 16, 100 << 10, 128, 1024},  {87, 48, 16, 164 << 10, 128, 1024},
    {89, 48, 24, 100 << 10, 128, 1024},  {90, 64, 32, 228 << 10, 128, 1024},
    {100, 64, 32, 228 << 10, 128, 1024}, {120, 48, 24, 100 << 10, 128, 1024},
};
constexpr int kRegisters = 64 << 10;  ///< Of a multiprocessor, in all of these.
constexpr int kRegisterUnit = 256;    ///< Registers that a warp gets at a time.
constexpr int kSchedulers = 4;        ///< Each has a quarter of the registers.

int rounded_up(int value, int unit) { return (value + unit - 1) / unit * unit; }

const Limits *limits_of(int architecture) {
    for (const Limits &limits : kLimits) {
        if (limits.architecture == architecture) return &limits;
    }
    return nullptr;
}

int warps_of(const KernelFigures &kernel) { return (kernel.max_threads + 31) / 32; }

}  // namespace

int resident_blocks(const KernelFigures &kernel, int architecture) {
    const Limits *limits = limits_of(architecture);
    if (limits == nullptr || kernel.max_threads <= 0) return 0;
    int blocks = std::min(limits->blocks, limits->warps / warps_of(kernel));
    if (kernel.registers > 0) {
        const int of_warp = rounded_up(kernel.registers * 32, kRegisterUnit);
        const int warps = kRegisters / kSchedulers / of_warp * kSchedulers;
        blocks = std::min(blocks, warps / warps_of(kernel));
    }
    const int shared = kernel.shared_bytes + kernel.dynamic_shared_bytes + limits->reserved_bytes;
    if (shared > 0)
        blocks = std::min(blocks, limits->shared_bytes / rounded_up(shared, limits->shared_unit));
    return blocks;
}

std::vector<int> known_architectures() {
    std::vector<int> all;
    for (const Limits &limits : kLimits) all.push_back(limits.architecture);
    return all;
}

int most_shared_bytes(int architecture) {
    const Limits *limits = limits_of(architecture);
    return limits == nullptr ? 0 : limits->shared_bytes - limits->reserved_bytes;
}

double occupancy(const KernelFigures &kernel, int architecture) {
    const Limits *limits = limits_of(architecture);
    if (limits == nullptr) return 0;
    return static_cast<double>(resident_blocks(kernel, architecture) * warps_of(kernel)) /
           limits->warps;
}

}  // namespace convwright::cuda
