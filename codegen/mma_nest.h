// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Halide.h>

#include <map>
#include <string>

namespace convwright {

/// 'm', 'n' or 'k' for a loop that the schedule named mma_m, mma_n or mma_k; 0 for any other.
char mma_axis(const std::string &loop);

bool has_mma_loop(const Halide::Internal::Stmt &s);

/// sum += a * b.
struct MultiplyAdd {
    const Halide::Internal::Store *store = nullptr;
    Halide::Expr a, b;  ///< The factor over m and k, that over k and n.
};

/// A nest over mma_m and mma_n, and perhaps mma_k, in any order. A compile error where one of the first
/// two is missing, a loop comes twice or is not serial, or has not the extent of a product: 16 for
/// mma_m, 8 for mma_n, what `lets` show to be less for one that Halide has cut at the edge of a Func.
class MmaNest {
public:
    MmaNest(const Halide::Internal::Stmt &nest, const std::map<std::string, Halide::Expr> &lets);

    bool has(char axis) const { return loops_.count(axis) != 0; }
    const std::string &name(char axis) const { return loops_.at(axis); }
    /// Of a nest with mma_k.
    int64_t k() const { return k_; }

    /// What the body does at a place; without `k` in a nest that has none. Lets are put in their places.
    Halide::Internal::Stmt at(const Halide::Expr &m, const Halide::Expr &n,
                              const Halide::Expr &k) const;
    Halide::Expr at(const Halide::Expr &e, const Halide::Expr &m, const Halide::Expr &n,
                    const Halide::Expr &k) const;

    /// The body as a product; a compile error if it is none of a factor over m and k by one over k and n.
    MultiplyAdd product() const;

private:
    class Unwrap;
    std::map<std::string, Halide::Expr> places(const Halide::Expr &m, const Halide::Expr &n,
                                               const Halide::Expr &k) const;

    const std::string first_;  // loop of the nest
    std::map<char, std::string> loops_;
    int64_t k_ = 0;
    Halide::Internal::Stmt body_;
};

}  // namespace convwright
