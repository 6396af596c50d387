// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/conv_problem.h"
#include "runtime/multipliers/mantissa_table.h"
#include "runtime/multipliers/multiplier.h"

namespace convwright {

/// The scalar arguments of a product kernel: generators/products.h.
struct ProductArguments {
    int32_t keep = -1, set = 0, correction = 0, carried = 0;
};

/// How a multiplier of the log family, ROBA, Ax-FPM or one with rounded products is computed in
/// float32.
struct ProductForm {
    std::string product;   ///< Of a kernel.
    int weight_words = 1;  ///< product_weight_words().
    ProductArguments arguments;
    /// What the fast forms add to g: c - 2^-27, and the bits of 4 - c; nothing for Mitchell.
    float constant = 0.0f;
    int32_t threshold = 0;
    const MantissaTable *table = nullptr;  ///< Of mantissa_table; outlives the form.
};

/// `fast`: products_stay_normal(). `zeros`: some weight counts as zero. The multiplier must exist in
/// float32 and be of the class log, low rank or (rounded) transform.
ProductForm product_form(const Multiplier &multiplier, bool fast, bool zeros);

/// The product of the form that an operator usually takes in a pass of this direction: for operands whose products
/// stay normal, and zeros only where they are to be expected, among the gradients that wgrad multiplies. Empty where
/// the exact kernels compute the multiplier in float32, or where it has no products (zeros).
std::string usual_product(const Multiplier &multiplier, Direction direction);

/// Floats that stand for a weight in kernels of the product.
int product_weight_words(const std::string &product);

/// Every product of a form, in the order of the alphabet.
const std::vector<std::string> &product_names();

/// A form of the product without its constants: enough for a plan.
ProductForm product_form(const std::string &product);

/// The form of a table of fractions.
ProductForm product_form(const MantissaTable &table);

/// The words of `rows` rows of `panel` weights: row r of `words` holds weight_words runs of `panel`.
/// Lanes behind the last output channel hold zeros in `weights` and some finite number in `words`.
void make_words(const ProductForm &form, const float *weights, int64_t rows, int64_t panel,
                float *words);

}  // namespace convwright
