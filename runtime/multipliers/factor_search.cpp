// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/factor_search.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace convwright {
namespace {

constexpr int64_t kMostEntry = int64_t{1} << 30;  ///< A multiple below 2^30 still fits 64 bits.
constexpr double kLeastGain = 1e-6;               ///< Above rounding errors, so that descents end.
constexpr double kMostMultiple = 0x1p30;
constexpr int kMostTries = 20000;  ///< Of moves in one search: 50 ms, and bad lists never end.

int trailing_zeros(int64_t bits) { return __builtin_ctzll(static_cast<uint64_t>(bits)); }

double size_bits(const EntryRange &e) {
    return std::log2(static_cast<double>(std::max(e.high + 1, -e.low))) + 1;
}

/// A factor without powers of two in its vectors, and what it costs.
struct Term {
    Factor f;
    EntryRange u, v;
    double cost = 0;  ///< Products, then how far the entries are from fewer.

    bool is_zero() const { return u.is_zero() || v.is_zero(); }

    /// From vectors that may be even; false if it is not an integer table or entries are too large.
    bool update() {
        u = entry_range(f.u), v = entry_range(f.v);
        cost = 0;
        if (is_zero()) return true;
        halve(f.u, u), halve(f.v, v);
        if (f.shift < 0 || std::max({u.high, -u.low, v.high, -v.low}) >= kMostEntry) return false;
        const double bits_u = size_bits(u), bits_v = size_bits(v);
        // The weights decide between equal products only: a move that brings both vectors nearer to
        // a digit is a step to fewer products later.
        cost = products_needed(u, v) + 0.004 * (bits_u + bits_v) +
               0.1 * (std::max(0.0, bits_u - 8) + std::max(0.0, bits_v - 8));
        return true;
    }

private:
    void halve(Row256 &row, EntryRange &e) {
        const int zeros = trailing_zeros(e.bits);
        if (zeros == 0) return;
        for (int64_t &x : row) x >>= zeros;
        e = {e.low >> zeros, e.high >> zeros, e.bits >> zeros};
        f.shift += zeros;
    }
};

/// multiple * 2^exponent, multiple odd.
struct Dyadic {
    int64_t multiple;
    int exponent;
};

bool is_dyadic(double x) { return x != 0 && std::fabs(x) < kMostMultiple; }
Dyadic dyadic(double x) {
    int exponent = 0;
    auto multiple = static_cast<int64_t>(std::ldexp(std::frexp(x, &exponent), 53));
    const int zeros = trailing_zeros(multiple);
    return {multiple >> zeros, exponent - 53 + zeros};
}

/// v_j += x v_i, u_i -= x u_j: the sum of both terms stays. False if that cannot be written.
bool move(const Term &i, const Term &j, Dyadic x, Term &new_i, Term &new_j) {
    if (std::abs(x.multiple) >= kMostEntry || std::abs(x.exponent) > 24) return false;
    const int lift = std::max(0, -x.exponent);
    new_j.f.u = j.f.u;
    new_j.f.shift = j.f.shift - lift;
    const int64_t own = int64_t{1} << lift,
                  other = x.multiple * (int64_t{1} << (x.exponent + lift));
    if (std::abs(other) >= kMostEntry) return false;
    for (size_t b = 0; b < 256; b++) new_j.f.v[b] = own * j.f.v[b] + other * i.f.v[b];
    if (!new_j.update() || new_j.cost >= i.cost + j.cost) return false;

    const int shift = std::min(i.f.shift, j.f.shift + x.exponent);
    const int lift_i = i.f.shift - shift, lift_j = j.f.shift + x.exponent - shift;
    if (lift_i > 30 || lift_j > 30) return false;
    const int64_t keep = int64_t{1} << lift_i, minus = x.multiple * (int64_t{1} << lift_j);
    if (std::abs(minus) >= kMostEntry) return false;
    for (size_t a = 0; a < 256; a++) new_i.f.u[a] = keep * i.f.u[a] - minus * j.f.u[a];
    new_i.f.v = i.f.v;
    new_i.f.shift = shift;
    return new_i.update();
}

/// Only a guide, so double will do; entries are below 2^30.
double dot(const Row256 &a, const Row256 &b) {
    double sum = 0;
    for (size_t i = 0; i < 256; i += 4) {
        int64_t four = 0;
        for (size_t k = i; k < i + 4; k++) four += a[k] * b[k];
        sum += static_cast<double>(four);
    }
    return sum;
}

/// Multiples that may help: minimisers of |v_j|, of |u_i| and of Seysen's measure, rounded to
/// eighths, to integers and to powers of two; and small powers of two themselves.
std::vector<double> multiples(const Term &i, const Term &j) {
    const double ratio = std::ldexp(1, i.f.shift - j.f.shift);
    const double of_v = -dot(j.f.v, i.f.v) / dot(i.f.v, i.f.v);
    const double of_u = ratio * dot(i.f.u, j.f.u) / dot(j.f.u, j.f.u);
    std::vector<double> xs;
    for (const double x : {of_u, of_v, (of_u + of_v) / 2}) {
        for (const double y : {std::round(8 * x) / 8, std::floor(x), std::ceil(x)}) xs.push_back(y);
        if (x == 0) continue;
        const double power = std::copysign(std::exp2(std::floor(std::log2(std::fabs(x)))), x);
        xs.push_back(power), xs.push_back(2 * power);
    }
    for (int e = -8; e <= 8; e++) xs.push_back(std::ldexp(1, e)), xs.push_back(-std::ldexp(1, e));
    for (const double x : {3.0, 1.5, 0.75, 5.0, ratio, 2 * ratio, ratio / 2}) {
        xs.push_back(x), xs.push_back(-x);
    }
    return xs;
}

void drop_zeros(std::vector<Term> &terms) {
    terms.erase(
        std::remove_if(terms.begin(), terms.end(), [](const Term &t) { return t.is_zero(); }),
        terms.end());
}

/// Makes moves while they lower the cost; `tries` counts down.
void descend(std::vector<Term> &terms, int &tries) {
    Term new_i, new_j;
    for (bool moved = true; moved && tries > 0;) {
        moved = false;
        for (size_t i = 0; i < terms.size(); i++) {
            for (size_t j = 0; j < terms.size(); j++) {
                if (i == j || terms[i].is_zero() || terms[j].is_zero() || tries <= 0) continue;
                for (const double x : multiples(terms[i], terms[j])) {
                    if (!is_dyadic(x)) continue;
                    tries--;
                    if (!move(terms[i], terms[j], dyadic(x), new_i, new_j)) continue;
                    const double cost = terms[i].cost + terms[j].cost;
                    if (new_i.cost + new_j.cost > cost - kLeastGain) continue;
                    std::swap(terms[i], new_i), std::swap(terms[j], new_j);
                    moved = true;
                    if (terms[i].is_zero() || terms[j].is_zero()) break;
                }
            }
        }
        drop_zeros(terms);
    }
}

double cost_of(const std::vector<Term> &terms) {
    double cost = 0;
    for (const Term &t : terms) cost += t.cost;
    return cost;
}

std::vector<Factor> factors_of(const std::vector<Term> &terms) {
    std::vector<Factor> factors;
    for (const Term &t : terms) factors.push_back(t.f);
    return factors;
}

}  // namespace

