// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "autotune/verify/naive_conv2d.h"
#include "runtime/multipliers/device_table.h"

namespace convwright {

/// A table of 8-bit products that kernels of a product must compute, and what devices have of it.
struct ByteModel {
    Table8 table;
    DeviceTable device;
    uint8_t pad_value = 0;  ///< The byte that stands outside of the input.
};

/// One of the product for each seed, with entries that no symmetric or smooth multiplier has: sums of them leave 32 bits.
std::shared_ptr<const ByteModel> byte_model(const ByteProduct &product, uint32_t seed);

/// Bytes for the input and the weight, all of them likely; what else a call has is as of integer_values().
ConvValues byte_values(const ConvProblem &problem, uint32_t seed);

/// The sums with these numbers, in torch's order, by the table's entries one by one: modulo 2^32, each a float with its
/// bits, as Tensor4 has sums.
Values byte_sums(const ConvProblem &problem, const ConvValues &values, const ByteModel &model,
                 const std::vector<int64_t> &numbers);

}  // namespace convwright
