// SPDX-License-Identifier: Apache-2.0
#include "schedules/conv2d_wgrad_cuda_params.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace convwright {
namespace {

constexpr int kShared = 48 * 1024;

const char *why(const char *schedule, const std::string &problem, int shared = kShared,
                int capability = 80) {
    return parse_params<Conv2dWgradCudaParams>(schedule).why_illegal(parse_problem(problem),
                                                                     capability, shared);
}

const std::string kFew = "wgrad_n2ci3ih9iw9co5kh3kw3s1p1_f32_nhwc";
const std::string kFours = "wgrad_n2ci8ih9iw9co12kh3kw3s1p1_f32_nhwc";
const std::string kPairs = "wgrad_n2ci8ih9iw9co12kh3kw3s1p1g4_f32_nhwc";

TEST(Conv2dWgradCudaParams, GivesTheReasonWhyAScheduleIsIllegal) {
    EXPECT_STREQ(why("co:128,e:128,co_t:4,e_t:4", kFew), "threads have different numbers of loads");
    EXPECT_STREQ(why("engine:0,co:128,shares:16", kFew), "a block has more than 1024 threads");
    EXPECT_STREQ(why("co:64,e:64", kFew, 8 * 1024),
                 "a block needs more shared memory than there is");
    EXPECT_STREQ(why("co:4,co_t:8", kFew), "thread tiles do not divide the block's");
    EXPECT_STREQ(why("co:32,co_t:4,chunk:8", kFew), "threads have different numbers of loads");
    EXPECT_STREQ(why("vec:4,async:1", kFew), "the channels of a group are not whole vectors");
    EXPECT_STREQ(why("vec:4,async:1", kPairs), "the channels of a group are not whole vectors");
    EXPECT_STREQ(why("vec:4", kFours), "vectors are copied by cp.async");
    EXPECT_STREQ(why("vec:4,async:1", "wgrad_n2ci8ih9iw9co12kh3kw3s1p1_f32_nchw"),
                 "the channels are not dense");
    EXPECT_STREQ(why("engine:0,co:32,e:3,async:1", kFew), "nothing is staged");
    EXPECT_STREQ(why("engine:0,co:4", "wgrad_n1ci1ih1iw1co300000kh1kw1s1p0_f32_nhwc"),
                 "there are 65535 tiles of output channels");
    EXPECT_STREQ(why("", "wgrad_n1ci70000ih1iw1co70000kh1kw1s1p0g70000_f32_nhwc"),
                 "there are more than 65535 groups");
    EXPECT_STREQ(why("", "wgrad_n40000ci1ih200iw200co1kh1kw1s1p0_f32_nhwc"),
                 "there are more than 2^30 output pixels");
}

TEST(Conv2dWgradCudaParams, ShortFloatsTakeTensorCores) {
    const char *eights = "mma:2,vec:8,async:1,co_t:32,e_t:32,chunk:32";
    const char *any = "mma:2,co_t:32,e_t:32,chunk:32";
    const std::string wide = "wgrad_n2ci8ih9iw9co16kh3kw3s1p1_f16_nhwc";
    const std::string few = "wgrad_n2ci3ih9iw9co5kh3kw3s1p1_bf16_nhwc";
    EXPECT_STREQ(why(eights, wide), nullptr);
    EXPECT_STREQ(why(any, few), nullptr);
    EXPECT_STREQ(why(eights, few), "the channels of a group are not whole vectors");
    EXPECT_STREQ(why(eights, wide, kShared, 75),
                 "tensor cores multiply floats from compute capability 8.0 on");
    EXPECT_STREQ(why("mma:2,vec:4,async:1,co_t:32,e_t:32", wide), "vectors have 16 bytes");
    EXPECT_STREQ(why("mma:2,co_t:8,e_t:32", few), "a warp multiplies for 16 channels x 8 elements");
    EXPECT_STREQ(why("mma:2,co_t:32,e_t:32,chunk:8", few),
                 "tensor cores add 16 products of short floats at a time");
    EXPECT_STREQ(why("co_t:32", kFew), "a thread has more sums than registers");
    EXPECT_STREQ(why("", few), "short floats take tensor cores");
    EXPECT_STREQ(why("engine:0", few), "short floats take tensor cores");
    EXPECT_STREQ(why(any, kFew), "tensor cores would round the operands");
}

TEST(Conv2dWgradCudaParams, AcceptsWhatTheScheduleComputes) {
    for (const char *schedule :
         {"", "co:32,co_t:4", "co:16,co_t:4", "engine:0,co:4,e:3,shares:32"}) {
        EXPECT_STREQ(why(schedule, kFew), nullptr) << schedule;
        EXPECT_STREQ(why(schedule, kPairs), nullptr) << schedule;
    }
    EXPECT_STREQ(why("vec:4,async:1", kFours), nullptr);
}

TEST(Conv2dWgradCudaParams, StripsAreOfGroupsOfOneChannel) {
    const char *strips = "engine:2,co:32,vec:4,shares:16,taps:3";
    EXPECT_STREQ(why(strips, "wgrad_n2ci36ih9iw9co36kh3kw3s2x1p1d2x1g36_f32_nhwc"), nullptr);
    const char *columns = "engine:2,co:4,shares:32,taps:5,stride:2";
    EXPECT_STREQ(why(columns, "wgrad_n2ci5ih9iw9co5kh5kw5s2x1p1g5_f32_nchw"), nullptr);
    const std::string wide = "wgrad_n2ci36ih9iw9co36kh3kw3s1p1g36_f32_nhwc";
    EXPECT_STREQ(why("engine:2,co:32,vec:4,taps:3,stages:2", wide), "nothing is staged");
    EXPECT_STREQ(why(strips, "wgrad_n2ci36ih9iw9co36kh3kw3s1p1g12_f32_nhwc"),
                 "groups have more than one channel");
    EXPECT_STREQ(why(strips, "wgrad_n2ci36ih9iw9co36kh3kw5s1p1g36_f32_nhwc"),
                 "another number of taps is compiled in");
    EXPECT_STREQ(why(strips, "wgrad_n2ci36ih9iw9co36kh3kw3s1x2p1g36_f32_nhwc"),
                 "another stride is compiled in");
    EXPECT_STREQ(why(strips, "wgrad_n2ci36ih9iw9co36kh3kw3s1p1d1x2g36_f32_nhwc"),
                 "the taps are not side by side");
    EXPECT_STREQ(why("engine:2,co:2,vec:4,taps:3", wide),
                 "a block has no whole vectors of channels");
    EXPECT_STREQ(why(strips, "wgrad_n2ci36ih9iw9co36kh3kw3s1p1g36_f32_nchw"),
                 "the channels are not dense");
    EXPECT_STREQ(why(strips, "wgrad_n2ci34ih9iw9co34kh3kw3s1p1g34_f32_nhwc"),
                 "the channels are not whole vectors");
    EXPECT_STREQ(why("taps:3", kFours), "taps and stride are any");
}

TEST(Conv2dWgradCudaParams, FloatKnobsAreThoseOfEveryLegalScheduleOfFloat32) {
    const auto most = [](const std::vector<Knob<Conv2dWgradCudaParams>> &table, const char *name) {
        const auto knob =
            std::ranges::find_if(table, [&](const auto &k) { return k.name == std::string(name); });
        return std::ranges::max(knob->values);
    };
    const auto floats = Conv2dWgradCudaParams::float_knobs();
    ASSERT_EQ(floats.size(), Conv2dWgradCudaParams::knobs().size());
    for (const auto &[name, value] : {std::pair{"mma", 0}, {"vec", 4}, {"co_t", 8}, {"e_t", 8}}) {
        EXPECT_EQ(most(floats, name), value) << name;
        const int beyond = most(Conv2dWgradCudaParams::knobs(), name);
        const std::string schedule =
            std::string("async:1,co:64,e:64,") + name + ":" + std::to_string(beyond);
        EXPECT_NE(why(schedule.c_str(), kFours), nullptr) << schedule;
    }
    EXPECT_EQ(most(floats, "co"), 128);
}

TEST(Conv2dWgradCudaParams, CountsThreadsAndSharedMemory) {
    const auto of = [](const char *text) { return parse_params<Conv2dWgradCudaParams>(text); };
    EXPECT_EQ(of("co:64,e:64,co_t:8,e_t:4").threads(), 128);
    EXPECT_EQ(of("engine:0,co:32,e:3,shares:8").threads(), 256);
    // As ptxas says of the kernels.
    EXPECT_EQ(of("co:64,e:64,chunk:16,vec:4").shared_bytes(), 8192);
    EXPECT_EQ(of("engine:0,co:32,e:3,shares:8").shared_bytes(), 3072);
    const auto strips = of("engine:2,co:32,vec:4,shares:16,taps:3");
    EXPECT_EQ(strips.threads(), 128);
    EXPECT_EQ(strips.shared_bytes(), 9 * 32 * 16 * 4);
    // 9 columns are 3 strips.
    EXPECT_EQ(strips.items(parse_problem("wgrad_n2ci8ih5iw9co8kh3kw3s1p1g8_f32_nhwc")), 2 * 5 * 3);
}

}  // namespace
}  // namespace convwright
