// SPDX-License-Identifier: Apache-2.0
#include "codegen/thread_parts.h"

#include <gtest/gtest.h>

namespace convwright {
namespace {

using namespace Halide;
using namespace Halide::Internal;

Expr var(const std::string &name) { return Variable::make(Int(32), name); }

/// The index with which `a` is read in a loop i of a thread t of a block b, after the pass. `row` is let
/// to b * 64 + t outside the loop.
Expr separated(const Expr &index) {
    const Expr load = Load::make(Float(32), "a", index, Buffer<>(), Parameter(), const_true(),
                                 ModulusRemainder());
    Stmt nest = Store::make("own", load, 0, Parameter(), const_true(), ModulusRemainder());
    const auto loop = [&](const std::string &name, ForType type) {
        nest = For::make(name, 0, 8, type, Partition::Auto, DeviceAPI::CUDA, nest);
    };
    loop("i", ForType::Serial);
    nest = LetStmt::make("row", var("b") * 64 + var("t"), nest);
    nest = Allocate::make("own", Float(32), MemoryType::Register, {1}, const_true(), nest);
    loop("t", ForType::GPUThread);
    loop("b", ForType::GPUBlock);
    class Find : public IRVisitor {
    public:
        Expr index;

    private:
        using IRVisitor::visit;
        void visit(const Load *op) override { index = op->index; }
    } find;
    separate_thread_parts(nest).accept(&find);
    return find.index;
}

/// At values of the variables.
int64_t value(const Expr &e, int i, int t, int b, int stride) {
    const std::map<std::string, Expr> at = {
        {"i", i}, {"t", t}, {"b", b}, {"row", b * 64 + t}, {"stride", stride}};
    return *as_const_int(simplify(substitute(at, e)));
}

void expect_same(const Expr &before, const Expr &after) {
    for (const int stride : {-7, 0, 20})
        for (const int i : {0, 3})
            for (const int t : {0, 5})
                for (const int b : {0, 2})
                    EXPECT_EQ(value(before, i, t, b, stride), value(after, i, t, b, stride))
                        << before << " became " << after;
}

TEST(ThreadParts, StandApartFromWhatChanges) {
    const Expr i = var("i"), t = var("t"), row = var("row"), stride = var("stride");
    for (const Expr &index : {(i * 16 + t + 8) * stride + t * 4, i * 16 + (row + 56) * stride + t,
                              i * stride + row * 4}) {
        const Expr after = separated(index);
        expect_same(index, after);
        const Add *sum = after.as<Add>();
        ASSERT_NE(sum, nullptr) << after;
        EXPECT_FALSE(expr_uses_var(sum->a, "t") || expr_uses_var(sum->a, "row")) << after;
        EXPECT_FALSE(expr_uses_var(sum->b, "i")) << after;
        // What threads share, and the thread's own.
        const Add *steady = sum->b.as<Add>();
        ASSERT_NE(steady, nullptr) << after;
        EXPECT_TRUE(expr_uses_var(steady->b, "t")) << after;
    }
}

// A part may be beyond 32 bits where the whole is not.
TEST(ThreadParts, ADifferenceIsMultipliedAsAWhole) {
    const Expr i = var("i"), row = var("row"), stride = var("stride");
    for (const Expr &product : {(row - i) * stride, (row + -3) * stride}) {
        const Expr other = expr_uses_var(product, "i") ? row : i;
        const Expr after = separated(product + other);
        expect_same(product + other, after);
        const Add *sum = after.as<Add>();
        ASSERT_NE(sum, nullptr) << after;
        EXPECT_TRUE(equal(sum->a, product) || equal(sum->b, product)) << after;
    }
}

TEST(ThreadParts, WhatHasOnePartStays) {
    for (const Expr &index : {var("row") * 4 + 1, var("i") * var("stride"), var("stride") + 1})
        EXPECT_TRUE(equal(separated(index), index)) << index;
}

}  // namespace
}  // namespace convwright
