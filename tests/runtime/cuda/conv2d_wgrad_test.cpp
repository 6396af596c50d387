// SPDX-License-Identifier: Apache-2.0
// Every CUDA kernel of wgrad, run on the CPU, against the definition on small integers, tolerance 0.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <limits>

#include "autotune/verify/naive_conv2d.h"
#include "runtime/cuda/conv_wgrad.h"
#include "tests/repro.h"
#include "tests/runtime/cuda/emulated_driver.h"
#include "tests/seed.h"

namespace convwright::cuda {
namespace {

using P = Conv2dWgradCudaParams;

/// Circumstances of a run that the result must not depend on.
struct Variant {
    const char *name;
    Placement placement;
    bool gaps;
    Format weight_format;
    int64_t parts;  ///< At most, 0: as planned.
    emulator::Order order;
};

constexpr Variant kVariants[] = {
    {"one part", Placement::kEnd, false, Format::kNhwc, 1, emulator::Order::kForward},
    {"parts, gaps, threads reversed", Placement::kStart, true, Format::kNchw, 3,
     emulator::Order::kReversed},
    {"planned parts, weight contiguous, threads shuffled", Placement::kEnd, false, Format::kNchw, 0,
     emulator::Order::kShuffled},
};

/// The plan with as many parts as the variant asks for.
WgradPlan plan_of(const WgradKernel &kernel, const ConvProblem &p, const Placed &placed,
                  int64_t parts) {
    WgradPlan plan = wgrad_plan_with(kernel, p, emulated_device(), placed);
    if (plan.kernel == nullptr || parts == 0) return plan;
    const int64_t steps = plan.cut.steps * plan.cut.parts;  // of all
    plan.cut.steps = (steps + parts - 1) / parts;
    plan.cut.parts = (steps + plan.cut.steps - 1) / plan.cut.steps;
    plan.workspace = plan.e * plan.co * plan.groups * plan.cut.parts;
    return plan;
}

class Wgrad : public testing::TestWithParam<size_t> {
protected:
    const WgradKernel &kernel() const { return wgrad_kernels()[GetParam()]; }

    /// The sizes of `text`, "n1ci3ih4iw5co6kh3kw3s1p1", with all variants, in the kernel's format.
    /// `stride` replaces those of the axes that have one element: w, h, n.
    void expect_exact(const std::string &text, const std::array<int64_t, 3> &stride = {0, 0, 0}) {
        const ConvProblem p = problem_of(text);
        expect_exact(p, integer_values(p, test_seed()), stride);
    }

    ConvProblem problem_of(const std::string &text) const {
        const bool nhwc = kernel().format == Format::kNhwc;
        return parse_problem("wgrad_" + text + "_" + dtype_name(kernel().dtype) + "_" +
                             (nhwc ? "nhwc" : "nchw"));
    }

    void expect_exact(const ConvProblem &p, const ConvValues &values,
                      const std::array<int64_t, 3> &stride = {0, 0, 0}) {
        const Values expected = naive_conv2d(p, values);
        for (const Variant &v : kVariants) {
            // Whole vectors follow each other without gaps.
            const bool gaps = v.gaps && kernel().params.vec == 1;
            const auto tensor = [&](const Quad &sizes, const Values &of) {
                return Tensor4(sizes, strides_for(sizes, p.format, gaps), v.placement, of, p.dtype);
            };
            const Tensor4 input = tensor(input_sizes(p), values.input);
            const Tensor4 grad = tensor(output_sizes(p), values.output);
            const Repro repro(p, kernel().name, v.name);
            Activation in = input.activation();
            if (stride[0] != 0) in.w = stride[0], in.h = stride[1], in.n = stride[2];
            run(p, v, in, grad.activation(), gaps, expected);
        }
    }

private:
    void run(const ConvProblem &p, const Variant &v, const Activation &input,
             const Activation &grad, bool gaps, const Values &expected) {
        const WgradPlan plan = plan_of(kernel(), p, wgrad_placed(p, grad, input), v.parts);
        ASSERT_NE(plan.kernel, nullptr) << plan.reason;
        const Tensor4 result(weight_sizes(p), strides_for(weight_sizes(p), v.weight_format, gaps),
                             Placement::kMiddle, p.dtype);
        GuardedFloats workspace(plan.workspace, Placement::kMiddle);
        CallContext context;
        driver_->order = v.order;
        ASSERT_TRUE(run_wgrad(context, plan, p, grad, input, result.weight(), workspace.data()))
            << context.error();
        const Values actual = result.values();
        size_t wrong = 0;
        for (size_t i = expected.size(); i-- > 0;) {
            if (actual[i] != expected[i]) wrong++, first_ = i;  // a NaN is never equal
        }
        EXPECT_EQ(wrong, 0u) << "of " << expected.size() << "; the first, number " << first_
                             << ", is " << actual[first_] << ", not " << expected[first_];
        EXPECT_TRUE(result.redzones_intact()) << "The kernel wrote around its result.";
        EXPECT_TRUE(workspace.redzones_intact()) << "The kernel wrote around its workspace.";
    }

