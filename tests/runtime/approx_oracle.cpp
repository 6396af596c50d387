// SPDX-License-Identifier: Apache-2.0
#include "tests/runtime/approx_oracle.h"

#include <gtest/gtest.h>

#include <cmath>

#include "autotune/verify/product_model.h"
#include "tests/seed.h"

namespace convwright {
namespace {

Values operands(size_t count, std::mt19937 &random, bool zeros) {
    Values values(count);
    for (float &v : values) {
        const int kind = static_cast<int>(random() % 8);
        const float fraction = kind < 2 ? 1.96f + 0.0399f * (random() % 1000) / 1000
                                        : 1 + static_cast<float>(random() % (1 << 23)) / (1 << 23);
        v = std::ldexp(random() % 2 ? fraction : -fraction, static_cast<int>(random() % 9) - 4);
        if (zeros && kind == 7) v = random() % 2 ? 0.0f : -0.0f;
    }
    return values;
}

}  // namespace

Times times_of(const Multiplier &m) {
    return [m](float a, float b) { return product(m, NumberFormat::kFloat32, a, b); };
}

ConvValues approx_operands(const ConvProblem &p, bool zero_weights) {
    std::mt19937 random(test_seed());
    ConvValues values = integer_values(p, test_seed());
    values.input = operands(values.input.size(), random, true);
    values.weight = operands(values.weight.size(), random, zero_weights);
    values.output = operands(values.output.size(), random, zero_weights);
    values.bias = operands(values.bias.size(), random, true);
    return values;
}

MantissaTable odd_table(int bits) { return odd_table(bits, test_seed()); }

void expect_same_bits(const Values &actual, const Values &expected) {
    ASSERT_EQ(actual.size(), expected.size());
    size_t different = 0, first = 0;
    for (size_t i = expected.size(); i-- > 0;) {
        if (!same_float(actual[i], expected[i])) different++, first = i;
    }
    EXPECT_EQ(different, 0u) << "the first, number " << first << ", is " << actual[first]
                             << ", not " << expected[first];
}

}  // namespace convwright
