// SPDX-License-Identifier: Apache-2.0
#include "runtime/cost_model.h"

#include <algorithm>

#include "schedules/winograd_tile.h"

namespace convwright {
namespace {

// A core of the last ten years: 2 FMA ports, 2 vector loads a cycle, FMA latency 4.
// Adding up the lanes of an accumulator: eight instructions, half of them on the one port of shuffles.
constexpr double kSumUp = 6;
constexpr double kFmaPorts = 2, kLoadPorts = 2, kFmaLatency = 4;
// A step of a loop over input channels takes longer than the latency: on Zen 3 one of 2 x 4 accumulators took 5.4
// cycles, one of 2 x 6 or 3 x 4 7.0.
constexpr double kLoopLatency = 5;
// Scratch of a task in floats: half of the 1 MB L2 of a server core, the panel of weights beside it.
constexpr int64_t kTaskFloats = 96 * 1024;
// A chunk that wgrad reads in place is read once for each register tile: 48 KB, an L1.
constexpr int64_t kInPlaceFloats = 12 * 1024;
// A panel of the gradient and the lines of input that a register tile reads: 32 KB, an L1, while all tiles pass. With
// as many pixels as fill an L2 256 -> 64 channels at 56 x 56 took 1.3 times as long, 2048 -> 512 at 7 x 7 1.25 times.
constexpr int64_t kPanelFloats = 8 * 1024, kLineFloats = 16;
// Taps from which on a depthwise frame is read more often than it costs to read its lines one by one.
constexpr int kManyTaps = 64;
// The transformed pixels and the products of a task's Winograd tiles: an L2 of 512 KB. Of 512 channels at 7 x 7 half
// as many took 1.3 times as long, because each task reads all of the weight.
constexpr int64_t kWinogradFloats = 144 * 1024;
// Cycles for a vector of Winograd tiles: transformed from pixels, stored as four outputs,
// and of the weight.
constexpr double kWinogradPixels = 70, kWinogradStores = 70, kWinogradWeight = 150;
// Enough tasks to keep 16 cores busy with two each; more would copy frames more often.
constexpr int64_t kTasks = 32;

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
int to_int(int64_t v) { return static_cast<int>(v); }

/// One step of the reduction over a register tile, in vectors.
double step_cycles(double accumulators, double loads, double latency = kFmaLatency) {
    return std::max({accumulators / kFmaPorts, loads / kLoadPorts, latency}) + 0.5;
}

/// Whether a column lies inside is a vector of its own where taps and stride are not compiled in: an address,
/// two comparisons and, without mask registers, a mask widened from bytes. On AVX2 a depthwise pass of one
/// tap took 2.3 times as long by it as with the tap compiled in.
double mask_cycles(Isa isa) { return isa == Isa::kAvx2 ? 4.0 : 2.0; }

/// Vectors and broadcast values that a step of the engine loads: depthwise accumulators have each
/// a vector of their own, which compiled-in taps and stride keep in registers from tap to tap.
double step_loads(const Conv2dCpuParams &p) {
    // Each column has a pointer of its own, and from about 11 on they are reloaded in every step.
    if (p.lane == Conv2dCpuParams::kChannels)
        return p.vec + p.tile + (p.group == 1 ? std::max(p.tile - 11, 0) : 0);
    if (p.lane == Conv2dCpuParams::kColumns || p.lane == Conv2dCpuParams::kSummed)
        return p.vec + p.tile;
    if (p.taps_x == 0 || p.stride == 0) return p.vec * (p.tile + 1);
    return p.vec * (1 + ((p.tile - 1.0) * p.stride + p.taps_x) / p.taps_x);
}

/// Shuffles that spread a channel of a vector of pixels over the lanes of its group; they take a port
/// of the FMAs.
double step_shuffles(const Conv2dCpuParams &p) {
    if (p.group == 1 || p.lane == Conv2dCpuParams::kChannels) return 0;
    if (p.taps_x == 0 || p.stride == 0) return 3.0 * p.vec * p.tile;
    return p.vec * ((p.tile - 1.0) * p.stride + p.taps_x) / p.taps_x;
}

/// The 16 products of each Winograd tile and what is transformed for them: pixels once a task, sums and stores
/// once a panel, the weight once a call.
double winograd_cycles(const Conv2dCpuParams &p, const ConvPass &pass, Isa isa) {
    const int lanes = vector_lanes(isa);
    const double rows = 1.0 * pass.n * pass.groups * ceil_div(pass.y.out, WinogradTile::kWritten);
    const double columns = 1.0 * ceil_div(pass.x.out, p.columns()) * p.tile;
    const double panels = 1.0 * ceil_div(pass.co, p.vec * lanes);
    const double accumulators = p.vec * p.tile;
    const double sums = rows * columns / p.tile * panels * WinogradTile::kElements *
                        (pass.ci * step_cycles(accumulators, step_loads(p), kLoopLatency) +
                         3.0 * accumulators + 20.0);
    const double pixels = rows * columns * pass.ci / lanes * kWinogradPixels;
    const double stores = rows * columns * panels * p.vec * kWinogradStores;
    const double weight = 1.0 * pass.groups * pass.ci * panels * p.vec * kWinogradWeight;
    return sums + pixels + stores + weight;
}

bool copies_input(const Conv2dCpuParams &p) {
    return p.stage == Conv2dCpuParams::kFrame || p.stage == Conv2dCpuParams::kGather ||
           p.stage == Conv2dCpuParams::kFolded;
}

int channels(const Conv2dCpuParams &p, const ConvPass &pass) {
    return p.lane == Conv2dCpuParams::kGroups ? pass.groups : pass.co;
}
int channel_size(const Conv2dCpuParams &p, Isa isa) {
    if (p.lane == Conv2dCpuParams::kSummed) return p.vec;
    if (p.lane == Conv2dCpuParams::kColumns) return p.tile;
    return p.vec * vector_lanes(isa) / (p.lane == Conv2dCpuParams::kGroups ? p.group : 1);
}
int column_size(const Conv2dCpuParams &p, Isa isa) {
    return p.lane == Conv2dCpuParams::kColumns ? p.vec * vector_lanes(isa) : p.columns();
}
/// The dimension that is neither lanes nor tiles of a register tile.
int outer(const Conv2dCpuParams &p, const ConvPass &pass) {
    return p.lane == Conv2dCpuParams::kGroups ? 1 : pass.groups;
}

}  // namespace

double predicted_cycles(const Conv2dCpuParams &p, const ConvPass &pass, Format format, Isa isa) {
    if (p.winograd()) return winograd_cycles(p, pass, isa);
    const double tiles = static_cast<double>(pass.n) * outer(p, pass) * pass.y.out *
                         ceil_div(channels(p, pass), channel_size(p, isa)) *
                         ceil_div(pass.x.out, column_size(p, isa));
    const bool summed = p.lane == Conv2dCpuParams::kSummed;
    const double steps =
        summed ? 1.0 * pass.y.taps.count * ceil_div(pass.x.taps.count * pass.ci, vector_lanes(isa))
               : static_cast<double>(pass.taps()) * pass.ci;
    const int loops = p.stage == Conv2dCpuParams::kFolded ? pass.y.taps.count : pass.taps();
    // Unrolled, a loop over channels sets up nothing of its own for each column.
    const double pointers = p.lane == Conv2dCpuParams::kChannels && p.group != 1 ? 1 : p.tile;
    const bool masked = p.stage == Conv2dCpuParams::kMasked && (p.taps_x == 0 || p.stride == 0);
    const bool loop = p.lane == Conv2dCpuParams::kChannels && p.group == 1;
    // Each tap that is a loop sets up its pointers, each tile stores its accumulators.
    const double tile = steps * step_cycles(p.vec * p.tile + step_shuffles(p), step_loads(p),
                                            loop ? kLoopLatency : kFmaLatency) +
                        (p.taps_x == 0 ? loops * (6.0 + pointers) : 0.0) +
                        (masked ? 1.0 * pass.taps() * p.tile * mask_cycles(isa) : 0.0) +
                        (p.taps_y == 0 ? pass.y.taps.count * 4.0 : 0.0) +
                        (summed ? kSumUp : 3.0) * p.vec * p.tile + 20.0;
    double copied = 0;
    // Channels of a contiguous tensor are gathered and scattered, an element at a time.
    const bool turned = p.lane == Conv2dCpuParams::kChannels && format == Format::kNchw;
    if (turned) copied += 1.5 * pass.n * pass.groups * pass.co * pass.x.out * pass.y.out;
    if (copies_input(p)) {
        const double read =
            static_cast<double>(pass.n) * pass.groups * pass.ci * pass.x.in * pass.y.in;
        // Channels and columns are copied by vectors, a gather one element a cycle per tap.
        copied +=
            read * (p.stage == Conv2dCpuParams::kGather ? 1.5 * pass.x.taps.count / pass.x.stride
                    : turned                            ? 1.5
                                                        : 3.0 / vector_lanes(isa));
    }
    return tiles * tile + copied;
}

double predicted_product_cycles(const Conv2dCpuParams &p, const ConvPass &pass, Isa isa) {
    const double tiles = 1.0 * pass.n * pass.groups * pass.y.out *
                         ceil_div(pass.co, p.panel(vector_lanes(isa))) *
                         ceil_div(pass.x.out, p.tile);
    const double step = std::max(2.0 * p.vec * p.tile, 10.0);
    // Whole register tiles, and what a tap and a tile cost beside them; twice the lanes in about the time.
    return tiles * (pass.taps() * (pass.ci * step + 12.0) + 20.0) *
           (isa == Isa::kAvx512 ? 1.0 : 1.01);
}

int tiled_columns(const Conv2dCpuParams &p, const ConvPass &pass, Isa isa) {
    const int tile = column_size(p, isa);
    return to_int(ceil_div(pass.x.out, tile)) * tile;
}

ConvTaskSize task_size(const Conv2dCpuParams &p, const ConvPass &pass, Isa isa) {
    const int64_t tiles_c = ceil_div(channels(p, pass), channel_size(p, isa));
    const int64_t tiles_x = ceil_div(pass.x.out, column_size(p, isa));
    // Depthwise tasks take all groups: a slice of them would read a part of each pixel's lines.
    const bool grouped = p.lane == Conv2dCpuParams::kGroups;
    // Many taps read a frame so often that it should lie side by side in L1 or L2: those of a line of channels.
    const bool lines = grouped && p.stage == Conv2dCpuParams::kFrame && pass.taps() >= kManyTaps;
    const int64_t line_tiles = std::max<int64_t>(kLineFloats / channel_size(p, isa), 1);
    const int64_t task_groups =
        lines ? std::min<int64_t>(line_tiles * channel_size(p, isa), pass.groups) : pass.groups;
    const int64_t read = static_cast<int64_t>(pass.ci) * (grouped ? task_groups : 1);
    ConvTaskSize task;
    const int64_t images = static_cast<int64_t>(pass.n) * outer(p, pass);
    if (pass.y.out == 1 && p.stage == Conv2dCpuParams::kDirect) {
        // A matrix product over all pixels of the batch: cut along the columns.
        const int64_t per_tile = column_size(p, isa) * (read + pass.co);
        int64_t x = std::clamp<int64_t>(kTaskFloats / std::max<int64_t>(per_tile, 1), 1, tiles_x);
        x = std::min(x, std::max<int64_t>(ceil_div(tiles_x * images, kTasks), 1));
        // A ragged last tile moves back over its neighbour: both must be written by one task.
        const bool ragged = pass.x.out % column_size(p, isa) != 0;
        while (ragged && x < tiles_x && (tiles_x - 1) % x == 0) x++;
        task.column_tiles = to_int(x);
        task.channel_tiles = to_int(tiles_c);
        return task;
    }
    task.column_tiles = to_int(tiles_x);
    const int64_t budget = p.winograd() ? kWinogradFloats : kTaskFloats;
    const int64_t row = p.winograd()
                            ? WinogradTile::kElements / WinogradTile::kWritten *
                                  (read + channel_size(p, isa)) * tiles_x * p.tile
                            : read * (pass.x.in + 2LL * std::max(pass.x.pad, 0)) * pass.y.stride *
                                  (p.stage == Conv2dCpuParams::kGather ? pass.x.taps.count : 1);
    const int64_t halo = static_cast<int64_t>(pass.y.taps.count - 1) * pass.y.dilation;
    int64_t rows = std::clamp<int64_t>(
        budget / std::max<int64_t>(row, 1) - (p.winograd() ? 0 : halo), 1, pass.y.out);
    const int64_t wanted = ceil_div(kTasks, std::max<int64_t>(images, 1));
    // Winograd tasks of fewer rows would read the weight more often; they are cut along the channels.
    if (!p.winograd())
        rows = std::min(rows, std::max<int64_t>(ceil_div(pass.y.out, wanted),
                                                std::min<int64_t>(2 * halo + 1, pass.y.out)));
    task.rows = to_int(ceil_div(pass.y.out, ceil_div(pass.y.out, rows)));
    if (p.winograd())
        task.rows = to_int(WinogradTile::kWritten *
                           ceil_div(task.rows, WinogradTile::kWritten));  // tiles are not cut
    const int64_t tasks = images * ceil_div(pass.y.out, task.rows);
    if (lines) {
        task.channel_tiles = to_int(std::min(line_tiles, tiles_c));
        return task;
    }
    const int64_t split = grouped ? 1 : std::min(tiles_c, std::max<int64_t>(kTasks / 2 / tasks, 1));
    task.channel_tiles = to_int(ceil_div(tiles_c, split));
    return task;
}

double predicted_cycles(const Conv2dWgradCpuParams &p, const ConvProblem &problem, Isa isa) {
    const bool grouped = p.lane == Conv2dWgradCpuParams::kGroups;
    const int64_t lanes = grouped ? problem.co : problem.co / problem.groups;
    const int64_t other = grouped ? 1 : problem.groups;
    const int taps = p.taps_x * p.taps_y;
    const double tiles =
        static_cast<double>(other) *
        (ceil_div(problem.kh, p.taps_y) * ceil_div(p.row_taps(problem), p.taps_x)) *
        ceil_div(lanes, p.vec * vector_lanes(isa)) * ceil_div(p.row_channels(problem), p.tile);
    const double pixels = static_cast<double>(problem.n) * problem.oh() * problem.ow();
    const WgradCut cut = wgrad_cut(p, problem, isa);
    const double chunks = static_cast<double>(cut.bands) * cut.blocks * cut.parts_y * cut.parts_n;
    // Input channels of a tile share a cache line, taps have lines of their own: 2 x 1 channels x 9
    // taps took twice the time of 2 x 8 channels for 128 channels at stride 2.
    const double lines = p.folds() ? 0.3 * p.taps_y : taps > 1 ? 0.3 * taps : 0.0;
    if (p.stage == Conv2dWgradCpuParams::kMasked) {
        // Every accumulator has a vector of its own; columns side by side share some.
        const double columns =
            p.stride == 0 ? p.taps_x : ((p.unroll - 1.0) * p.stride + p.taps_x) / p.unroll;
        // With channels in a group each is spread over its lanes by a shuffle, on one of the FMA ports.
        const double shuffles = p.group == 1 ? 0.0 : p.vec * p.group * columns;
        const double masks = p.stride == 0 ? p.taps_x * mask_cycles(isa) : 0.0;
        const double step =
            step_cycles(p.accumulators() + shuffles, p.vec * (1 + columns * p.taps_y)) + masks;
        return tiles * (pixels * step + chunks * (3.0 * p.accumulators() + 20.0));
    }
    const double step = step_cycles(p.accumulators(), p.vec + p.tile * taps) + lines;
    // What is staged is read and written once more, a vector at a time.
    const double read = 1.0 * problem.n * problem.ih * problem.iw * problem.ci;
    const double copied = 3.0 / vector_lanes(isa) *
                          ((p.copies_gradient() ? pixels * problem.co : 0.0) +
                           (p.stage == Conv2dWgradCpuParams::kDirect ? 0.0 : read));
    const double rows = static_cast<double>(problem.n) * problem.oh();
    return tiles * (pixels * step + 15.0 * rows + chunks * (3.0 * p.accumulators() + 20.0)) +
           copied;
}

ConvProblem with_long_rows(ConvProblem p) {
    const bool pointwise = p.kh == 1 && p.kw == 1 && p.stride_h == 1 && p.stride_w == 1 &&
                           p.pad_h == 0 && p.pad_w == 0;
    if (!pointwise) return p;
    const int64_t row = p.iw * (p.ci + p.co);
    int64_t rows = std::clamp<int64_t>(kInPlaceFloats / row, 1, p.ih);
    while (p.ih % rows != 0) rows--;
    p.iw *= rows, p.ih /= rows;
    return p;
}

WgradCut wgrad_cut(const Conv2dWgradCpuParams &p, const ConvProblem &problem, Isa isa) {
    const bool grouped = p.lane == Conv2dWgradCpuParams::kGroups;
    const int64_t lane_size = p.vec * vector_lanes(isa);
    const int64_t tiles = ceil_div(grouped ? problem.co : problem.co / problem.groups, lane_size);
    const int64_t other = grouped ? 1 : problem.groups;
    const int64_t ci = problem.ci / problem.groups, co = problem.co / problem.groups;
    const int64_t oh = problem.oh(), ow = problem.ow();
    // One output row of both operands, as a task copies them.
    const ConvPass pass = conv_passes(problem).front();
    const int64_t read = static_cast<int64_t>(pass.x.in) * pass.y.stride;
    // In place there is no copy, but the tiles of all groups share what the chunk brings into L2.
    const bool direct = p.stage == Conv2dWgradCpuParams::kDirect;
    const bool framed = p.stage == Conv2dWgradCpuParams::kFrame && !grouped;
    const int64_t budget = direct ? kInPlaceFloats : framed ? kPanelFloats : kTaskFloats;
    const int64_t row = p.stage == Conv2dWgradCpuParams::kMasked ? problem.co * (ow + read)
                        : direct                                 ? ow * co + read * ci
                        : framed                                 ? ow * (lane_size + kLineFloats)
                        : grouped                                ? lane_size * (ow + read)
                                  : ow * std::min(co, 4 * lane_size) + read * ci;
    WgradCut cut;
    // Rows of the gradient have none.
    const int64_t halo = framed ? 0 : (problem.kh - 1) * problem.dilation_h;
    int64_t rows = std::clamp<int64_t>(budget / std::max<int64_t>(row, 1) - halo / 2, 1, oh);
    const int64_t bands = ceil_div(oh, rows);
    cut.rows = to_int(ceil_div(oh, bands));
    if (bands == 1) {
        cut.images =
            to_int(std::clamp<int64_t>(budget / std::max<int64_t>(row * oh, 1), 1, problem.n));
    }
    const int64_t blocks = ceil_div(problem.n, cut.images);
    // Parts cost memory and a reduction: only as many as the tasks need that channels do not give,
    // at most 16 MB of partial sums, and no part with less work than a chunk.
    const int64_t weight = std::max<int64_t>(problem.co * ci * problem.kh * problem.kw, 1);
    const int64_t affordable = std::max<int64_t>((int64_t{4} << 20) / weight, 1);
    const int64_t wanted = std::min(ceil_div(kTasks / 2, grouped ? 1 : tiles * other), affordable);
    cut.parts_n = to_int(std::clamp<int64_t>(wanted, 1, blocks));
    cut.blocks = to_int(ceil_div(blocks, cut.parts_n));
    cut.parts_n = to_int(ceil_div(blocks, cut.blocks));
    cut.parts_y = to_int(std::clamp<int64_t>(wanted / cut.parts_n, 1, bands));
    cut.bands = to_int(ceil_div(bands, cut.parts_y));
    cut.parts_y = to_int(ceil_div(bands, cut.bands));
    return cut;
}

}  // namespace convwright
