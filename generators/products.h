// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "Halide.h"

namespace convwright {

/// Scalar arguments of a kernel that parametrise its product, all int32 and all about bits of a float:
/// an operand's fraction becomes (bits & keep) | set, and the correction is added to the bits of
/// Mitchell's product, `carried` where the fractions carry. For mbm_zeros `correction` is the bits of
/// the least g that stays uncorrected, 4 - 5/64.
struct ProductScalars {
    Halide::Expr keep, set, correction, carried;
    Halide::Func table;  ///< (index): int32 entries of mantissa_table, whose bits are `correction`.
};

/// A product as the sum of a convolution takes it. A staged pixel and a packed weight stand for
/// operands by one or more words, so that what depends on one operand alone is computed once. The
/// scalar references, which each product equals bit for bit, are in runtime/multipliers.
struct Product {
    using Exprs = std::vector<Halide::Expr>;

    int weight_words;  ///< Floats for each weight, packed by runtime/product_words.
    /// Words of a pixel (float32), each an int32 or float32.
    std::function<Exprs(Halide::Expr pixel, const ProductScalars &)> words;
    /// sum + the product.
    std::function<Halide::Expr(Halide::Expr sum, const Exprs &pixel, const Exprs &weight,
                               const ProductScalars &)>
        add;
};

/// By the value of the GeneratorParam `product`. Fast forms, for operands whose products all stay in
/// the normal range (multipliers.md, section 1):
///   mitchell        Mitchell, PAM and L-Mul, no weight being zero
///   mitchell_zeros  the same for any weight
///   mbm, mbm_zeros  MBM, the same way
///   roba            ROBA
/// and for any operands, from their bits:
///   log_bits, lmul_bits, realm_bits, roba_bits, ax_fpm_bits, mantissa_table, rounded (the exact product, rounded
///   before it is added)
const std::map<std::string, Product> &products();

}  // namespace convwright
