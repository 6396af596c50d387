// SPDX-License-Identifier: Apache-2.0
// Every CUDA kernel of fprop and dgrad, run on the CPU, against the definition on small integers,
// tolerance 0.
#include "runtime/cuda/conv2d.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/naive_conv2d.h"
#include "tests/repro.h"
#include "tests/runtime/cuda/emulated_driver.h"
#include "tests/seed.h"

namespace convwright::cuda {
namespace {

using P = Conv2dCudaParams;

/// Circumstances of a run that the kernel must not care about.
struct Variant {
    const char *name;
    Placement placement;
    bool gaps, bias, relu;
    Format weight_format;
};

constexpr Variant kBias{"bias", Placement::kEnd, false, true, false, Format::kNchw};
constexpr Variant kRelu{"relu, weight channels_last", Placement::kStart, false, false, true,
                        Format::kNhwc};
constexpr Variant kGaps{"gaps, bias, relu", Placement::kStart, true, true, true, Format::kNchw};

bool equal(float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }

/// Empty if equal, else how many values differ and the first that does.
std::string differences(const Values &actual, const Values &expected) {
    size_t count = 0, first = 0;
    for (size_t i = expected.size(); i-- > 0;) {
        if (equal(actual[i], expected[i])) continue;
        count++;
        first = i;
    }
    if (count == 0) return "";
    return std::to_string(count) + " of " + std::to_string(expected.size()) +
           " values differ; the first, number " + std::to_string(first) + ", is " +
           std::to_string(actual[first]) + ", not " + std::to_string(expected[first]);
}

class Conv2dCuda : public testing::TestWithParam<size_t> {
protected:
    Conv2dCuda() { set_emulated_order(emulator::Order::kForward); }

    const ConvKernel &kernel() const { return conv_kernels()[GetParam()]; }
    const P &params() const { return kernel().params; }
    bool direct() const { return params().engine == P::kDirect; }
    int64_t vec() const { return params().vec; }
    int64_t co_tile() const { return direct() ? 8 : params().co; }
    int64_t px_tile() const { return direct() ? 32 : params().px; }

    ConvProblem problem(const std::string &direction, const std::string &text) const {
        return parse_problem(direction + "_" + text + "_f32_" +
                             (kernel().format == Format::kNhwc ? "nhwc" : "nchw"));
    }

