// SPDX-License-Identifier: Apache-2.0
// The generated texts for tensor cores, as C++.
#include "tests/codegen/small_kernels.h"

#include "mma_bf16.cu"
#include "mma_f16.cu"
#include "mma_int8.cu"
#include "mma_tf32.cu"
#include "mma_tf32_stages3.cu"

const std::vector<convwright::NamedKernel> &convwright::mma_kernels() {
    static const std::vector<NamedKernel> kernels = {
        CONVWRIGHT_NAMED_KERNEL(mma_bf16_0), CONVWRIGHT_NAMED_KERNEL(mma_f16_0),
        CONVWRIGHT_NAMED_KERNEL(mma_int8_0), CONVWRIGHT_NAMED_KERNEL(mma_tf32_0),
        CONVWRIGHT_NAMED_KERNEL(mma_tf32_stages3_0)};
    return kernels;
}
