// SPDX-License-Identifier: Apache-2.0
// The fused CUDA kernels of the weighted sum's gradients, run on the CPU, against the two passes by their
// definition on small integers, tolerance 0.
#include "runtime/cuda/weighted_sum_grad.h"

#include <gtest/gtest.h>

#include <limits>

#include "runtime/cuda/forced_kernel.h"
#include "runtime/cuda/kernel_reports.h"
#include "tests/repro.h"
#include "tests/runtime/cuda/emulated_driver.h"
#include "tests/runtime/cuda/window_problem.h"
#include "tests/seed.h"
#include "tests/weighted_sum_steps.h"

namespace convwright::cuda {
namespace {

/// The gradients of z and of the input, pass by pass.
struct Gradients {
    ConvProblem p;
    ConvValues mix, window;
    Values dz, dx;

    explicit Gradients(const ConvProblem &problem)
        : p(problem),
          mix(integer_values(mix_of(p), test_seed())),
          window(integer_values(window_of(p), test_seed() + 1)) {
        take();
    }
    /// What is expected of the values as they are.
    void take() {
        dz = mix.output = naive_conv2d(window_of(p), window);
        dx = naive_conv2d(mix_of(p), mix);
    }
};

class WeightedSumGradCuda : public testing::TestWithParam<size_t> {
protected:
    const WeightedSumGradKernel &kernel() const { return weighted_sum_grad_kernels()[GetParam()]; }
    const WeightedSumGradCudaParams &params() const { return kernel().params; }
    int64_t unit() const { return params().vec; }

    /// Windows of this kernel over an input of `iw` x `ih`.
    ConvProblem problem(int64_t n, int64_t ci, int64_t ih, int64_t iw, int64_t co,
                        int64_t pad) const {
        return window_problem(params(), "dgrad_n1ci1ih1iw1co1kh1kw1s1p0_f32_nhwc", n, ci, ih, iw,
                              co, pad);
    }

    void expect_exact(const ConvProblem &p, bool gaps, bool keeps_z = true) {
        const Gradients expected(p);
        const Gradients result = run(expected, gaps, keeps_z);
        EXPECT_EQ(result.dx, expected.dx);
        if (keeps_z) {
            EXPECT_EQ(result.dz, expected.dz);
        }
    }

    /// With dz and dx as the kernel computes them.
    Gradients run(const Gradients &given, bool gaps, bool keeps_z) {
        const ConvProblem &p = given.p;
        const Repro repro(p, kernel().name, gaps ? "gaps" : "dense");
        gaps = gaps && unit() == 1;
        const auto tensor = [&](const Quad &sizes, Format format, bool with_gaps,
                                const Values &values) {
            return Tensor4(sizes, strides_for(sizes, format, with_gaps), Placement::kStart, values);
        };
        const auto result = [&](const Quad &sizes, bool with_gaps) {
            return Tensor4(sizes, strides_for(sizes, p.format, with_gaps), Placement::kMiddle);
        };
        const Tensor4 grad = tensor(output_sizes(p), p.format, gaps, given.window.output);
        const Tensor4 pointwise =
            tensor(weight_sizes(mix_of(p)), Format::kNchw, false, given.mix.weight);
        const Tensor4 depthwise =
            tensor(weight_sizes(window_of(p)), Format::kNhwc, false, given.window.weight);
        const Tensor4 dz = result(input_sizes(window_of(p)), gaps);
        const Tensor4 dx = result(input_sizes(p), gaps);
        const auto plan = weighted_sum_grad_plan_with(
            kernel(), p, emulated_device(), placed(p, grad.activation(), dx.activation()));
        EXPECT_NE(plan.kernel, nullptr) << plan.reason;
        Gradients got = given;
        got.dx.clear(), got.dz.clear();
        if (plan.kernel == nullptr) return got;
        CallContext context;
        const Activation kept = dz.activation();
        EXPECT_TRUE(run_weighted_sum_grad(context, kernel(), p, grad.activation(),
                                          pointwise.weight(), depthwise.weight(),
                                          keeps_z ? &kept : nullptr, dx.activation()))
            << context.error();
        EXPECT_TRUE(dx.redzones_intact() && dz.redzones_intact())
            << "The kernel wrote around its results.";
        EXPECT_EQ(driver_->launches.size(), 1u);
        driver_->launches.clear();
        got.dx = dx.values(), got.dz = dz.values();
        return got;
    }

