// SPDX-License-Identifier: Apache-2.0
#include "codegen/thread_parts.h"

#include <map>
#include <set>
#include <string>

namespace convwright {

using namespace Halide;
using namespace Halide::Internal;

namespace {

/// A sum; a part that is undefined is 0.
struct Parts {
    Expr changing;  ///< With a loop.
    Expr shared;    ///< By all threads of a block, in all turns of loops.
    Expr own;       ///< Of a thread, in all turns.

    int count() const { return changing.defined() + shared.defined() + own.defined(); }
};

Expr sum(const Expr &a, const Expr &b) {
    if (!a.defined() || !b.defined()) return a.defined() ? a : b;
    return a + b;
}

Expr product(const Expr &a, const Expr &factor) {
    return a.defined() ? simplify(a * factor) : Expr();
}

class Separate : public IRMutator {
    using IRMutator::visit;

    Stmt visit(const Allocate *op) override {
        inside_.insert(op->name);
        return IRMutator::visit(op);
    }

    Stmt visit(const For *op) override {
        const bool thread = op->for_type == ForType::GPUThread;
        const bool block = op->for_type == ForType::GPUBlock;
        ScopedBinding<> bind_natural(natural(op->min), naturals_, op->name);
        ScopedBinding<> bind_thread(thread, threads_, op->name);
        ScopedBinding<> bind_loop(!thread && !block, loops_, op->name);
        return IRMutator::visit(op);
    }

    Stmt visit(const LetStmt *op) override {
        const Expr value = mutate(op->value);
        const std::map<std::string, Expr> around = values_;
        // A name that is let again has its new value from here on.
        for (auto v = values_.begin(); v != values_.end();)
            v = expr_uses_var(v->second, op->name) ? values_.erase(v) : std::next(v);
        if (value.type() == Int(32) && !expr_uses_vars(value, loops_))
            values_[op->name] = value;
        else
            values_.erase(op->name);
        ScopedBinding<> bind_natural(natural(value), naturals_, op->name);
        ScopedBinding<> bind_thread(expr_uses_vars(value, threads_), threads_, op->name);
        ScopedBinding<> bind_loop(expr_uses_vars(value, loops_), loops_, op->name);
        const Stmt body = mutate(op->body);
        values_ = around;
        // Its value may stand in indices now.
        return stmt_uses_var(body, op->name) ? LetStmt::make(op->name, value, body) : body;
    }

    Expr visit(const Load *op) override {
        if (inside_.count(op->name) != 0) return IRMutator::visit(op);
        return Load::make(op->type, op->name, separated(mutate(op->index)), op->image, op->param,
                          mutate(op->predicate), op->alignment);
    }
    Stmt visit(const Store *op) override {
        if (inside_.count(op->name) != 0) return IRMutator::visit(op);
        return Store::make(op->name, mutate(op->value), separated(mutate(op->index)), op->param,
                           mutate(op->predicate), op->alignment);
    }

    Expr separated(const Expr &index) const {
        if (const Ramp *ramp = index.as<Ramp>())
            return Ramp::make(separated(ramp->base), ramp->stride, ramp->lanes);
        if (index.type() != Int(32)) return index;
        const Parts parts = parts_of(index);
        if (!parts.changing.defined() || !parts.own.defined()) return index;
        return parts.changing + sum(parts.shared, parts.own);
    }

    /// All of an expression as one part.
    Parts whole(const Expr &e) const {
        Parts parts;
        (expr_uses_vars(e, loops_)     ? parts.changing
         : expr_uses_vars(e, threads_) ? parts.own
                                       : parts.shared) = e;
        return parts;
    }

    Parts parts_of(const Expr &e) const {
        if (!expr_uses_vars(e, threads_)) return whole(e);
        if (const Variable *v = e.as<Variable>()) {
            const auto value = values_.find(v->name);
            if (value == values_.end()) return whole(e);
            const Parts parts = parts_of(value->second);
            return parts.shared.defined() ? parts : whole(e);
        }
        if (const Add *op = e.as<Add>()) {
            const Parts a = parts_of(op->a), b = parts_of(op->b);
            return {sum(a.changing, b.changing), sum(a.shared, b.shared), sum(a.own, b.own)};
        }
        if (const Mul *op = e.as<Mul>()) {
            const bool first = expr_uses_vars(op->a, threads_);
            const Expr &factor = first ? op->b : op->a;
            if (expr_uses_vars(factor, threads_) || expr_uses_vars(factor, loops_)) return whole(e);
            const Parts p = parts_of(first ? op->a : op->b);
            if (p.count() < 2 || !natural_parts(p)) return whole(e);
            return {product(p.changing, factor), product(p.shared, factor), product(p.own, factor)};
        }
        return whole(e);
    }

    /// Not negative for sure. Of a sum of such parts no part times a stride is beyond the whole times
    /// it, so that 32 bits are enough.
    bool natural(const Expr &e) const {
        if (const auto value = as_const_int(e)) return *value >= 0;
        if (const Variable *v = e.as<Variable>()) return naturals_.contains(v->name);
        if (const Add *op = e.as<Add>()) return natural(op->a) && natural(op->b);
        if (const Mul *op = e.as<Mul>()) return natural(op->a) && natural(op->b);
        if (const Div *op = e.as<Div>()) return natural(op->a) && natural(op->b);
        return e.as<Mod>() != nullptr;
    }
    bool natural_parts(const Parts &p) const {
        const auto good = [&](const Expr &part) { return !part.defined() || natural(part); };
        return good(p.changing) && good(p.shared) && good(p.own);
    }

    std::set<std::string> inside_;        // memory of the kernel
    Scope<> threads_, loops_;             // variables that depend on them
    Scope<> naturals_;                    // variables that are not negative
    std::map<std::string, Expr> values_;  // of those that no loop changes
};

}  // namespace

Stmt separate_thread_parts(const Stmt &nest) { return Separate().mutate(nest); }

}  // namespace convwright
