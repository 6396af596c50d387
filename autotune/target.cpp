// SPDX-License-Identifier: Apache-2.0
#include "autotune/target.h"

#include <stdexcept>

#include "runtime/cuda/occupancy.h"
#include "runtime/in_quotes.h"

namespace convwright {

std::string format_target(const Target &target) {
    return target.cuda() ? "cuda:sm_" + std::to_string(target.architecture)
                         : std::string("cpu:") + isa_name(target.isa);
}

Target parse_target(const std::string &text) {
    for (const Isa isa : {Isa::kAvx2, Isa::kAvx512}) {
        if (const Target target{0, isa}; text == format_target(target)) return target;
    }
    std::string known = "cpu:avx2, cpu:avx512";
    for (const int architecture : cuda::known_architectures()) {
        const Target target{architecture, Isa::kNone};
        if (text == format_target(target)) return target;
        known += ", " + format_target(target);
    }
    throw std::invalid_argument(in_quotes(text) + " is no target; accepted are " + known + ".");
}

}  // namespace convwright
