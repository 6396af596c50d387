// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/byte_cost.h"

#include <algorithm>

#include "runtime/pass_limits.h"

namespace convwright::cuda {
namespace {

using P = ByteGemmCudaParams;

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Words of `bytes`, in whole fours: a vector of shared memory.
int64_t words_of(int64_t bytes) { return divide_up(bytes, 16) * 4; }

}  // namespace

ByteLayout byte_layout(const ConvProblem &p, int terms) {
    ByteLayout layout;
    ByteGemmShape &shape = layout.shape;
    const int64_t ci = p.ci / p.groups, taps = p.kh * p.kw;
    shape.co = p.co / p.groups, shape.groups = p.groups;
    shape.pixels = p.n * p.oh() * p.ow();
    shape.terms = terms;
    // Gathering writes each byte once for every tap, and saves the products of zeros behind the channels.
    layout.gathers = taps == 1 || 5 * words_of(ci * taps) <= 4 * words_of(ci) * taps;
    shape.taps = layout.gathers ? 1 : taps;
    shape.words = words_of(layout.gathers ? ci * taps : ci);
    layout.packed_pixels = layout.gathers ? shape.pixels : p.n * p.ih * p.iw;
    layout.pixel_words = (layout.packed_pixels + 1) * p.groups * shape.terms * shape.words;
    return layout;
}

const char *why_no_byte_plan(const ConvProblem &problem, const ByteProduct &product) {
    if (const char *why = why_too_large(problem)) return why;
    return byte_layout(problem, product.terms).pixel_words > kMostElements ? kTooManyBytes
                                                                           : nullptr;
}

const char *why_no_byte_kernel(const P &params, Format format, const ByteProduct &product,
                               Format of_problem, const ByteGemmShape &shape, const Device &device,
                               const Placed &placed) {
    if (params.staged && product.name != "table16")
        return "shared memory is for tables of 16-bit entries";
    if (params.vec > 1) {
        // A warp of such a kernel looks up in one row, for pixels side by side.
        if (product.looks_up()) return "vectors are of channels, and look-ups go along pixels";
        if (format != Format::kNhwc) return "vectors are of channels, which nhwc has side by side";
        if (format != of_problem) return "vectors are of another memory format";
        if (!placed.output_vectors) return "vectors do not begin at multiples of 16 bytes";
    }
    return params.why_illegal(shape, device.shared_bytes);
}

// Cycles of a multiprocessor for all its blocks. Of words a cycle multiplies 64, or looks up the entries
// of two (kDeviceTableCost), of one through L1; 32 are read for the edges of register tiles.
double predicted_cycles(const P &params, const ByteProduct &product, const ByteGemmShape &s,
                        int multiprocessors) {
    constexpr double kBlockCycles = 1500, kTurnLatency = 900;
    const double tiles = 1.0 * params.co_tiles(s) * params.px_tiles(s) * s.groups;
    const double most = std::max(1.0, tiles / multiprocessors);
    const double words = 1.0 * params.co * params.px * params.chunk;
    const double rate = !product.looks_up() ? 64 : params.staged ? 2 : 1;
    const double reads = words / 32 * (1.0 / params.co_t + 1.0 / params.px_t) / 2;
    const double turn = words / rate + reads + kTurnLatency / params.stages / 4;
    const double begins = kBlockCycles + (params.staged ? P::kTableBytes / 64.0 : 0);
    return most * (1.0 * params.turns(s) * s.terms * turn + begins);
}

}  // namespace convwright::cuda
