// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/digit_products.h"

#include <algorithm>

namespace convwright {
namespace {

using Digits = std::vector<std::array<int8_t, 256>>;

/// Of base 256 with digits -128..127.
int digits_needed(const EntryRange &e) {
    int digits = 1;
    for (int64_t ones = 1; e.low < -128 * ones || e.high > 127 * ones; digits++) {
        ones = 256 * ones + 1;
    }
    return digits;
}

/// Digits 2 q + p with p in {0, 1}, so that p + q is a digit too.
bool halves_fit(const EntryRange &e) { return e.low >= -256 && e.high <= 254; }

struct Form {
    int products;
    bool negated, karatsuba;
};

Form best_form(const EntryRange &u, const EntryRange &v) {
    Form best{0, false, false};
    for (const bool negated : {false, true}) {
        const EntryRange x = negated ? u.negated() : u, y = negated ? v.negated() : v;
        const int du = digits_needed(x), dv = digits_needed(y);
        const bool karatsuba = du == 2 && dv == 2 && halves_fit(x) && halves_fit(y);
        const int products = karatsuba ? 3 : du * dv;
        if (!negated || products < best.products) best = {products, negated, karatsuba};
    }
    return best;
}

Row256 negated(Row256 row) {
    for (int64_t &x : row) x = -x;
    return row;
}

Digits base_256(Row256 row) {
    Digits digits;
    while (std::any_of(row.begin(), row.end(), [](int64_t x) { return x != 0; })) {
        auto &digit = digits.emplace_back();
        for (size_t i = 0; i < 256; i++) {
            digit[i] = static_cast<int8_t>(((row[i] + 128) & 255) - 128);
            row[i] = (row[i] - digit[i]) / 256;
        }
    }
    return digits;
}

/// {-p, p + q, q} of row = p + 2 q.
Digits karatsuba_digits(const Row256 &row, bool first_negated) {
    Digits digits(3);
    for (size_t i = 0; i < 256; i++) {
        const int64_t p = row[i] & 1, q = (row[i] - p) / 2;
        digits[0][i] = static_cast<int8_t>(first_negated ? -p : p);
        digits[1][i] = static_cast<int8_t>(p + q), digits[2][i] = static_cast<int8_t>(q);
    }
    return digits;
}

bool is_zero(const std::array<int8_t, 256> &digit) { return digit == std::array<int8_t, 256>{}; }

}  // namespace

EntryRange entry_range(const Row256 &row) {
    EntryRange e{row[0], row[0], row[0]};
    for (const int64_t x : row) e = {std::min(e.low, x), std::max(e.high, x), e.bits | x};
    return e;
}

int products_needed(const EntryRange &u, const EntryRange &v) {
    return u.is_zero() || v.is_zero() ? 0 : best_form(u, v).products;
}

void append_products(const Row256 &u, const Row256 &v, int shift, std::vector<DigitProduct> &out) {
    const Form form = best_form(entry_range(u), entry_range(v));
    const Row256 x = form.negated ? negated(u) : u, y = form.negated ? negated(v) : v;
    if (form.karatsuba) {
        const Digits dx = karatsuba_digits(x, true), dy = karatsuba_digits(y, false);
        for (size_t i = 0; i < 3; i++) {
            if (!is_zero(dx[i]) && !is_zero(dy[i])) {
                out.push_back({dx[i], dy[i], shift + (i == 0 ? 0 : 1)});
            }
        }
        return;
    }
    const Digits dx = base_256(x), dy = base_256(y);
    for (size_t i = 0; i < dx.size(); i++) {
        for (size_t j = 0; j < dy.size(); j++) {
            if (is_zero(dx[i]) || is_zero(dy[j])) continue;
            out.push_back({dx[i], dy[j], shift + 8 * static_cast<int>(i + j)});
        }
    }
}

}  // namespace convwright
