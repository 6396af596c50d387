// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/candidate_kinds.h"

namespace convwright::cuda {

std::string candidate_kind(const char *generator) { return std::string(generator) + ".cuda"; }

std::string product_candidate_kind(Format format) {
    const std::string made_for = format == Format::kNhwc ? "nhwc" : "nchw";
    return candidate_kind((std::string(kApproxGemm) + "_" + made_for).c_str());
}

}  // namespace convwright::cuda
