// SPDX-License-Identifier: Apache-2.0
// The generated texts of shapes_test.cpp, as C++.
#include "tests/codegen/small_kernels.h"

#include "small_matmul_wide.cu"
#include "small_mixed.cu"
#include "small_split_sum.cu"
#include "small_stencil_wide.cu"
#include "small_transpose_padded.cu"

const std::vector<convwright::NamedKernel> &convwright::shapes_kernels() {
    static const std::vector<NamedKernel> kernels = {
        CONVWRIGHT_NAMED_KERNEL(small_matmul_wide_0),
        CONVWRIGHT_NAMED_KERNEL(small_mixed_0),
        CONVWRIGHT_NAMED_KERNEL(small_split_sum_0),
        CONVWRIGHT_NAMED_KERNEL(small_split_sum_1),
        CONVWRIGHT_NAMED_KERNEL(small_split_sum_2),
        CONVWRIGHT_NAMED_KERNEL(small_split_sum_3),
        CONVWRIGHT_NAMED_KERNEL(small_stencil_wide_0),
        CONVWRIGHT_NAMED_KERNEL(small_transpose_padded_0)};
    return kernels;
}