    UseEmulatedDriver driver_;
    size_t first_ = 0;
};

std::string name_of(const testing::TestParamInfo<size_t> &info) {
    return wgrad_kernels()[info.param].name;
}

std::vector<size_t> kernels(bool depthwise) {
    std::vector<size_t> numbers;
    for (size_t i = 0; i < wgrad_kernels().size(); i++) {
        if ((wgrad_kernels()[i].params.engine == P::kDepthwise) == depthwise) numbers.push_back(i);
    }
    return numbers;
}

INSTANTIATE_TEST_SUITE_P(Cuda, Wgrad, testing::ValuesIn(kernels(false)), name_of);

std::string text(int64_t value) { return std::to_string(value); }

TEST_P(Wgrad, OnePixelOfOneVector) {
    const std::string c = text(kernel().params.vec);
    expect_exact("n1ci" + c + "ih1iw1co" + c + "kh1kw1s1p0");
}

// A tile of output channels and elements to the last, and one more; 35 and 45 pixels, which are no
// whole chunks, of several images.
TEST_P(Wgrad, TilesAndOneMore) {
    const int vec = kernel().params.vec;
    const int64_t co = kernel().params.co, e = std::max(kernel().params.e, vec);
    expect_exact("n1ci" + text(e) + "ih5iw7co" + text(co) + "kh1kw1s1p0");
    expect_exact("n5ci" + text(e + vec) + "ih3iw3co" + text(co + vec) + "kh1kw1s1p0");
    if (co > vec) {
        expect_exact("n2ci" + text(vec) + "ih4iw5co" + text(co - vec) + "kh3kw3s1p1");
    }
}

TEST_P(Wgrad, StridesDilationsAndPadding) {
    const int vec = kernel().params.vec;
    const std::string ci = vec == 1 ? "3" : text(vec), co = "8";
    expect_exact("n2ci" + ci + "ih7iw9co" + co + "kh3kw3s2p1");
    expect_exact("n1ci" + ci + "ih11iw8co" + co + "kh5kw2s3x1p2x0");
    expect_exact("n2ci" + ci + "ih5iw6co" + co + "kh2kw3s1x3p3x4d2x1");
    expect_exact("n1ci" + ci + "ih4iw5co" + co + "kh1kw1s2p3");
}

// Torch gives an axis of one element any stride.
TEST_P(Wgrad, StridesOfSingleRowsAndColumnsMeanNothing) {
    const std::string c = text(kernel().params.vec);
    expect_exact("n1ci" + c + "ih1iw1co" + c + "kh3kw3s1p2", {3, 5, 7});
}

TEST_P(Wgrad, Groups) {
    const int vec = kernel().params.vec;
    if (vec > 1)
        return expect_exact("n2ci" + text(3 * vec) + "ih5iw6co" + text(6 * vec) + "kh3kw3s1p1g3");
    expect_exact("n2ci6ih5iw6co10kh3kw3s1p1g2");
    expect_exact("n2ci5ih5iw6co5kh3kw3s2p1g5");
    expect_exact("n1ci3ih4iw7co6kh2kw2s1p1g3");
}

class WgradDepthwise : public Wgrad {
protected:
    const P &params() const { return kernel().params; }

    /// Along strips and across them.
    struct Pair {
        int64_t along, across;
    };
    ConvProblem problem(int64_t n, int64_t channels, const Pair &image, const Pair &pad = {1, 1},
                        int64_t stride_across = 1, int64_t dilation_across = 1) const {
        // Rows before columns.
        const auto two = [&](const Pair &pair, const char *between) {
            const bool nhwc = kernel().format == Format::kNhwc;
            return text(nhwc ? pair.across : pair.along) + between +
                   text(nhwc ? pair.along : pair.across);
        };
        const Pair taps{params().taps, params().taps};
        return problem_of("n" + text(n) + "ci" + text(channels) + "ih" + two(image, "iw") + "co" +
                          text(channels) + "kh" + two(taps, "kw") + "s" +
                          two({params().stride, stride_across}, "x") + "p" + two(pad, "x") + "d" +
                          two({1, dilation_across}, "x") + "g" + text(channels));
    }
    void expect(const ConvProblem &p) { expect_exact(p, integer_values(p, test_seed())); }
    /// Pixels along strips from which `out` results come, with a padding of 1.
    int64_t read(int64_t out) const {
        return std::max<int64_t>(1, (out - 1) * params().stride + params().taps - 2);
    }
};

INSTANTIATE_TEST_SUITE_P(Cuda, WgradDepthwise, testing::ValuesIn(kernels(true)), name_of);

TEST_P(WgradDepthwise, StripsAndTilesAndOneMore) {
    const int64_t strip = params().px_t, vec = params().vec, co = params().co;
    expect(problem(1, vec, {read(1), params().taps}));
    expect(problem(2, co, {read(strip), params().taps + 1}));
    expect(problem(3, co + vec, {read(strip + 1), params().taps}));
    expect(problem(1, std::max(vec, co - vec), {read(2 * strip - 1), params().taps + 2}));
}

TEST_P(WgradDepthwise, StridesDilationsAndPadding) {
    const int64_t channels = 3 * params().vec, strip = params().px_t;
    expect(problem(2, channels, {read(strip + 2), 11}, {1, 0}, 2));
    expect(problem(1, channels, {read(strip) + 1, 9}, {2, 6}, 1, 2));
    expect(problem(1, channels, {3, 2}, {params().taps, 4}, 3));
}

// The second strip ends in the middle: what its other pixels would meet is infinite, in the last column
// of the input, and belongs to fewer taps than they have.
TEST_P(WgradDepthwise, WhatNoPixelMeetsIsNotMultiplied) {
    const int64_t taps = params().taps, stride = params().stride;
    const int64_t along = params().px_t * stride + taps + stride - 1;
    const ConvProblem p = problem(1, params().vec, {along, taps}, {0, 0});
    ConvValues values = integer_values(p, test_seed());
    std::fill(values.output.begin(), values.output.end(), 1.0f);
    for (size_t i = 0; i < values.input.size(); i++) {
        const int64_t at = static_cast<int64_t>(i);
        const int64_t position = p.format == Format::kNhwc ? at % p.iw : at / p.iw % p.ih;
        if (position == along - 1) values.input[i] = std::numeric_limits<float>::infinity();
    }
    expect_exact(p, values);
}

}  // namespace
}  // namespace convwright::cuda
