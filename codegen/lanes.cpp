// SPDX-License-Identifier: Apache-2.0
#include "codegen/lanes.h"

#include "codegen/tensorize_mma.h"

namespace convwright {

using namespace Halide;
using namespace Halide::Internal;

bool is_dense_load(const Load *load) {
    const Ramp *ramp = load->index.as<Ramp>();
    return ramp != nullptr && ramp->base.type().is_scalar() && is_const_one(ramp->stride) &&
           is_const_one(load->predicate);
}

Expr Lanes::element_of(const std::string &name, Type type) {
    return Load::make(type.element_of(), name, lane_, Buffer<>(), Parameter(), const_true(),
                      ModulusRemainder());
}

Expr Lanes::at(const Expr &vector, const Expr &lane) {
    Lanes other(simplify(lane), hoist_);
    other.guards_ = guards_;
    return other.mutate(vector);
}

Expr Lanes::visit(const Variable *op) {
    return op->type.is_scalar() ? Expr(op) : element_of(op->name, op->type);
}

Expr Lanes::visit(const Broadcast *op) {
    if (op->value.type().is_scalar()) return mutate(op->value);
    return at(op->value, lane_ % op->value.type().lanes());
}

Expr Lanes::visit(const Ramp *op) {
    if (op->base.type().is_scalar()) return simplify(mutate(op->base) + lane_ * mutate(op->stride));
    const int lanes = op->base.type().lanes();
    return at(op->base, lane_ % lanes) + (lane_ / lanes) * at(op->stride, lane_ % lanes);
}

Expr Lanes::visit(const Load *op) {
    const Type t = op->type.element_of();
    // A guarded load must not run before its guard.
    if (is_dense_load(op) && guards_ == 0) return element_of(hoist_(op), t);
    const Expr load = Load::make(t, op->name, mutate(op->index), op->image, op->param, const_true(),
                                 ModulusRemainder());
    const Expr predicate = mutate(op->predicate);
    if (is_const_one(predicate)) return load;
    return Call::make(t, Call::if_then_else, {predicate, load, make_zero(t)}, Call::PureIntrinsic);
}

Expr Lanes::visit(const Cast *op) { return Cast::make(op->type.element_of(), mutate(op->value)); }

Expr Lanes::visit(const Reinterpret *op) {
    if (op->value.type().lanes() != op->type.lanes())
        _halide_user_error << "emit_cuda: " << Expr(op) << " changes the number of lanes\n";
    return Reinterpret::make(op->type.element_of(), mutate(op->value));
}

Expr Lanes::visit(const Call *op) {
    if (mma_of(op) != nullptr) return element_of(hoist_(op), op->type);
    if (is_register_of(op)) {
        const Expr whole = Variable::make(op->args[0].type(), hoist_(op->args[0]));
        return Call::make(op->type, op->name, {whole}, op->call_type);
    }
    const bool guards = op->is_intrinsic(Call::if_then_else);
    std::vector<Expr> arguments;
    guards_ += guards;
    for (const Expr &a : op->args) arguments.push_back(mutate(a));
    guards_ -= guards;
    return Call::make(op->type.element_of(), op->name, arguments, op->call_type, op->func,
                      op->value_index, op->image, op->param);
}

Expr Lanes::visit(const Shuffle *op) {
    if (op->type.is_vector()) return element_of(hoist_(op), op->type);
    const auto [vector, lane] = op->vector_and_lane_indices()[0];
    const Expr &source = op->vectors[vector];
    if (source.type().is_scalar()) return mutate(source);
    return Load::make(op->type, hoist_(source), lane, Buffer<>(), Parameter(), const_true(),
                      ModulusRemainder());
}

Expr Lanes::visit(const VectorReduce *op) {
    _halide_user_error << "emit_cuda: the reduction of a vector, " << Expr(op)
                       << ", has no CUDA form; do not vectorize a reduction\n";
    return op;
}

Expr Lanes::visit(const Let *op) {
    // A vector variable of this name would be taken for a declared one: put its value in its place.
    if (op->value.type().is_vector()) return mutate(substitute(op->name, op->value, op->body));
    return Let::make(op->name, mutate(op->value), mutate(op->body));
}

}  // namespace convwright
