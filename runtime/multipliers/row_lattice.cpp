// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/row_lattice.h"

#include <cmath>
#include <utility>

namespace convwright {
namespace {

__extension__ using int128 = __int128;
using Reals = std::vector<long double>;

constexpr long double kLovasz = 0.99L;  ///< Below 1 for termination; nearer to 1, shorter vectors.
constexpr int kMostPasses = 100;        ///< Of one size reduction; a few are usual.
constexpr int kMostSwaps = 20000;       ///< Of one LLL; hundreds are usual at rank 20.
constexpr int kMostExchanges = 4000;    ///< For one row: each halves a determinant below 2^800.
constexpr int64_t kMostEntry = int64_t{1} << 58;  ///< Inner products of 256 stay below 2^127.

int128 dot(const Row256 &a, const Row256 &b) {
    int128 sum = 0;
    for (size_t i = 0; i < 256; i++) sum += static_cast<int128>(a[i]) * b[i];
    return sum;
}

/// a -= factor * b; false if an entry would leave kMostEntry.
bool subtract(Row256 &a, int64_t factor, const Row256 &b) {
    for (size_t i = 0; i < 256; i++) {
        int64_t product = 0, difference = 0;
        if (__builtin_mul_overflow(factor, b[i], &product)) return false;
        if (__builtin_sub_overflow(a[i], product, &difference)) return false;
        if (difference > kMostEntry || difference < -kMostEntry) return false;
        a[i] = difference;
    }
    return true;
}

bool is_zero(const Row256 &row) { return row == Row256{}; }

/// A basis with its Gram matrix and Gram-Schmidt coefficients, row by row up to where it is reduced.
class Basis {
public:
    size_t size() const { return vectors_.size(); }
    bool failed() const { return failed_; }
    std::vector<Row256> take() { return std::move(vectors_); }

    /// Adds a vector that is independent of the others.
    void append(const Row256 &vector) {
        vectors_.push_back(vector);
        gram_.emplace_back();
        mu_.emplace_back(size()), r_.emplace_back(size());
        refresh_gram(size() - 1);
        reduce(size() - 1);
    }

    /// Makes the lattice contain `vector`, which is in its rational span.
    void insert(Row256 vector) {
        for (int i = 0; i < kMostExchanges && !failed_; i++) {
            Reals mu;
            nearest_plane(vector, nullptr, &mu);
            if (failed_ || is_zero(vector)) return;
            // The last coefficient that is surely not zero; those behind it are zero or tiny, so the
            // exchange keeps the vectors independent and multiplies the determinant by at most a
            // little more than 1/2. Were all tiny, the integer vector would be shorter than 1.
            size_t j = size();
            while (j > 0 && std::fabs(mu[j - 1]) < 0x1p-40L) j--;
            if (j == 0) break;
            std::swap(vectors_[j - 1], vector);
            refresh_gram(j - 1);
            reduce(j - 1);
        }
        failed_ = true;
    }

    /// Subtracts lattice vectors until `vector` is in the box around 0 that the Gram-Schmidt vectors
    /// span (Babai's nearest plane); adds what was subtracted to `multiples`.
    void nearest_plane(Row256 &vector, std::vector<int64_t> *multiples, Reals *mu_out = nullptr) {
        Reals mu(size());
        bool changed = true;
        for (int pass = 0; changed && pass < kMostPasses && !failed_; pass++) {
            Reals r(size());
            for (size_t j = 0; j < size(); j++) {
                r[j] = static_cast<long double>(dot(vector, vectors_[j]));
                for (size_t i = 0; i < j; i++) r[j] -= mu_[j][i] * r[i];
                mu[j] = r[j] / r_[j][j];
            }
            changed = false;
            for (size_t j = size(); j-- > 0 && !failed_;) {
                const int64_t x = rounded(mu[j]);
                if (x == 0) continue;
                failed_ = failed_ || !subtract(vector, x, vectors_[j]);
                if (multiples != nullptr) (*multiples)[j] += x;
                for (size_t i = 0; i < j; i++) mu[i] -= static_cast<long double>(x) * mu_[j][i];
                mu[j] -= static_cast<long double>(x);
                changed = true;
            }
        }
        if (mu_out != nullptr) *mu_out = std::move(mu);
    }

private:
    /// Nearest integer, 0 up to a little over 1/2 so that rounding errors cannot go in circles.
    int64_t rounded(long double x) {
        if (!(std::fabs(x) < 0x1p62L)) {
            failed_ = true;
            return 0;
        }
        return std::fabs(x) < 0.501L ? 0 : std::llround(x);
    }

