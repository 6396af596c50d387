// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace convwright {

/// Which operands a form of a product takes, on devices that choose by themselves:
///   0  any: it works from their bits;
///   1  products_stay_normal();
///   2  the same, and no weight counts as zero.
/// Of several forms the one with the greatest number that the operands allow computes. Negative for the
/// only form of a product, which takes any.
inline int product_choice(const std::string &product) {
    if (product == "mitchell" || product == "mbm") return 2;
    if (product == "mitchell_zeros" || product == "mbm_zeros" || product == "roba") return 1;
    if (product == "log_bits" || product == "lmul_bits" || product == "roba_bits") return 0;
    return -1;
}

}  // namespace convwright
