// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Halide.h>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace convwright {

/// A factor of a product of a warp.
struct Factor {
    /// Its element at a place along mma_m or mma_n, and along mma_k.
    std::function<Halide::Expr(const Halide::Expr &across, const Halide::Expr &k)> element;
    const std::set<std::string> &shared;              ///< Memory of the block.
    const std::map<std::string, Halide::Expr> &lets;  ///< Around the product.
};

/// The `count` registers of a factor of 16 elements along k by device/ldmatrix.h, 4 of the first factor
/// (16 across) or 2 of the second (8 across); none where 8 elements along k or across it are not known
/// to be 16 aligned bytes of shared memory. `lane`: of the warp. What is loaded is a vector of a lane's
/// row, so that other passes see which elements are read.
std::vector<Halide::Expr> load_matrices(const Factor &factor, const Halide::Expr &lane, int count);

/// The call that loads matrices; null for any other expression.
const Halide::Internal::Call *ldmatrix_of(const Halide::Expr &e);

/// Loads of statements that follow each other, once each: an operand is one of many products, and the
/// compiler does not join what is volatile.
Halide::Internal::Stmt share_matrices(const Halide::Internal::Stmt &s);

}  // namespace convwright
