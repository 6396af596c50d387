// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/strided_copy.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "autotune/verify/guarded_floats.h"
#include "tests/seed.h"

namespace convwright {
namespace {

struct Side {
    int64_t i, j;  ///< Strides.
};

/// Dense along one of the axes or neither, with gaps or without.
Side random_side(int64_t count_i, int64_t count_j, std::mt19937 &random) {
    const int64_t step = random() % 3 == 0 ? 2 : 1, gap = random() % 2 == 0 ? 0 : random() % 5;
    if (random() % 2 == 0) return {count_j * step + gap, step};
    return {step, count_i * step + gap};
}

template<typename Element>
void check_random_copies() {
    std::mt19937 random(test_seed());
    for (int round = 0; round < 2000; round++) {
        const int64_t count_i = 1 + random() % 40, count_j = 1 + random() % 40;
        const Side to = random_side(count_i, count_j, random);
        const Side from = random_side(count_i, count_j, random);
        SCOPED_TRACE(std::to_string(count_i) + " x " + std::to_string(count_j) + ", to " +
                     std::to_string(to.i) + ", " + std::to_string(to.j) + ", from " +
                     std::to_string(from.i) + ", " + std::to_string(from.j));
        const auto extent = [&](const Side &s) {
            return (count_i - 1) * s.i + (count_j - 1) * s.j + 1;
        };
        const Placement placement = round % 2 == 0 ? Placement::kStart : Placement::kEnd;
        Guarded<Element> source(extent(from), placement), result(extent(to), placement);
        for (int64_t n = 0; n < source.size(); n++)
            source.data()[n] = static_cast<Element>(n % 211);
        source.protect();
        copy_2d(result.data(), to.i, to.j, source.data(), from.i, from.j, count_i, count_j);
        int64_t wrong = 0, written = 0;
        for (int64_t i = 0; i < count_i; i++) {
            for (int64_t j = 0; j < count_j; j++) {
                wrong +=
                    result.data()[i * to.i + j * to.j] != source.data()[i * from.i + j * from.j];
            }
        }
        for (int64_t n = 0; n < result.size(); n++) {
            written += !Guarded<Element>::untouched(result.data()[n]);
        }
        ASSERT_EQ(wrong, 0);
        ASSERT_EQ(written, count_i * count_j);  // 213, what memory starts with, is no source value
        ASSERT_TRUE(result.redzones_intact());
    }
}

TEST(StridedCopy, CopiesBytes) { check_random_copies<uint8_t>(); }
TEST(StridedCopy, CopiesWords) { check_random_copies<int32_t>(); }

}  // namespace
}  // namespace convwright
