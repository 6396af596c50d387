// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "runtime/conv_problem.h"

namespace convwright::cuda {

/// The generators of convolutions by a product, and of those of 8-bit operands.
inline constexpr char kApproxGemm[] = "approx_gemm", kByteGemm[] = "byte_gemm";

/// The kind of a candidate of the tuner on GPUs: "conv2d.cuda".
std::string candidate_kind(const char *generator);
/// Where kernels are made for a format: "approx_gemm_nhwc.cuda".
std::string candidate_kind(const char *generator, Format format);

/// That of a convolution by a product, "approx_gemm_nhwc.cuda": its kernels are made for a format, and take
/// problems of the other one, too.
std::string product_candidate_kind(Format format);
/// The same of 8-bit operands, "byte_gemm_nhwc.cuda".
std::string byte_candidate_kind(Format format);

}  // namespace convwright::cuda