    /// `values` where the problem's own must not be used, `parts` where the plan's must not.
    void expect_exact(ConvProblem p, const Variant &v, const ConvValues *values = nullptr,
                      int64_t parts = 0) {
        p.bias = v.bias && p.direction == Direction::kFprop;
        p.relu = v.relu && p.direction == Direction::kFprop;
        const ConvValues own = values == nullptr ? integer_values(p, test_seed()) : *values;
        const Repro repro(p, kernel().name, v.name);
        // Without whole vectors there are no gaps that a kernel with vectors accepts.
        const bool gaps = v.gaps && vec() == 1;
        const auto tensor = [&](const Quad &sizes, Format format, const Values &of) {
            return Tensor4(sizes, strides_for(sizes, format, gaps), v.placement, of);
        };
        const Tensor4 input = tensor(input_sizes(p), p.format, own.input);
        const Tensor4 weight = tensor(weight_sizes(p), v.weight_format, own.weight);
        const Tensor4 output = tensor(output_sizes(p), p.format, own.output);
        const Tensor4 bias({1, 1, 1, p.co}, {p.co, p.co, p.co, 1}, v.placement, own.bias);
        const Tensor4 result(result_sizes(p), strides_for(result_sizes(p), p.format, gaps),
                             Placement::kMiddle);
        const bool fprop = p.direction == Direction::kFprop;
        const Activation from = (fprop ? input : output).activation(), to = result.activation();
        ConvPlan plan = conv_plan_with(kernel(), p, emulated_device(),
                                       fprop ? placed(p, to, from) : placed(p, from, to));
        ASSERT_FALSE(plan.steps.empty()) << plan.reason;
        for (ConvStep &step : plan.steps) {
            if (parts == 0 || !step.kernel->params.split) continue;
            step.parts = parts;
            const StepLayout layout(step);
            plan.workspace =
                std::max(plan.workspace, layout.packed_floats + layout.partial_floats);
        }
        GuardedFloats workspace(plan.workspace, Placement::kMiddle);
        CallContext context;
        ASSERT_TRUE(run_conv(context, plan, from, weight.weight(),
                             p.bias ? bias.activation().data : nullptr, to, workspace.data()))
            << context.error();
        EXPECT_EQ(differences(result.values(), naive_conv2d(p, own)), "");
        EXPECT_TRUE(result.redzones_intact()) << "The kernel wrote around its result.";
        EXPECT_TRUE(workspace.redzones_intact()) << "The kernel wrote around its workspace.";
    }
};

std::string name_of(const testing::TestParamInfo<size_t> &info) {
    return conv_kernels()[info.param].name;
}

INSTANTIATE_TEST_SUITE_P(Cuda, Conv2dCuda, testing::Range<size_t>(0, conv_kernels().size()),
                         name_of);

std::string text(int64_t value) { return std::to_string(value); }

// A race shows as a difference of two orders.
TEST_P(Conv2dCuda, EachOrderOfThreadsGivesTheSame) {
    const std::string c = text(vec());
    for (const auto order :
         {emulator::Order::kForward, emulator::Order::kReversed, emulator::Order::kShuffled}) {
        set_emulated_order(order);
        expect_exact(problem("fprop", "n2ci" + c + "ih3iw3co" + c + "kh3kw3s1p1"), kBias);
    }
}

// Chunks, tiles and strips to the last element, and one more or less.
TEST_P(Conv2dCuda, EdgesOfTiles) {
    const int64_t chunk = params().chunk, v = vec();
    expect_exact(problem("fprop", "n3ci" + text(chunk) + "ih1iw" + text(px_tile() / 2 + 1) + "co" +
                                      text(co_tile()) + "kh1kw1s1p0"),
                 kRelu);
    expect_exact(problem("fprop", "n1ci" + text(chunk + v) + "ih2iw" + text(px_tile() / 2) + "co" +
                                      text(co_tile() + v) + "kh1kw3s1p0x1"),
                 kGaps);
    const int64_t less = std::max(v, co_tile() - v);
    expect_exact(problem("dgrad", "n1ci" + text(less) + "ih3iw" + text(px_tile() / 4 + 1) + "co" +
                                      text(std::max(v, chunk - v)) + "kh2kw3s1p1"),
                 kGaps);
}

// dgrad has a pass for each phase of a stride, and some that no tap reaches; behind the kernel's reach
// a pass starts inside the gradient.
TEST_P(Conv2dCuda, StridesDilationsAndPadding) {
    const std::string ci = text(2 * vec()), co = text(3 * vec());
    const auto both = [&](const std::string &sizes, const Variant &v) {
        const size_t at = sizes.find("ih");
        const std::string all = sizes.substr(0, at) + "ci" + ci + sizes.substr(at);
        for (const char *direction : {"fprop", "dgrad"}) {
            const ConvProblem p = problem(direction, all.substr(0, all.find('k')) + "co" + co +
                                                         all.substr(all.find('k')));
            expect_exact(p, v);
        }
    };
    both("n2ih7iw9kh3kw3s2p1", kBias);
    both("n1ih9iw8kh5kw2s3x1p2x0", kGaps);
    both("n2ih5iw6kh2kw3s1x3p3x4d2x1", kRelu);
    both("n1ih4iw5kh1kw1s2p3", kGaps);
}

TEST_P(Conv2dCuda, Groups) {
    const int64_t v = vec();
    for (const char *direction : {"fprop", "dgrad"}) {
        expect_exact(problem(direction, "n2ci" + text(6 * v) + "ih5iw4co" + text(9 * v) +
                                            "kh3kw3s2p1g3"),
                     kGaps);
        if (v == 1) expect_exact(problem(direction, "n1ci5ih4iw3co5kh2kw2s1p1g5"), kBias);
    }
}

TEST_P(Conv2dCuda, PartsOfASum) {
    if (!params().split) GTEST_SKIP() << "The kernel does not split its sums.";
    for (const int64_t parts : {2, 3, 7}) {
        const std::string c = text(2 * params().chunk), co = text(2 * vec());
        expect_exact(problem("fprop", "n2ci" + c + "ih3iw4co" + co + "kh3kw2s1p1"), kBias, nullptr,
                     parts);
        expect_exact(problem("dgrad", "n1ci" + co + "ih3iw4co" + c + "kh3kw3s2p1"), kGaps, nullptr,
                     parts);
    }
}

TEST_P(Conv2dCuda, NotANumberStaysOne) {
    const std::string c = text(vec());
    const ConvProblem p = problem("fprop", "n1ci" + c + "ih4iw4co" + c + "kh3kw3s1p1");
    ConvValues values = integer_values(p, test_seed());
    values.input[3] = std::numeric_limits<float>::quiet_NaN();
    expect_exact(p, kRelu, &values);
}

}  // namespace
}  // namespace convwright::cuda
