// SPDX-License-Identifier: Apache-2.0
#include "codegen/drop_barriers.h"

#include <set>

#include "codegen/memory_order.h"

namespace convwright {

using namespace Halide;
using namespace Halide::Internal;

namespace {

/// Takes out the barriers of the given numbers, which count in the order of the text.
class TakeOut : public IRMutator {
public:
    explicit TakeOut(const std::set<int> &numbers) : numbers_(numbers) {}

private:
    using IRMutator::visit;
    Stmt visit(const Internal::Evaluate *op) override {
        const Call *call = op->value.as<Call>();
        if (call == nullptr || !call->is_intrinsic(Call::gpu_thread_barrier)) return op;
        return numbers_.count(next_++) != 0 ? Internal::Evaluate::make(0) : Stmt(op);
    }
    Stmt visit(const Block *op) override {
        const Stmt first = mutate(op->first), rest = mutate(op->rest);
        if (is_no_op(first)) return rest;
        if (is_no_op(rest)) return first;
        return Block::make(first, rest);
    }
    const std::set<int> &numbers_;
    int next_ = 0;
};

}  // namespace

Stmt drop_barriers(const Stmt &nest) {
    const auto threads = thread_loops(nest);
    if (!threads) return nest;
    MemoryOrder order(nest, *threads);
    std::set<int> dropped;
    for (int b = 0; b < order.barriers(); ++b) {
        if (order.is_needed(b)) continue;
        order.drop(b);
        dropped.insert(b);
    }
    return dropped.empty() ? nest : TakeOut(dropped).mutate(nest);
}

}  // namespace convwright
