// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/multipliers/byte_product.h"
#include "runtime/multipliers/classification.h"

namespace convwright {

/// What a look-up costs in int8 products on a GPU, for classify(). By counting, of a multiprocessor: 64 dot
/// products of four bytes a cycle, of which a kernel reaches two thirds, and 32 words of shared memory,
/// where 32 look-ups in a row of 512 bytes meet 3.5 of one bank.
constexpr int kDeviceTableCost = 20;

/// A table of 8-bit products as CUDA kernels take it (schedules/byte_gemm_cuda_params.h),
///   T[a][w] = sum over terms of (activation(t)[a] * weight(t)[w]) << shift(t), or
///   T[a][w] = entry[w * 256 + a] + least, with one term whose maps leave bytes as they are,
/// in 32 bits. Terms are in the order of their shifts, the greatest first.
struct DeviceTable {
    std::string product;  ///< "dot_s8", "dot_u8", "table16", "table32".
    int terms = 1;
    int last_shift = 0;       ///< Of the last term.
    int32_t least = 0;        ///< Of the entries.
    int32_t first_entry = 0;  ///< entry[0].

    ByteProduct by() const { return {product, terms}; }

    /// What lies on the device: 256 bytes of activations for each term, as many of weights, by how many bits
    /// each term is shifted less than the one before (0 for the first), entries. Each part begins
    /// at a multiple of 16 bytes; int32 words.
    std::vector<int32_t> words;
    int64_t weight_maps() const {
        return 64 * int64_t{terms};
    }  ///< In `words`, as the following ones.
    int64_t steps() const { return 2 * weight_maps(); }
    int64_t entries() const { return steps() + (int64_t{terms} + 3) / 4 * 4; }
};

/// Equal to the table in all entries. The classification is of kDeviceTableCost.
DeviceTable device_table(const Table8 &table, const Classification &classification);

}  // namespace convwright
