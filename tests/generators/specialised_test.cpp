// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
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
constexpr DType f32 = DType::kF32;

/// Rows of the specialised table in the form of the dispatcher's.
struct Table {
    std::vector<ConvKernel> conv;
    std::vector<WgradKernel> wgrad;

    template<typename Params>
    static void add(std::vector<Kernel<Params>> &kernels, const char *symbol, Format format,
                    Isa isa, DType dtype, const char * /*product*/, const char *schedule,
                    const char *problem, int phase, KernelEntry call) {
        kernels.push_back({symbol, schedule, problem, phase, format, isa, dtype,
                           parse_params<Params>(schedule), call});
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

class Specialised : public testing::Test {
protected:
    void SetUp() override {
        if (host_isa() == Isa::kNone) GTEST_SKIP() << "This CPU has no AVX2 with FMA.";
    }
};

void expect_naive(const KernelCall &call, const std::string &name) {
    const ConvProblem &p = call.problem;
    const Repro repro(p, name);
    const ConvValues values = integer_values(p, test_seed());
    EXPECT_EQ(run_dense(call, values), naive_conv2d(p, values));
}

/// All passes of a problem by its specialised kernels: each kernel's own plan, its step alone.
ConvPlan specialised_plan(const std::string &problem) {
    ConvPlan plan;
    for (const ConvKernel &kernel : table().conv) {
        if (kernel.problem != problem) continue;
        const ConvPlan own = conv_plan_with(kernel, parse_problem(problem), true);
        const ConvStep &step = own.steps.at(kernel.phase);
        EXPECT_EQ(step.kernel, &kernel) << kernel.name;
        plan.steps.push_back(step);
        plan.workspace += own.workspace;
    }
    return plan;
}

TEST_F(Specialised, FpropAndDgradEqualNaive) {
    std::set<std::string> problems;
    for (const ConvKernel &kernel : table().conv) problems.insert(kernel.problem);
    EXPECT_EQ(problems.size(), 7u);
    for (const std::string &problem : problems) {
        const ConvProblem p = parse_problem(problem);
        const ConvPlan plan = specialised_plan(problem);
        EXPECT_EQ(plan.steps.size(), conv_passes(p).size()) << problem;
        expect_naive({p, plan, {}}, plan.kernels());
    }
}

TEST_F(Specialised, WgradEqualsNaive) {
    EXPECT_EQ(table().wgrad.size(), 4u);
    for (const WgradKernel &kernel : table().wgrad) {
        const ConvProblem p = parse_problem(kernel.problem);
        const WgradPlan plan = wgrad_plan_with(kernel, p);
        ASSERT_EQ(plan.kernel, &kernel);
        expect_naive({p, {}, plan}, kernel.name);
    }
}

TEST_F(Specialised, IsPlannedForItsProblemAlone) {
    for (const ConvKernel &kernel : table().conv) {
        ConvProblem p = parse_problem(kernel.problem);
        const auto planned = [&] { return !conv_plan_with(kernel, p, true).steps.empty(); };
        EXPECT_TRUE(planned()) << kernel.name;
        p.bias = p.relu = p.direction == Direction::kFprop;
        EXPECT_TRUE(planned()) << kernel.name;
        p.n++;
        EXPECT_FALSE(planned()) << kernel.name;
    }
}

TEST_F(Specialised, RefusesTensorsOfOtherSizes) {
    const ConvKernel &kernel = table().conv.at(0);
    ConvPlan plan = conv_plan_with(kernel, parse_problem(kernel.problem), true);
    plan.steps.at(0).pass.x.in++;
    std::vector<float> floats(100'000);
    CallContext context;
    EXPECT_FALSE(run_conv(context, plan, DType::kF32, {floats.data(), 0, 1, 99, 9},
                          {floats.data(), 0, 0, 0, 0}, nullptr, {floats.data(), 0, 1, 99, 9},
                          floats.data()));
    EXPECT_NE(context.error().find("extent"), std::string::npos) << context.error();
}

}  // namespace
}  // namespace convwright
