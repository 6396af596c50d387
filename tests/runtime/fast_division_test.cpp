// SPDX-License-Identifier: Apache-2.0
#include "runtime/fast_division.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace convwright {
namespace {

void expect_exact(int32_t divisor, int32_t p) {
    ASSERT_EQ(FastDivisor(divisor).quotient(p), p / divisor) << p << " / " << divisor;
}

TEST(FastDivision, IsExactForSmallDivisorsAndNumbers) {
    for (int32_t d = 1; d <= 600; ++d) {
        for (int32_t p = 0; p <= 3000; ++p) expect_exact(d, p);
    }
}

// The error grows with p, and shows first just below a multiple of the divisor.
TEST(FastDivision, IsExactBesideTheLastMultiples) {
    std::mt19937 random(1);
    for (int i = 0; i < 200000; ++i) {
        const int bits = 1 + i % 31;
        const auto d = std::max(1, static_cast<int32_t>(random() >> (32 - bits)));
        const int32_t last = INT32_MAX / d * d;
        for (const int32_t p : {last - 1, last, INT32_MAX, static_cast<int32_t>(random() >> 1)})
            if (p >= 0) expect_exact(d, p);
    }
}

TEST(FastDivision, IsExactBesidePowersOfTwo) {
    for (int bit = 0; bit < 31; ++bit) {
        for (int64_t d = (int64_t{1} << bit) - 1; d <= (int64_t{1} << bit) + 1; ++d) {
            if (d < 1) continue;
            const auto divisor = static_cast<int32_t>(d);
            for (int other = 0; other < 31; ++other) {
                for (int64_t p = (int64_t{1} << other) - 1; p <= (int64_t{1} << other) + 1; ++p)
                    expect_exact(divisor, static_cast<int32_t>(p));
            }
            expect_exact(divisor, INT32_MAX);
        }
    }
    expect_exact(INT32_MAX, INT32_MAX);
}

}  // namespace
}  // namespace convwright
