// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "codegen/emulator/emulate.h"
#include "runtime/cuda/launch.h"

namespace convwright {

/// What the test's convwright_cuda_launch does and has seen; a generated function's user_context.
struct EmulatedDevice {
    emulator::Order order = emulator::Order::kForward;
    int fails_with = 0;  ///< Not 0: launches fail with this code and run nothing.
    std::vector<convwright_cuda_launch_t> launches;
    emulator::Counters counters;  ///< Of the last launch.
    std::string error;            ///< What halide_error was told, and the emulator's sentence.
};

/// A kernel of a text that was included as C++.
struct NamedKernel {
    std::string name;
    emulator::Outcome (*run)(const emulator::Launch &, void *const *);
};
#define CONVWRIGHT_NAMED_KERNEL(kernel)                                          \
    convwright::NamedKernel {                                                    \
#kernel, [](const convwright::emulator::Launch &how, void *const *arguments) { \
            return convwright::emulator::emulate_packed(kernel, how, arguments); \
        } \
    }

/// Those that the test's convwright_cuda_launch knows, by the file that includes them.
const std::vector<NamedKernel> &small_kernels();
const std::vector<NamedKernel> &staged_kernels();
const std::vector<NamedKernel> &mma_kernels();
const std::vector<NamedKernel> &shapes_kernels();

}  // namespace convwright
