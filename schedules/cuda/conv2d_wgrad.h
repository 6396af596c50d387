// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "generators/wgrad_direct.h"
#include "generators/wgrad_gemm.h"
#include "schedules/conv2d_wgrad_cuda_params.h"

namespace convwright {

/// `nhwc`: channels are dense, not columns.
void schedule_wgrad_gemm_cuda(WgradGemm &algorithm, const Conv2dWgradCudaParams &params, bool nhwc);
/// With params.mma.
void schedule_wgrad_mma_cuda(WgradGemm &algorithm, const Conv2dWgradCudaParams &params, bool nhwc);
void schedule_wgrad_direct_cuda(WgradDirect &algorithm, const Conv2dWgradCudaParams &params,
                                bool nhwc);

}  // namespace convwright
