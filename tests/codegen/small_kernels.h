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
    std::string error;  ///< What halide_error was told, and the emulator's sentence.
};

}  // namespace convwright
