// SPDX-License-Identifier: Apache-2.0
// Which CUDA kernel of wgrad a problem gets and into how many parts it is cut, without running it.
#include "runtime/cuda/wgrad_plan.h"

#include <gtest/gtest.h>

#include "runtime/cuda/forced_kernel.h"

namespace convwright::cuda {
namespace {

using P = Conv2dWgradCudaParams;

Device gpu(int multiprocessors) {
    Device device;
    device.compute_capability = 80, device.multiprocessors = multiprocessors;
    return device;
}

WgradPlan plan_of(const std::string &sizes, int multiprocessors = 108, const Placed &placed = {}) {
    return wgrad_plan(parse_problem("wgrad_" + sizes), gpu(multiprocessors), placed);
}

TEST(WgradPlanCuda, AcceptsEveryProblemOfAnyPlace) {
    for (const char *format : {"_f32_nhwc", "_f32_nchw"}) {
        for (const char *sizes :
             {"n1ci1ih1iw1co1kh1kw1s1p0", "n2ci5ih7iw9co3kh3kw3s2p4d3",
              "n1ci70000ih2iw2co70000kh1kw1s1p0g70000", "n64ci3ih224iw224co64kh7kw7s2p3"}) {
            for (const int bits : {32, 64}) {
                Placed placed;
                placed.vectors = bits == 32, placed.index_bits = bits;
                const WgradPlan plan = plan_of(std::string(sizes) + format, 108, placed);
                ASSERT_NE(plan.kernel, nullptr) << sizes << ": " << plan.reason;
                EXPECT_GE(plan.kernel->index_bits, bits) << sizes;
                EXPECT_TRUE(bits == 32 || plan.kernel->params.vec == 1) << sizes;
            }
        }
    }
}

TEST(WgradPlanCuda, TakesTilesForWideLayersAndStripsForDepthwise) {
    const WgradPlan wide = plan_of("n32ci128ih28iw28co128kh3kw3s1p1_f32_nhwc");
    EXPECT_EQ(wide.kernel->params.engine, P::kGemm);
    EXPECT_EQ(wide.kernel->params.vec, 4);
    Placed placed;
    placed.vectors = false;
    EXPECT_EQ(plan_of("n32ci128ih28iw28co128kh3kw3s1p1_f32_nhwc", 108, placed).kernel->params.vec,
              1);
    const WgradPlan first = plan_of("n32ci3ih224iw224co64kh7kw7s2p3_f32_nchw");
    EXPECT_EQ(first.kernel->params.engine, P::kGemm);
    for (const char *depthwise : {"n32ci128ih28iw28co128kh3kw3s1p1g128_f32_nhwc",
                                  "n32ci128ih28iw28co128kh3kw3s1p1g128_f32_nchw"})
        EXPECT_EQ(plan_of(depthwise).kernel->params.engine, P::kDepthwise) << depthwise;
}

TEST(WgradPlanCuda, FewOutputChannelsTakeNarrowTiles) {
    for (const char *format : {"_f32_nhwc", "_f32_nchw", "_bf16_nhwc"}) {
        const auto tile = [&](const std::string &co) {
            return plan_of("n32ci64ih56iw56co" + co + "kh3kw3s1p1" + format).kernel->params.co;
        };
        EXPECT_EQ(tile("16"), 16) << format;
        EXPECT_EQ(tile("64"), 64) << format;
        if (std::string(format) != "_bf16_nhwc") {
            EXPECT_EQ(tile("10"), 16) << format;
        }
    }
}

// All parts together are all pixels, and none is empty.
TEST(WgradPlanCuda, PartsCoverThePixels) {
    for (const char *sizes :
         {"n1ci1ih1iw1co1kh1kw1s1p0_f32_nhwc", "n32ci64ih56iw56co64kh3kw3s1p1_f32_nhwc",
          "n7ci16ih13iw11co24kh5kw3s2p1_f32_nchw", "n256ci2048ih7iw7co512kh1kw1s1p0_f32_nhwc",
          "n16ci32ih112iw112co32kh3kw3s1p1g32_f32_nhwc"}) {
        const ConvProblem p = parse_problem(std::string("wgrad_") + sizes);
        for (const WgradPlan &plan : wgrad_plans(p, gpu(132))) {
            const P &params = plan.kernel->params;
            const int64_t step = params.engine == P::kGemm ? params.chunk : params.shares;
            int64_t items = p.n * p.oh() * p.ow();
            if (params.engine == P::kDepthwise) items = p.n * p.oh() * ((p.ow() + 3) / 4);  // nhwc
            EXPECT_GE(plan.cut.parts * plan.cut.steps * step, items) << sizes;
            EXPECT_LT((plan.cut.parts - 1) * plan.cut.steps * step, items) << sizes;
            EXPECT_EQ(plan.workspace, plan.e * plan.co * plan.groups * plan.cut.parts) << sizes;
        }
    }
}

TEST(WgradPlanCuda, PartsFollowTheNumberOfMultiprocessors) {
    const char *narrow = "n32ci64ih56iw56co64kh3kw3s1p1_f32_nhwc";
    EXPECT_GT(plan_of(narrow, 132).cut.parts, plan_of(narrow, 20).cut.parts);
    // Enough tiles of their own, or nothing to cut.
    EXPECT_EQ(plan_of("n4ci2048ih14iw14co2048kh3kw3s1p1_f32_nhwc", 20).cut.parts, 1);
    EXPECT_EQ(plan_of("n1ci64ih1iw1co64kh3kw3s1p1_f32_nhwc").cut.parts, 1);
}

TEST(WgradPlanCuda, AForcedKernelIsTheOnlyOne) {
    const char *wide = "n32ci128ih28iw28co128kh3kw3s1p1_f32_nhwc";
    const ConvProblem p = parse_problem(std::string("wgrad_") + wide);
    const std::vector<WgradPlan> plans = wgrad_plans(p, gpu(108));
    ASSERT_GT(plans.size(), 2u);
    const std::string last = plans.back().kernel->name;
    force_kernel(last);
    EXPECT_EQ(plan_of(wide).kernel->name, last);
    EXPECT_EQ(wgrad_plans(p, gpu(108)).size(), 1u);
    const WgradPlan other = plan_of("n1ci4ih4iw4co4kh1kw1s1p0_f32_nchw");
    force_kernel("");
    EXPECT_EQ(other.kernel, nullptr);
    EXPECT_NE(other.reason.find(last), std::string::npos) << other.reason;
    EXPECT_EQ(plan_of(wide).kernel->name, plans.front().kernel->name);
}

TEST(WgradPlanCuda, CountsSizesInThirtyTwoBits) {
    ConvProblem p = parse_problem("wgrad_n1ci1ih3iw3co1kh1kw1s1p0_f32_nhwc");
    p.dilation_h = int64_t{1} << 31;
    EXPECT_TRUE(wgrad_plans(p, gpu(108)).empty());
    p.dilation_h = 1;
    EXPECT_FALSE(wgrad_plans(p, gpu(108)).empty());
}

TEST(WgradPlanCuda, CountsFromThePaddingOn) {
    const ConvProblem p = parse_problem("wgrad_n2ci1ih3iw3co1kh3kw3s1p1_f32_nhwc");
    const Activation grad{nullptr, 9, 1, 3, 1};
    EXPECT_EQ(wgrad_placed(p, grad, {nullptr, 9, 1, 3, 1}).index_bits, 32);
    EXPECT_EQ(wgrad_placed(p, grad, {nullptr, (1ll << 31) - 8, 1, 3, 1}).index_bits, 64);
    EXPECT_EQ(wgrad_placed(p, grad, {nullptr, 1ll << 31, 1, 3, 1}).index_bits, 0);
    // Two rows on: 32 bits hold a step of one.
    const ConvProblem strided = parse_problem("wgrad_n1ci1ih3iw3co1kh1kw1s2p0_f32_nhwc");
    EXPECT_EQ(wgrad_placed(strided, grad, {nullptr, 9, 1, 1 << 30, 1}).index_bits, 0);
}

}  // namespace
}  // namespace convwright::cuda
