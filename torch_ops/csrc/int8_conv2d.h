// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/csrc/stable/tensor.h>

#include <memory>

#include "runtime/multipliers/int8_conv.h"
#include "torch_ops/csrc/checks.h"

namespace convwright {

/// What the engines make of a table, an int32 tensor of 65,536 entries. Kept for the last tables of the
/// process, and their classification on disk: in CONVWRIGHT_CACHE_DIR, or else convwright in
/// XDG_CACHE_HOME or ~/.cache. RuntimeError, one sentence, for another tensor.
struct KnownTable {
    Classification classification;
    std::shared_ptr<const Int8Table> table;
};
KnownTable known_table(const Tensor &table, bool is_signed);

/// Sums of products of bytes, int32 [N,Co,Oh,Ow]: input and weight are both int8 or both uint8, products
/// are entries [a * 256 + w] of `table` by their bytes, and positions outside of the input read
/// `pad_value`. RuntimeError, one sentence, for other dtypes and for a pad_value that is none.
Tensor approx_int8_conv2d(const Tensor &input, const Tensor &weight, const IntList &stride,
                          const IntList &padding, const IntList &dilation, int64_t groups,
                          const Tensor &table, int64_t pad_value);

}  // namespace convwright
