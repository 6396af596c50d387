// SPDX-License-Identifier: Apache-2.0
// Each fault that a candidate can have, planted in a shipped kernel.
#include "autotune/verify/why_wrong.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <stdexcept>

#include "runtime/buffers.h"
#include "runtime/isa.h"

namespace convwright {
namespace {

const ConvProblem kProblem = parse_problem("fprop_n2ci5ih9iw11co17kh3kw3s2p1_f32_nhwc_bias");

/// The entry that the faulty ones call before or instead.
KernelEntry good = nullptr;

float *output_of(void **arguments) {
    return reinterpret_cast<float *>(static_cast<halide_buffer_t *>(arguments[15])->host);
}

class WhyWrong : public testing::Test {
protected:
    void SetUp() override {
        if (host_isa() < Isa::kAvx2) GTEST_SKIP() << "no kernels for this CPU";
        trusted_ = kernel_call(accepting_kernels(kProblem)[0].name, kProblem, true);
        kernel_ = *trusted_->conv.steps[0].kernel;
        good = kernel_.call;
    }
    std::string why(KernelEntry entry) {
        kernel_.call = entry;
        const CallMaker candidate = [this](const ConvProblem &p) -> std::optional<KernelCall> {
            ConvPlan plan = conv_plan_with(kernel_, p, true);
            if (plan.steps.empty()) return std::nullopt;
            return KernelCall{p, plan, {}};
        };
        return why_wrong(candidate, kProblem, *trusted_);
    }
    std::optional<KernelCall> trusted_;
    ConvKernel kernel_;
};

TEST_F(WhyWrong, FindsNothingWrongWithShippedKernels) {
    EXPECT_EQ(why(good), "");
    for (const char *text :
         {"dgrad_n2ci6ih7iw9co4kh3kw3s2p1_f32_nhwc", "wgrad_n2ci6ih7iw9co4kh3kw3s2p1_f32_nchw"}) {
        const ConvProblem problem = parse_problem(text);
        for (const KernelInfo &kernel : accepting_kernels(problem)) {
            const auto candidate = [&](const ConvProblem &p) {
                return kernel_call(kernel.name, p, true);
            };
            EXPECT_EQ(why_wrong(candidate, problem, *candidate(problem)), "") << kernel.name;
        }
    }
}

TEST_F(WhyWrong, FindsResultsThatWereNotWritten) {
    EXPECT_NE(why([](void **) { return 0; }).find("is nan"), std::string::npos);
}

TEST_F(WhyWrong, FindsAWrongResult) {
    const std::string text = why([](void **arguments) {
        const int status = good(arguments);
        output_of(arguments)[0] += 1;
        return status;
    });
    EXPECT_NE(text.find("Result 0 of"), std::string::npos) << text;
}

TEST_F(WhyWrong, FindsAWrongResultOfLargeProblemsAlone) {
    // Not one of those compared with the definition: the shipped kernel differs.
    const std::string text = why([](void **arguments) {
        const int status = good(arguments);
        const auto *out = static_cast<halide_buffer_t *>(arguments[15]);
        if (out->dim[2].extent == 6) output_of(arguments)[18] += 1;
        return status;
    });
    EXPECT_NE(text.find("from the kernel that is shipped"), std::string::npos) << text;
}

TEST_F(WhyWrong, FindsResultsThatDependOnChance) {
    const std::string text = why([](void **arguments) {
        static int calls = 0;
        const int status = good(arguments);
        const auto *out = static_cast<halide_buffer_t *>(arguments[15]);
        if (out->dim[2].extent == 6 && ++calls == 2) output_of(arguments)[18] += 1;
        return status;
    });
    EXPECT_NE(text.find("Two runs"), std::string::npos) << text;
}

TEST_F(WhyWrong, FindsWritesAroundTheResult) {
    const std::string text = why([](void **arguments) {
        const int status = good(arguments);
        // At the start of a page a guard page lies in front, and the write would end the process.
        float *const output = output_of(arguments);
        if (reinterpret_cast<uintptr_t>(output) % 4096 != 0) output[-1] = 0;
        return status;
    });
    EXPECT_NE(text.find("wrote around"), std::string::npos) << text;
}

TEST_F(WhyWrong, PassesOnTheKernelsOwnError) {
    EXPECT_NE(why([](void **) { return -1; }).find("The kernel failed"), std::string::npos);
}

const ConvProblem kSum = parse_problem("fprop_n2ci5ih9iw21co33kh3kw3s2p1_bf16_nhwc_bias");

class WhyWrongSum : public testing::Test {
protected:
    void SetUp() override {
        if (host_isa() < Isa::kAvx2) GTEST_SKIP() << "no kernels for this CPU";
    }
    /// Of a kernel in the place of the one that is shipped.
    static std::string why(const WeightedSumKernel &kernel, const WeightedSumKernel &trusted) {
        const auto call_of = [](const WeightedSumKernel &k, const ConvProblem &p) {
            return KernelCall{p, {}, {}, weighted_sum_plan_with(k, p)};
        };
        const CallMaker candidate = [&](const ConvProblem &p) -> std::optional<KernelCall> {
            KernelCall call = call_of(kernel, p);
            if (call.weighted_sum.kernel == nullptr) return std::nullopt;
            return call;
        };
        return why_wrong(candidate, kSum, call_of(trusted, kSum));
    }
};

TEST_F(WhyWrongSum, FindsNothingWrongWithShippedKernels) {
    const WeightedSumKernel &trusted = *weighted_sum_plan(kSum).kernel;
    for (const WeightedSumKernel &kernel : weighted_sum_kernels()) {
        if (weighted_sum_plan_with(kernel, kSum).kernel == nullptr) continue;
        EXPECT_EQ(why(kernel, trusted), "") << kernel.name;
    }
}

TEST_F(WhyWrongSum, FindsAWrongResult) {
    const WeightedSumKernel &trusted = *weighted_sum_plan(kSum).kernel;
    WeightedSumKernel faulty = trusted;
    good = trusted.call;
    faulty.call = [](void **arguments) {
        const int status = good(arguments);
        reinterpret_cast<uint16_t *>(static_cast<halide_buffer_t *>(arguments[13])->host)[0] ^= 64;
        return status;
    };
    EXPECT_NE(why(faulty, trusted).find("Result 0 of"), std::string::npos);
}

class WhyWrongProduct : public testing::Test {
protected:
    void SetUp() override {
        if (host_isa() < Isa::kAvx2) GTEST_SKIP() << "no kernels for this CPU";
    }
    /// Of a kernel beside the one that is shipped.
    static std::string why(const ProductKernel &kernel, const ConvProblem &problem, int phase = 0) {
        const auto model = product_model(kernel.product, 1);
        const CallMaker candidate = [&](const ConvProblem &p) -> std::optional<KernelCall> {
            const ApproxPlan plan = approx_plan_with(kernel, p, phase, model->form);
            if (plan.steps.empty()) return std::nullopt;
            return KernelCall{p, {}, {}, {}, {}, plan, model};
        };
        const ApproxPlan trusted = approx_plan(problem, model->form);
        return why_wrong(candidate, problem, {problem, {}, {}, {}, {}, trusted, model});
    }
    static ProductKernel shipped(const std::string &product) {
        for (const ProductKernel &kernel : product_kernels())
            if (kernel.product == product) return kernel;
        throw std::runtime_error("no kernel of " + product);
    }
    static float *product_output(void **arguments) {
        return reinterpret_cast<float *>(static_cast<halide_buffer_t *>(arguments[19])->host);
    }
};

TEST_F(WhyWrongProduct, FindsNothingWrongWithShippedKernels) {
    for (const ProductKernel &kernel : product_kernels()) {
        if (kernel.isa > host_isa()) continue;
        EXPECT_EQ(why(kernel, kProblem), "");
        EXPECT_EQ(why(kernel, parse_problem("dgrad_n2ci6ih7iw9co4kh3kw3s2p1_f32_nhwc"), 3), "");
        EXPECT_EQ(why(kernel, parse_problem("wgrad_n2ci6ih7iw9co4kh3kw3s2p1g2_f32_nchw")), "");
    }
}

TEST_F(WhyWrongProduct, FindsOneWrongBit) {
    for (const char *product : {"mbm", "mantissa_table"}) {
        ProductKernel faulty = shipped(product);
        good = faulty.call;
        faulty.call = [](void **arguments) {
            const int status = good(arguments);
            uint32_t bits;
            float &first = product_output(arguments)[0];
            std::memcpy(&bits, &first, sizeof bits);
            bits ^= 1;
            std::memcpy(&first, &bits, sizeof bits);
            return status;
        };
        const std::string text = why(faulty, kProblem);
        EXPECT_NE(text.find("Result "), std::string::npos) << text;
        EXPECT_NE(text.find(std::string("_bias_") + product + ")."), std::string::npos) << text;
    }
}

TEST_F(WhyWrongProduct, FindsResultsThatWereNotWritten) {
    // Some results of all operands are NaN.
    ProductKernel faulty = shipped("log_bits");
    faulty.call = [](void **) { return 0; };
    EXPECT_NE(why(faulty, kProblem).find("is nan"), std::string::npos);
}

TEST_F(WhyWrongProduct, FindsAKernelThatIgnoresAnArgument) {
    // Where operands are not cut this one is right.
    ProductKernel faulty = shipped("mbm");
    good = faulty.call;
    faulty.call = [](void **arguments) {
        int32_t all = -1;
        arguments[5] = &all;
        return good(arguments);
    };
    const std::string text = why(faulty, kProblem);
    EXPECT_NE(text.find("Result "), std::string::npos) << text;
}

TEST(EdgeProblems, HaveTheChannelsAndTapsOfTheProblem) {
    for (const ConvProblem &p : edge_problems_of(kProblem)) {
        EXPECT_EQ(why_impossible(p), nullptr) << format_problem(p);
        EXPECT_EQ(p.ci, kProblem.ci);
        EXPECT_EQ(p.kh, kProblem.kh);
        EXPECT_LE(p.oh() * p.ow(), 34) << format_problem(p);
    }
}

}  // namespace
}  // namespace convwright
