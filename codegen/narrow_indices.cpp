// SPDX-License-Identifier: Apache-2.0
#include "codegen/narrow_indices.h"

#include <map>
#include <set>
#include <string>

namespace convwright {

using namespace Halide;
using namespace Halide::Internal;

namespace {

bool is_wide(const Expr &e) { return e.type().is_int() && e.type().bits() == 64; }

template<typename Op>
Expr binary(const Op *op, WideVariables v) {
    return Op::make(in_32_bits(op->a, v), in_32_bits(op->b, v));
}

class Narrow : public IRMutator {
    using IRMutator::visit;

    Stmt visit(const Allocate *op) override {
        own_.insert(op->name);
        return IRMutator::visit(op);
    }
    Stmt visit(const LetStmt *op) override {
        if (!is_wide(op->value)) return IRMutator::visit(op);
        lets_[op->name] = substitute(lets_, op->value);
        const Expr value = mutate(op->value);
        const Stmt body = mutate(op->body);
        return stmt_uses_var(body, op->name) ? LetStmt::make(op->name, value, body) : body;
    }
    Expr visit(const Let *op) override {
        if (is_wide(op->value)) lets_[op->name] = substitute(lets_, op->value);
        return IRMutator::visit(op);
    }
    Expr narrow(const Expr &index) const {
        return is_wide(index)
                   ? simplify(in_32_bits(substitute(lets_, index), WideVariables::kConverted))
                   : index;
    }
    Expr visit(const Load *op) override {
        if (own_.count(op->name) == 0) return IRMutator::visit(op);
        return Load::make(op->type, op->name, narrow(mutate(op->index)), op->image, op->param,
                          mutate(op->predicate), op->alignment);
    }
    Stmt visit(const Store *op) override {
        if (own_.count(op->name) == 0) return IRMutator::visit(op);
        return Store::make(op->name, mutate(op->value), narrow(mutate(op->index)), op->param,
                           mutate(op->predicate), op->alignment);
    }

    std::set<std::string> own_;
    std::map<std::string, Expr> lets_;
};

}  // namespace

Expr in_32_bits(const Expr &e, WideVariables variables) {
    if (!is_wide(e)) return e;
    const Type narrow = Int(32, e.type().lanes());
    if (const auto value = as_const_int(e); value && *value == static_cast<int32_t>(*value))
        return make_const(narrow, *value);
    if (const Cast *op = e.as<Cast>()) {
        const Type from = op->value.type();
        if (from.is_int_or_uint() && narrow.can_represent(from)) return cast(narrow, op->value);
    }
    if (const Add *op = e.as<Add>()) return binary(op, variables);
    if (const Sub *op = e.as<Sub>()) return binary(op, variables);
    if (const Mul *op = e.as<Mul>()) return binary(op, variables);
    if (const Min *op = e.as<Min>()) return binary(op, variables);
    if (const Max *op = e.as<Max>()) return binary(op, variables);
    if (const Div *op = e.as<Div>()) return binary(op, variables);
    if (const Mod *op = e.as<Mod>()) return binary(op, variables);
    if (const Broadcast *op = e.as<Broadcast>())
        return Broadcast::make(in_32_bits(op->value, variables), op->lanes);
    if (const Ramp *op = e.as<Ramp>())
        return Ramp::make(in_32_bits(op->base, variables), in_32_bits(op->stride, variables),
                          op->lanes);
    if (const Select *op = e.as<Select>())
        return Select::make(op->condition, in_32_bits(op->true_value, variables),
                            in_32_bits(op->false_value, variables));
    const Variable *v = e.as<Variable>();
    if (v != nullptr && variables == WideVariables::kKept) return Variable::make(narrow, v->name);
    return cast(narrow, e);
}

Stmt narrow_indices(const Stmt &nest) { return Narrow().mutate(nest); }

}  // namespace convwright
