// SPDX-License-Identifier: Apache-2.0
#include "runtime/conv_problem.h"

#include <gtest/gtest.h>

#include <random>
#include <stdexcept>
#include <string>

#include "tests/random_problem.h"
#include "tests/seed.h"

namespace convwright {
namespace {

TEST(ConvProblem, ParsesEveryField) {
    const ConvProblem p =
        parse_problem("dgrad_n2ci12ih9iw10co24kh3kw5s2x1p0x3d1x2g4_f32_nchw_bias");
    EXPECT_EQ(p.direction, Direction::kDgrad);
    EXPECT_EQ(p.format, Format::kNchw);
    EXPECT_EQ(p.n, 2);
    EXPECT_EQ(p.ci, 12);
    EXPECT_EQ(p.ih, 9);
    EXPECT_EQ(p.iw, 10);
    EXPECT_EQ(p.co, 24);
    EXPECT_EQ(p.kh, 3);
    EXPECT_EQ(p.kw, 5);
    EXPECT_EQ(p.stride_h, 2);
    EXPECT_EQ(p.stride_w, 1);
    EXPECT_EQ(p.pad_h, 0);
    EXPECT_EQ(p.pad_w, 3);
    EXPECT_EQ(p.dilation_h, 1);
    EXPECT_EQ(p.dilation_w, 2);
    EXPECT_EQ(p.groups, 4);
    EXPECT_TRUE(p.bias);
    EXPECT_EQ(p.oh(), 4);
    EXPECT_EQ(p.ow(), 8);
}

TEST(ConvProblem, ParsesDTypeAndEpilogue) {
    const std::string text = "fprop_n1ci2ih3iw4co2kh1kw1s1p0g2_bf16_nhwc_bias_relu";
    const ConvProblem p = parse_problem(text);
    EXPECT_EQ(p.dtype, DType::kBf16);
    EXPECT_TRUE(p.bias);
    EXPECT_TRUE(p.relu);
    EXPECT_EQ(format_problem(p), text);
}

TEST(ConvProblem, LeavesOutDefaults) {
    const std::string text = "fprop_n8ci64ih56iw56co64kh3kw3s1p1_f32_nhwc";
    EXPECT_EQ(format_problem(parse_problem(text)), text);
    EXPECT_EQ(format_problem(parse_problem("wgrad_n1ci2ih3iw4co2kh1kw1s1x1p0x0d1g1_f32_nchw")),
              "wgrad_n1ci2ih3iw4co2kh1kw1s1p0_f32_nchw");
}

TEST(ConvProblem, RoundTripsThroughItsText) {
    std::mt19937 random(test_seed());
    for (int i = 0; i < 1000; i++) {
        const ConvProblem p = random_problem(random);
        const std::string text = format_problem(p);
        EXPECT_EQ(parse_problem(text), p) << text;
        EXPECT_EQ(format_problem(parse_problem(text)), text);
    }
}

TEST(ConvProblem, CountsMultiplyAdds) {
    EXPECT_EQ(macs(parse_problem("fprop_n2ci12ih9iw10co24kh3kw3s1p1g4_f32_nhwc")),
              2.0 * 9 * 10 * 24 * 3 * 9);
}

TEST(ConvProblem, IsTooLargeFor32Bits) {
    ConvProblem p = parse_problem("fprop_n1ci1ih46340iw46340co1kh1kw1s1p0_f32_nhwc");
    EXPECT_EQ(why_too_large(p), nullptr);
    p.ih++, p.iw++;
    EXPECT_STREQ(why_too_large(p), "a tensor has 2^31 elements or more");
    p = ConvProblem{};
    p.stride_w = int64_t{1} << 32;
    EXPECT_STREQ(why_too_large(p), "a padded size, a stride or a dilation is 2^31 or more");
    p = parse_problem("fprop_n1ci1ih65iw64co1kh1kw1s99p0_f32_nhwc");
    EXPECT_EQ(why_too_large(p), nullptr);
    p.direction = Direction::kDgrad;
    EXPECT_STREQ(why_too_large(p), "the gradient has more than 4096 phases");
    p.ih = 64;
    EXPECT_EQ(why_too_large(p), nullptr);
}

struct BadText {
    const char *text, *says;
};

class BadProblem : public testing::TestWithParam<BadText> {};

TEST_P(BadProblem, IsOneSentenceThatQuotesTheText) {
    const std::string text = GetParam().text;
    try {
        parse_problem(text);
        FAIL() << "accepted '" << text << "'";
    } catch (const std::invalid_argument &error) {
        const std::string message = error.what();
        EXPECT_EQ(message.find("problem '" + text + "': "), 0u) << message;
        EXPECT_NE(message.find(GetParam().says), std::string::npos) << message;
        EXPECT_EQ(message.find('\n'), std::string::npos) << message;
        EXPECT_EQ(message.back(), '.') << message;
        EXPECT_EQ(message.find(". "), std::string::npos) << message;
    }
}

INSTANTIATE_TEST_SUITE_P(
    Texts, BadProblem,
    testing::Values(
        BadText{"", "expected fprop, dgrad or wgrad at character 1"},
        BadText{"conv_n1", "expected fprop, dgrad or wgrad at character 1"},
        BadText{"fprop", "expected '_n' at character 6"},
        BadText{"fprop_n8", "expected 'ci' at character 9"},
        BadText{"fprop_nci3", "expected a number of at most 9 digits at character 8"},
        BadText{"fprop_n-1ci3", "expected a number"},
        BadText{"fprop_n1234567890ci3", "expected a number of at most 9 digits"},
        BadText{"fprop_n1ci3ih4iw4co5kh3kw3s1p1_f32_abcd", "expected nchw or nhwc"},
        BadText{"fprop_n1ci3ih4iw4co5kh3kw3s1p1_f64_nhwc", "expected f32, bf16 or f16"},
        BadText{"fprop_n1ci3ih4iw4co5kh3kw3s1p1_f32_nhwc_gelu", "expected the end"},
        BadText{"dgrad_n1ci3ih4iw4co5kh3kw3s1p1_f32_nhwc_relu", "only fprop has a ReLU"},
        BadText{"fprop_n1ci3ih4iw4co5kh3kw3s1p1_f32_nhwc ", "expected the end at character 40"},
        BadText{"fprop_n1ci3ih4iw4co5kh3kw3s2xp1_f32_nhwc", "expected a number"},
        BadText{"fprop_n0ci3ih4iw4co5kh3kw3s1p1_f32_nhwc", "every size must be at least 1"},
        BadText{"fprop_n1ci3ih4iw4co5kh3kw3s0x1p1_f32_nhwc", "the stride must be at least 1"},
        BadText{"fprop_n1ci3ih4iw4co5kh3kw3s1p1d0_f32_nhwc", "the dilation must be at least 1"},
        BadText{"fprop_n1ci3ih4iw4co6kh3kw3s1p1g2_f32_nhwc", "the groups must divide"},
        BadText{"fprop_n1ci4ih4iw4co6kh3kw3s1p1g0_f32_nhwc", "the groups must divide"},
        BadText{"fprop_n1ci3ih4iw4co5kh3kw7s1p1_f32_nhwc", "larger than the padded input"}));

}  // namespace
}  // namespace convwright
