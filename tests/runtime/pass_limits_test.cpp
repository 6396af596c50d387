// SPDX-License-Identifier: Apache-2.0
#include "runtime/pass_limits.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace convwright {
namespace {

TEST(PassLimits, CountInThirtyTwoBits) {
    const char *const kTooLarge = "a padded size, a stride or a dilation is 2^31 or more";
    constexpr int64_t kMost = INT32_MAX;
    for (int64_t ConvProblem::*size :
         {&ConvProblem::n, &ConvProblem::ci, &ConvProblem::co, &ConvProblem::ih, &ConvProblem::iw,
          &ConvProblem::stride_h, &ConvProblem::stride_w, &ConvProblem::dilation_h,
          &ConvProblem::dilation_w}) {
        ConvProblem p;
        p.*size = kMost;
        EXPECT_EQ(why_no_passes(p), nullptr);
        p.*size = kMost + 1;
        EXPECT_STREQ(why_no_passes(p), kTooLarge);
    }
    for (int64_t ConvProblem::*pad : {&ConvProblem::pad_h, &ConvProblem::pad_w}) {
        ConvProblem p;
        p.*pad = kMost / 2;
        EXPECT_EQ(why_no_passes(p), nullptr);
        p.*pad += 1;
        EXPECT_STREQ(why_no_passes(p), kTooLarge);
        p.*pad = INT64_MAX;
        EXPECT_STREQ(why_no_passes(p), kTooLarge);
    }
}

// why_too_large() says the same where elements are few.
TEST(PassLimits, AreThoseOfKernelsOfTheCpu) {
    std::vector<ConvProblem> problems;
    for (const char *sizes : {"n2ci3ih5iw7co4kh3kw3s2p1", "n1ci1ih65iw64co1kh1kw1s99p0",
                              "n1ci1ih64iw64co1kh1kw1s99p0"}) {
        problems.push_back(parse_problem("fprop_" + std::string(sizes) + "_f32_nhwc"));
    }
    for (int64_t ConvProblem::*size : {&ConvProblem::stride_h, &ConvProblem::dilation_w}) {
        problems.push_back(problems.front());
        problems.back().*size = int64_t{1} << 31;
    }
    ConvProblem padded = problems.front();
    padded.pad_h = 1 << 30, padded.stride_h = INT32_MAX;
    problems.push_back(padded);
    for (ConvProblem &p : problems) {
        for (const Direction d : {Direction::kFprop, Direction::kDgrad, Direction::kWgrad}) {
            p.direction = d;
            EXPECT_STREQ(why_no_passes(p), why_too_large(p)) << format_problem(p);
        }
    }
}

TEST(PassLimits, ElementsMayBeMore) {
    EXPECT_EQ(why_no_passes(parse_problem("fprop_n4ci9ih46341iw46341co1kh1kw1s1p0_f32_nhwc")),
              nullptr);
}

TEST(PassLimits, PlansHoldPhasesOfGradientsAlone) {
    const std::string sizes = "n1ci1ih65iw64co1kh1kw1s99p0_f32_nhwc";
    EXPECT_EQ(why_no_passes(parse_problem("fprop_" + sizes)), nullptr);
    EXPECT_EQ(why_no_passes(parse_problem("wgrad_" + sizes)), nullptr);
    EXPECT_STREQ(why_no_passes(parse_problem("dgrad_" + sizes)),
                 "the gradient has more than 4096 phases");
    EXPECT_EQ(why_no_passes(parse_problem("dgrad_n1ci1ih64iw64co1kh1kw1s99p0_f32_nhwc")), nullptr);
}

}  // namespace
}  // namespace convwright
