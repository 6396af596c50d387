// SPDX-License-Identifier: Apache-2.0
#include "codegen/drop_barriers.h"

#include <gtest/gtest.h>

namespace convwright {
namespace {

using namespace Halide;
using namespace Halide::Internal;

const Expr t = Variable::make(Int(32), ".thread_id_x");
const Expr unknown = Variable::make(Int(32), "unknown");

Stmt put(const Expr &index, const Expr &value = 0.0f) {
    return Store::make("s", value, index, Parameter(), const_true(value.type().lanes()),
                       ModulusRemainder());
}
Expr take(const Expr &index) {
    return Load::make(Float(32), "s", index, Buffer<>(), Parameter(), const_true(),
                      ModulusRemainder());
}
Stmt keep(const Expr &index) {  // reads s, writes memory that nothing else touches
    return Store::make("out", take(index), t, Parameter(), const_true(), ModulusRemainder());
}
Stmt barrier() {
    return Internal::Evaluate::make(
        Call::make(Int(32), Call::gpu_thread_barrier, {0}, Call::Intrinsic));
}
Stmt loop(const Stmt &body) {
    return For::make("turn", 0, 10, ForType::Serial, Partition::Never, DeviceAPI::None, body);
}

/// Barriers that are left of the statements, run by 32 threads.
int left(const std::vector<Stmt> &statements) {
    const Stmt body = Block::make(statements);
    const Stmt nest = Allocate::make("s", Float(32), MemoryType::GPUShared, {64}, const_true(),
                                     For::make(".thread_id_x", 0, 32, ForType::GPUThread,
                                               Partition::Never, DeviceAPI::CUDA, body));
    class Count : public IRVisitor {
    public:
        int barriers = 0;

    private:
        using IRVisitor::visit;
        void visit(const Call *op) override {
            barriers += op->is_intrinsic(Call::gpu_thread_barrier);
            IRVisitor::visit(op);
        }
    } count;
    drop_barriers(nest).accept(&count);
    return count.barriers;
}

TEST(DropBarriers, BetweenStoresToDifferentElements) {
    EXPECT_EQ(left({put(t), barrier(), put(t + 32), barrier(), keep(31 - t)}), 1);
}

TEST(DropBarriers, NotBetweenStoresOfTwoThreadsToOneElement) {
    EXPECT_EQ(left({put(t), barrier(), put(t + 1)}), 1);
    EXPECT_EQ(left({put(0), barrier(), put(0)}), 1);
}

TEST(DropBarriers, WhereEachThreadReadsWhatItWrote) {
    EXPECT_EQ(left({put(t), barrier(), keep(t)}), 0);
    EXPECT_EQ(
        left({put(Ramp::make(t * 2, 1, 2), Broadcast::make(0.0f, 2)), barrier(), keep(t * 2 + 1)}),
        0);
    EXPECT_EQ(
        left({put(Ramp::make(t * 2, 1, 2), Broadcast::make(0.0f, 2)), barrier(), keep(t * 2 + 2)}),
        1);
}

TEST(DropBarriers, NotBetweenAReadAndALaterStoreOfAnotherThread) {
    EXPECT_EQ(left({keep(31 - t), barrier(), put(t)}), 1);
    EXPECT_EQ(left({keep(31 - t), barrier(), keep(t)}), 0);
}

TEST(DropBarriers, NotWhereAnIndexIsNotOfTheThreadAlone) {
    EXPECT_EQ(left({put(t + unknown), barrier(), put(t + unknown + 32)}), 1);
}

TEST(DropBarriers, CountTheTurnsOfLoops) {
    const Expr turn = Variable::make(Int(32), "turn");
    EXPECT_EQ(left({loop(put(t + turn)), barrier(), keep(t)}), 1);
    EXPECT_EQ(left({loop(put(t * 10 + turn)), barrier(), keep(t * 10 + 9)}), 0);
    EXPECT_EQ(left({loop(put(t * 10 + turn)), barrier(), keep(t * 10 + 10)}), 1);
    EXPECT_EQ(left({loop(put(t + turn * 32)), barrier(), put(t + 320)}), 0);
    // A barrier inside the loop: the next turn's stores against this turn's reads.
    EXPECT_EQ(left({loop(Block::make({put(t + turn * 32), barrier(), keep(31 - t + turn * 32)}))}),
              1);
}

TEST(DropBarriers, NotWhereALoopLeadsBack) {
    // The reads of one turn and the stores of the next: both barriers are needed.
    EXPECT_EQ(left({loop(Block::make({put(t), barrier(), keep(31 - t), barrier()}))}), 2);
    // The one behind the last turn is not, the one behind an earlier turn is the same barrier.
    EXPECT_EQ(left({loop(Block::make({put(t), barrier(), keep(31 - t), barrier()})), barrier()}),
              2);
}

TEST(DropBarriers, NotTwoInARowBothAtOnce) {
    EXPECT_EQ(left({put(t), barrier(), barrier(), keep(31 - t)}), 1);
}

TEST(DropBarriers, NotBehindABranchThatStores) {
    EXPECT_EQ(left({IfThenElse::make(unknown > 0, put(t)), barrier(), keep(31 - t)}), 1);
}

TEST(DropBarriers, LooksThroughLets) {
    const Expr other = Variable::make(Int(32), "other");
    EXPECT_EQ(left({put(t), barrier(), LetStmt::make("other", 31 - t, keep(other))}), 1);
    EXPECT_EQ(left({put(t), barrier(), LetStmt::make("other", t + 0, keep(other))}), 0);
}

}  // namespace
}  // namespace convwright