    void refresh_gram(size_t k) {
        gram_[k].resize(k + 1);
        for (size_t i = 0; i < size(); i++) {
            (i <= k ? gram_[k][i] : gram_[i][k]) = dot(vectors_[k], vectors_[i]);
        }
    }

    void gram_schmidt(size_t k) {
        for (size_t j = 0; j <= k; j++) {
            r_[k][j] = static_cast<long double>(gram_[k][j]);
            for (size_t i = 0; i < j; i++) r_[k][j] -= mu_[j][i] * r_[k][i];
            mu_[k][j] = j == k ? 1 : r_[k][j] / r_[j][j];
        }
    }

    void size_reduce(size_t k) {
        for (int pass = 0; pass < kMostPasses && !failed_; pass++) {
            gram_schmidt(k);
            bool changed = false;
            for (size_t j = k; j-- > 0 && !failed_;) {
                const int64_t x = rounded(mu_[k][j]);
                if (x == 0) continue;
                failed_ = failed_ || !subtract(vectors_[k], x, vectors_[j]);
                for (size_t i = 0; i <= j; i++) {
                    mu_[k][i] -= static_cast<long double>(x) * mu_[j][i];
                }
                changed = true;
            }
            if (!changed) return;
            refresh_gram(k);
        }
    }

    /// LLL; the vectors below k are reduced already.
    void reduce(size_t k) {
        for (size_t i = 0; i < k; i++) gram_schmidt(i);
        int swaps = 0;
        while (k < size() && !failed_) {
            size_reduce(k);
            if (k > 0) {
                const long double mu = mu_[k][k - 1];
                if (r_[k][k] < (kLovasz - mu * mu) * r_[k - 1][k - 1]) {
                    std::swap(vectors_[k], vectors_[k - 1]);
                    refresh_gram(k - 1), refresh_gram(k);
                    k -= 1;
                    failed_ = failed_ || ++swaps > kMostSwaps;
                    continue;
                }
            }
            k++;
        }
    }

    std::vector<Row256> vectors_;
    std::vector<std::vector<int128>> gram_;  ///< Lower triangle.
    std::vector<Reals> mu_, r_;              ///< r_[k][j] = mu_[k][j] |b*_j|^2.
    bool failed_ = false;
};

}  // namespace

std::optional<LatticeFactors> row_lattice(const Matrix256 &matrix,
                                          const std::vector<int> &independent) {
    Basis basis;
    for (const int row : independent) basis.append(matrix[static_cast<size_t>(row)]);
    for (const Row256 &row : matrix) basis.insert(row);
    LatticeFactors factors;
    factors.coefficients.resize(basis.size());
    for (size_t a = 0; a < matrix.size() && !basis.failed(); a++) {
        Row256 rest = matrix[a];
        std::vector<int64_t> multiples(basis.size());
        basis.nearest_plane(rest, &multiples);
        if (!is_zero(rest)) return std::nullopt;
        for (size_t r = 0; r < basis.size(); r++) factors.coefficients[r][a] = multiples[r];
    }
    if (basis.failed()) return std::nullopt;
    factors.basis = basis.take();
    return factors;
}

}  // namespace convwright
