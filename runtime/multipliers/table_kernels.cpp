// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/table_kernels.h"

namespace convwright {

TableKernel table_kernel(const Int8Cpu &cpu) {
    if (cpu.vbmi) return {run_table_avx512, true};
    if (cpu.avx2) return {run_table_avx2, true};
    return {run_table_scalar, false};
}

void run_table_scalar(const TableJob &job) {
    for (int64_t i = 0; i < job.channels * job.count; i++) {
        const int64_t c = i / job.count, k = i % job.count;
        const uint8_t weight = job.weights[c * job.weight_pitch + k];
        const int32_t *column = &job.planes->columns[static_cast<size_t>(weight) * 256];
        const uint8_t *activations = job.activations + k * job.pitch;
        int32_t *sums = job.sums + c * job.pitch;
        for (int64_t p = 0; p < job.pixels; p++) {
            // Unsigned: sums wrap around.
            sums[p] = static_cast<int32_t>(static_cast<uint32_t>(sums[p]) +
                                           static_cast<uint32_t>(column[activations[p]]));
        }
    }
}

}  // namespace convwright
