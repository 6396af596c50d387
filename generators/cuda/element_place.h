// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "generators/output_tasks.h"

namespace convwright {

/// Element number `i` of a tensor by its dimensions, the fastest first; `last` is the extent of the
/// last one, by which nothing is divided.
inline std::vector<Halide::Expr> element_place(const Halide::Expr &i,
                                               const std::vector<FastDivision> &dividers,
                                               const Halide::Expr &last) {
    std::vector<Halide::Expr> at;
    Halide::Expr rest = i;
    for (const FastDivision &by : dividers) {
        const Halide::Expr quotient = by.quotient(rest);
        at.push_back(promised(by.remainder(rest, quotient), by.divisor));
        rest = quotient;
    }
    at.push_back(promised(rest, last));
    return at;
}

}  // namespace convwright
