// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/multipliers/multiplier.h"

/// How far the products of a multiplier are from the exact ones.
namespace convwright {

/// Relative errors (approximate - exact) / exact in percent of the exact product. No pairs: 0.
struct ErrorFigures {
    double mean_abs = 0, bias = 0, min = 0, max = 0;  ///< Means of |error| and error; its range.
};

/// Error figures of products added one by one; the sums are taken in the order of the calls.
class ErrorTally {
public:
    /// `exact` is not zero.
    void add(double approximate, double exact);
    ErrorFigures figures() const;

private:
    double sum_ = 0, sum_abs_ = 0, min_ = 0, max_ = 0;
    int64_t count_ = 0;
};

/// Over all pairs of non-zero operands of kInt8 or kUint8; throws as product does.
ErrorFigures exhaustive_error(const Multiplier &multiplier, NumberFormat format);

/// The same of a table as product_table has it. Throws std::invalid_argument unless it has 65536
/// entries.
ErrorFigures exhaustive_error(const std::vector<int32_t> &table, bool is_signed);

/// Over `count` pairs of operands of kFloat32 or kBfloat16 with uniform fractions (23 or 7 bits),
/// uniform exponents from -16 to 16 and random signs; a pure function of its arguments. The exact
/// product is that of the operands in their format. Throws as product does.
ErrorFigures sampled_error(const Multiplier &multiplier, NumberFormat format, int64_t count,
                           uint64_t seed = 1);

}  // namespace convwright
