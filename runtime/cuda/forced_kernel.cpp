// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/forced_kernel.h"

namespace convwright::cuda {
namespace {
thread_local std::string forced;
}

void force_kernel(const std::string &name) { forced = name; }

const std::string &forced_kernel() { return forced; }

std::string why_no_kernel() {
    if (forced.empty()) return "no CUDA kernel accepts the problem";
    return "the CUDA kernel " + forced + ", which was asked for, does not accept the problem";
}

}  // namespace convwright::cuda
