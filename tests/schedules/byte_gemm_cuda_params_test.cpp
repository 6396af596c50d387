// SPDX-License-Identifier: Apache-2.0
#include "schedules/byte_gemm_cuda_params.h"

#include <gtest/gtest.h>

namespace convwright {
namespace {

using P = ByteGemmCudaParams;
constexpr int kShared = 48 * 1024;

ByteGemmShape shape(int64_t co, int64_t pixels) {
    ByteGemmShape s;
    s.co = co, s.pixels = pixels, s.words = 4;
    return s;
}

const char *why(const char *schedule, const ByteGemmShape &s, int shared = kShared) {
    return parse_params<P>(schedule).why_illegal(s, shared);
}

TEST(ByteGemmCudaParams, GivesTheReasonWhyAScheduleIsIllegal) {
    const ByteGemmShape small = shape(5, 9);
    EXPECT_EQ(why("", small), nullptr);
    EXPECT_STREQ(why("px:256,co:128,co_t:4,px_t:4", small), "a block has more than 1024 threads");
    EXPECT_STREQ(why("co:16,px:32", small), "a block has less than a warp");
    EXPECT_STREQ(why("co:16,px:128,px_t:4,chunk:4,stages:2", small),
                 "a staged panel of weights has fewer words than a block has threads");
    EXPECT_EQ(why("co:16,px:128,px_t:4,chunk:4", small), nullptr);
    EXPECT_EQ(why("co:16,px:128,px_t:8,chunk:4,stages:2", small), nullptr);
    EXPECT_STREQ(why("", small, 8 * 1024), "a block needs more shared memory than there is");
    EXPECT_STREQ(why("staged:1", small), "a block needs more shared memory than there is");
    EXPECT_EQ(why("staged:1", small, 163 * 1024), nullptr);
    EXPECT_STREQ(why("vec:4", small), "the channels of a group are not whole vectors");
    EXPECT_EQ(why("vec:4", shape(8, 9)), nullptr);
    EXPECT_STREQ(why("", shape(5, INT32_MAX)), "there are nearly 2^31 output pixels or more");
    ByteGemmShape many = small;
    many.groups = 70000;
    EXPECT_STREQ(why("", many), "a grid has no more than 65535 groups");
    many = shape(1 << 20, 1), many.words = 1 << 12;
    EXPECT_STREQ(why("", many), "the packed weight has 2^31 words or more");
    EXPECT_STREQ(why("co:16", shape(int64_t{1} << 31, 1 << 20)), "there are 2^31 blocks or more");
}

// As ptxas reports of the kernels, which leave out what is behind the last row.
TEST(ByteGemmCudaParams, CountsSharedMemory) {
    const auto bytes = [](const std::string &schedule) {
        return parse_params<P>(schedule).shared_bytes();
    };
    const std::string tile = "co:16,px:128,co_t:8,chunk:16";
    EXPECT_EQ(bytes(tile + ",stages:3"), 4 * 8436 + 48);
    EXPECT_EQ(bytes(tile + ",stages:3,staged:1"), 176080 + 48);
    EXPECT_EQ(bytes(tile + ",staged:1"), 11264 + 131072);
}

TEST(ByteGemmCudaParams, CountsChunksOfATermAndWordsOfTheWeight) {
    ByteGemmShape s = shape(65, 9);
    s.taps = 9, s.terms = 3, s.groups = 2;
    const P params;
    EXPECT_EQ(params.turns(s), 3);  // 36 words in chunks of 16
    EXPECT_EQ(params.weight_words(s), 2 * 64 * 3 * 16 * 3 * 2);
    EXPECT_EQ(format_params(parse_params<P>(format_params(params))), format_params(params));
}

}  // namespace
}  // namespace convwright
