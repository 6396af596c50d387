// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/wgrad_cost.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>

namespace convwright::cuda {
namespace {

using P = Conv2dWgradCudaParams;

// Of a multiprocessor, on all architectures from sm_75 on or on most of them.
constexpr double kProductsPerCycle = 128, kInstructionsPerCycle = 4;
constexpr double kTensorProductsPerCycle = 1024;  // short floats on sm_80
constexpr int kSharedBytes = 100 * 1024;          // 64 KB on sm_75, up to 227 KB on sm_90
constexpr int kRegisters = 65536, kMostThreads = 2048, kMostBlocks = 16, kWarp = 32;
// With fewer warps than this the latencies of loads and barriers show.
constexpr double kWarpsToHideLatency = 12;
// Launch of the reduction, and start and end of a block.
constexpr double kLaunchCycles = 4000, kBlockCycles = 1500;
// Partial sums mostly stay in the L2 cache.
constexpr double kBytesPerCycle = 20;
// A plan may ask for no more workspace than this, unless one part is more.
constexpr int64_t kMostFloats = int64_t{1} << 26;
constexpr int64_t kMostSlices = 65535;  // parts of groups: a grid's third axis

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }
int64_t divide_up(int64_t value, int64_t by) { return (value + by - 1) / by; }

/// Cycles of one step of a block that has a multiprocessor for itself and hides all latencies.
double step_cycles(const P &p) {
    const double warps = static_cast<double>(p.threads()) / kWarp;
    if (p.engine == P::kDirect) {
        // Taking the pixel apart, then a condition, an address and a load per product.
        return warps * (30 + 22.0 * p.e) / kInstructionsPerCycle;
    }
    if (p.engine == P::kDepthwise) {
        // A load with its condition for each column of each row of taps, and the products.
        const double columns = (p.px_t - 1) * p.stride + p.taps;
        const double products = 1.0 * p.taps * p.taps * p.px_t * p.vec;
        const double loads = p.taps * (10 + columns * (5 + p.vec)) + p.px_t * 4.0;
        return warps * (30 + loads + products) / kInstructionsPerCycle;
    }
    // What a chunk's loads cost beside the products; shared memory is read meanwhile.
    const double loads = (p.co + p.e) * p.chunk / static_cast<double>(p.vec) / kWarp;
    if (p.mma) {
        // A warp reads its operands in pairs, a warp per cycle.
        const double products = 1.0 * p.co * p.e * p.chunk;
        const double reads = products * (1.0 / p.co_t + 1.0 / p.e_t) / kWarp;
        return products / kTensorProductsPerCycle + reads + loads * 10 / kInstructionsPerCycle;
    }
    return p.co * p.e * p.chunk / kProductsPerCycle * 1.15 + loads * 10 / kInstructionsPerCycle;
}

int resident_blocks(const P &p) {
    // Accumulators, operands of a step of the sum, and the addresses of loads.
    const int registers = p.engine == P::kDirect      ? 40
                          : p.engine == P::kDepthwise ? 60 + (p.elements() + p.px_t * 2) * p.vec
                          : p.mma ? p.co_t * p.e_t / kWarp + p.co_t / 4 + p.e_t / 4 + 48
                                  : p.co_t * p.e_t + p.co_t + p.e_t + 40;
    return std::max(1, std::min({kMostBlocks, kRegisters / (registers * p.threads()),
                                 kMostThreads / p.threads(), kSharedBytes / p.shared_bytes()}));
}

}  // namespace

WgradExtents::WgradExtents(const P &params, const ConvProblem &p) {
    const bool gemm = params.engine == P::kGemm;
    e = round_up(p.ci / p.groups * p.kh * p.kw, params.elements());
    co = round_up(gemm ? p.co / p.groups : p.co, params.co);
    groups = gemm ? p.groups : 1;
}

double predicted_cycles(const P &params, const ConvProblem &problem, int multiprocessors,
                        const WgradParts &cut) {
    const WgradExtents extents(params, problem);
    const double blocks = static_cast<double>(extents.blocks(params)) * cut.parts;
    const double busiest = std::ceil(blocks / multiprocessors);  // blocks of one multiprocessor
    const double resident = std::min<double>(busiest, resident_blocks(params));
    const double warps = resident * params.threads() / kWarp;
    // A pipeline's copies are under way while it computes.
    const double needed = kWarpsToHideLatency / (params.stages > 1 ? 2 : 1);
    const double hidden = std::min(1.0, warps / needed);
    const double sums =
        busiest * (cut.steps * step_cycles(params) / hidden + kBlockCycles / resident);
    const double elements =
        static_cast<double>(problem.co) * (problem.ci / problem.groups) * problem.kh * problem.kw;
    const double floats =
        static_cast<double>(extents.floats()) * cut.parts + elements * (cut.parts + 1);
    return sums + kLaunchCycles + floats * 4 / (kBytesPerCycle * multiprocessors);
}

WgradParts wgrad_parts(const P &params, const ConvProblem &problem, int multiprocessors) {
    const WgradExtents extents(params, problem);
    const int64_t all = divide_up(params.items(problem), params.step_size());
    const int64_t most = std::min(
        {all, kMostSlices / extents.groups, std::max<int64_t>(1, kMostFloats / extents.floats())});
    WgradParts best;
    double best_cycles = INFINITY;
    const auto consider = [&](int64_t parts) {
        parts = std::clamp<int64_t>(parts, 1, most);
        WgradParts cut;
        cut.steps = divide_up(all, parts);
        cut.parts = divide_up(all, cut.steps);  // none is empty
        const double cycles = predicted_cycles(params, problem, multiprocessors, cut);
        if (cycles < best_cycles) best_cycles = cycles, best = cut;
    };
    // Whole numbers of blocks on every multiprocessor.
    const int64_t blocks = extents.blocks(params);
    consider(1);
    for (const int64_t each : {1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32})
        consider(each * multiprocessors / blocks);
    return best;
}

}  // namespace convwright::cuda
