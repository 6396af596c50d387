// SPDX-License-Identifier: Apache-2.0
#include "autotune/verify/naive_conv2d.h"

#include <gtest/gtest.h>

namespace convwright {
namespace {

TEST(NaiveConv2d, SumsAsWrittenDown) {
    // 1x1 image of 2 channels: output = 1 * 3 + 2 * 4 + bias.
    const ConvProblem p = parse_problem("fprop_n1ci2ih1iw1co1kh1kw1s1p0_f32_nchw_bias");
    const ConvValues values{{1, 2}, {3, 4}, {0}, {5}};
    EXPECT_EQ(naive_conv2d(p, values), Values{16});
}

TEST(NaiveConv2d, SingleResultsAreThoseOfTheWhole) {
    for (const char *text : {"fprop_n2ci6ih7iw5co4kh3kw2s2x1p1x0d1x2g2_f32_nhwc_bias_relu",
                             "dgrad_n2ci6ih7iw5co4kh3kw2s2x1p1x0d1x2g2_f32_nhwc",
                             "wgrad_n2ci6ih7iw5co4kh3kw2s2x1p1x0d1x2g2_f32_nchw",
                             "dgrad_n1ci3ih8iw8co2kh1kw1s3p0_bf16_nchw"}) {
        const ConvProblem p = parse_problem(text);
        const ConvValues values = integer_values(p, 3);
        const Values all = naive_conv2d(p, values);
        std::vector<int64_t> numbers;
        for (size_t i = all.size(); i-- > 0;) numbers.push_back(static_cast<int64_t>(i));
        EXPECT_EQ(naive_results(p, values, numbers), Values(all.rbegin(), all.rend())) << text;
    }
}

}  // namespace
}  // namespace convwright
