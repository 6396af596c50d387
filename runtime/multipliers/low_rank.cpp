// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/low_rank.h"

#include <algorithm>

#include "runtime/multipliers/factor_search.h"
#include "runtime/multipliers/modular_rank.h"
#include "runtime/multipliers/row_lattice.h"

namespace convwright {
namespace {

/// Restarts of the search while a list is longer than the rank: enough for 8 factors in 0.1 s.
constexpr int kRestarts = 12;
/// Larger factors have no place in a sum of 32 bits; digits are counted in 64.
constexpr int64_t kMostEntry = int64_t{1} << 40;
/// Above this many products no engine gains from one fewer, and the search takes long.
constexpr int kMostToImprove = 32;

Row256 operands(const Table8 &table) {
    Row256 row;
    for (int byte = 0; byte < 256; byte++) row[static_cast<size_t>(byte)] = table.operand(byte);
    return row;
}

/// T, or T - a*b.
Matrix256 matrix_of(const Table8 &table, bool minus_exact) {
    const Row256 x = operands(table);
    Matrix256 matrix(256);
    for (size_t a = 0; a < 256; a++) {
        for (size_t b = 0; b < 256; b++) {
            matrix[a][b] = table.values[a * 256 + b] - (minus_exact ? x[a] * x[b] : 0);
        }
    }
    return matrix;
}

Matrix256 transposed(const Matrix256 &matrix) {
    Matrix256 result(256);
    for (size_t a = 0; a < 256; a++) {
        for (size_t b = 0; b < 256; b++) result[b][a] = matrix[a][b];
    }
    return result;
}

/// Integer factors of a matrix from the lattice of its rows, or of its columns.
std::optional<std::vector<Factor>> lattice_factors(const Matrix256 &matrix, bool columns,
                                                   int max_rank) {
    const Matrix256 rows = columns ? transposed(matrix) : matrix;
    const auto independent = independent_rows(rows, max_rank);
    if (!independent) return std::nullopt;
    auto lattice = row_lattice(rows, *independent);
    if (!lattice) return std::nullopt;
    for (const auto *vectors : {&lattice->coefficients, &lattice->basis}) {
        for (const Row256 &row : *vectors) {
            const EntryRange e = entry_range(row);
            if (e.low < -kMostEntry || e.high > kMostEntry) return std::nullopt;
        }
    }
    std::vector<Factor> factors;
    for (size_t r = 0; r < lattice->basis.size(); r++) {
        Factor f{lattice->coefficients[r], lattice->basis[r], 0};
        if (columns) std::swap(f.u, f.v);
        factors.push_back(f);
    }
    return factors;
}

/// Int8 products of a list, once more reduced digit by digit.
std::vector<DigitProduct> products_of(std::vector<Factor> factors, int goal) {
    factors = reduce_factors(std::move(factors), kRestarts, goal);
    if (const int products = products_needed(factors);
        products > goal && products <= kMostToImprove) {
        factors = reduce_factors(split_digits(factors), kRestarts, goal);
    }
    std::vector<DigitProduct> products;
    for (const Factor &f : factors) append_products(f.u, f.v, f.shift, products);
    return products;
}

/// Makes the term a*b, if there is one, implicit.
void take_out_exact(LowRank &low_rank, const Table8 &table) {
    const Row256 x = operands(table);
    const auto is_operand = [&](const std::array<int8_t, 256> &digits) {
        return std::equal(x.begin(), x.end(), digits.begin());
    };
    auto &terms = low_rank.terms;
    const auto exact = std::find_if(terms.begin(), terms.end(), [&](const DigitProduct &p) {
        return p.shift == 0 && is_operand(p.activation) && is_operand(p.weight);
    });
    if (exact == terms.end()) return;
    terms.erase(exact);
    low_rank.error_table = true;
}

}  // namespace

std::optional<int> table_rank(const Table8 &table, int limit) {
    const auto rows = independent_rows(matrix_of(table, false), limit);
    if (!rows) return std::nullopt;
    return static_cast<int>(rows->size());
}

bool is_equal(const LowRank &low_rank, const Table8 &table) {
    for (const DigitProduct &p : low_rank.terms) {
        if (p.shift < 0 || p.shift > 31) return false;
    }
    for (int a = 0; a < 256; a++) {
        std::array<int64_t, 256> sums{};
        for (const DigitProduct &p : low_rank.terms) {
            const int64_t u =
                int64_t{p.activation[static_cast<size_t>(a)]} * (int64_t{1} << p.shift);
            for (size_t b = 0; b < 256; b++) sums[b] += u * p.weight[b];
        }
        for (int b = 0; b < 256; b++) {
            const int64_t exact = low_rank.error_table ? table.operand(a) * table.operand(b) : 0;
            if (sums[static_cast<size_t>(b)] + exact != table.at(a, b)) return false;
        }
    }
    return true;
}

bool is_equal(const OperandTransform &transform, const Table8 &table) {
    if (transform.shift < 0 || transform.shift > 31) return false;
    for (int a = 0; a < 256; a++) {
        const int64_t u = transform.activation[static_cast<size_t>(a)];
        for (int b = 0; b < 256; b++) {
            // Below 2^63, but perhaps not when shifted: so the entry is divided instead.
            const int64_t product = u * transform.weight[static_cast<size_t>(b)];
            const int64_t entry = table.at(a, b), unit = int64_t{1} << transform.shift;
            if (entry % unit != 0 || product != entry / unit) return false;
        }
    }
    return true;
}

std::optional<OperandTransform> operand_transform(const Table8 &table) {
    const auto factors = lattice_factors(matrix_of(table, false), false, 1);
    if (!factors || factors->size() != 1) return std::nullopt;
    const Factor &f = factors->front();
    const auto first = std::find_if(f.u.begin(), f.u.end(), [](int64_t x) { return x != 0; });
    const int64_t sign = first != f.u.end() && *first < 0 ? -1 : 1;
    const int zeros_u = __builtin_ctzll(static_cast<uint64_t>(entry_range(f.u).bits));
    const int zeros_v = __builtin_ctzll(static_cast<uint64_t>(entry_range(f.v).bits));
    OperandTransform transform;
    transform.shift = f.shift + zeros_u + zeros_v;
    // They fit: each divides an entry of the table.
    for (size_t i = 0; i < 256; i++) {
        transform.activation[i] = static_cast<int32_t>((sign * f.u[i]) >> zeros_u);
        transform.weight[i] = static_cast<int32_t>((sign * f.v[i]) >> zeros_v);
    }
    if (!is_equal(transform, table)) return std::nullopt;
    return transform;
}

std::optional<LowRank> factorise(const Table8 &table, int max_rank) {
    const auto rank = table_rank(table, max_rank);
    if (!rank) return std::nullopt;
    std::optional<LowRank> best;
    for (const bool minus_exact : {true, false}) {
        const Matrix256 matrix = matrix_of(table, minus_exact);
        for (const bool columns : {false, true}) {
            if (best && best->products() == *rank) return best;
            auto factors = lattice_factors(matrix, columns, max_rank + 1);
            if (!factors) continue;
            if (minus_exact) factors->push_back({operands(table), operands(table), 0});
            LowRank next{*rank, false, products_of(std::move(*factors), *rank)};
            take_out_exact(next, table);
            if (best && best->products() <= next.products()) continue;
            if (is_equal(next, table)) best = std::move(next);
        }
    }
    return best;
}

}  // namespace convwright
