// SPDX-License-Identifier: Apache-2.0
// The generated texts with chunk loops as pipelines, as C++.
#include "tests/codegen/small_kernels.h"

#include "small_chunks_async2.cu"
#include "small_chunks_async4.cu"
#include "small_chunks_loop2.cu"
#include "small_chunks_plain3.cu"
#include "small_matmul_plain2.cu"
#include "small_matmul_stages3.cu"

const std::vector<convwright::NamedKernel> &convwright::staged_kernels() {
    static const std::vector<NamedKernel> kernels = {
        CONVWRIGHT_NAMED_KERNEL(small_chunks_async2_0),
        CONVWRIGHT_NAMED_KERNEL(small_chunks_async4_0),
        CONVWRIGHT_NAMED_KERNEL(small_chunks_loop2_0),
        CONVWRIGHT_NAMED_KERNEL(small_chunks_plain3_0),
        CONVWRIGHT_NAMED_KERNEL(small_matmul_plain2_0),
        CONVWRIGHT_NAMED_KERNEL(small_matmul_stages3_0)};
    return kernels;
}
