// SPDX-License-Identifier: Apache-2.0
#include "schedules/weighted_sum_grad_cuda_params.h"

#include <gtest/gtest.h>

#include <string>

namespace convwright {
namespace {

using P = WeightedSumGradCudaParams;

const char *why(const char *schedule, const std::string &problem, int shared = 48 * 1024) {
    return parse_params<P>(schedule).why_illegal(parse_problem("dgrad_" + problem + "_f32_nhwc"),
                                                 shared);
}

TEST(WeightedSumGradCudaParams, GivesTheReasonWhyAScheduleIsIllegal) {
    const std::string small = "n1ci5ih9iw9co7kh3kw3s1p1";
    EXPECT_EQ(why("", small), nullptr);
    EXPECT_STREQ(why("columns:4", small), "a row of the tile is not whole strips");
    EXPECT_STREQ(why("channels:64", small), "z is not whole chunks");
    EXPECT_STREQ(why("channels:16,columns:4,rows:2,strip:4", small),
                 "the threads are not whole warps");
    EXPECT_STREQ(why("channels:64,middle:64,strip:2,columns:32", small),
                 "the threads of a block have too few registers");
    EXPECT_STREQ(why("", small, 32 * 1024), "a block needs more shared memory than there is");
    EXPECT_STREQ(why("taps:5", small), "another number of taps is compiled in");
    EXPECT_STREQ(why("stride:2", small), "another stride is compiled in");
    EXPECT_STREQ(why("", "n1ci5ih9iw9co7kh3kw3s1p1d2"), "the taps are not side by side");
    EXPECT_STREQ(why("", "n1ci5ih9iw9co33kh3kw3s1p1"), "z has more channels than a block holds");
    EXPECT_STREQ(why("vec:4", small), "the channels are not whole vectors");
    EXPECT_STREQ(why("vec:4", "n1ci4ih9iw9co7kh3kw3s1p1"), "the channels are not whole vectors");
    EXPECT_STREQ(why("", "n268435456ci1ih17iw33co1kh3kw3s1p1"), "there are 2^31 blocks or more");
}

TEST(WeightedSumGradCudaParams, CountsWhatATileMeets) {
    const P one;
    EXPECT_EQ(one.grad_pixels(), 18 * 10);
    EXPECT_EQ(one.shared_bytes(), 4 * (128 * 36 + 180 * 32));
    const P two = parse_params<P>("stride:2,middle:64");
    EXPECT_EQ(two.grad_pixels(), 10 * 6);  // 16 columns of one phase or the other meet 10
    EXPECT_EQ(two.shared_bytes(), 4 * (128 * 68 + 64 * 32));
    EXPECT_EQ(parse_params<P>("taps:1,stride:2").grad_pixels(), 9 * 5);
}

}  // namespace
}  // namespace convwright
