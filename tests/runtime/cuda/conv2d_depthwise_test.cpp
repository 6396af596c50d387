// SPDX-License-Identifier: Apache-2.0
// Every depthwise CUDA kernel of fprop and dgrad, run on the CPU, against the definition on small
// integers, tolerance 0.
#include <gtest/gtest.h>

#include <limits>

#include "tests/runtime/cuda/emulated_driver.h"
#include "tests/runtime/cuda/exact_check.h"
#include "tests/seed.h"

namespace convwright::cuda {
namespace {

using P = Conv2dCudaParams;

/// Along strips and across them.
struct Pair {
    int64_t along, across;
};

/// What a test varies; taps and stride along strips are the kernel's.
struct Shape {
    int64_t n = 1, channels = 1;
    Pair image{1, 1}, pad{1, 1};
    int64_t taps_across = 3, stride_across = 1, dilation_across = 1;
};

class DepthwiseCuda : public testing::TestWithParam<size_t> {
protected:
    const ConvKernel &kernel() const { return conv_kernels()[GetParam()]; }
    const P &params() const { return kernel().params; }
    bool nhwc() const { return kernel().format == Format::kNhwc; }

    /// With `taps` and `stride` along strips.
    ConvProblem problem(const std::string &direction, const Shape &s, int64_t taps,
                        int64_t stride) const {
        const auto text = [](int64_t value) { return std::to_string(value); };
        // Rows before columns.
        const auto two = [&](int64_t along, int64_t across, const char *between) {
            return text(nhwc() ? across : along) + between + text(nhwc() ? along : across);
        };
        const std::string channels = text(s.channels);
        return parse_problem(
            direction + "_n" + text(s.n) + "ci" + channels + "ih" +
            two(s.image.along, s.image.across, "iw") + "co" + channels + "kh" +
            two(taps, s.taps_across, "kw") + "s" + two(stride, s.stride_across, "x") + "p" +
            two(s.pad.along, s.pad.across, "x") + "d" + two(1, s.dilation_across, "x") + "g" +
            channels + "_f32_" + (nhwc() ? "nhwc" : "nchw"));
    }
    ConvProblem fprop(const Shape &s) const {
        return problem("fprop", s, params().taps, params().stride);
    }
    /// Pixels along strips from which `out` results come, with a padding of 1.
    int64_t read(int64_t out) const {
        return std::max<int64_t>(1, (out - 1) * params().stride + params().taps - 2);
    }

    void expect_exact(const ConvProblem &p, const Variant &v) {
        EXPECT_TRUE(expect_equals_naive(kernel(), p, v, integer_values(p, test_seed())))
            << kernel().name << " does not accept " << format_problem(p);
    }

    UseEmulatedDriver driver_;
};

std::vector<size_t> kernels() {
    std::vector<size_t> numbers;
    for (size_t i = 0; i < conv_kernels().size(); i++) {
        if (conv_kernels()[i].params.engine == P::kDepthwise) numbers.push_back(i);
    }
    return numbers;
}

INSTANTIATE_TEST_SUITE_P(Cuda, DepthwiseCuda, testing::ValuesIn(kernels()),
                         [](const auto &info) { return conv_kernels()[info.param].name; });

// A race shows as a difference of two orders.
TEST_P(DepthwiseCuda, EachOrderOfThreadsGivesTheSame) {
    const ConvProblem p = fprop({2, 2 * params().vec, {read(params().px_t + 1), 5}});
    for (const auto order :
         {emulator::Order::kForward, emulator::Order::kReversed, emulator::Order::kShuffled}) {
        driver_->order = order;
        expect_exact(p, kBias);
    }
}

// Strips and tiles of channels to the last element, and one more or less.
TEST_P(DepthwiseCuda, EdgesOfStripsAndTiles) {
    const int64_t strip = params().px_t, vec = params().vec, tile = params().co;
    expect_exact(fprop({3, tile, {read(strip), 3}}), kRelu);
    expect_exact(fprop({1, tile + vec, {read(strip + 1), 2}}), kGaps);
    expect_exact(fprop({2, std::max(vec, tile - vec), {read(2 * strip - 1), 3}}), kBias);
    expect_exact(fprop({5, vec, {read(3 * strip), 4}}), kGaps);
}

TEST_P(DepthwiseCuda, StridesDilationsAndPadding) {
    const int64_t channels = 3 * params().vec;
    const Pair image{read(params().px_t + 2), 9};
    expect_exact(fprop({2, channels, image, {1, 0}, 3, 2}), kBias);
    expect_exact(fprop({1, channels, image, {3, 4}, 2, 1, 3}), kGaps);
    expect_exact(fprop({2, channels, image, {1, 2}, params().most_taps_across(), 3}), kRelu);
    expect_exact(fprop({1, channels, image, {2, 0}, 1}), kGaps);
    expect_exact(fprop({1, channels, {1, 1}, {params().taps, 2}, 3}), kBias);
}

// A pass of stride 1 reads the gradient; with stride 2 each phase has half of the taps.
TEST_P(DepthwiseCuda, Gradients) {
    if (params().stride != 1) return;
    const int64_t channels = 3 * params().vec, taps = params().taps;
    const Pair image{2 * params().px_t + taps, 6};
    expect_exact(problem("dgrad", {2, channels, image, {0, 1}}, taps, 1), kGaps);
    expect_exact(problem("dgrad", {1, channels, image, {1, 1}, 4, 2}, 2 * taps, 2), kBias);
    expect_exact(problem("dgrad", {1, channels, image, {1, 0}, 3, 3}, 2 * taps, 2), kGaps);
}

TEST_P(DepthwiseCuda, NotANumberStaysOne) {
    const ConvProblem p = fprop({1, params().vec, {read(params().px_t), 4}});
    ConvValues values = integer_values(p, test_seed());
    values.input[1] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_TRUE(expect_equals_naive(kernel(), p, kRelu, values));
}

}  // namespace
}  // namespace convwright::cuda
