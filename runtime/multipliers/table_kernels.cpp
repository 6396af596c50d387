// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/table_kernels.h"

namespace convwright {

TableKernel table_kernel(const Int8Cpu &cpu) {
    if (cpu.vbmi) return {run_table_avx512, true};
    if (cpu.avx2) return {run_table_avx2, true};
    return {run_table_scalar, false};
}

void run_table_scalar(const TableJob &job) {
    for (int64_t k = 0; k < job.count; k++) {
        const int32_t *column = &job.planes->columns[static_cast<size_t>(job.weights[k]) * 256];
        const uint8_t *activations = job.activations + k * job.pitch;
        for (int64_t i = 0; i < job.pixels; i++) {
            // Unsigned: sums wrap around.
            job.sums[i] = static_cast<int32_t>(static_cast<uint32_t>(job.sums[i]) +
                                               static_cast<uint32_t>(column[activations[i]]));
        }
    }
}

}  // namespace convwright
