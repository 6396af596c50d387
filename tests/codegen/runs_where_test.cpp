// SPDX-License-Identifier: Apache-2.0
// Kernels that ask a word on the device whether they are to run.
#include <gtest/gtest.h>

#include "tests/codegen/lower.h"

namespace convwright {
namespace {

using namespace Halide;

/// A block's sum in shared memory, so that there is a barrier to keep out of a branch of some threads.
std::string text_of(const std::string &buffer) {
    ImageParam input(Float(32), 1, "input"), chosen(Int(32), 1, "chosen");
    Var x("x"), x_o("x_o"), x_t("x_t");
    Func twice("twice"), out("out");
    twice(x) = input(x) * 2.0f;
    out(x) = twice(x) + twice(x + 1);
    out.split(x, x_o, x_t, 32, TailStrategy::RoundUp).gpu_blocks(x_o).gpu_threads(x_t);
    twice.compute_at(out, x_o).store_in(MemoryType::GPUShared).gpu_threads(x);
    CudaOptions options;
    options.runs_where.buffer = buffer;
    options.runs_where.value = 2;
    const Lowered lowered = lower_to_cuda(out, {input, chosen}, options);
    EXPECT_EQ(lowered.error, "");
    const std::string &text = lowered.program.text;
    return text.substr(std::min(text.size(), text.find("__global__")));
}

TEST(RunsWhere, TheWholeBlockStandsUnderTheQuestion) {
    const std::string text = text_of("chosen");
    const size_t question = text.find("if (chosen[0] == 2) {");
    ASSERT_NE(question, std::string::npos) << text;
    EXPECT_NE(text.find("const int *__restrict__ chosen"), std::string::npos) << text;
    EXPECT_LT(question, text.find("__syncthreads();"));
    EXPECT_LT(question, text.find("threadIdx"));
}

TEST(RunsWhere, NothingIsAskedUnlessTold) {
    EXPECT_EQ(text_of("").find("chosen"), std::string::npos);
}

}  // namespace
}  // namespace convwright
