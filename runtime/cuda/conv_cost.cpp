// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/conv_cost.h"

#include <algorithm>
#include <cmath>

#include "runtime/cuda/cost_constants.h"

namespace convwright::cuda {
namespace {

using P = Conv2dCudaParams;

// Of a multiprocessor, on all architectures from sm_75 on or on most of them.
constexpr int kSchedulers = 4;
// TF32 on sm_80. sm_86 and sm_89 have a quarter: as many as SIMT, but with a 32nd of its instructions.
// Of short floats twice as many everywhere.
constexpr double kTensorProductsPerCycle = 512;
constexpr int kRegisters = 65536, kMostThreads = 1536, kMostBlocks = 16;
constexpr int kSharedBytes = 100 * 1024;
constexpr double kL2BytesPerCycle = 32;  // of the cache: 47 at most on sm_80
// A plan asks for no more partial sums than this.
constexpr int64_t kMostPartialFloats = int64_t{1} << 25;
constexpr int64_t kMostParts = 64, kFewestTurns = 4;

double divide_up(double a, double b) { return std::ceil(a / b); }

int registers(const P &p) {
    if (p.engine == P::kDirect) return 48;
    if (p.mma) return p.co_t * p.px_t / kWarp + p.co_t / 4 + p.px_t / 4 + 48;
    return p.co_t * p.px_t + p.co_t + p.px_t + 48;
}

double resident_blocks(const P &p) {
    const int shared = p.shared_bytes() == 0 ? kMostBlocks : kSharedBytes / p.shared_bytes();
    return std::max(1, std::min({kMostBlocks, kRegisters / (registers(p) * p.threads()),
                                 kMostThreads / p.threads(), shared}));
}

/// Cycles of a multiprocessor for one turn of a block.
struct Turn {
    double among_others = 0;  ///< Arithmetic and shared memory, or L2, of many blocks at once.
    double alone = 0;         ///< Without the latency of its loads.
};

Turn turn_of(const P &p, double instructions) {
    const double all = 1.0 * p.co * p.px * p.chunk;
    const bool shorts = p.mma == P::kShortFloats;
    const double products = all *
                            (shorts  ? 0.5 / kTensorProductsPerCycle
                             : p.mma ? 1 / kTensorProductsPerCycle
                                     : 1 / kProductsPerCycle) *
                            instructions;
    // Floats of a register tile's edges for each of its products, four at a time. For tensor cores a
    // warp reads its words one by one, a warp per cycle, and rounds each of TF32; short floats are two
    // in a word.
    const double reads = all *
                         (shorts  ? 0.5 / kWarp
                          : p.mma ? 1.5 / kWarp
                                  : 0.6 / kProductsPerCycle) *
                         (1.0 / p.co_t + 1.0 / p.px_t);
    const double elements =
        (p.co / (shorts ? 8.0 : 4.0) + p.px / (p.linear ? 1.0 : p.vec)) * p.chunk / kWarp;
    // Address, condition and copy; `linear` takes each element apart.
    const double copies = elements * (p.linear ? 24 : 8) / kInstructionsPerCycle;
    const double loads = 1.0 * (p.co + p.px) * p.chunk * (shorts ? 2 : 4);
    // Of fewer warps some schedulers have none.
    const double warps = 1.0 * p.threads() / kWarp;
    return {std::max(products + reads + copies, loads / kL2BytesPerCycle),
            products * std::max(1.0, kSchedulers / warps) + reads + copies};
}

/// Of a block at its end. Lanes of tensor cores have pairs.
double store_cycles(const P &p) {
    const int together = std::min(p.split ? 4 : p.store_vector(), p.mma ? 2 : 4);
    return 1.0 * p.co * p.px / together / kWarp * kStoreInstructions / kInstructionsPerCycle;
}

double bytes_of(const ConvPass &pass) {
    const double outputs = 1.0 * pass.n * pass.groups * pass.co * pass.x.out * pass.y.out;
    const double inputs = 1.0 * pass.n * pass.groups * pass.ci * pass.x.in * pass.y.in;
    return 4 * (outputs + inputs);
}

double direct_cycles(const ConvPass &pass, int multiprocessors) {
    const double outputs = 1.0 * pass.n * pass.groups * pass.co * pass.x.out * pass.y.out;
    // A load of the input and a quarter of one of the weight for each product, with condition and
    // address.
    const double products = outputs * pass.ci * pass.taps();
    const double warps = std::max(outputs / 4 / kWarp, 1.0 * multiprocessors * 8);
    const double cycles = products / outputs * 4 * 10 * warps / kInstructionsPerCycle;
    return kLaunchCycles + cycles / multiprocessors + pass.taps() * pass.ci * 30.0 +
           bytes_of(pass) / (kBytesPerCycle * multiprocessors);
}

/// Each strip reads what a row of taps meets once, from memory or from L1.
double depthwise_cycles(const P &p, const ConvPass &pass, int multiprocessors) {
    // Blocks of one channel are those of nchw.
    const Format format = p.co > 1 ? Format::kNhwc : Format::kNchw;
    const double rows = pass.taps() / p.taps, columns = (p.px_t - 1) * p.stride + p.taps;
    // A load with its condition, then the products; at the end what is stored.
    const double instructions =
        rows * (columns * (5 + p.vec) + 1.0 * p.taps * (p.px_t * p.vec + 1)) +
        p.px_t * (4.0 + 3 * p.vec) + 60;
    const double warps = 1.0 * p.strip_blocks(pass, format) * p.threads() / kWarp;
    const double busiest = divide_up(warps, multiprocessors);
    const double resident = std::min(busiest, 1.0 * kMostThreads / kWarp / 2);
    const double latency = rows * kTurnLatency * divide_up(busiest, resident);
    const double cycles = std::max(latency, busiest * instructions / kInstructionsPerCycle);
    return kLaunchCycles + std::max(cycles, bytes_of(pass) / (kBytesPerCycle * multiprocessors));
}

}  // namespace

double predicted_cycles(const P &p, const ConvPass &pass, int multiprocessors, int64_t parts,
                        double instructions) {
    if (p.engine == P::kDirect) return direct_cycles(pass, multiprocessors);
    if (p.engine == P::kDepthwise) return depthwise_cycles(p, pass, multiprocessors);
    const double tiles = 1.0 * p.co_tiles(pass) * p.px_tiles(pass) * pass.groups;
    const double turns = divide_up(static_cast<double>(p.turns(pass)), static_cast<double>(parts));
    const double most = divide_up(tiles * parts, multiprocessors);  // blocks of the busiest
    const double resident = std::min(most, resident_blocks(p));
    // Blocks that share a multiprocessor hide each other's latencies.
    const Turn one = turn_of(p, instructions);
    const double turn =
        std::max(one.among_others, (kTurnLatency / p.stages + one.alone) / resident);
    double cycles =
        kLaunchCycles + most * (turns * turn + kBlockCycles / resident + store_cycles(p));
    const double size = p.mma == P::kShortFloats ? 2 : 4;  // bytes of an element
    const double weights = size * p.co_tiles(pass) * p.co * p.turns(pass) * p.chunk * pass.groups;
    const double partial = 4.0 * tiles * p.co * p.px * parts;
    cycles = std::max(cycles, size / 4 * bytes_of(pass) / (kBytesPerCycle * multiprocessors));
    cycles += kLaunchCycles + 4 * weights / (kBytesPerCycle * multiprocessors);  // packing
    // Also of a single part.
    if (p.split) cycles += kLaunchCycles + 2 * partial / (kBytesPerCycle * multiprocessors);
    return cycles;
}

int64_t split_parts(const P &p, const ConvPass &pass, int multiprocessors) {
    const int64_t turns = p.turns(pass);
    const int64_t tiles = p.co_tiles(pass) * p.px_tiles(pass) * pass.groups;
    const int64_t floats = tiles * p.co * p.px;
    const int64_t most = std::max<int64_t>(
        1, std::min({kMostParts, turns / kFewestTurns, kMostPartialFloats / floats}));
    int64_t best = 1;
    double best_cycles = INFINITY;
    for (int64_t parts = 1; parts <= most; parts++) {
        const double cycles = predicted_cycles(p, pass, multiprocessors, parts);
        if (cycles < best_cycles) best_cycles = cycles, best = parts;
    }
    const int64_t each = (turns + best - 1) / best;
    return (turns + each - 1) / each;  // none is empty
}

}  // namespace convwright::cuda