    UseEmulatedDriver driver_;
};

INSTANTIATE_TEST_SUITE_P(Cuda, WeightedSumGradCuda,
                         testing::Range<size_t>(0, weighted_sum_grad_kernels().size()),
                         [](const auto &info) {
                             return weighted_sum_grad_kernels()[info.param].name;
                         });

// A race shows as a difference of two orders.
TEST_P(WeightedSumGradCuda, EachOrderOfThreadsGivesTheSame) {
    for (const auto order :
         {emulator::Order::kForward, emulator::Order::kReversed, emulator::Order::kShuffled}) {
        driver_->order = order;
        expect_exact(problem(2, unit(), 5, 6, params().chunk + unit(), 1), false);
    }
}

// Tiles, chunks and channels to the last element, and one more.
TEST_P(WeightedSumGradCuda, EdgesOfTiles) {
    const auto &k = params();
    expect_exact(problem(2, k.channels, k.rows, k.columns, k.middle, 1), false);
    expect_exact(problem(1, k.channels + unit(), k.rows + 1, k.columns + 1, k.middle - unit(), 1),
                 true);
    expect_exact(problem(1, 2 * unit(), k.taps + 2, k.taps + 1, 3 * unit(), 0), true);
    expect_exact(problem(1, unit(), k.rows - 1, 2 * k.columns, k.chunk, 2), false);
}

// Of a stride each phase, in rows and columns apart.
TEST_P(WeightedSumGradCuda, EachPadding) {
    for (int64_t pad = 0; pad <= 2 * params().stride; pad++) {
        ConvProblem p = problem(1, unit(), 6, 7, unit(), pad);
        p.pad_h = 2 * params().stride - pad;
        expect_exact(p, false);
    }
}

TEST_P(WeightedSumGradCuda, LeavesOutWhatIsNotAskedFor) {
    const Gradients given(problem(1, unit(), 5, 6, unit(), 1));
    const Gradients got = run(given, false, /*keeps_z=*/false);
    EXPECT_EQ(got.dx, given.dx);
    for (size_t i = 0; i < got.dz.size(); i++) ASSERT_NE(got.dz[i], got.dz[i]) << i;
}

// What is behind the last channel of z, its last tap or a tile has no part in a sum.
TEST_P(WeightedSumGradCuda, InfinitiesStayInside) {
    Gradients given(problem(1, unit(), 6, 6, 2 * unit(), params().taps - 1));
    for (Values *values : {&given.window.output, &given.mix.weight, &given.window.weight})
        for (float &x : *values) x = 1;
    // Of the last channel, so that what repeats it shows; no tap of this padding meets a zero.
    given.window.weight.back() = std::numeric_limits<float>::infinity();
    given.take();
    const Gradients got = run(given, false, true);
    EXPECT_EQ(got.dx.size(), given.dx.size());
    for (size_t i = 0; i < got.dx.size(); i++) EXPECT_EQ(got.dx[i], given.dx[i]) << i;
    for (size_t i = 0; i < got.dz.size(); i++) EXPECT_EQ(got.dz[i], given.dz[i]) << i;
}

// What a plan compares with the device's is what the compiled kernel has.
TEST_P(WeightedSumGradCuda, KnowsItsSharedMemory) {
    const auto reports = kernel_reports(shipped_images());
    ASSERT_TRUE(std::holds_alternative<std::vector<KernelReport>>(reports));
    for (const KernelReport &r : std::get<std::vector<KernelReport>>(reports)) {
        if (r.symbol != kernel().name) continue;
        EXPECT_EQ(r.figures.shared_bytes + r.figures.dynamic_shared_bytes, params().shared_bytes())
            << "on sm_" << r.architecture;
        EXPECT_EQ(r.figures.max_threads, params().threads());
    }
}

TEST(WeightedSumGradCudaPlans, AreNoneWhereAKernelIsForced) {
    const UseEmulatedDriver driver;
    const auto plan = [] {
        return weighted_sum_grad_plan(parse_problem("dgrad_n1ci4ih9iw9co8kh3kw3s1p1_f32_nhwc"),
                                      emulated_device(), {}, true, false);
    };
    EXPECT_NE(plan().kernel, nullptr);
    force_kernel(conv_kernels().front().name);
    const WeightedSumGradPlan forced = plan();
    force_kernel("");
    EXPECT_EQ(forced.kernel, nullptr);
    EXPECT_EQ(forced.reason, "a kernel of one convolution is forced");
}

TEST(WeightedSumGradCudaPlans, SayWhyThereIsNone) {
    const UseEmulatedDriver driver;
    const auto reason = [](const std::string &text) {
        return weighted_sum_grad_plan(parse_problem("dgrad_" + text), emulated_device(), {}, true,
                                      false)
            .reason;
    };
    for (const char *text :
         {"n1ci4ih9iw9co8kh3kw3s1p1_f32_nchw", "n1ci4ih9iw9co8kh3kw3s1p1d2_f32_nhwc",
          "n1ci4ih9iw9co8kh7kw7s1p1_f32_nhwc", "n1ci4ih9iw9co8kh3kw3s3p1_f32_nhwc",
          "n1ci4ih9iw9co68kh3kw3s1p1_f32_nhwc", "n8ci4ih9iw9co8kh3kw3s1p1_bf16_nhwc"}) {
        EXPECT_EQ(reason(text), "no fused CUDA kernel of this library accepts the problem") << text;
    }
    EXPECT_EQ(reason("n8ci2048ih32iw32co32kh3kw3s1p1_f32_nhwc"),
              "the two passes take fewer predicted cycles");
}

TEST(WeightedSumGradCudaPlans, TakeVectorsWhereTheyFit) {
    const UseEmulatedDriver driver;
    const auto vec = [](const std::string &text, const Placed &placed) {
        const auto plan = weighted_sum_grad_plan(parse_problem("dgrad_" + text), emulated_device(),
                                                 placed, true, false);
        return plan.kernel == nullptr ? 0 : plan.kernel->params.vec;
    };
    Placed odd;
    odd.vectors = false;
    EXPECT_EQ(vec("n1ci4ih9iw9co8kh3kw3s1p1_f32_nhwc", {}), 4);
    EXPECT_EQ(vec("n1ci4ih9iw9co8kh3kw3s1p1_f32_nhwc", odd), 1);
    EXPECT_EQ(vec("n1ci5ih9iw9co8kh3kw3s1p1_f32_nhwc", {}), 1);
}

// The layers of examples/nets.py: a kernel of the size that each wants.
TEST(WeightedSumGradCudaPlans, TakeTheNarrowestThatHoldsZ) {
    const UseEmulatedDriver driver;
    const auto plan = [](const std::string &text) {
        Device h200 = emulated_device();
        h200.multiprocessors = 132;
        return weighted_sum_grad_plan(parse_problem("dgrad_n128" + text + "_f32_nhwc"), h200, {},
                                      true, false);
    };
    const std::vector<std::pair<std::string, std::string>> layers = {
        {"ci16ih32iw32co16kh3kw3s1p1", "vec:4,channels:16,middle:16,strip:4"},
        {"ci16ih32iw32co32kh3kw3s2p1", "vec:4,channels:16,middle:32,strip:4,stride:2"},
        {"ci32ih16iw16co32kh3kw3s1p1", "vec:4"},
        {"ci32ih16iw16co64kh3kw3s2p1", "vec:4,middle:64,stride:2"},
        {"ci64ih8iw8co64kh3kw3s1p1", "vec:4,columns:8,channels:64,middle:64,strip:4"}};
    for (const auto &[text, schedule] : layers) {
        const WeightedSumGradPlan best = plan(text);
        ASSERT_NE(best.kernel, nullptr) << text << ": " << best.reason;
        const auto params = parse_params<WeightedSumGradCudaParams>(schedule);
        EXPECT_EQ(best.kernel->schedule, format_params(params)) << text;
    }
}

}  // namespace
}  // namespace convwright::cuda
