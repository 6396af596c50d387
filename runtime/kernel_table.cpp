// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernel_table.h"

// kernel_rows.inc is generated: CONVWRIGHT_KERNEL(generator, symbol, format, isa, schedule, problem,
// phase) once per kernel.
#define CONVWRIGHT_KERNEL(generator, symbol, ...) extern "C" int symbol##_argv(void **);
#include "shipped/kernel_rows.inc"
#undef CONVWRIGHT_KERNEL

namespace convwright {
namespace {

struct Row {
    const char *generator, *symbol;
    Format format;
    Isa isa;
    const char *schedule, *problem;
    int phase;
    KernelEntry call;
};

constexpr Format nchw = Format::kNchw, nhwc = Format::kNhwc;
constexpr Isa avx2 = Isa::kAvx2, avx512 = Isa::kAvx512;

#define CONVWRIGHT_KERNEL(generator, symbol, format, isa, schedule, problem, phase) \
    {#generator, #symbol, format, isa, schedule, problem, phase, symbol##_argv},
constexpr Row kRows[] = {
#include "shipped/kernel_rows.inc"
};
#undef CONVWRIGHT_KERNEL

template<typename Params>
std::vector<Kernel<Params>> kernels_of(const std::string &generator) {
    std::vector<Kernel<Params>> kernels;
    for (const Row &row : kRows) {
        if (generator != row.generator) continue;
        const Params params = parse_params<Params>(row.schedule);
        kernels.push_back({row.symbol, format_params(params), row.problem, row.phase, row.format,
                           row.isa, params, row.call});
    }
    return kernels;
}

KernelEntry entry_of(const std::string &generator, Isa isa) {
    for (const Row &row : kRows) {
        if (generator == row.generator && isa == row.isa) return row.call;
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

const SupportKernels &support_kernels(Isa isa) {
    static const SupportKernels tables[] = {
        {entry_of("pack_weight", avx2), entry_of("wgrad_reduce", avx2)},
        {entry_of("pack_weight", avx512), entry_of("wgrad_reduce", avx512)},
    };
    return tables[isa == Isa::kAvx512];
}

}  // namespace convwright
