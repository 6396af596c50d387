// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace convwright {

/// to[i * to_i + j * to_j] = from[i * from_i + j * from_j] for i < count_i, j < count_j; strides in
/// elements. Fast where each side has a stride of 1: rows are copied, or square blocks transposed.
/// Nothing else is written; what lies between elements of `from` may be read. No stride is negative.
void copy_2d(uint8_t *to, int64_t to_i, int64_t to_j, const uint8_t *from, int64_t from_i,
             int64_t from_j, int64_t count_i, int64_t count_j);
void copy_2d(int32_t *to, int64_t to_i, int64_t to_j, const int32_t *from, int64_t from_i,
             int64_t from_j, int64_t count_i, int64_t count_j);

}  // namespace convwright
