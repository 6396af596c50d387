// SPDX-License-Identifier: Apache-2.0
// Every CUDA kernel of fprop and dgrad for channels in groups of any size, run on the CPU, against the definition on small integers,
// tolerance 0.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "tests/runtime/cuda/emulated_driver.h"
#include "tests/runtime/cuda/exact_check.h"
#include "tests/seed.h"

namespace convwright::cuda {
namespace {

using P = Conv2dCudaParams;

class Conv2dCuda : public testing::TestWithParam<size_t> {
protected:
    const ConvKernel &kernel() const { return conv_kernels()[GetParam()]; }
    const P &params() const { return kernel().params; }
    bool direct() const { return params().engine == P::kDirect; }
    bool nhwc() const { return kernel().format == Format::kNhwc; }
    /// Input and output channels, and pixels of a result, that come together.
    int64_t ci() const { return params().read_vector(kernel().format); }
    int64_t co() const { return nhwc() ? params().store_vector() : 1; }
    int64_t px() const { return nhwc() ? 1 : params().vec; }
    int64_t co_tile() const { return direct() ? 8 : params().co; }
    int64_t px_tile() const { return direct() ? 32 : params().px; }

    ConvProblem problem(const std::string &direction, const std::string &text) const {
        return parse_problem(direction + "_" + text + "_" + dtype_name(kernel().dtype) + "_" +
                             (nhwc() ? "nhwc" : "nchw"));
    }

    void expect_exact(const ConvProblem &p, const Variant &v, int64_t parts = 0) {
        EXPECT_TRUE(expect_equals_naive(kernel(), p, v, integer_values(p, test_seed()), parts))
            << kernel().name << " does not accept " << format_problem(p);
    }

    UseEmulatedDriver driver_;
};

std::string name_of(const testing::TestParamInfo<size_t> &info) {
    return conv_kernels()[info.param].name;
}

std::vector<size_t> kernels(bool split_only) {
    std::vector<size_t> numbers;
    for (size_t i = 0; i < conv_kernels().size(); i++) {
        const P &params = conv_kernels()[i].params;
        if (params.engine == P::kDepthwise) continue;  // conv2d_depthwise_test.cpp
        if (!split_only || params.split) numbers.push_back(i);
    }
    return numbers;
}

INSTANTIATE_TEST_SUITE_P(Cuda, Conv2dCuda, testing::ValuesIn(kernels(false)), name_of);

std::string text(int64_t value) { return std::to_string(value); }

// A race shows as a difference of two orders.
TEST_P(Conv2dCuda, EachOrderOfThreadsGivesTheSame) {
    const ConvProblem p =
        problem("fprop", "n2ci" + text(ci()) + "ih3iw4co" + text(co()) + "kh3kw3s1p1");
    for (const auto order :
         {emulator::Order::kForward, emulator::Order::kReversed, emulator::Order::kShuffled}) {
        driver_->order = order;
        expect_exact(p, kBias);
    }
}

// Chunks, tiles and strips to the last element, and one more or less.
TEST_P(Conv2dCuda, EdgesOfTiles) {
    const int64_t chunk = params().chunk, columns = px_tile() / 2;
    expect_exact(problem("fprop", "n3ci" + text(chunk) + "ih1iw" + text(columns + px()) + "co" +
                                      text(co_tile()) + "kh1kw1s1p0"),
                 kRelu);
    expect_exact(problem("fprop", "n1ci" + text(chunk + ci()) + "ih2iw" + text(columns) + "co" +
                                      text(co_tile() + co()) + "kh1kw3s1p0x1"),
                 kGaps);
    // In dgrad the channels change places.
    const int64_t written = std::max(co(), co_tile() - co()), read = std::max(ci(), chunk - ci());
    expect_exact(problem("dgrad", "n1ci" + text(written) + "ih3iw" + text(columns / 2 + px()) +
                                      "co" + text(read) + "kh2kw3s1p1"),
                 kGaps);
}

// dgrad has a pass for each phase of a stride, and some that no tap reaches; behind the kernel's reach
// a pass starts inside the gradient. All results have a multiple of 4 pixels.
TEST_P(Conv2dCuda, StridesDilationsAndPadding) {
    const auto expect = [&](const std::string &direction, const std::string &image,
                            const std::string &window, const Variant &v) {
        const int64_t read = 2 * ci(), written = 3 * co();
        const bool fprop = direction == "fprop";
        expect_exact(
            problem(direction, image.substr(0, 2) + "ci" + text(fprop ? read : written) +
                                   image.substr(2) + "co" + text(fprop ? written : read) + window),
            v);
    };
    const auto both = [&](const std::string &image, const std::string &window, const Variant &v) {
        expect("fprop", image, window, v);
        // Phases write every second or third pixel.
        if (px() == 1) expect("dgrad", image, window, v);
    };
    both("n2ih7iw9", "kh3kw3s2p1", kBias);
    both("n1ih9iw9", "kh5kw2s3x1p2x0", kGaps);
    both("n2ih5iw6", "kh2kw3s1x3p3x4d2x1", kRelu);
    both("n1ih2iw6", "kh1kw1s2p3", kGaps);
    expect("fprop", "n2ih5iw8", "kh3kw1s1p3x0d2x1", kBias);
    expect("dgrad", "n2ih5iw8", "kh3kw1s1p3x0d2x1", kGaps);
}

TEST_P(Conv2dCuda, Groups) {
    const std::string channels =
        "ci" + text(3 * std::max(ci(), co())) + "ih7iw8co" + text(6 * std::max(ci(), co()));
    expect_exact(problem("fprop", "n2" + channels + "kh3kw3s2p1g3"), kGaps);
    expect_exact(problem("dgrad", "n2" + channels + "kh3kw3s1p1g3"), kBias);
    if (ci() == 1 && co() == 1) {
        expect_exact(problem("fprop", "n1ci5ih3iw3co5kh2kw2s1p1g5"), kRelu);
        expect_exact(problem("dgrad", "n1ci5ih2iw4co5kh2kw2s1p1g5"), kGaps);
    }
}

TEST_P(Conv2dCuda, NotANumberStaysOne) {
    const ConvProblem p =
        problem("fprop", "n1ci" + text(ci()) + "ih4iw4co" + text(co()) + "kh3kw3s1p1");
    ConvValues values = integer_values(p, test_seed());
    values.input[3] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_TRUE(expect_equals_naive(kernel(), p, kRelu, values));
}

class Conv2dCudaParts : public Conv2dCuda {};

INSTANTIATE_TEST_SUITE_P(Cuda, Conv2dCudaParts, testing::ValuesIn(kernels(true)), name_of);

TEST_P(Conv2dCudaParts, AnyNumberGivesTheSum) {
    const std::string read = text(2 * params().chunk), written = text(2 * co());
    for (const int64_t parts : {2, 3, 7}) {
        expect_exact(problem("fprop", "n2ci" + read + "ih3iw4co" + written + "kh3kw2s1p1"), kBias,
                     parts);
        expect_exact(problem("dgrad", "n1ci" + written + "ih3iw4co" + read + "kh3kw3s2p1"), kGaps,
                     parts);
    }
}

}  // namespace
}  // namespace convwright::cuda
