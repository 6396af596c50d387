// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>

#include "tests/dense_run.h"
#include "tests/repro.h"
#include "tests/seed.h"
#include "tests/thread_run.h"

namespace convwright {
namespace {

/// Reals, so that another order of the sums would show.
ConvValues real_values(const ConvProblem &p) {
    ConvValues values = integer_values(p, test_seed());
    for (Values *v : {&values.input, &values.weight, &values.output, &values.bias}) {
        float angle = 0;
        for (float &x : *v) x = std::sin(angle += x + 4);
    }
    return values;
}

class Conv2dThreads : public testing::TestWithParam<std::string> {};

TEST_P(Conv2dThreads, GiveTheSameBits) {
    if (host_isa() == Isa::kNone) GTEST_SKIP() << "This CPU has no AVX2 with FMA.";
    ConvProblem p = parse_problem("fprop_" + GetParam() + "_f32_nhwc");
    for (const auto direction : {Direction::kFprop, Direction::kDgrad, Direction::kWgrad}) {
        for (const Format format : {Format::kNchw, Format::kNhwc}) {
            p.direction = direction, p.format = format;
            p.bias = direction == Direction::kFprop;
            const ConvValues values = real_values(p);
            for (const KernelInfo &kernel : accepting_kernels(p)) {
                const KernelCall call = *kernel_call(kernel.name, p, true);
                const Values alone = run_dense(call, values);
                for (const int64_t threads : {2, 3, 7}) {
                    const Repro repro(p, kernel.name, std::to_string(threads) + " threads");
                    const TestThreads pool(threads);
                    EXPECT_EQ(run_dense(call, values), alone);  // no NaN is in it, so == means bits
                }
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Problems, Conv2dThreads,
                         testing::Values("n3ci16ih30iw30co16kh3kw3s1p1",
                                         "n2ci3ih40iw41co8kh5kw5s2p2",
                                         "n2ci20ih13iw13co20kh1kw1s1p0",
                                         "n3ci18ih20iw17co18kh3kw3s1p1g18",
                                         "n2ci12ih15iw16co36kh3kw3s2p1g3"),
                         [](const auto &info) { return info.param; });

}  // namespace
}  // namespace convwright
