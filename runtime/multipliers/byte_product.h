// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "runtime/multipliers/multiplier.h"

namespace convwright {

/// What CUDA kernels do for a table of 8-bit products (schedules/byte_gemm_cuda_params.h), as far as a plan depends on the
/// table.
struct ByteProduct {
    std::string name;  ///< "dot_s8", "dot_u8", "table16", "table32".
    int terms = 1;     ///< Dot products for each product of the table; one where it is looked up.

    bool looks_up() const { return name == "table16" || name == "table32"; }
};

/// "table16", "dot_s8", by three terms "dot_s8x3".
std::string format_byte_product(const ByteProduct &product);

/// Inverse of format_byte_product(); nothing for any other text.
std::optional<ByteProduct> find_byte_product(const std::string &text);

/// That of the multiplier's table in kInt8 or kUint8, in which it must exist. Takes up to a second.
ByteProduct usual_byte_product(const Multiplier &multiplier, NumberFormat format);

}  // namespace convwright
