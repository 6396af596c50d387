// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "runtime/conv_problem.h"

namespace convwright::cuda {

/// The generator of convolutions by a product.
inline constexpr char kApproxGemm[] = "approx_gemm";

/// The kind of a candidate of the tuner on GPUs: "conv2d.cuda".
std::string candidate_kind(const char *generator);

/// That of a convolution by a product, "approx_gemm_nhwc.cuda": its kernels are made for a format, and take
/// problems of the other one, too.
std::string product_candidate_kind(Format format);

}  // namespace convwright::cuda
