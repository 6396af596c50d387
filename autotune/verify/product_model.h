// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "autotune/verify/ordered_sums.h"
#include "runtime/multipliers/product_words.h"

namespace convwright {

/// A multiplier that kernels of a product must compute, and its scalar reference.
struct ProductModel {
    ProductForm form;
    /// On devices: that one, and those of the multiplier that take more operands, which run where the library has no
    /// kernel with it.
    std::vector<ProductForm> forms;
    Times times;
    MantissaTable table;  ///< Of "mantissa_table", what `form` points to.
};

/// Of fractions of `bits`, with entries that no symmetric or smooth multiplier has.
MantissaTable odd_table(int bits, uint32_t seed);

/// One for each seed, so that two of them differ in what a kernel takes as arguments, as far as multipliers of the
/// product do. Throws std::invalid_argument for a name that is none of product_names().
std::shared_ptr<const ProductModel> product_model(const std::string &product, uint32_t seed);

/// Operands of the product in float32, bias included: of both signs, near both ends of their power of two, and
/// zeros where the product takes them. Fast forms get those whose products stay normal; the others with `everything`
/// also numbers that count as zero, underflow or overflow, and infinity.
ConvValues product_values(const ConvProblem &problem, const std::string &product, uint32_t seed,
                          bool everything);

}  // namespace convwright
