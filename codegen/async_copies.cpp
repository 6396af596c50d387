// SPDX-License-Identifier: Apache-2.0
#include "codegen/async_copies.h"

#include <set>
#include <string>

namespace convwright {

using namespace Halide;
using namespace Halide::Internal;

namespace {

const char *const kCopy = "convwright_async_copy", *const kWait = "convwright_async_wait",
                  *const kCommit = "convwright_async_commit";

/// The copy that a value is, if it is one.
std::optional<AsyncCopy> copy_of(const Expr &value) {
    AsyncCopy copy;
    copy.value = value;
    Expr loaded = value;
    if (const Select *select = value.as<Select>()) {
        if (!is_const_zero(select->false_value)) return std::nullopt;
        copy.condition = select->condition;
        if (const Broadcast *all = copy.condition.as<Broadcast>()) copy.condition = all->value;
        if (copy.condition.type().is_vector()) return std::nullopt;
        loaded = select->true_value;
    }
    copy.load = loaded.as<Load>();
    if (copy.load == nullptr || !is_const_one(copy.load->predicate)) return std::nullopt;
    if (loaded.type().is_vector()) {
        const Ramp *ramp = copy.load->index.as<Ramp>();
        if (ramp == nullptr || !ramp->base.type().is_scalar() || !is_const_one(ramp->stride))
            return std::nullopt;
    }
    return copy;
}

class MarkCopies : public IRMutator {
    using IRMutator::visit;

    static Stmt wait() { return Block::make(async_commit(), async_wait(0)); }
    /// The statement, behind a wait if copies are under way that it must not overtake.
    Stmt behind_wait(const Stmt &s) {
        if (!pending_) return s;
        pending_ = false;
        return Block::make(wait(), s);
    }

    /// Whether an expression reads shared memory.
    bool reads_shared(const Expr &e) const {
        class Search : public IRVisitor {
        public:
            explicit Search(const std::set<std::string> &shared) : shared_(shared) {}
            bool found = false;

        private:
            using IRVisitor::visit;
            void visit(const Load *op) override {
                found |= shared_.count(op->name) != 0;
                IRVisitor::visit(op);
            }
            const std::set<std::string> &shared_;
        } search(shared_);
        e.accept(&search);
        return search.found;
    }

    Stmt visit(const Allocate *op) override {
        (op->memory_type == MemoryType::GPUShared ? shared_ : own_).insert(op->name);
        return IRMutator::visit(op);
    }

    Stmt visit(const Store *op) override {
        const bool to_shared = shared_.count(op->name) != 0;
        const auto copy = copy_of(op->value);
        const bool from_global = copy && shared_.count(copy->load->name) == 0 &&
                                 own_.count(copy->load->name) == 0 && !reads_shared(op->value);
        if (to_shared && from_global && is_const_one(op->predicate) && !reads_shared(op->index)) {
            pending_ = true;
            const Expr mark = Call::make(op->value.type(), kCopy, {op->value}, Call::PureExtern);
            return Store::make(op->name, mark, op->index, op->param, op->predicate, op->alignment);
        }
        if (to_shared || reads_shared(op->value) || reads_shared(op->index)) return behind_wait(op);
        return op;
    }

    Stmt visit(const Internal::Evaluate *op) override {
        const Call *call = op->value.as<Call>();
        const bool barrier = call != nullptr && call->is_intrinsic(Call::gpu_thread_barrier);
        return barrier || reads_shared(op->value) ? behind_wait(op) : Stmt(op);
    }

    Stmt visit(const LetStmt *op) override {
        const bool late = pending_ && reads_shared(op->value);
        if (late) pending_ = false;
        const Stmt s = LetStmt::make(op->name, op->value, mutate(op->body));
        return late ? Block::make(wait(), s) : s;
    }

    Stmt visit(const IfThenElse *op) override {
        const bool late = pending_ && reads_shared(op->condition);
        if (late) pending_ = false;
        const bool before = pending_;
        const Stmt yes = mutate(op->then_case);
        const bool after_yes = pending_;
        pending_ = before;
        const Stmt no = op->else_case.defined() ? mutate(op->else_case) : Stmt();
        pending_ |= after_yes;
        const Stmt s = IfThenElse::make(op->condition, yes, no);
        return late ? Block::make(wait(), s) : s;
    }

    Stmt visit(const For *op) override {
        const bool before = pending_;
        Stmt body = mutate(op->body);
        const bool serial = op->for_type != ForType::GPUBlock && op->for_type != ForType::GPUThread;
        if (serial && pending_ && !before) body = mutate(op->body);  // as later turns find it
        pending_ |= serial && before;                                // no turn at all
        return For::make(op->name, op->min, op->extent, op->for_type, op->partition_policy,
                         op->device_api, body);
    }

    std::set<std::string> shared_, own_;
    bool pending_ = false;  // copies of the thread are under way
};

}  // namespace

Stmt async_copies(const Stmt &nest) { return MarkCopies().mutate(nest); }

std::optional<AsyncCopy> async_copy_of(const Store *store) {
    const Call *mark = store->value.as<Call>();
    if (mark == nullptr || mark->name != kCopy) return std::nullopt;
    return copy_of(mark->args[0]);
}

namespace {

const Call *call_of(const Internal::Evaluate *op, const char *name) {
    const Call *call = op->value.as<Call>();
    return call != nullptr && call->name == name ? call : nullptr;
}

}  // namespace

Stmt async_commit() {
    return Internal::Evaluate::make(Call::make(Int(32), kCommit, {}, Call::Extern));
}

bool is_async_commit(const Internal::Evaluate *op) { return call_of(op, kCommit) != nullptr; }

Stmt async_wait(int under_way) {
    return Internal::Evaluate::make(Call::make(Int(32), kWait, {under_way}, Call::Extern));
}

std::optional<int> async_wait_of(const Internal::Evaluate *op) {
    const Call *call = call_of(op, kWait);
    if (call == nullptr) return std::nullopt;
    return static_cast<int>(*as_const_int(call->args[0]));
}

}  // namespace convwright
