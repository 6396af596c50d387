// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generators/byte_gemm.h"
#include "schedules/byte_gemm_cuda_params.h"

namespace convwright {

/// As schedule_conv2d_gemm(). `staged`: entries of a table, (byte of the weight * 256 + byte of the pixel),
/// that each block copies to shared memory; undefined where nothing is copied.
void schedule_byte_gemm(ByteGemm &alg, const GemmShape &shape, const ByteGemmCudaParams &params,
                        Halide::Func staged);

}  // namespace convwright
