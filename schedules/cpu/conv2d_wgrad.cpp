// SPDX-License-Identifier: Apache-2.0
#include "schedules/cpu/conv2d_wgrad.h"

#include <vector>

#include "schedules/cpu/conv2d.h"

namespace convwright {

using Halide::TailStrategy;
using Halide::Var;
using P = Conv2dWgradCpuParams;

namespace {

/// Tiles of input channels whose frame of a chunk, half of an L2 of 512 KB, serves all panels of a task before the next
/// ones are copied. Without blocks 1024 channels of 14 x 14 pixels lay in L3, or chunks were so short that
/// adding them up took an eighth of the time.
Halide::Expr block_tiles(const Halide::Expr &frame_pixels, const P &p) {
    constexpr int kBlockFloats = 64 * 1024, kWholeVectors = 4;
    const Halide::Expr tiles = kBlockFloats / (max(frame_pixels, 1) * p.tile);
    return max(tiles / kWholeVectors, 1) * kWholeVectors;
}

/// Channels that the frame of a block stores for a pixel: an odd number of cache lines. A register tile walks along
/// the pixels; 12 lines apart (192 channels) 250 of them fall into 16 sets of an L1. In two runs, beside PyTorch's time,
/// 512 -> 2048 channels at 7 x 7 went from 0.70 to 1.05; 512 -> 128 at 28 x 28, which waits for its copies, stayed at 0.7.
Halide::Expr stored_channels(const Halide::Expr &tiles, const Halide::Expr &channels, const P &p) {
    constexpr int kLine = 16;
    const Halide::Expr all = (channels + p.tile - 1) / p.tile;
    const Halide::Expr lines = (min(tiles, all) * p.tile + kLine - 1) / kLine;
    return (lines | 1) * kLine;
}

}  // namespace

/// vec * tile accumulators per register tile run over a whole chunk of pixels before they are added
/// to the partial sum, whose tile is then touched once per chunk. Both operands of a chunk are
/// copied with the lanes innermost, whatever the memory format: the copy is read once per tile of
/// the other operand, so the transposition it does for contiguous tensors pays.
void schedule_conv2d_wgrad_cpu(Conv2dWgrad &a, const P &p, Halide::Expr task_tiles, int lanes) {
    const bool grouped = p.lane == P::kGroups;
    const Var lane = grouped ? a.g : a.co;
    const int lane_size = p.vec * lanes;
    const bool blocks = p.stage == P::kFrame && !grouped;
    Var q_t("q_t"), q_o("q_o"), ci_b("ci_b"), ci_o("ci_o"), ci_i("ci_i"), task("task");
    Var kx_o("kx_o"), kx_i("kx_i"), ky_o("ky_o"), ky_i("ky_i");

    const auto tiles = [&](Halide::Stage stage) {
        stage.split(a.ci, ci_o, ci_i, p.tile, TailStrategy::RoundUp)
            .split(a.kx, kx_o, kx_i, p.taps_x, TailStrategy::RoundUp)
            .split(a.ky, ky_o, ky_i, p.taps_y, TailStrategy::RoundUp)
            .split(a.q, q_t, q_o, task_tiles, TailStrategy::GuardWithIf)
            .vectorize(a.l, lanes)
            .unroll(a.l)
            .unroll(ci_i)
            .unroll(kx_i)
            .unroll(ky_i);
        if (blocks)
            stage.split(ci_o, ci_b, ci_o, block_tiles(a.frame_pixels, p),
                        TailStrategy::GuardWithIf);
    };
    const auto ordered = [&](Halide::Stage stage, std::vector<Halide::VarOrRVar> chunks) {
        std::vector<Halide::VarOrRVar> order{a.l, ci_i, kx_i, ky_i, kx_o, ky_o, ci_o, q_o};
        if (blocks) chunks.emplace_back(ci_b);
        order.insert(order.end(), chunks.begin(), chunks.end());
        order.insert(order.end(), {q_t, a.py, a.pn, a.other});
        stage.reorder(order);
    };
    const auto tasks = [&](Halide::Stage stage) {
        // `other` stays a loop of its own: behind a fused one bounds inference no longer sees that the
        // sums are those of one group, and they become an array in memory.
        stage.fuse(q_t, a.py, task).fuse(task, a.pn, task);
        stage.parallel(task).parallel(a.other).never_partition_all();
    };
    tiles(a.partial);
    ordered(a.partial, {});
    tasks(a.partial);
    tiles(a.partial.update());
    ordered(a.partial.update(), {a.r_band, a.r_block});
    tasks(a.partial.update());

    a.sum.bound_extent(lane, lane_size).bound_extent(a.ci, p.tile);
    a.sum.bound_extent(a.kx, p.taps_x).bound_extent(a.ky, p.taps_y);
    a.sum.compute_at(a.partial, kx_o);
    if (grouped) a.sum.reorder_storage(a.g, a.co, a.ci, a.kx, a.ky, a.band, a.block);
    const auto registers = [&](Halide::Stage stage) {
        stage.vectorize(lane, lanes).unroll(lane).unroll(a.ci).unroll(a.kx).unroll(a.ky);
    };
    registers(a.sum.reorder(lane, a.ci, a.kx, a.ky));
    registers(a.sum.update().reorder(lane, a.ci, a.kx, a.ky, a.r_x, a.r_y, a.r_n));

    const TailStrategy tail = TailStrategy::GuardWithIf;
    if (p.copies_gradient()) {
        // A panel for itself, whose pixels follow each other; those of groups share the lines of a pixel.
        a.grad.compute_at(grouped || p.folds() ? Halide::LoopLevel(a.partial, a.r_band)
                                               : Halide::LoopLevel(a.partial, q_o));
        Halide::Stage spare = a.grad.update(0), copy = a.grad.update(1);
        if (p.folds()) {
            a.grad.reorder_storage(a.x, a.co, a.y, a.g, a.n);
            spare.reorder(a.r_spare, a.co, a.y, a.g, a.n).vectorize(a.r_spare, lanes, tail);
            copy.reorder(a.r_column, a.co, a.y, a.g, a.n).vectorize(a.r_column, lanes, tail);
        } else if (grouped) {
            a.grad.reorder_storage(a.g, a.co, a.x, a.y, a.n);
            spare.reorder(a.g, a.co, a.r_spare, a.y, a.n)
                .vectorize(a.g, lanes, TailStrategy::RoundUp);
            copy.reorder(a.g, a.co, a.r_column, a.y, a.n)
                .vectorize(a.g, lanes, TailStrategy::RoundUp);
        } else {
            spare.reorder(a.co, a.r_spare, a.y, a.g, a.n).vectorize(a.co, lanes, tail);
            vectorize_channels(copy.reorder(a.co, a.r_column, a.y, a.g, a.n), a.co,
                               a.gradient_channels, lanes);
        }
    }
    if (p.stage == P::kDirect) return;
    a.padded.compute_at(a.partial, a.r_band);
    if (blocks)
        a.padded.bound_extent(a.ci,
                              stored_channels(block_tiles(a.frame_pixels, p), a.frame.channels, p));
    Halide::Stage zeros = a.padded.update(0), rows = a.padded.update(1);
    if (p.folds()) {
        a.padded.reorder_storage(a.x, a.ci, a.y, a.g, a.n);
        zeros.reorder(a.frame.all, a.ci, a.y, a.g, a.n).vectorize(a.frame.all, lanes, tail);
        rows.reorder(a.frame.row, a.ci, a.y, a.g, a.n).vectorize(a.frame.row, lanes, tail);
    } else if (grouped) {
        a.padded.reorder_storage(a.g, a.ci, a.x, a.y, a.n);
        zeros.reorder(a.g, a.ci, a.frame.all, a.y, a.n)
            .vectorize(a.g, lanes, TailStrategy::RoundUp);
        rows.reorder(a.g, a.ci, a.frame.row, a.y, a.n).vectorize(a.g, lanes, TailStrategy::RoundUp);
    } else {
        zeros.reorder(a.ci, a.frame.all, a.y, a.g, a.n).vectorize(a.ci, lanes, tail);
        vectorize_channels(rows.reorder(a.ci, a.frame.row, a.y, a.g, a.n), a.ci, a.frame.channels,
                           lanes);
    }
}

}  // namespace convwright
