// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/dense_run.h"
#include "tests/repro.h"
#include "tests/seed.h"

#define CONVWRIGHT_KERNEL(generator, symbol, ...) extern "C" int symbol##_argv(void **);
#include "specialised/kernel_rows.inc"
#undef CONVWRIGHT_KERNEL

namespace convwright {
namespace {

constexpr Format nchw = Format::kNchw, nhwc = Format::kNhwc;
constexpr Isa avx2 = Isa::kAvx2;

/// Rows of the specialised table in the form of the dispatcher's.
struct Table {
    std::vector<ConvKernel> conv;
    std::vector<WgradKernel> wgrad;

    template<typename Params>
    static void add(std::vector<Kernel<Params>> &kernels, const char *symbol, Format format,
                    Isa isa, const char *schedule, const char *problem, int phase,
                    KernelEntry call) {
        kernels.push_back(
            {symbol, schedule, problem, phase, format, isa, parse_params<Params>(schedule), call});
    }
    Table() {
        auto &conv2d = conv;
        auto &conv2d_wgrad = wgrad;
#define CONVWRIGHT_KERNEL(generator, symbol, ...) \
    add(generator, #symbol, __VA_ARGS__, symbol##_argv);
#include "specialised/kernel_rows.inc"
#undef CONVWRIGHT_KERNEL
    }
};

const Table &table() {
    static const Table table;
    return table;
}

/// The one pass of the kernel's problem that the kernel computes.
KernelCall call_of_pass(const ConvKernel &kernel) {
    const ConvProblem p = parse_problem(kernel.problem);
    ConvKernel generic = kernel;
    generic.problem.clear();
    ConvPlan plan = conv_plan_with(generic, p, false);
    EXPECT_EQ(plan.kernel, &generic) << kernel.name;
    plan.kernel = &kernel;
    plan.passes = {plan.passes.at(kernel.phase)};
    plan.tasks = {plan.tasks.at(kernel.phase)};
    return {p, plan, {}};
}

class Specialised : public testing::Test {
protected:
    void SetUp() override {
        if (host_isa() == Isa::kNone) GTEST_SKIP() << "This CPU has no AVX2 with FMA.";
    }
};

void expect_naive(const std::vector<KernelCall> &calls, const std::string &name) {
    const ConvProblem &p = calls.at(0).problem;
    const Repro repro(p, name);
    const ConvValues values = integer_values(p, test_seed());
    EXPECT_EQ(run_dense(calls, values), naive_conv2d(p, values));
}

TEST_F(Specialised, FpropAndDgradEqualNaive) {
    std::map<std::string, std::vector<KernelCall>> calls;  // by problem: one for each pass
    for (const ConvKernel &kernel : table().conv) {
        calls[kernel.problem].push_back(call_of_pass(kernel));
    }
    EXPECT_EQ(calls.size(), 5u);
    for (const auto &[problem, passes] : calls) {
        EXPECT_EQ(passes.size(), conv_passes(parse_problem(problem)).size()) << problem;
        expect_naive(passes, passes.front().conv.kernel->name);
    }
}

TEST_F(Specialised, WgradEqualsNaive) {
    EXPECT_EQ(table().wgrad.size(), 2u);
    for (const WgradKernel &kernel : table().wgrad) {
        const ConvProblem p = parse_problem(kernel.problem);
        const WgradPlan plan = wgrad_plan_with(kernel, p);
        ASSERT_EQ(plan.kernel, &kernel);
        expect_naive({{p, {}, plan}}, kernel.name);
    }
}

TEST_F(Specialised, IsPlannedForItsProblemAlone) {
    for (const ConvKernel &kernel : table().conv) {
        ConvProblem p = parse_problem(kernel.problem);
        // Until plans hold a kernel for each pass, problems of several passes have generic ones.
        const bool planned = conv_passes(p).size() == 1;
        EXPECT_EQ(conv_plan_with(kernel, p, true).kernel != nullptr, planned) << kernel.name;
        p.bias = p.direction == Direction::kFprop;
        EXPECT_EQ(conv_plan_with(kernel, p, true).kernel != nullptr, planned) << kernel.name;
        p.n++;
        EXPECT_EQ(conv_plan_with(kernel, p, true).kernel, nullptr) << kernel.name;
    }
}

TEST_F(Specialised, RefusesTensorsOfOtherSizes) {
    KernelCall call = call_of_pass(table().conv.at(0));
    call.conv.passes[0].n++;
    std::vector<float> floats(100'000);
    CallContext context;
    EXPECT_FALSE(run_conv(context, call.conv, {floats.data(), 0, 1, 99, 9},
                          {floats.data(), 0, 0, 0, 0}, nullptr, {floats.data(), 0, 1, 99, 9},
                          floats.data()));
    EXPECT_NE(context.error().find("extent"), std::string::npos) << context.error();
}

}  // namespace
}  // namespace convwright
