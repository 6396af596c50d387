// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/byte_plan.h"

#include <algorithm>
#include <limits>

namespace convwright::cuda {
namespace {

using P = ByteGemmCudaParams;

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Words of `bytes`, in whole fours: a vector of shared memory.
int64_t words_of(int64_t bytes) { return divide_up(bytes, 16) * 4; }

/// Everything but the kernel.
BytePlan without_kernel(const ConvProblem &p, const DeviceTable &table) {
    BytePlan plan;
    plan.problem = p;
    ByteGemmShape &shape = plan.shape;
    const int64_t ci = p.ci / p.groups, taps = p.kh * p.kw;
    shape.co = p.co / p.groups, shape.groups = p.groups;
    shape.pixels = p.n * p.oh() * p.ow();
    shape.terms = table.terms;
    // Gathering writes each byte once for every tap, and saves the products of zeros behind the channels.
    plan.gathers = taps == 1 || 5 * words_of(ci * taps) <= 4 * words_of(ci) * taps;
    shape.taps = plan.gathers ? 1 : taps;
    shape.words = words_of(plan.gathers ? ci * taps : ci);
    plan.packed_pixels = plan.gathers ? shape.pixels : p.n * p.ih * p.iw;
    plan.pixel_words = (plan.packed_pixels + 1) * p.groups * shape.terms * shape.words;
    return plan;
}

/// Cycles of a multiprocessor for all its blocks. Of words a cycle multiplies 64, or looks up the entries
/// of two (kDeviceTableCost), of one through L1; 32 are read for the edges of register tiles.
double predicted_cycles(const ByteKernel &kernel, const BytePlan &plan, int multiprocessors) {
    constexpr double kBlockCycles = 1500, kTurnLatency = 900;
    const P &params = kernel.params;
    const ByteGemmShape &s = plan.shape;
    const double tiles = 1.0 * params.co_tiles(s) * params.px_tiles(s) * s.groups;
    const double most = std::max(1.0, tiles / multiprocessors);
    const double words = 1.0 * params.co * params.px * params.chunk;
    const bool dots = kernel.product == "dot_s8" || kernel.product == "dot_u8";
    const double rate = dots ? 64 : params.staged ? 2 : 1;
    const double reads = words / 32 * (1.0 / params.co_t + 1.0 / params.px_t) / 2;
    const double turn = words / rate + reads + kTurnLatency / params.stages / 4;
    const double begins = kBlockCycles + (params.staged ? P::kTableBytes / 64.0 : 0);
    return most * (1.0 * params.turns(s) * s.terms * turn + begins);
}

/// Whether the kernel takes the problem, of which `plan` has everything but the kernel; sets that.
bool set_kernel(BytePlan &plan, const ByteKernel &kernel, const DeviceTable &table,
                const Device &device, const Placed &placed) {
    const bool vectors = kernel.params.vec > 1;
    if (placed.index_bits != 32 || plan.pixel_words > kMostElements ||
        kernel.product != table.product ||
        (vectors && (kernel.format != plan.problem.format || !placed.output_vectors)) ||
        kernel.params.why_illegal(plan.shape, device.shared_bytes) != nullptr)
        return false;
    plan.kernel = &kernel;
    plan.workspace = plan.pixel_words + kernel.params.weight_words(plan.shape);
    return true;
}

std::string why_no_kernel(const BytePlan &plan, const DeviceTable &table, const Placed &placed) {
    if (placed.index_bits != 32 || plan.pixel_words > kMostElements)
        return "8-bit products have CUDA kernels for tensors with fewer than 2^31 bytes, "
               "those that they pack included";
    return "no CUDA kernel with the product " + table.product + " takes this problem";
}

}  // namespace

BytePlan byte_plan_with(const ByteKernel &kernel, const ConvProblem &problem,
                        const DeviceTable &table, const Device &device, const Placed &placed) {
    BytePlan plan = without_kernel(problem, table);
    if (!set_kernel(plan, kernel, table, device, placed))
        plan.reason = why_no_kernel(plan, table, placed);
    return plan;
}

BytePlan byte_plan(const ConvProblem &problem, const DeviceTable &table, const Device &device,
                   const Placed &placed) {
    BytePlan plan = without_kernel(problem, table), best = plan;
    double least = std::numeric_limits<double>::infinity();
    for (const ByteKernel &kernel : byte_kernels()) {
        if (!set_kernel(plan, kernel, table, device, placed)) continue;
        const double cycles = predicted_cycles(kernel, plan, device.multiprocessors);
        if (cycles < least) least = cycles, best = plan;
    }
    if (best.kernel == nullptr) best.reason = why_no_kernel(best, table, placed);
    return best;
}

}  // namespace convwright::cuda
