// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/kernel_table.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <set>

// cuda_rows.inc are generated: CONVWRIGHT_CUDA_KERNEL(generator, symbol, format, dtype, schedule,
// index_bits, product) once per kernel. "tuned" are those of tables of choices: they come last, so that of equal
// predictions the library's own counts.
#define CONVWRIGHT_CUDA_KERNEL(generator, symbol, ...) extern "C" int symbol##_argv(void **);
#include "shipped/cuda_rows.inc"
#include "tuned/cuda_rows.inc"
#undef CONVWRIGHT_CUDA_KERNEL

namespace convwright::cuda {
namespace {

enum class RowFormat { kNchw, kNhwc, kAny };

struct Row {
    const char *generator, *symbol;
    RowFormat format;
    DType dtype;
    const char *schedule;
    int index_bits;
    const char *product;
    KernelEntry call;

    bool is_for(Format f) const {
        return format == RowFormat::kAny || (format == RowFormat::kNhwc) == (f == Format::kNhwc);
    }
};

constexpr RowFormat nchw = RowFormat::kNchw, nhwc = RowFormat::kNhwc, any = RowFormat::kAny;
constexpr DType f32 = DType::kF32, bf16 = DType::kBf16, f16 = DType::kF16;

#define CONVWRIGHT_CUDA_KERNEL(generator, symbol, format, dtype, schedule, index_bits, product) \
    {#generator, #symbol, format, dtype, schedule, index_bits, product, symbol##_argv},
// There are none without CONVWRIGHT_CUDA_KERNELS.
constexpr std::initializer_list<Row> kRows = {
#include "shipped/cuda_rows.inc"
#include "tuned/cuda_rows.inc"
};
#undef CONVWRIGHT_CUDA_KERNEL

KernelEntry entry_of(const std::string &generator, Format format, DType dtype = f32) {
    for (const Row &row : kRows) {
        if (generator == row.generator && row.is_for(format) && row.dtype == dtype) return row.call;
    }
    return nullptr;
}

template<typename Params>
Kernel<Params> kernel_of(const Row &row) {
    const auto params = parse_params<Params>(row.schedule);
    const Format format = row.format == nchw ? Format::kNchw : Format::kNhwc;
    return {row.symbol, format_params(params), format, row.dtype, row.index_bits, params, row.call};
}

/// The rows of some generators.
template<typename Params>
std::vector<Kernel<Params>> kernels_of(const std::vector<std::string> &generators) {
    std::vector<Kernel<Params>> kernels;
    for (const Row &row : kRows) {
        if (std::find(generators.begin(), generators.end(), row.generator) != generators.end())
            kernels.push_back(kernel_of<Params>(row));
    }
    return kernels;
}

/// The rows of a generator whose kernels have a product.
template<typename Kernel, typename Params>
std::vector<Kernel> kernels_with_products(const std::string &generator) {
    std::vector<Kernel> kernels;
    for (const Row &row : kRows) {
        if (generator == row.generator) kernels.push_back({kernel_of<Params>(row), row.product});
    }
    return kernels;
}

}  // namespace

const std::vector<ConvKernel> &conv_kernels() {
    static const auto kernels =
        kernels_of<Conv2dCudaParams>({"conv2d_direct", "conv2d_gemm", "conv2d_depthwise"});
    return kernels;
}

const std::vector<WgradKernel> &wgrad_kernels() {
    static const auto kernels = kernels_of<Conv2dWgradCudaParams>(
        {"conv2d_wgrad_direct", "conv2d_wgrad_gemm", "conv2d_wgrad_depthwise"});
    return kernels;
}

const std::vector<WeightedSumKernel> &weighted_sum_kernels() {
    static const auto kernels = kernels_of<WeightedSumCudaParams>({"weighted_sum_cuda"});
    return kernels;
}

const std::vector<WeightedSumGradKernel> &weighted_sum_grad_kernels() {
    static const auto kernels = kernels_of<WeightedSumGradCudaParams>({"weighted_sum_grad_cuda"});
    return kernels;
}

const std::vector<ProductKernel> &product_kernels() {
    static const auto kernels =
        kernels_with_products<ProductKernel, Conv2dCudaParams>("approx_gemm");
    return kernels;
}

const std::vector<ByteKernel> &byte_kernels() {
    static const auto kernels = kernels_with_products<ByteKernel, ByteGemmCudaParams>("byte_gemm");
    return kernels;
}

bool is_kernel_of_choices(const std::string &name) {
#define CONVWRIGHT_CUDA_KERNEL(generator, symbol, ...) #symbol,
    static const std::set<std::string> names = {
#include "tuned/cuda_rows.inc"
    };
#undef CONVWRIGHT_CUDA_KERNEL
    return names.count(name) > 0;
}

const BytePackingKernels &byte_packing_kernels() {
    static const BytePackingKernels kernels{entry_of("pack_pixel_bytes_cuda", Format::kNhwc),
                                            entry_of("pack_weight_bytes_cuda", Format::kNhwc)};
    return kernels;
}

const OperandKernels &operand_kernels() {
    static const OperandKernels kernels{entry_of("operand_range_cuda", Format::kNhwc),
                                        entry_of("product_choice_cuda", Format::kNhwc),
                                        entry_of("edit_operands_cuda", Format::kNhwc)};
    return kernels;
}

const SupportKernels &support_kernels(Format format, DType dtype) {
    static const auto table = [](Format f, DType d) {
        // Short floats are packed as the words that they are, whatever their type.
        return SupportKernels{entry_of("cuda_pack_weight", f, d == f32 ? f32 : bf16),
                              entry_of("conv2d_parts", f, d), entry_of("wgrad_reduce_cuda", f, d)};
    };
    static const auto of_format = [](Format f) {
        return std::array{table(f, f32), table(f, bf16), table(f, f16)};  // in DType's order
    };
    static const std::array tables{of_format(Format::kNchw), of_format(Format::kNhwc)};
    return tables[format == Format::kNhwc][static_cast<size_t>(dtype)];
}

}  // namespace convwright::cuda
