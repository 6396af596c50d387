// SPDX-License-Identifier: Apache-2.0
// The generated texts as C++.
#include "tests/codegen/small_kernels.h"

#include "small_add1.cu"
#include "small_add4.cu"
#include "small_matmul.cu"
#include "small_matmul_async.cu"
#include "small_padded.cu"
#include "small_stencil.cu"
#include "small_transpose.cu"
#include "small_types.cu"

const std::vector<convwright::NamedKernel> &convwright::small_kernels() {
    static const std::vector<NamedKernel> kernels = {
        CONVWRIGHT_NAMED_KERNEL(small_add1_0),      CONVWRIGHT_NAMED_KERNEL(small_add4_0),
        CONVWRIGHT_NAMED_KERNEL(small_matmul_0),    CONVWRIGHT_NAMED_KERNEL(small_matmul_async_0),
        CONVWRIGHT_NAMED_KERNEL(small_padded_0),    CONVWRIGHT_NAMED_KERNEL(small_stencil_0),
        CONVWRIGHT_NAMED_KERNEL(small_transpose_0), CONVWRIGHT_NAMED_KERNEL(small_types_0)};
    return kernels;
}
