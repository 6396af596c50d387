// SPDX-License-Identifier: Apache-2.0
#include "schedules/conv2d_wgrad_params.h"

#include <gtest/gtest.h>

namespace convwright {
namespace {

const char *why(const char *schedule, const char *problem, Isa isa = Isa::kAvx512) {
    return parse_params<Conv2dWgradCpuParams>(schedule).why_illegal(parse_problem(problem), isa);
}

constexpr const char *kDense = "wgrad_n1ci3ih9iw9co5kh3kw5s1p1_f32_nhwc";
constexpr const char *kGrouped = "wgrad_n1ci8ih9iw9co16kh3kw3s1p1g8_f32_nhwc";
constexpr const char *kPairs = "wgrad_n1ci16ih9iw9co16kh3kw3s1p1g8_f32_nhwc";
constexpr const char *kDepthwise = "wgrad_n1ci8ih9iw9co8kh3kw3s1p1g8_f32_nhwc";

TEST(Conv2dWgradCpuParams, GivesTheReasonWhyAScheduleIsIllegal) {
    EXPECT_STREQ(why("vec:4,tile:8", kDense), "the register tile would spill");
    EXPECT_STREQ(why("vec:2,tile:8", kDense, Isa::kAvx2), "the register tile would spill");
    EXPECT_STREQ(why("vec:2,tile:4,taps_x:5", kDense), "the register tile would spill");
    EXPECT_STREQ(why("vec:1,tile:1,taps_x:3", kDense), "the taps are not whole tiles");
    EXPECT_STREQ(why("vec:1,tile:1,group:2", kDense),
                 "channels of a group are compiled in for groups");
    EXPECT_STREQ(why("lane:2,vec:1,tile:2", kDepthwise),
                 "tiles do not divide the input channels of a group");
    EXPECT_STREQ(why("lane:2,vec:1,tile:2,group:2", kPairs),
                 "channels of several groups are masked");
    EXPECT_STREQ(why("lane:2,vec:1,tile:4,stage:3,group:4", kPairs),
                 "groups of other channels are compiled in");
    EXPECT_STREQ(why("lane:2,vec:1,tile:1", kGrouped), "not depthwise");
}

TEST(Conv2dWgradCpuParams, FoldsDenseRowsOfOneGroup) {
    const char *wide = "wgrad_n1ci3ih9iw9co16kh3kw3s1p1_f32_nhwc";
    EXPECT_EQ(why("vec:1,tile:1,taps_x:9,taps_y:3,stage:4", wide), nullptr);
    EXPECT_STREQ(why("vec:1,tile:1,taps_x:15,taps_y:3,stage:5", wide),
                 "the register tile would spill");
    EXPECT_EQ(why("vec:1,tile:1,taps_x:15,stage:5", kDense), nullptr);
    EXPECT_STREQ(why("vec:1,tile:1,taps_x:15,stage:4", kDense),
                 "there are fewer channels than lanes");
    EXPECT_STREQ(why("vec:1,tile:2,taps_x:9,stage:5", wide), "folded rows have a single channel");
    EXPECT_STREQ(why("vec:1,tile:1,taps_x:30,stage:5", wide),
                 "the taps fill less than half of a tile");
    EXPECT_STREQ(why("vec:1,tile:1,taps_x:9,stage:5", kGrouped), "rows of taps are not dense");
    EXPECT_STREQ(why("vec:1,tile:1,taps_x:9,stage:5", "wgrad_n1ci3ih9iw9co16kh3kw3s1p1d2_f32_nhwc"),
                 "rows of taps are not dense");
    // At a stride the pixels that one tap reads lie apart.
    EXPECT_STREQ(why("vec:1,tile:1,taps_x:3,stage:5", "wgrad_n1ci3ih9iw9co16kh1kw1s2p0_f32_nhwc"),
                 "rows of taps are not dense");
    EXPECT_STREQ(why("vec:1,tile:1,taps_x:9,stage:5", "wgrad_n1ci3ih9iw9co16kh3kw3s1p1_f32_nchw"),
                 "rows are not dense");
}

TEST(Conv2dWgradCpuParams, AcceptsWhatTheScheduleComputes) {
    EXPECT_EQ(why("lane:0,vec:2,tile:8", kDense), nullptr);
    EXPECT_EQ(why("lane:0,vec:1,tile:1,taps_x:5,taps_y:3", kDense), nullptr);
    EXPECT_EQ(why("lane:0,vec:1,tile:1", kDepthwise), nullptr);
    EXPECT_EQ(why("lane:2,vec:4,tile:1", kDepthwise), nullptr);
    EXPECT_EQ(why("lane:2,vec:1,tile:2,taps_x:3,stage:3,group:2", kPairs), nullptr);
}

}  // namespace
}  // namespace convwright
