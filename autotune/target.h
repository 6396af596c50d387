// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "runtime/isa.h"

namespace convwright {

/// What candidates are made for, on whatever machine.
struct Target {
    int architecture = 0;  ///< Of a GPU: 90 for sm_90; 0 for a CPU
    Isa isa = Isa::kNone;  ///< of this instruction set.

    bool cuda() const { return architecture != 0; }
    bool operator==(const Target &) const = default;
};

/// "cpu:avx512", "cuda:sm_90".
std::string format_target(const Target &target);

/// Inverse of format_target(). Throws std::invalid_argument with one sentence.
Target parse_target(const std::string &text);

}  // namespace convwright
