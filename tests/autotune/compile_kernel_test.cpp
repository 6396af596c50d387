// SPDX-License-Identifier: Apache-2.0
#include "autotune/compile_kernel.h"

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <set>
#include <stdexcept>

#include "runtime/loaded_kernels.h"
#include "tests/autotune/kernel_tools.h"
#include "tests/dense_run.h"

namespace convwright {
namespace {

class CompileKernel : public testing::Test {
protected:
    std::variant<MadeKernel, NotMade> compile(const LoadableKernel &source) const {
        return compile_kernel(test_kernel_tools(), source, folder_.path(), limits_);
    }
    MadeKernel made(const LoadableKernel &source) const {
        const auto result = compile(source);
        if (const auto *why = std::get_if<NotMade>(&result)) throw std::runtime_error(why->why);
        return std::get<MadeKernel>(result);
    }

    TemporaryFolder folder_;
    ProcessLimits limits_{60, 60, int64_t{4} << 30};
};

LoadableKernel avx2_source(const std::string &generator, const std::string &schedule) {
    LoadableKernel source;
    source.generator = generator;
    source.isa = Isa::kAvx2;
    source.schedule = schedule;
    return source;
}

const ConvKernel &loaded(const MadeKernel &made) {
    const auto kernel = load_conv_kernel(made.kernel);
    if (const auto *why = std::get_if<std::string>(&kernel)) throw std::runtime_error(*why);
    return *std::get<const ConvKernel *>(kernel);
}

TEST_F(CompileKernel, MakesKernelsThatComputeInThisProcess) {
    if (host_isa() < Isa::kAvx2) GTEST_SKIP() << "the kernels are for AVX2";
    const LoadableKernel source = avx2_source("conv2d", "lane:0,vec:1,tile:5,stage:1");
    const ConvKernel &kernel = loaded(made(source));
    ASSERT_NE(kernel.call, nullptr);
    const ConvProblem problem = parse_problem("fprop_n2ci5ih9iw11co17kh3kw3s2p1_f32_nhwc_bias");
    const ConvValues values = integer_values(problem, 1);
    KernelCall call{problem, conv_plan_with(kernel, problem, true), {}};
    ASSERT_EQ(call.conv.steps.size(), 1u);
    EXPECT_EQ(call.conv.steps[0].kernel, &kernel);
    EXPECT_EQ(run_dense(call, values), naive_conv2d(problem, values));
}

TEST_F(CompileKernel, MakesKernelsOfWgrad) {
    if (host_isa() < Isa::kAvx2) GTEST_SKIP() << "the kernels are for AVX2";
    const LoadableKernel source = avx2_source("conv2d_wgrad", "lane:0,vec:1,tile:5");
    const auto kernel = load_wgrad_kernel(made(source).kernel);
    ASSERT_TRUE(std::holds_alternative<const WgradKernel *>(kernel))
        << std::get<std::string>(kernel);
    const ConvProblem problem = parse_problem("wgrad_n2ci5ih9iw11co17kh3kw3s2p1_f32_nhwc");
    const ConvValues values = integer_values(problem, 2);
    const KernelCall call{
        problem, {}, wgrad_plan_with(*std::get<const WgradKernel *>(kernel), problem)};
    EXPECT_EQ(run_dense(call, values), naive_conv2d(problem, values));
}

TEST_F(CompileKernel, MakesKernelsOfProducts) {
    if (host_isa() < Isa::kAvx2) GTEST_SKIP() << "the kernels are for AVX2";
    LoadableKernel source = avx2_source("approx_conv2d", "lane:0,vec:1,tile:5,stage:1");
    std::set<std::string> symbols;
    for (const char *product : {"mbm_zeros", "log_bits"}) {
        source.product = product;
        const MadeKernel kernel = made(source);
        symbols.insert(kernel.kernel.symbol);
        const auto loaded = load_product_kernel(kernel.kernel);
        ASSERT_TRUE(std::holds_alternative<const ProductKernel *>(loaded))
            << std::get<std::string>(loaded);
        const ConvProblem problem = parse_problem("fprop_n2ci5ih9iw11co17kh3kw3s2p1_f32_nhwc_bias");
        const auto model = product_model(product, 1);
        const ConvValues values = product_values(problem, product, 1, true);
        const ApproxPlan plan = approx_plan_with(*std::get<const ProductKernel *>(loaded), problem,
                                                 /*phase=*/0, model->form);
        const Values results = run_dense({problem, {}, {}, {}, {}, plan, model}, values);
        const Values expected = in_order(problem, values, model->times);
        EXPECT_TRUE(std::equal(results.begin(), results.end(), expected.begin(), expected.end(),
                               same_float));
    }
    EXPECT_EQ(symbols.size(), 2u);
}

TEST_F(CompileKernel, NothingElseIsAProductsSchedule) {
    LoadableKernel source = avx2_source("approx_conv2d", "lane:2,vec:1,tile:4,stage:1");
    source.product = "mbm";
    EXPECT_THROW(load_product_kernel(source), std::invalid_argument);
    source.schedule = "lane:0,vec:4,tile:16,stage:1";
    EXPECT_THROW(load_product_kernel(source), std::invalid_argument);
}

TEST_F(CompileKernel, MakesSpecialisedKernels) {
    if (host_isa() < Isa::kAvx2) GTEST_SKIP() << "the kernels are for AVX2";
    LoadableKernel source = avx2_source("conv2d_wgrad", "lane:0,vec:1,tile:5");
    source.problem = "wgrad_n2ci5ih9iw11co17kh3kw3s2p1_f32_nhwc";
    const auto wgrad = load_wgrad_kernel(made(source).kernel);
    ASSERT_TRUE(std::holds_alternative<const WgradKernel *>(wgrad)) << std::get<std::string>(wgrad);
    ConvProblem problem = parse_problem(source.problem);
    ConvValues values = integer_values(problem, 3);
    const KernelCall one{
        problem, {}, wgrad_plan_with(*std::get<const WgradKernel *>(wgrad), problem)};
    EXPECT_EQ(run_dense(one, values), naive_conv2d(problem, values));
    source = avx2_source("conv2d", "lane:0,vec:1,tile:2,stage:1");
    source.problem = "dgrad_n2ci9ih9iw7co5kh3kw3s2p1_f32_nhwc", source.phase = 3;
    const ConvKernel &dgrad = loaded(made(source));
    problem = parse_problem(source.problem);
    values = integer_values(problem, 4);
    const KernelCall call{problem, conv_plan_with(dgrad, problem, true), {}};
    ASSERT_EQ(call.conv.steps.size(), 4u);
    EXPECT_EQ(call.conv.steps[3].kernel, &dgrad);
    EXPECT_EQ(run_dense(call, values), naive_conv2d(problem, values));
}

TEST_F(CompileKernel, ErrorsOfAKernelReachTheCall) {
    if (host_isa() < Isa::kAvx2) GTEST_SKIP() << "the kernels are for AVX2";
    const LoadableKernel source = avx2_source("conv2d", "lane:0,vec:1,tile:5,stage:1");
    const ConvKernel &kernel = loaded(made(source));
    CallContext context;
    void *user_context = &context;
    int32_t number = 1;
    std::array<void *, 16> arguments;
    arguments.fill(&number);
    arguments[0] = &user_context;
    for (const size_t buffer : {1, 2, 3, 15}) arguments[buffer] = nullptr;
    EXPECT_NE(kernel.call(arguments.data()), 0);
    EXPECT_NE(context.error().find("is nullptr"), std::string::npos) << context.error();
}

TEST_F(CompileKernel, KernelsOfAnotherCpuAreRefused) {
    const LoadableKernel source = avx2_source("conv2d", "lane:0,vec:1,tile:5,stage:1");
    LoadableKernel kernel = source;
    kernel.path = "/nowhere/kernel.so";
    kernel.isa = Isa::kNone;
    const auto other = load_conv_kernel(kernel);
    EXPECT_NE(std::get<std::string>(other).find("which this CPU does not have"), std::string::npos);
}

TEST_F(CompileKernel, SaysWhyThereIsNone) {
    const auto result = compile(avx2_source("conv2d", "lane:9"));
    ASSERT_TRUE(std::holds_alternative<NotMade>(result));
    EXPECT_NE(std::get<NotMade>(result).why.find("'lane:9' is no knob:value"), std::string::npos)
        << std::get<NotMade>(result).why;
    EXPECT_FALSE(std::get<NotMade>(result).timeout);
    EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(CompileKernel, GivesUpInTime) {
    limits_ = {0.01, 0, 0};
    const auto result = compile(avx2_source("conv2d", "lane:0,vec:1,tile:5,stage:1"));
    ASSERT_TRUE(std::holds_alternative<NotMade>(result));
    EXPECT_TRUE(std::get<NotMade>(result).timeout);
    EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(CompileKernel, NamesTheMissingProgram) {
    KernelTools tools = test_kernel_tools();
    EXPECT_EQ(tools.why_missing(), "");
    tools.linker.clear();
    EXPECT_NE(tools.why_missing().find("binutils"), std::string::npos);
    tools = test_kernel_tools();
    tools.generators = "/nowhere/generators";
    EXPECT_NE(tools.why_missing().find("/nowhere/generators"), std::string::npos);
    tools = test_kernel_tools();
    tools.product_generators = "/nowhere/products";
    EXPECT_NE(tools.why_missing().find("/nowhere/products"), std::string::npos);
}

TEST_F(CompileKernel, CountsValuesThatDoNotFitTheRegisters) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "Kernels that check their addresses have no register left.";
#endif
    // 12 accumulators and their operands fit 16 registers, 14 do not.
    EXPECT_EQ(made(avx2_source("conv2d", "lane:0,vec:2,tile:6,stage:1")).spills, 0);
    EXPECT_GT(made(avx2_source("conv2d", "lane:0,vec:2,tile:10,stage:1")).spills, 0);
}

TEST(SpillsInInnerLoops, LooksAtInnermostLoopsOfSumsOnly) {
    const std::string outer =
        ".LBB0_1:\n\tvmovups %ymm1, 32(%rsp)\n"
        ".LBB0_2:\n\tvfmadd231ps %ymm1, %ymm2, %ymm3\n\tvmovups 64(%rsp), %ymm4\n\tjne\t.LBB0_2\n"
        "\tvmovups %ymm1, 32(%rsp)\n\tjl\t.LBB0_1\n";
    EXPECT_EQ(spills_in_inner_loops(outer), 1);
    EXPECT_EQ(spills_in_inner_loops(".LBB0_2:\n\tvmovups 64(%rsp), %ymm4\n\tjne\t.LBB0_2\n"), 0);
    EXPECT_EQ(spills_in_inner_loops(""), 0);
    // A register like others, unless it holds the address of the frame.
    const std::string pointer = ".LBB0_2:\n\tvfmadd231ps\t(%rbp), %ymm2, %ymm3\n\tjne\t.LBB0_2\n";
    EXPECT_EQ(spills_in_inner_loops(pointer), 0);
    EXPECT_EQ(spills_in_inner_loops("\tmovq\t%rsp, %rbp\n" + pointer), 1);
}

TEST(SpillsInInnerLoops, AllowAReloadForManySums) {
    std::string loop = ".LBB0_2:\n\tvmovups\t64(%rsp), %ymm4\n";
    for (int sum = 0; sum < 31; sum++) loop += "\tvfmadd231ps\t%ymm1, %ymm2, %ymm3\n";
    const std::string end = "\tjne\t.LBB0_2\n";
    EXPECT_EQ(spills_in_inner_loops(loop + end), 1);
    EXPECT_EQ(spills_in_inner_loops(loop + "\tvfmadd231ps\t%ymm1, %ymm2, %ymm3\n" + end), 0);
}

}  // namespace
}  // namespace convwright
