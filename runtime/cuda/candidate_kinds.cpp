// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/candidate_kinds.h"

namespace convwright::cuda {

std::string candidate_kind(const char *generator) { return std::string(generator) + ".cuda"; }

std::string candidate_kind(const char *generator, Format format) {
    return std::string(generator) + (format == Format::kNhwc ? "_nhwc.cuda" : "_nchw.cuda");
}

std::string product_candidate_kind(Format format) { return candidate_kind(kApproxGemm, format); }
std::string byte_candidate_kind(Format format) { return candidate_kind(kByteGemm, format); }

}  // namespace convwright::cuda
