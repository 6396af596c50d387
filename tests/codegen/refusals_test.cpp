// SPDX-License-Identifier: Apache-2.0
// What has no CUDA form is a compile error that says what and what to do.
#include <gtest/gtest.h>

#include "tests/codegen/lower.h"

namespace convwright {
namespace {

using namespace Halide;

/// A Func `out` over `input`, on blocks of 32 threads.
struct Pieces {
    ImageParam input{Float(32), 1, "input"};
    Param<int> shift{"shift"};
    Var x{"x"}, x_o{"x_o"}, x_t{"x_t"}, x_i{"x_i"};
    Func tile{"tile"}, out{"out"};

    void block(int threads = 32, TailStrategy tail = TailStrategy::RoundUp) {
        out.split(x, x_o, x_t, threads, tail).gpu_blocks(x_o).gpu_threads(x_t);
    }
    std::string error() { return lower_to_cuda(out, {input, shift}).error; }
};

/// Tiles of 4 registers by 8 threads at block level; `unrolled` is how the tile is computed.
void register_tile(Pieces &p, bool unrolled, Expr (*use)(Pieces &)) {
    p.tile(p.x) = p.input(p.x) * 2.0f;
    p.out(p.x) = use(p);
    p.out.split(p.x, p.x_o, p.x_t, 32, TailStrategy::RoundUp)
        .split(p.x_t, p.x_t, p.x_i, 4)
        .gpu_blocks(p.x_o)
        .gpu_threads(p.x_t)
        .unroll(p.x_i);
    p.tile.compute_at(p.out, p.x_o)
        .store_in(MemoryType::Register)
        .split(p.x, p.x, p.x_i, 4, TailStrategy::RoundUp)
        .gpu_threads(p.x);
    if (unrolled) p.tile.unroll(p.x_i);
}

TEST(Refusals, ARegisterTileThatFitsIsNone) {
    Pieces p;
    register_tile(p, true, [](Pieces &q) -> Expr { return q.tile(q.x) + 1.0f; });
    EXPECT_EQ(p.error(), "");
}

TEST(Refusals, ARegisterTileWhoseLoopIsNotUnrolled) {
    Pieces p;
    register_tile(p, false, [](Pieces &q) -> Expr { return q.tile(q.x) + 1.0f; });
    const std::string error = p.error();
    EXPECT_NE(error.find("privatize_registers: the index of tile"), std::string::npos) << error;
    EXPECT_NE(error.find("unroll that loop"), std::string::npos) << error;
}

TEST(Refusals, ARegisterOfAnotherThread) {
    Pieces p;
    register_tile(p, true, [](Pieces &q) -> Expr { return q.tile(q.x) + q.tile(q.x + 1); });
    const std::string error = p.error();
    EXPECT_NE(error.find("privatize_registers: a thread reads tile"), std::string::npos) << error;
    EXPECT_NE(error.find("keep the Func in shared memory"), std::string::npos) << error;
}

TEST(Refusals, ARegisterTileOfOtherThreadsThanItsConsumer) {
    Pieces p;
    register_tile(p, true, [](Pieces &q) -> Expr { return q.tile(31 - q.x % 32 + q.x / 32 * 32); });
    const std::string error = p.error();
    EXPECT_NE(error.find("do not differ by a constant"), std::string::npos) << error;
}

TEST(Refusals, ACallWithoutACudaForm) {
    Pieces p;
    p.out(p.x) = Internal::Call::make(Float(32), "lookup_of_mine", {p.input(p.x)},
                                      Internal::Call::PureExtern);
    p.block();
    const std::string error = p.error();
    EXPECT_NE(error.find("the call of 'lookup_of_mine' on float32"), std::string::npos) << error;
    EXPECT_NE(error.find("has no CUDA form"), std::string::npos) << error;
}

TEST(Refusals, AShiftByANegativeCount) {
    Pieces p;
    p.out(p.x) = cast<int>(p.input(p.x)) << (cast<int>(p.input(p.x)) - 5);
    p.block();
    EXPECT_NE(p.error().find("by a negative count"), std::string::npos) << p.error();
}

TEST(Refusals, ArithmeticInAStorageType) {
    Pieces p;
    p.out(p.x) = cast<bfloat16_t>(p.input(p.x)) * cast<bfloat16_t>(3.0f);
    p.block();
    EXPECT_NE(p.error().find("bfloat16 is a storage type"), std::string::npos) << p.error();
}

TEST(Refusals, DeviceMemoryOfItsOwn) {
    Pieces p;
    p.tile(p.x) = p.input(p.x) * 2.0f;
    p.out(p.x) = p.tile(p.x) + 1.0f;
    p.block();
    p.tile.compute_root().gpu_tile(p.x, p.x_o, p.x_t, 32, TailStrategy::RoundUp);
    EXPECT_NE(p.error().find("would need device memory of its own"), std::string::npos)
        << p.error();
}

TEST(Refusals, AStageOnTheHostInFrontOfAKernel) {
    Pieces p;
    p.tile(p.x) = p.input(p.x) * 2.0f;
    p.out(p.x) = p.tile(p.x) + 1.0f;
    p.block();
    p.tile.compute_root();
    EXPECT_NE(p.error().find("would need device memory of its own"), std::string::npos)
        << p.error();
}

TEST(Refusals, AStageOnTheHostBehindAKernel) {
    Pieces p;
    p.out(p.x) = p.input(p.x) * 2.0f;
    p.out(0) += 1.0f;
    p.block();
    EXPECT_NE(p.error().find("a stage on the host uses"), std::string::npos) << p.error();
}

TEST(Refusals, SharedMemoryOfNoConstantSize) {
    Pieces p;
    p.tile(p.x) = p.input(p.x);
    p.out(p.x) = p.tile(p.x) + p.tile(p.x + p.shift);
    p.block();
    p.tile.compute_at(p.out, p.x_o)
        .store_in(MemoryType::GPUShared)
        .split(p.x, p.x_i, p.x, 32, TailStrategy::RoundUp)
        .gpu_threads(p.x);
    EXPECT_NE(p.error().find("bound_extent"), std::string::npos) << p.error();
}

TEST(Refusals, MoreThreadsThanABlockHas) {
    Pieces p;
    p.out(p.x) = p.input(p.x);
    p.block(2048);
    EXPECT_NE(p.error().find("a block of 2048 threads; CUDA has at most 1024"), std::string::npos)
        << p.error();
}

TEST(Refusals, ThreadsWithoutABound) {
    Pieces p;
    Var y("y");
    p.input = ImageParam(Float(32), 2, "input");
    p.out(p.x, y) = p.input(p.x, y);
    p.out.gpu_blocks(y).gpu_threads(p.x);
    EXPECT_NE(p.error().find("has no constant bound"), std::string::npos) << p.error();
}

TEST(Refusals, AtomicUpdates) {
    Pieces p;
    RDom r(0, 1024);
    p.out(p.x) = 0.0f;
    p.out(clamp(r % 32, 0, 31)) += p.input(r);
    p.block();
    RVar r_o("r_o"), r_t("r_t");
    p.out.update().atomic().split(r, r_o, r_t, 32).gpu_blocks(r_o).gpu_threads(r_t);
    EXPECT_NE(p.error().find("reduce in a fixed order"), std::string::npos) << p.error();
}

}  // namespace
}  // namespace convwright
