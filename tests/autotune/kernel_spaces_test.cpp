// SPDX-License-Identifier: Apache-2.0
// Every kernel of the library that has knobs is a point of a space.
#include <gtest/gtest.h>

#include <set>

#include "autotune/cpu_spaces.h"
#include "autotune/cuda_spaces.h"
#include "runtime/cuda/loaded_kernels.h"

namespace convwright {
namespace {

struct Row {
    const char *generator, *schedule;
};

#define CONVWRIGHT_KERNEL(generator, symbol, format, isa, dtype, product, schedule, ...) \
    {#generator, schedule},
const Row kCpuRows[] = {
#include "shipped/kernel_rows.inc"
};
#undef CONVWRIGHT_KERNEL
#define CONVWRIGHT_CUDA_KERNEL(generator, symbol, format, dtype, schedule, ...) \
    {#generator, schedule},
const Row kCudaRows[] = {
#include "shipped/cuda_rows.inc"
};
#undef CONVWRIGHT_CUDA_KERNEL

/// What is a point of a space does not depend on the problem: one space of a kind serves all its kernels, on GPUs those
/// of a type.
template<typename Kernels>
void expect_points(const Kernels &kernels, const std::string &generator, const Space &space) {
    int64_t seen = 0;
    for (const auto &kernel : kernels) {
        std::string kind = cuda::candidate_kind(generator.c_str());
        if constexpr (requires { kernel.isa; }) {
            kind = generator + "." + isa_name(kernel.isa);
        } else if (kernel.dtype != parse_operator_problem(space.subject().problem).sizes.dtype) {
            continue;
        }
        seen++;
        EXPECT_TRUE(space.parse(kind + "/" + kernel.schedule)) << kernel.name;
    }
    EXPECT_GT(seen, 0) << space.subject().problem;
}

constexpr char kFprop[] = "fprop_n1ci16ih9iw9co16kh3kw3s1p1_f32_nhwc",
               kDgrad[] = "dgrad_n1ci16ih9iw9co16kh3kw3s1p1_f32_nhwc",
               kWgrad[] = "wgrad_n1ci16ih9iw9co16kh3kw3s1p1_f32_nhwc";

TEST(KernelSpaces, HaveEveryKernelForCpus) {
    const std::vector<Isa> isas = {Isa::kAvx2, Isa::kAvx512};
    const ConvProblem fprop = parse_problem(kFprop), wgrad = parse_problem(kWgrad);
    expect_points(conv_kernels(), "conv2d", conv_cpu_space(fprop, 0, isas));
    expect_points(wgrad_kernels(), "conv2d_wgrad", conv_cpu_space(wgrad, 0, isas));
    expect_points(weighted_sum_kernels(), "weighted_sum", weighted_sum_cpu_space(fprop, isas));
    OperatorProblem approximate(fprop);
    approximate.product = "mbm";
    expect_points(product_kernels(), "approx_conv2d", conv_cpu_space(approximate, 0, isas));
}

TEST(KernelSpaces, HaveEveryKernelForGpus) {
    const cuda::Device gpu = nominal_gpu(90);
    ConvProblem fprop = parse_problem(kFprop), wgrad = parse_problem(kWgrad);
    for (const DType dtype : {DType::kBf16, DType::kF16, DType::kF32}) {
        fprop.dtype = wgrad.dtype = dtype;
        expect_points(cuda::conv_kernels(), "conv2d", cuda_space(fprop, 0, gpu));
        expect_points(cuda::wgrad_kernels(), "conv2d_wgrad", cuda_space(wgrad, 0, gpu));
    }
    expect_points(cuda::weighted_sum_kernels(), "weighted_sum",
                  cuda_space({fprop, Operator::kWeightedSum}, 0, gpu));
    expect_points(cuda::weighted_sum_grad_kernels(), "weighted_sum_grad",
                  cuda_space({parse_problem(kDgrad), Operator::kWeightedSum}, 0, gpu));
    for (const cuda::ProductKernel &kernel : cuda::product_kernels()) {
        OperatorProblem approximate(parse_problem(kFprop));
        approximate.product = kernel.product;
        EXPECT_TRUE(cuda_space(approximate, 0, gpu)
                        .parse(cuda::product_candidate_kind(kernel.format) + "/" + kernel.schedule))
            << kernel.name;
    }
    EXPECT_FALSE(cuda::product_kernels().empty());
    for (const cuda::ByteKernel &kernel : cuda::byte_kernels()) {
        OperatorProblem bytes(parse_problem(kFprop));
        bytes.product = kernel.product;
        const Space space = cuda_space(bytes, 0, gpu);
        const auto point =
            space.parse(cuda::byte_candidate_kind(kernel.format) + "/" + kernel.schedule);
        ASSERT_TRUE(point) << kernel.name;
        EXPECT_TRUE(space.is_legal(*point)) << kernel.name << ": " << space.why_illegal(*point);
    }
    EXPECT_FALSE(cuda::byte_kernels().empty());
}

/// A Generator whose kernels have knobs belongs to the tests above.
TEST(KernelSpaces, AreThoseOfAllGenerators) {
    const std::set<std::string> searched = {"approx_conv2d",       "conv2d",
                                            "conv2d_wgrad",        "weighted_sum",
                                            "conv2d_direct",       "conv2d_gemm",
                                            "conv2d_depthwise",    "conv2d_wgrad_gemm",
                                            "conv2d_wgrad_direct", "conv2d_wgrad_depthwise",
                                            "weighted_sum_cuda",   "weighted_sum_grad_cuda",
                                            "approx_gemm",         "byte_gemm"};
    std::set<std::string> seen;
    for (const auto &rows : {std::vector<Row>(std::begin(kCpuRows), std::end(kCpuRows)),
                             std::vector<Row>(std::begin(kCudaRows), std::end(kCudaRows))})
        for (const Row &row : rows)
            if (*row.schedule != '\0') seen.insert(row.generator);
    for (const std::string &generator : seen)
        EXPECT_TRUE(searched.contains(generator)) << generator;
    for (const std::string &generator : searched)
        EXPECT_TRUE(seen.contains(generator)) << generator;
}

}  // namespace
}  // namespace convwright
