// SPDX-License-Identifier: Apache-2.0
#include "tests/runtime/cuda/test_table.h"

#define CONVWRIGHT_CUDA_KERNEL CONVWRIGHT_DECLARE_IMAGES
#include "cuda_test/cuda_rows.inc"
#undef CONVWRIGHT_CUDA_KERNEL

namespace convwright::cuda {

const std::vector<EmbeddedImages> &test_table() {
#define CONVWRIGHT_CUDA_KERNEL CONVWRIGHT_LIST_IMAGES
    static const std::vector<EmbeddedImages> all = {
#include "cuda_test/cuda_rows.inc"
    };
#undef CONVWRIGHT_CUDA_KERNEL
    return all;
}

}  // namespace convwright::cuda
