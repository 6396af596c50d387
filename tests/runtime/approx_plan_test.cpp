// SPDX-License-Identifier: Apache-2.0
#include "runtime/approx_plan.h"

#include <gtest/gtest.h>

#include "tests/dense_run.h"
#include "tests/runtime/tuned_choices_fixture.h"

namespace convwright {
namespace {

constexpr char kFprop[] = "fprop_n2ci8ih9iw11co17kh3kw3s1p1_f32_nhwc";
constexpr char kStrided[] = "dgrad_n2ci9ih9iw7co5kh3kw3s2p1_f32_nchw";
constexpr char kMade[] = "lane:0,vec:1,tile:5,stage:1";

class ApproxPlans : public TunedChoices {
protected:
    static ApproxPlan plan_of(const std::string &problem, const std::string &product = "mbm") {
        return approx_plan(parse_problem(problem), product_model(product, 1)->form);
    }
    /// One of the library: what the cost model takes, for AVX2 there may be no other.
    static const ProductKernel &shipped_for(const std::string &problem) {
        return *plan_of(problem).steps.back().kernel;
    }
    static std::string candidate_of(const ProductKernel &kernel) {
        return std::string("approx_conv2d.") + isa_name(kernel.isa) + "/" + kernel.schedule;
    }
    static void expect_right(const std::string &problem, const std::string &product = "mbm") {
        const ConvProblem p = parse_problem(problem);
        const auto model = product_model(product, 2);
        const ConvValues values = product_values(p, product, 2, false);
        const KernelCall call{p, {}, {}, {}, {}, approx_plan(p, model->form), model};
        EXPECT_EQ(run_dense(call, values), in_order(p, values, model->times));
    }
};

TEST_F(ApproxPlans, TakeWhatWasTunedForTheirProduct) {
    const ApproxPlan before = plan_of(kFprop);
    const ApproxPlan mitchell = plan_of(kFprop, "mitchell");
    EXPECT_EQ(before.schedules().find("("), std::string::npos);
    const ProductKernel &shipped = shipped_for(kFprop);
    const auto change = [&] { write(std::string(kFprop) + "_mbm", 0, candidate_of(shipped)); };
    EXPECT_EQ(notices_of(change).first, 0u);
    const ApproxPlan plan = plan_of(kFprop);
    EXPECT_EQ(plan.kernels(), shipped.name);
    EXPECT_EQ(plan.schedules(), shipped.schedule + " (tuned)");
    EXPECT_EQ(plan.isa(), shipped.isa);
    EXPECT_GT(plan.workspace, 0);
    expect_right(kFprop);
    EXPECT_EQ(plan_of(kFprop, "mitchell").kernels(), mitchell.kernels());
    use_tuned_choices(false);
    EXPECT_EQ(plan_of(kFprop).kernels(), before.kernels());
    use_tuned_choices(true);
}

TEST_F(ApproxPlans, ArePlansOfTheFormThatIsAsked) {
    const ProductForm cut = product_form(Multiplier{Model::kMbm, 3}, true, false);
    const ConvProblem problem = parse_problem(kFprop);
    EXPECT_EQ(plan_of(kFprop).form.arguments.set, 0);
    EXPECT_EQ(approx_plan(problem, cut).form.arguments.set, 1 << 3);
    EXPECT_EQ(plan_of(kFprop).form.arguments.set, 0);
    const MantissaTable table = product_model("mantissa_table", 1)->table;
    EXPECT_EQ(approx_plan(problem, product_form(table)).form.table, &table);
    ProductForm unknown;
    unknown.product = "no_such_product";
    EXPECT_NE(approx_plan(problem, unknown).reason.find("no_such_product"), std::string::npos);
}

TEST_F(ApproxPlans, OnePassOfSeveralIsChosenByItself) {
    const ApproxPlan before = plan_of(kStrided);
    ASSERT_EQ(before.steps.size(), 4u);
    const ProductKernel &shipped = shipped_for(kStrided);
    write(std::string(kStrided) + "_mbm", 2, candidate_of(shipped));
    const ApproxPlan plan = plan_of(kStrided);
    for (size_t i = 0; i < 4; i++) {
        EXPECT_EQ(plan.steps[i].kernel, i == 2 ? &shipped : before.steps[i].kernel);
        EXPECT_EQ(plan.steps[i].tuned, i == 2);
    }
    expect_right(kStrided);
}

TEST_F(ApproxPlans, RowsWithoutGapsShareTheirChoice) {
    const ProductKernel &shipped = shipped_for(kFprop);
    for (const char *direction : {"fprop", "dgrad", "wgrad"}) {
        const std::string rows = std::string(direction) + "_n2ci8ih9iw11co17kh1kw1s1p0_f32_nhwc";
        OperatorProblem problem(parse_problem(rows));
        problem.product = "mbm";
        const std::string subject = format_problem(tuned_subject(problem));
        EXPECT_NE(subject, rows + "_mbm");
        write(subject, 0, candidate_of(shipped));
        EXPECT_TRUE(plan_of(rows).steps[0].tuned);
        EXPECT_TRUE(approx_plan(tuned_subject(problem).sizes, product_form("mbm")).steps[0].tuned);
        expect_right(rows);
    }
}

TEST_F(ApproxPlans, MadeKernelsAreLoadedByTheirHash) {
    const LoadableKernel made = make(kMade, "roba");
    const std::string problem = std::string(kFprop) + "_roba",
                      name = std::string("approx_conv2d.avx2/") + kMade;
    const std::string before = plan_of(kFprop, "roba").kernels();
    write(problem, 0, name, made.sha256);
    EXPECT_EQ(plan_of(kFprop, "roba").kernels(), made.symbol);
    expect_right(kFprop, "roba");
    const auto [count, sentence] = notices_of([&] {
        write(problem, 0, name, std::string(64, '1'));
        EXPECT_EQ(plan_of(kFprop, "roba").kernels(), before);
    });
    EXPECT_EQ(count, 1u);
    EXPECT_NE(sentence.find("SHA-256"), std::string::npos) << sentence;
    expect_right(kFprop, "roba");
}

TEST_F(ApproxPlans, WhatIsNoScheduleOfProductsIsANotice) {
    const std::string before = plan_of(kFprop).kernels();
    for (const char *name : {"approx_conv2d.avx2/lane:2,vec:1,tile:4,stage:1",
                             "conv2d.avx2/lane:0,vec:1,tile:4,stage:1", "pytorch", "passes"}) {
        const auto [count, sentence] = notices_of([&] {
            write(std::string(kFprop) + "_mbm", 0, name);
            EXPECT_EQ(plan_of(kFprop).kernels(), before);
        });
        EXPECT_EQ(count, 1u) << name;
        EXPECT_NE(sentence.find("none that this version knows"), std::string::npos) << sentence;
    }
}

TEST_F(ApproxPlans, OfAGivenKernelHaveItInTheOnePass) {
    const ProductKernel other = shipped_for(kStrided);  // of another address
    const ConvProblem problem = parse_problem(kStrided);
    const ProductForm form = product_form("mbm");
    const ApproxPlan plan = approx_plan_with(other, problem, 1, form);
    ASSERT_EQ(plan.steps.size(), 4u);
    EXPECT_EQ(plan.steps[1].kernel, &other);
    EXPECT_NE(plan.steps[0].kernel, &other);
    EXPECT_TRUE(approx_plan_with(other, problem, 4, form).steps.empty());
    EXPECT_TRUE(approx_plan_with(other, problem, -1, form).steps.empty());
    // Between the positions that taps reach there are zeros.
    const ConvProblem sparse = parse_problem("dgrad_n1ci2ih4iw4co3kh1kw1s2p0_f32_nhwc");
    EXPECT_TRUE(approx_plan_with(other, sparse, 1, form).steps.empty());
    EXPECT_EQ(approx_plan_with(other, sparse, 0, form).kernels(), other.name);
}

}  // namespace
}  // namespace convwright
