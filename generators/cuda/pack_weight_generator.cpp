// SPDX-License-Identifier: Apache-2.0
#include "codegen/cuda_backend.h"
#include "generators/kernel_sizes.h"
#include "generators/output_tasks.h"
#include "generators/stored_values.h"

namespace convwright {

using Halide::Expr;
using Halide::GeneratorParam;
using Halide::MemoryType;
using Halide::Var;

/// Channels of a block on each axis, and its rows of threads.
constexpr int kSide = 32, kRows = 8;

/// Packs a weight, read through any strides, into panels of output channels; behind the last output
/// channel, input channel and row of taps are zeros:
///   packed(c, ci, kx, ky, p, g) = weight(p * panel + c, ci, kx, ky, g).
/// In memory c is dense, or ci for short floats; of these the kernel for one dtype moves the bits of any.
/// The transposed and reversed weight of dgrad is a matter of the strides given. `along_co`: output
/// channels are nearer to each other than input channels.
class CudaPackWeight : public Halide::Generator<CudaPackWeight> {
public:
    GeneratorParam<DType> dtype_{"dtype", DType::kF32, kDTypeNames};
    GeneratorParam<std::string> cuda_{"cuda", ""};  // path of the text
    Input<Buffer<void, 5>> weight_{"weight"};       // (co, ci, kx, ky, g)
    Input<int> panel_{"panel"}, rows_{"ci"};        // of packed
    Input<bool> along_co_{"along_co"};
    Output<Buffer<void, 6>> packed_{"packed"};  // (co % panel, ci, kx, ky, co / panel, g)

    void configure() {
        weight_.set_type(stored_type(dtype_));
        packed_.set_type(stored_type(dtype_));
    }

    void generate() {
        const Expr panel = panel_, rows = rows_;
        const Expr c_blocks = (panel + kSide - 1) / kSide, ci_blocks = (rows + kSide - 1) / kSide;
        const Expr c_first = block_ % c_blocks * kSide, ci_first = block_ / c_blocks * kSide;
        // A square of channels in shared memory: read along one axis, written along the other.
        const Expr c = c_first + select(along_co_, lane_, row_);
        const Expr ci = ci_first + select(along_co_, row_, lane_), co = p_ * panel + c;
        const Expr inside = c < panel && co < weight_.dim(0).extent() &&
                            ci < weight_.dim(1).extent() && ky_ < weight_.dim(3).extent();
        square_(lane_, row_, block_, kx_, ky_, p_, g_) = select(
            inside,
            weight_(promised(co, weight_.dim(0).extent()), promised(ci, weight_.dim(1).extent()),
                    promised(kx_, weight_.dim(2).extent()), promised(ky_, weight_.dim(3).extent()),
                    g_),
            cast(stored_type(dtype_), 0));
        packed_(c_, ci_, kx_, ky_, p_, g_) = Halide::undef(stored_type(dtype_));
        // A scatter, whose loops stand in the order in which they run.
        Halide::RDom to(0, kSide / kRows, 0, kSide, 0, kRows, 0, c_blocks * ci_blocks, "to");
        to_row_ = to[0], to_lane_ = to[1], to_thread_ = to[2], to_block_ = to[3];
        const Expr other = to_row_ * kRows + to_thread_;
        const Expr square_c = ci_is_dense() ? other : Expr(to_lane_);
        const Expr square_ci = ci_is_dense() ? Expr(to_lane_) : other;
        const Expr to_c = to_block_ % c_blocks * kSide + square_c;
        const Expr to_ci = to_block_ / c_blocks * kSide + square_ci;
        to.where(to_c < panel && to_ci < rows);
        packed_(promised(to_c, panel), promised(to_ci, rows), kx_, ky_, p_, g_) = square_(
            promised(select(along_co_, square_c, square_ci), kSide),
            promised(select(along_co_, square_ci, square_c), kSide), to_block_, kx_, ky_, p_, g_);
    }

    void schedule() {
        promise_dense(weight_, -1);
        promise_dense(packed_, ci_is_dense() ? 1 : 0);
        Halide::Func packed(packed_);
        // Stores nothing and leaves no kernel, but as a loop of the host it would ask for host memory.
        packed.gpu_single_thread();
        Halide::Stage store = packed.update();
        store.allow_race_conditions();  // every loop writes other elements
        store.reorder({to_row_, to_lane_, to_thread_, kx_, ky_, to_block_, p_, g_})
            .unroll(to_row_)
            .gpu_threads(to_lane_, to_thread_)
            .gpu_blocks(to_block_, p_, g_)
            .never_partition_all();
        Var row_u("row_u"), row_t("row_t");
        square_.compute_at(packed, kx_).store_in(MemoryType::GPUShared);
        square_.bound(lane_, 0, kSide).bound(row_, 0, kSide).align_storage(lane_, kSide + 1);
        for (const Var &one : {block_, kx_, ky_, p_, g_}) square_.bound_extent(one, 1);
        square_.split(row_, row_u, row_t, kRows)
            .reorder(row_u, lane_, row_t)
            .unroll(row_u)
            .gpu_threads(lane_, row_t)
            .never_partition_all();
        offload_to_cuda(get_pipeline(), cuda_options(cuda_));
    }

private:
    bool ci_is_dense() const { return dtype_ != DType::kF32; }

    Var c_{"c"}, ci_{"ci"}, kx_{"kx"}, ky_{"ky"}, p_{"p"}, g_{"g"};
    Var lane_{"lane"}, row_{"row"}, block_{"block"};
    Halide::RVar to_row_, to_lane_, to_thread_, to_block_;
    Halide::Func square_{"square"};
};

}  // namespace convwright

HALIDE_REGISTER_GENERATOR(convwright::CudaPackWeight, cuda_pack_weight)
