// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/modular_rank.h"

#include <algorithm>

namespace convwright {
namespace {

// A Mersenne prime: reduction is a shift and an add. 31 bits would not do, as the entries of a
// table can be multiples of such a prime.
constexpr uint64_t kPrime = (uint64_t{1} << 61) - 1;
__extension__ using uint128 = unsigned __int128;

uint64_t residue(int64_t value) {
    const int64_t r = value % static_cast<int64_t>(kPrime);
    return static_cast<uint64_t>(r < 0 ? r + static_cast<int64_t>(kPrime) : r);
}

uint64_t multiply(uint64_t a, uint64_t b) {
    const uint128 product = static_cast<uint128>(a) * b;
    const uint64_t sum =
        (static_cast<uint64_t>(product) & kPrime) + static_cast<uint64_t>(product >> 61);
    return sum >= kPrime ? sum - kPrime : sum;
}

uint64_t inverse(uint64_t a) {
    uint64_t result = 1;
    for (uint64_t e = kPrime - 2; e != 0; e >>= 1, a = multiply(a, a)) {
        if (e & 1) result = multiply(result, a);
    }
    return result;
}

/// A row of the echelon form, 1 in its pivot column.
struct EchelonRow {
    size_t pivot;
    std::array<uint64_t, 256> residues;
};

}  // namespace

std::optional<std::vector<int>> independent_rows(const Matrix256 &matrix, int limit) {
    std::vector<EchelonRow> echelon;
    std::vector<int> rows;
    for (size_t a = 0; a < matrix.size(); a++) {
        EchelonRow next{};
        std::transform(matrix[a].begin(), matrix[a].end(), next.residues.begin(), residue);
        for (const EchelonRow &e : echelon) {
            const uint64_t factor = next.residues[e.pivot];
            if (factor == 0) continue;
            const uint64_t minus = kPrime - factor;
            for (size_t b = 0; b < 256; b++) {
                const uint64_t sum = next.residues[b] + multiply(minus, e.residues[b]);
                next.residues[b] = sum >= kPrime ? sum - kPrime : sum;
            }
        }
        const auto pivot = std::find_if(next.residues.begin(), next.residues.end(),
                                        [](uint64_t r) { return r != 0; });
        if (pivot == next.residues.end()) continue;
        if (static_cast<int>(rows.size()) == limit) return std::nullopt;
        next.pivot = static_cast<size_t>(pivot - next.residues.begin());
        const uint64_t scale = inverse(*pivot);
        for (uint64_t &r : next.residues) r = multiply(r, scale);
        echelon.push_back(next);
        rows.push_back(static_cast<int>(a));
    }
    return rows;
}

}  // namespace convwright
