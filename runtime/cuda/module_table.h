// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

namespace convwright::cuda {

/// The images (runtime/cuda/images.h) of a kernel text, inside this program or library.
struct EmbeddedImages {
    const char *symbol;  ///< C symbol of the host code.
    const char *begin, *end;

    std::string_view bytes() const { return {begin, static_cast<size_t>(end - begin)}; }
};

// What CONVWRIGHT_CUDA_KERNEL stands for when the rows of a table, <table>/cuda_rows.inc, become a list:
// CONVWRIGHT_DECLARE_IMAGES outside all functions, then CONVWRIGHT_LIST_IMAGES inside the braces.
#define CONVWRIGHT_DECLARE_IMAGES(generator, symbol, ...) \
    extern "C" const char convwright_images_##symbol[], convwright_images_end_##symbol[];
#define CONVWRIGHT_LIST_IMAGES(generator, symbol, ...) \
    {#symbol, convwright_images_##symbol, convwright_images_end_##symbol},

/// Of all shipped CUDA kernels.
const std::vector<EmbeddedImages> &shipped_images();

/// Makes images_of() find these kernels too, from now on. Thread-safe.
void enter_images(const std::vector<EmbeddedImages> &table);

/// Of the shipped or entered kernel with this symbol; empty if there is none. Its functions are
/// <symbol>_0, <symbol>_1, ... Thread-safe.
std::string_view images_of(std::string_view symbol);

}  // namespace convwright::cuda
