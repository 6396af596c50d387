// SPDX-License-Identifier: Apache-2.0
// What is no product of a warp is a compile error that says what and what to do.
#include "codegen/tensorize_mma.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/codegen/lower.h"

namespace convwright {
namespace {

using namespace Halide;

/// out(x, y) = sum of a(x, r) * b(r, y) by one warp for a tile of 8 x 16.
struct Warp {
    Type element = Float(32), sum = Float(32);
    int m = 16, n = 8, k = 8, lanes = 32, lane = 1;
    bool rows_guarded = false;
    std::function<Expr(Expr, Expr)> product = [](Expr a, Expr b) { return a * b; };
    std::function<Expr(Expr)> widened;  ///< By default the cast to `sum`.

    Lowered lowered() const {
        ImageParam a(element, 2, "a"), b(element, 2, "b");
        Var x("x"), y("y"), x_o("x_o"), y_o("y_o"), l("l"), mma_m("mma_m"), mma_n("mma_n"), t("t");
        RDom r(0, 64, "r");
        RVar r_o("r_o"), mma_k("mma_k");
        Func sums("sums"), out("out"), panel("panel");
        panel(x, y) = a(x, y);
        sums(x, y) = cast(sum, 0);
        const auto wide = [&](const Expr &e) { return widened ? widened(e) : cast(sum, e); };
        sums(x, y) += product(wide(panel(x, r)), wide(b(r, y)));
        out(x, y) = sums(x, y);
        // Lanes that work together are one thread here, others 32.
        const bool together = lane == 1;
        const int width = together ? n : 32 * n;
        const auto tile = [&](auto &&stage) {
            stage.split(x, l, mma_n, n).split(y, y, mma_m, m);
            if (together)
                stage.split(l, l, t, 1).reorder(mma_n, mma_m, t, l, y).gpu_threads(t, l, y);
            else
                stage.reorder(mma_n, mma_m, l, y).gpu_threads(l, y);
        };
        out.split(x, x_o, x, width, TailStrategy::RoundUp)
            .split(y, y_o, y, m, rows_guarded ? TailStrategy::GuardWithIf : TailStrategy::RoundUp)
            .reorder(x, y, x_o, y_o)
            .gpu_blocks(x_o, y_o);
        tile(out);
        sums.compute_at(out, x_o)
            .store_in(MemoryType::Register)
            .bound_extent(x, width)
            .bound_extent(y, m);
        tile(sums);
        Stage update = sums.update();
        update.split(r, r_o, mma_k, k);
        update.split(x, l, mma_n, n).split(y, y, mma_m, m);
        if (together)
            update.split(l, l, t, 1)
                .reorder(mma_k, mma_n, mma_m, t, l, y, r_o)
                .gpu_threads(t, l, y);
        else
            update.reorder(mma_k, mma_n, mma_m, l, y, r_o).gpu_threads(l, y);
        panel.compute_at(sums, r_o).store_in(MemoryType::GPUShared);
        panel.split(x, x, t, lanes, TailStrategy::GuardWithIf).gpu_threads(t).bound_extent(y, k);
        return lower_to_cuda(out, {a, b});
    }
    std::string error() const { return lowered().error; }
};

/// The last 4 KB of a text are shown.
#define EXPECT_SAYS(text, part)                     \
    EXPECT_NE((text).find(part), std::string::npos) \
        << (text).substr((text).size() < 4096 ? 0 : (text).size() - 4096)

TEST(TensorizeMma, OneWarpsProduct) {
    const Lowered l = Warp().lowered();
    ASSERT_EQ(l.error, "");
    EXPECT_SAYS(l.program.text,
                "store<16>(sums_0, mma_m16n8k8_tf32(load<4, 16>(sums_0), to_tf32(b[");
    EXPECT_EQ(l.program.kernels[0].max_threads, 32);
}

TEST(TensorizeMma, StoresNeighboursTogetherAlsoUnderACondition) {
    Warp w;
    for (const bool guarded : {false, true}) {
        w.rows_guarded = guarded;
        const Lowered l = w.lowered();
        ASSERT_EQ(l.error, "");
        EXPECT_SAYS(l.program.text, ", vec<float, 2>{{sums_0[0], sums_0[1]}});");
        EXPECT_EQ(l.program.text.find(" out["), std::string::npos) << "A store of one element.";
    }
}

/// Of the first factor, which lies in shared memory as it is stored there.
TEST(TensorizeMma, LoadsMatricesOfWhatLiesInRowsOfSharedMemory) {
    Warp w;
    w.element = BFloat(16), w.k = 16, w.lanes = 8 * 4;
    const Lowered l = w.lowered();
    ASSERT_EQ(l.error, "");
    EXPECT_SAYS(l.program.text, " = ldmatrix_transposed<2>(panel");
    EXPECT_SAYS(l.program.text, "mma_m16n8k16_bf16(load<4, 16>(sums_0), bits_as<uint32_t>(");
    // A word that stands for a short float is the same.
    w.element = UInt(16);
    w.widened = [](Expr e) { return cast<float>(reinterpret(BFloat(16), e)); };
    const Lowered words = w.lowered();
    ASSERT_EQ(words.error, "");
    EXPECT_SAYS(words.program.text, " = ldmatrix_transposed<2>(panel");
    EXPECT_SAYS(words.program.text, "mma_m16n8k16_bf16(load<4, 16>(sums_0), bits_as<uint32_t>(");
}

TEST(TensorizeMma, RefusesOtherExtents) {
    Warp w;
    w.k = 16;
    EXPECT_SAYS(w.error(), "has the extent 16; factors of type float32 take 8");
    w = {};
    w.m = 32;
    EXPECT_SAYS(w.error(), "mma_m runs from 0 to 32, not from 0 to 16");
    w = {};
    w.n = 16;
    EXPECT_SAYS(w.error(), "mma_n runs from 0 to 16, not from 0 to 8");
}

TEST(TensorizeMma, RefusesOtherTypes) {
    Warp w;
    w.element = UInt(8), w.sum = Int(32);
    EXPECT_SAYS(w.error(), "no tensor core adds a product of uint8 and uint8 to int32");
    w.element = Int(8), w.sum = Float(32);
    EXPECT_SAYS(w.error(), "no tensor core adds a product of int8 and int8 to float32");
}

TEST(TensorizeMma, RefusesWhatIsNoProduct) {
    Warp w;
    w.product = [](Expr a, Expr b) { return a + b; };
    EXPECT_SAYS(w.error(), "does not add one product to an element of mma_m and mma_n");
    w.product = [](Expr a, Expr b) { return (a + b) * b; };
    EXPECT_SAYS(w.error(), "are not one over mma_m and mma_k and one over mma_k and mma_n");
}

TEST(TensorizeMma, RefusesOtherThreads) {
    Warp w;
    w.lanes = 16;
    EXPECT_SAYS(w.error(), "the threads along x are 16 and not the 32 lanes of a warp");
    w = {};
    w.lane = 32;
    EXPECT_SAYS(w.error(), "the gpu_threads along x of its stage must have the extent 1");
}

}  // namespace
}  // namespace convwright
