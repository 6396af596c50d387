// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/table_kernels.h"

namespace convwright {
namespace {

/// Products of one weight byte with a row of pixels; unsigned, as sums wrap around.
class Column {
public:
    Column(const TableJob &job, const uint8_t *weights, int64_t k)
        : entries_(&job.planes->columns[static_cast<size_t>(weights[k]) * 256]),
          activations_(job.activations + k * job.pitch) {}
    uint32_t at(int64_t pixel) const {
        return static_cast<uint32_t>(entries_[activations_[pixel]]);
    }

private:
    const int32_t *entries_;
    const uint8_t *activations_;
};

}  // namespace

TableKernel table_kernel(const Int8Cpu &cpu) {
    return cpu.vbmi ? TableKernel{run_table_avx512, true} : TableKernel{run_table_scalar, false};
}

void run_table_scalar(const TableJob &job) {
    for (int64_t c = 0; c < job.channels; c++) {
        const uint8_t *weights = job.weights + c * job.weight_pitch;
        int32_t *sums = job.sums + c * job.pitch;
        int64_t k = 0;
        for (; k + 4 <= job.count; k += 4) {
            const Column a(job, weights, k), b(job, weights, k + 1), d(job, weights, k + 2),
                e(job, weights, k + 3);
            for (int64_t p = 0; p < job.pixels; p++) {
                sums[p] = static_cast<int32_t>(static_cast<uint32_t>(sums[p]) + a.at(p) + b.at(p) +
                                               d.at(p) + e.at(p));
            }
        }
        for (; k < job.count; k++) {
            const Column a(job, weights, k);
            for (int64_t p = 0; p < job.pixels; p++) {
                sums[p] = static_cast<int32_t>(static_cast<uint32_t>(sums[p]) + a.at(p));
            }
        }
    }
}

}  // namespace convwright
