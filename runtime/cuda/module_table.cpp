// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/module_table.h"

// cuda_rows.inc is generated: CONVWRIGHT_CUDA_KERNEL(generator, symbol, format, dtype, schedule,
// index_bits) once per kernel.
#define CONVWRIGHT_CUDA_KERNEL CONVWRIGHT_DECLARE_IMAGES
#include "shipped/cuda_rows.inc"
#undef CONVWRIGHT_CUDA_KERNEL

namespace convwright::cuda {

const std::vector<EmbeddedImages> &shipped_images() {
#define CONVWRIGHT_CUDA_KERNEL CONVWRIGHT_LIST_IMAGES
    static const std::vector<EmbeddedImages> all = {
#include "shipped/cuda_rows.inc"
    };
#undef CONVWRIGHT_CUDA_KERNEL
    return all;
}

std::string_view images_of(std::string_view symbol) {
    for (const EmbeddedImages &images : shipped_images()) {
        if (symbol == images.symbol) return images.bytes();
    }
    return {};
}

std::string_view symbol_of(std::string_view function) {
    return function.substr(0, function.rfind('_'));
}

}  // namespace convwright::cuda
