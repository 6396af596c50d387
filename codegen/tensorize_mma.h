// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Halide.h>

namespace convwright {

/// Loops named mma_m, mma_n and mma_k as matrix products of a warp on tensor cores (device/mma.h),
/// from compute capability 8.0 on. What the schedule has to say:
///
/// * The lanes of a warp are the threads along x, 32 of them; the threads along y and z are the warps of
///   a block. A stage that a warp does as one has a gpu_threads loop of extent 1 as its x, the others
///   (copies) use all 32.
/// * Accumulators are a Func in MemoryType::Register at block level whose stages run over tiles of
///   mma_m (16) x mma_n (8); loops over several tiles of a warp are unrolled.
/// * Its update adds one product of two factors, one over mma_m and mma_k, one over mma_k and mma_n.
///   Their type chooses the operation, and so the extent of mma_k:
///     float32                    8   rounded to TF32, summed in float32
///     bfloat16 as float32       16   that is cast<float>(factor), of a reinterpreted word, too
///     float16 as float32        16
///     int8 as int32             32   sums wrap
/// * Stages over mma_m x mma_n without mma_k (initialisation, epilogue) may do anything element by
///   element; a lane does four, of which two are neighbours along mma_n.
///
///   out.tile(x, y, x_o, y_o, x_i, y_i, 64, 64)         // 2 x 2 warps of 32 x 32
///       .split(x_i, warp_x, x_i, 32).split(x_i, tile_x, mma_n, 8)
///       .split(y_i, warp_y, y_i, 32).split(y_i, tile_y, mma_m, 16)
///       .split(warp_x, warp_x, lane, 1)
///       .reorder(mma_n, mma_m, tile_x, tile_y, lane, warp_x, warp_y, x_o, y_o)
///       .unroll(tile_x).unroll(tile_y).gpu_threads(lane, warp_x, warp_y).gpu_blocks(x_o, y_o);
///
/// Factors of 16 bits are loaded by ldmatrix where 8 neighbours along mma_k or across it are 16 aligned
/// bytes of shared memory: their rows have no bank conflict where they are 4 words longer than a
/// multiple of 8 (align_storage()). Others element by element:
///
/// An operand is loaded at (group, t) and neighbours of it, group = lane / 4, t = lane % 4: panels in
/// shared memory have no bank conflict where their rows along k are 4 words longer than a multiple of
/// 8, their rows along m or n 8 words longer than a multiple of 32 (align_storage()).
///
/// To run before privatize_registers(). A compile error where the nest has another form.
Halide::Internal::Stmt tensorize_mma(const Halide::Internal::Stmt &nest);

/// The product of a warp that a vector expression is; null for any other. Its arguments are the four
/// accumulators of the lane as a vector, four registers of the first factor, two of the second.
const Halide::Internal::Call *mma_of(const Halide::Expr &e);

/// Whether a call makes a register of its argument, a vector of as many bytes.
bool is_register_of(const Halide::Internal::Call *op);

}  // namespace convwright
