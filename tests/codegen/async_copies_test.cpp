// SPDX-License-Identifier: Apache-2.0
#include "codegen/async_copies.h"

#include <gtest/gtest.h>

#include <string>

namespace convwright {
namespace {

using namespace Halide;
using namespace Halide::Internal;

const Expr t = Variable::make(Int(32), ".thread_id_x");

Expr take(const std::string &buffer, const Expr &index) {
    return Load::make(Float(32), buffer, index, Buffer<>(), Parameter(), const_true(),
                      ModulusRemainder());
}
Stmt put(const std::string &buffer, const Expr &index, const Expr &value) {
    return Store::make(buffer, value, index, Parameter(), const_true(), ModulusRemainder());
}
Stmt copy() { return put("s", t, take("input", t)); }
Stmt use() { return put("out", t, take("s", t)); }
Stmt barrier() {
    return Internal::Evaluate::make(
        Call::make(Int(32), Call::gpu_thread_barrier, {0}, Call::Intrinsic));
}
Stmt loop(const std::vector<Stmt> &body) {
    return For::make("turn", 0, 10, ForType::Serial, Partition::Never, DeviceAPI::None,
                     Block::make(body));
}

/// The statements in their order: c copy, w wait, b barrier, s other store; [ ] a loop, ( ) branches.
std::string order(const std::vector<Stmt> &statements) {
    class Order : public IRVisitor {
    public:
        std::string text;

    private:
        using IRVisitor::visit;
        void visit(const Store *op) override { text += async_copy_of(op) ? "c" : "s"; }
        void visit(const Internal::Evaluate *op) override {
            if (!is_async_commit(op)) text += async_wait_of(op) ? "w" : "b";
        }
        void visit(const For *op) override {
            if (op->for_type == ForType::GPUThread) return op->body.accept(this);
            text += "[";
            op->body.accept(this);
            text += "]";
        }
        void visit(const IfThenElse *op) override {
            text += "(";
            op->then_case.accept(this);
            text += ")";
        }
    } order;
    async_copies(
        Allocate::make("s", Float(32), MemoryType::GPUShared, {64}, const_true(),
                       For::make(".thread_id_x", 0, 32, ForType::GPUThread, Partition::Never,
                                 DeviceAPI::CUDA, Block::make(statements))))
        .accept(&order);
    return order.text;
}

TEST(AsyncCopies, WaitOnceInFrontOfTheBarrier) {
    EXPECT_EQ(order({copy(), copy(), barrier(), use(), barrier()}), "ccwbsb");
}

TEST(AsyncCopies, WaitForWhatTheThreadItselfReads) {
    EXPECT_EQ(order({copy(), use(), barrier()}), "cwsb");
    EXPECT_EQ(order({copy(), LetStmt::make("x", take("s", t), barrier())}), "cwb");
    EXPECT_EQ(order({copy(), IfThenElse::make(take("s", t) > 0.0f, barrier())}), "cw(b)");
    EXPECT_EQ(order({copy(), put("s", t, 0.0f), barrier()}), "cwsb");
}

TEST(AsyncCopies, WaitOnEachPath) {
    EXPECT_EQ(order({IfThenElse::make(t < 5, copy()), barrier()}), "(c)wb");
    EXPECT_EQ(order({loop({copy(), barrier(), use(), barrier()})}), "[cwbsb]");
    // The copy of one turn is waited for in the next one, and behind the last.
    EXPECT_EQ(order({loop({use(), copy()}), barrier()}), "[wsc]wb");
}

TEST(AsyncCopies, LeaveEverythingElse) {
    EXPECT_EQ(order({put("s", t, take("input", t) * 2.0f), barrier()}), "sb");
    EXPECT_EQ(order({put("s", t, take("s", t + 1)), barrier()}), "sb");
    EXPECT_EQ(order({put("out", t, take("input", t)), barrier()}), "sb");
    EXPECT_EQ(order({put("s", t, select(t < 5, take("input", t), 1.0f)), barrier()}), "sb");
    EXPECT_EQ(order({put("s", t, select(t < 5, take("input", t), 0.0f)), barrier()}), "cwb");
}

}  // namespace
}  // namespace convwright
