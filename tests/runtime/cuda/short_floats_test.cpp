// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/short_floats.h"

#include <gtest/gtest.h>

namespace convwright::cuda {
namespace {

const char *why(const char *sizes) {
    return why_no_short_floats(parse_problem(std::string("fprop_") + sizes + "_bf16_nhwc"));
}

TEST(ShortFloats, AreChannelsLast) {
    EXPECT_EQ(why("n1ci3ih9iw9co5kh3kw3s1p1"), nullptr);
    EXPECT_STREQ(why_no_short_floats(parse_problem("fprop_n1ci8ih9iw9co8kh3kw3s1p1_f16_nchw")),
                 "CUDA kernels of short floats are channels_last");
}

TEST(ShortFloats, HaveGroupsOfEightChannels) {
    EXPECT_EQ(why("n1ci16ih9iw9co32kh3kw3s1p1g2"), nullptr);
    for (const char *few : {"n1ci14ih9iw9co32kh3kw3s1p1g2", "n1ci32ih9iw9co14kh3kw3s1p1g2",
                            "n1ci16ih9iw9co16kh3kw3s1p1g16"})
        EXPECT_STREQ(why(few), "CUDA kernels of short floats take groups of 8 channels or more");
}

TEST(ShortFloats, AreCountedInThirtyTwoBits) {
    constexpr char kMany[] = "CUDA kernels of short floats take tensors of up to 2^30 elements";
    // Of the input with its padding, and of the output.
    EXPECT_EQ(why("n64ci256ih256iw256co1kh1kw1s1p0"), nullptr);
    EXPECT_STREQ(why("n64ci256ih256iw256co1kh3kw3s1p1"), kMany);
    EXPECT_EQ(why("n64ci1ih256iw256co256kh3kw3s1p1"), nullptr);
    EXPECT_STREQ(why("n64ci1ih256iw256co257kh3kw3s1p1"), kMany);
}

TEST(ShortFloats, TakeTensorCores) {
    EXPECT_EQ(why_no_tensor_cores(80), nullptr);
    EXPECT_STREQ(why_no_tensor_cores(75),
                 "tensor cores multiply short floats from compute capability 8.0 on");
}

}  // namespace
}  // namespace convwright::cuda