int products_needed(const std::vector<Factor> &factors) {
    int products = 0;
    for (const Factor &f : factors) products += products_needed(entry_range(f.u), entry_range(f.v));
    return products;
}

std::vector<Factor> split_digits(const std::vector<Factor> &factors) {
    std::vector<DigitProduct> products;
    for (const Factor &f : factors) append_products(f.u, f.v, f.shift, products);
    std::vector<Factor> split;
    for (const DigitProduct &p : products) {
        Factor &f = split.emplace_back();
        std::copy(p.activation.begin(), p.activation.end(), f.u.begin());
        std::copy(p.weight.begin(), p.weight.end(), f.v.begin());
        f.shift = p.shift;
    }
    return split;
}

std::vector<Factor> reduce_factors(std::vector<Factor> factors, int restarts, int goal) {
    std::vector<Term> best;
    for (const Factor &f : factors) {
        best.push_back({f, {}, {}, 0});
        if (!best.back().update()) return factors;
    }
    drop_zeros(best);
    int tries = kMostTries;
    descend(best, tries);
    std::minstd_rand random(1);
    for (int i = 0; i < restarts && best.size() > 1 && tries > 0; i++) {
        if (products_needed(factors_of(best)) <= goal) break;
        std::vector<Term> terms = best;
        for (int kick = 0; kick < 2 + i % 2; kick++) {
            const size_t a = random() % terms.size();
            const size_t b = (a + 1 + random() % (terms.size() - 1)) % terms.size();
            const double x = std::ldexp(random() % 2 ? 1 : -1, static_cast<int>(random() % 5) - 2);
            Term new_a, new_b;
            terms[a].cost += 100;  // so that move() allows it
            if (move(terms[a], terms[b], dyadic(x), new_a, new_b)) {
                terms[a] = new_a, terms[b] = new_b;
            }
            terms[a].update();
            drop_zeros(terms);
            if (terms.size() < 2) break;
        }
        descend(terms, tries);
        if (cost_of(terms) < cost_of(best)) best = std::move(terms);
    }
    return factors_of(best);
}

}  // namespace convwright
