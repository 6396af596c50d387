// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "tests/child_process.h"

namespace convwright {
namespace {

/// Asks for a kernel as convwright_add_kernel does; nothing is written when the parameters are bad.
ChildResult generate(const std::string &parameters) {
    return run_child(CONVWRIGHT_GENERATORS " -f bad -n bad -e object -o " + testing::TempDir() +
                     " target=x86-64-linux-avx-avx2-fma-sse41-no_runtime-user_context " +
                     parameters);
}

struct BadParameters {
    const char *parameters, *says;
};

class GeneratorErrors : public testing::TestWithParam<BadParameters> {};

TEST_P(GeneratorErrors, SayWhatIsWrong) {
    const ChildResult child = generate(GetParam().parameters);
    EXPECT_NE(child.status, 0);
    EXPECT_NE(child.output.find(GetParam().says), std::string::npos) << child.output;
}

INSTANTIATE_TEST_SUITE_P(
    Texts, GeneratorErrors,
    testing::Values(
        BadParameters{"-g conv2d schedule=tile:3",
                      "schedule 'tile:3': 'tile:3' is no knob:value of lane:0,vec:2,tile:8"},
        BadParameters{"-g conv2d_wgrad schedule=stage:2",
                      "schedule 'stage:2': 'stage:2' is no knob:value of lane:0,vec:2,tile:8"},
        BadParameters{"-g conv2d problem=fprop_n8",
                      "problem 'fprop_n8': expected 'ci' at character 9, as in fprop_n8ci64"},
        BadParameters{"-g conv2d_wgrad problem=wgrad_n1ci3ih2iw2co3kh3kw3s1p0_f32_nhwc",
                      "the kernel must not be larger than the padded input"},
        BadParameters{"-g conv2d phase=3 problem=dgrad_n1ci3ih4iw4co3kh3kw3s1p1_f32_nhwc",
                      "has 1 passes, not number 3"},
        BadParameters{"-g conv2d format=hwcn", "hwcn"},
        BadParameters{"-g conv2d_wgrad format=hwcn", "hwcn"},
        BadParameters{"-g conv2d format=nchw schedule=lane:0,stage:0", "lane 1 is for nchw"},
        BadParameters{"-g conv2d dtype=bf16 schedule=stage:0", "does not convert bfloat16"},
        BadParameters{"-g conv2d dtype=f64", "f64"}));

}  // namespace
}  // namespace convwright
