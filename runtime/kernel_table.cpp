// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernel_table.h"

#include <set>

// kernel_rows.inc are generated: CONVWRIGHT_KERNEL(generator, symbol, format, isa, dtype, product,
// schedule, problem, phase) once per kernel. "tuned" are those of tables of choices: they come last, so that of
// equal predictions the library's own counts.
#define CONVWRIGHT_KERNEL(generator, symbol, ...) extern "C" int symbol##_argv(void **);
#include "shipped/kernel_rows.inc"
#include "tuned/kernel_rows.inc"
#undef CONVWRIGHT_KERNEL

namespace convwright {
namespace {

struct Row {
    const char *generator, *symbol;
    Format format;
    Isa isa;
    DType dtype;
    const char *product, *schedule, *problem;
    int phase;
    KernelEntry call;
};

constexpr Format nchw = Format::kNchw, nhwc = Format::kNhwc;
constexpr Isa avx2 = Isa::kAvx2, avx512 = Isa::kAvx512;
constexpr DType f32 = DType::kF32, bf16 = DType::kBf16;

#define CONVWRIGHT_KERNEL(generator, symbol, format, isa, dtype, product, schedule, problem, \
                          phase)                                                             \
    {#generator, #symbol, format, isa, dtype, product, schedule, problem, phase, symbol##_argv},
constexpr Row kRows[] = {
#include "shipped/kernel_rows.inc"
#include "tuned/kernel_rows.inc"
};
#undef CONVWRIGHT_KERNEL

template<typename Params>
std::vector<Kernel<Params>> kernels_of(const std::string &generator) {
    std::vector<Kernel<Params>> kernels;
    for (const Row &row : kRows) {
        if (generator != row.generator) continue;
        const Params params = parse_params<Params>(row.schedule);
        kernels.push_back({row.symbol, format_params(params), row.problem, row.phase, row.format,
                           row.isa, row.dtype, params, row.call});
    }
    return kernels;
}

KernelEntry entry_of(const std::string &generator, Isa isa, DType dtype) {
    for (const Row &row : kRows) {
        if (generator == row.generator && isa == row.isa && dtype == row.dtype) return row.call;
    }
    return nullptr;
}

}  // namespace

const std::vector<ConvKernel> &conv_kernels() {
    static const auto kernels = kernels_of<Conv2dCpuParams>("conv2d");
    return kernels;
}

const std::vector<WgradKernel> &wgrad_kernels() {
    static const auto kernels = kernels_of<Conv2dWgradCpuParams>("conv2d_wgrad");
    return kernels;
}

const std::vector<WeightedSumKernel> &weighted_sum_kernels() {
    static const auto kernels = kernels_of<WeightedSumCpuParams>("weighted_sum");
    return kernels;
}

const std::vector<ProductKernel> &product_kernels() {
    static const auto kernels = [] {
        std::vector<ProductKernel> all;
        for (const Row &row : kRows) {
            if (std::string(row.generator) != "approx_conv2d") continue;
            const auto params = parse_params<Conv2dCpuParams>(row.schedule);
            all.push_back(
                {row.symbol, row.product, format_params(params), row.isa, params, row.call});
        }
        return all;
    }();
    return kernels;
}

bool is_kernel_of_choices(const std::string &name) {
#define CONVWRIGHT_KERNEL(generator, symbol, ...) #symbol,
    static const std::set<std::string> names = {
#include "tuned/kernel_rows.inc"
    };
#undef CONVWRIGHT_KERNEL
    return names.count(name) > 0;
}

const SupportKernels &support_kernels(Isa isa, DType dtype) {
    static const auto table = [](Isa i, DType d) {
        return SupportKernels{entry_of("pack_weight", i, d), entry_of("wgrad_reduce", i, d),
                              entry_of("winograd_weight", i, d)};
    };
    static const SupportKernels tables[2][2] = {{table(avx2, f32), table(avx2, bf16)},
                                                {table(avx512, f32), table(avx512, bf16)}};
    return tables[isa == Isa::kAvx512][dtype == DType::kBf16];
}

}  // namespace convwright
