// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/cuda/module_table.h"

namespace convwright::cuda {

/// A table of small kernels (tests/codegen/small_generators.cpp), made as the shipped one is:
/// small_add_cuda, small_matmul_cuda, small_transpose_cuda.
const std::vector<EmbeddedImages> &test_table();

}  // namespace convwright::cuda
