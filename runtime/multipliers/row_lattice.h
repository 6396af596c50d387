// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "runtime/multipliers/matrix256.h"

namespace convwright {

/// matrix[a][b] = sum_r coefficients[r][a] * basis[r][b].
struct LatticeFactors {
    std::vector<Row256> coefficients, basis;
};

/// A basis of the lattice that the rows of an integer matrix generate, reduced after Lenstra, Lenstra
/// and Lovasz (Math. Ann. 261, 1982), and the integer coefficients of every row in it. `independent`:
/// rows that are a basis of the rational row space, as independent_rows() finds them; entries are
/// below 2^34 in size.
///
/// Vectors and inner products are exact integers; floating point only chooses which multiples are
/// subtracted. Nullopt if a number would not fit 64 bits or the rows have a greater rank.
std::optional<LatticeFactors> row_lattice(const Matrix256 &matrix,
                                          const std::vector<int> &independent);

}  // namespace convwright
