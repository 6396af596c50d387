// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/module_table.h"

#include <mutex>

// cuda_rows.inc are generated: CONVWRIGHT_CUDA_KERNEL(generator, symbol, format, dtype, schedule,
// index_bits, product) once per kernel; "tuned" are those of tables of choices.
#define CONVWRIGHT_CUDA_KERNEL CONVWRIGHT_DECLARE_IMAGES
#include "shipped/cuda_rows.inc"
#include "tuned/cuda_rows.inc"
#undef CONVWRIGHT_CUDA_KERNEL

namespace convwright::cuda {
namespace {

struct Entered {
    std::mutex mutex;
    std::vector<EmbeddedImages> all;
};

Entered &entered_images() {
    static Entered entered;
    return entered;
}

}  // namespace

const std::vector<EmbeddedImages> &shipped_images() {
#define CONVWRIGHT_CUDA_KERNEL CONVWRIGHT_LIST_IMAGES
    static const std::vector<EmbeddedImages> all = {
#include "shipped/cuda_rows.inc"
#include "tuned/cuda_rows.inc"
    };
#undef CONVWRIGHT_CUDA_KERNEL
    return all;
}

void enter_images(const std::vector<EmbeddedImages> &table) {
    Entered &entered = entered_images();
    const std::lock_guard<std::mutex> lock(entered.mutex);
    entered.all.insert(entered.all.end(), table.begin(), table.end());
}

std::string_view images_of(std::string_view symbol) {
    const auto find = [&](const std::vector<EmbeddedImages> &table) -> std::string_view {
        for (const EmbeddedImages &images : table) {
            if (symbol == images.symbol) return images.bytes();
        }
        return {};
    };
    if (const std::string_view shipped = find(shipped_images()); !shipped.empty()) return shipped;
    Entered &entered = entered_images();
    const std::lock_guard<std::mutex> lock(entered.mutex);
    return find(entered.all);
}

}  // namespace convwright::cuda
