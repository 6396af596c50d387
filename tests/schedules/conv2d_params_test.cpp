// SPDX-License-Identifier: Apache-2.0
#include "schedules/conv2d_params.h"

#include <gtest/gtest.h>

namespace convwright {
namespace {

ConvPass pass_of(const char *problem) { return conv_passes(parse_problem(problem)).at(0); }

const char *why(const char *schedule, const char *problem, Format format = Format::kNhwc,
                Isa isa = Isa::kAvx512) {
    return parse_params<Conv2dCpuParams>(schedule).why_illegal(pass_of(problem), format, isa);
}

constexpr const char *kPadded = "fprop_n1ci3ih9iw9co5kh3kw3s1p1_f32_nhwc";
constexpr const char *kInside = "fprop_n1ci3ih9iw9co5kh3kw3s1p0_f32_nhwc";
constexpr const char *kDilated = "fprop_n1ci3ih9iw9co5kh3kw3s1p2d2_f32_nhwc";
constexpr const char *kStrided = "fprop_n1ci3ih9iw9co5kh3kw3s2p1_f32_nchw";
constexpr const char *kWide = "fprop_n1ci16ih9iw9co16kh3kw3s1p1g16_f32_nhwc";
constexpr const char *kPairs = "fprop_n1ci16ih9iw9co16kh3kw3s1p1g8_f32_nhwc";
constexpr const char *kDepthwise = "fprop_n1ci8ih9iw9co8kh3kw3s1p1g8_f32_nhwc";

TEST(Conv2dCpuParams, GivesTheReasonWhyAScheduleIsIllegal) {
    EXPECT_STREQ(why("vec:4,tile:8", kPadded), "the register tile would spill");
    EXPECT_STREQ(why("vec:2,tile:8", kPadded, Format::kNhwc, Isa::kAvx2),
                 "the register tile would spill");
    EXPECT_STREQ(why("lane:1", kPadded), "the lanes are not dense");
    EXPECT_STREQ(why("lane:2", kDepthwise, Format::kNchw), "the lanes are not dense");
    EXPECT_STREQ(why("lane:0,stage:0", kInside, Format::kNchw),
                 "the lanes are not dense without a frame");
    EXPECT_STREQ(why("lane:2", kPadded), "not depthwise");
    EXPECT_STREQ(why("taps_x:5", kPadded), "other taps are compiled in");
    EXPECT_STREQ(why("taps_y:3", kDilated), "other taps are compiled in");
    EXPECT_STREQ(why("stride:2", kPadded), "another stride is compiled in");
    EXPECT_STREQ(why("stage:2", kPadded), "only columns are gathered");
    EXPECT_STREQ(why("lane:1", kStrided, Format::kNchw), "columns are strided");
    EXPECT_STREQ(why("strided_out:1", kPadded), "channels are always stored dense");
    EXPECT_STREQ(why("stage:4,strided_out:1", kPadded), "channels are always stored dense");
    EXPECT_STREQ(why("lane:2,vec:1,tile:8,stage:3,strided_out:1", kWide),
                 "channels are always stored dense");
    EXPECT_STREQ(why("stage:0", kPadded), "there is padding");
    EXPECT_STREQ(why("stage:0", kInside), "the row is shorter than the register tile");
    EXPECT_STREQ(why("lane:2,tile:1,stage:0", kDepthwise),
                 "groups behind the last one are read from the frame");
    EXPECT_STREQ(why("lane:2,vec:1,tile:4,stage:3", kDepthwise),
                 "there are fewer channels than lanes");
    EXPECT_STREQ(why("lane:2,vec:1,tile:4,stage:3,group:4", kWide),
                 "groups of other channels are compiled in");
    EXPECT_STREQ(why("lane:2,vec:1,tile:4,stage:1,group:2", kPairs),
                 "channels of several groups are masked");
    EXPECT_STREQ(why("lane:1,vec:1,tile:1,taps_x:3,stride:1", kPadded, Format::kNchw),
                 "taps of columns are compiled in for depthwise");
    EXPECT_STREQ(why("lane:0,stage:4", kPairs), "rows of taps are not dense");
    EXPECT_STREQ(why("lane:0,stage:4", kDilated), "rows of taps are not dense");
    EXPECT_STREQ(why("lane:0,stage:4,taps_x:3", kPadded),
                 "folded rows have taps and strides of their own");
    EXPECT_STREQ(why("lane:0,stage:4,stride:1", kPadded),
                 "folded rows have taps and strides of their own");
    EXPECT_STREQ(why("lane:0,stage:4,strided_out:1", kPadded), "channels are always stored dense");
    EXPECT_STREQ(why("lane:0,stage:4", kPadded, Format::kNchw),
                 "the lanes are not dense without a frame");
    EXPECT_STREQ(why("lane:0,vec:1,tile:4,stage:3", kPadded), "masks are for groups");
}

TEST(Conv2dCpuParams, SumsLanesWhereOutputChannelsAreFew) {
    const char *many = "fprop_n1ci3ih9iw9co16kh3kw3s1p1_f32_nhwc";
    EXPECT_EQ(why("lane:3,vec:1,tile:8,stage:4", kPadded), nullptr);
    EXPECT_STREQ(why("lane:3,vec:1,tile:8,stage:1", kPadded),
                 "lanes of input channels are read from folded rows");
    EXPECT_STREQ(why("lane:3,vec:2,tile:8,stage:4", kPadded),
                 "the output channels are not whole tiles");
    EXPECT_STREQ(why("lane:3,vec:1,tile:8,stage:4", many), "the output channels fill vectors");
    EXPECT_STREQ(why("lane:3,vec:1,tile:8,stage:4", kDilated), "rows of taps are not dense");
    EXPECT_STREQ(why("lane:3,vec:1,tile:8,stage:4", kPadded, Format::kNchw),
                 "the lanes are not dense");
}

TEST(Conv2dCpuParams, CompilesInputChannelsIn) {
    const char *sixteen = "fprop_n1ci16ih9iw9co24kh3kw3s1p1_f32_nhwc";
    EXPECT_EQ(why("vec:1,tile:14,stage:1,group:16,stride:1", sixteen), nullptr);
    EXPECT_STREQ(why("vec:1,tile:14,stage:1,group:32,stride:1", sixteen),
                 "groups of other channels are compiled in");
    EXPECT_STREQ(why("vec:1,tile:14,stage:1,group:16", sixteen),
                 "channels of several groups are masked");
    EXPECT_STREQ(why("vec:1,tile:14,stage:1,group:16,stride:2", sixteen),
                 "another stride is compiled in");
    EXPECT_STREQ(
        why("lane:2,vec:1,tile:8,stage:3,group:16", "fprop_n1ci32ih9iw9co32kh3kw3s1p1g2_f32_nhwc"),
        "a group fills a vector");
}

TEST(Conv2dCpuParams, AcceptsWhatTheSchedulesCompute) {
    EXPECT_EQ(why("lane:0,vec:2,tile:8,stage:1", kPadded), nullptr);
    EXPECT_EQ(why("lane:0,vec:2,tile:7,stage:0", kInside), nullptr);
    EXPECT_EQ(why("lane:0,stage:1", kPadded, Format::kNchw), nullptr);
    EXPECT_EQ(why("lane:1,stage:1", kPadded, Format::kNchw), nullptr);
    EXPECT_EQ(why("lane:2,vec:1,tile:8,stage:3,taps_x:3,taps_y:3,stride:1", kWide), nullptr);
    EXPECT_EQ(why("lane:1,stage:2", kStrided, Format::kNchw), nullptr);
    EXPECT_EQ(why("lane:2,vec:1,tile:8,stage:3,taps_x:3,stride:1,group:2", kPairs), nullptr);
    EXPECT_EQ(why("lane:0,stage:4", kPadded), nullptr);
    EXPECT_EQ(why("lane:1,vec:1,tile:1,taps_x:3,stride:1", kDepthwise, Format::kNchw), nullptr);
    EXPECT_EQ(why("lane:2,vec:4,tile:2", kDepthwise), nullptr);
}

TEST(Conv2dCpuParams, StridedColumnsOfDgradAreStoredByStridedOut) {
    const char *strided = "dgrad_n1ci3ih9iw9co5kh3kw3s2p1_f32_nchw";
    EXPECT_STREQ(why("lane:1,stage:1", strided, Format::kNchw),
                 "the output's columns are stored another way");
    EXPECT_EQ(why("lane:1,stage:1,strided_out:1", strided, Format::kNchw), nullptr);
}

}  // namespace
}  // namespace convwright
